// SPDX-License-Identifier: MIT
//
// Runs one shader on tensors. What happens to each binding, in this order:
//
//   absent or empty          the context's dummy buffer; for one that would be written, 256 bytes
//                            of its own: tools that see descriptors, not branches, take it for
//                            written, and two dispatches that share a dummy for a race
//   start misses the         with push_offset: rounded down, the rest goes into the push block;
//   device's alignment,      without: a contiguous copy stands in for it, and is copied back
//   or strided               when the kernel writes it
//   longer than the device   the dispatch is cut into runs of rows (struct lat_split), each with
//   lets a shader see        its own range of every binding
//
// So an op describes the whole computation once, whatever the device's limits are.

#include "tensor/kernel.h"
#include <string.h>

enum { DUMMY_WORDS = 64 };

struct operand {
    lattn_tensor *t;         // what is bound; NULL = dummy
    lattn_tensor *original;  // where t must be copied back to, or NULL
    uint64_t start, bytes;   // in the block
    uint64_t row_bytes;      // from row to row when cut, 0 = needed whole
    uint64_t extra;          // what a run of rows needs beyond that: the last one may reach further
};

struct run {
    lattn_ctx *ctx;
    const struct lat_kernel *k;
    struct lat_pipeline *pipeline;
    struct operand operands[LAT_MAX_BINDINGS];
    uint32_t n;
    uint32_t push[LAT_MAX_PUSH_BYTES / 4];
};

static const char *name_of(const struct run *r)
{
    return r->k->shader->name;
}

static void set_push(struct run *r, uint32_t byte_offset, uint32_t value)
{
    LAT_ASSERT(byte_offset % 4 == 0 && byte_offset + 4 <= r->k->push_bytes);
    r->push[byte_offset / 4] = value;
}

// ---- pipeline -----------------------------------------------------------------------------------

static lattn_status find_pipeline(struct run *r)
{
    const struct lat_kernel *k = r->k;
    struct lat_pipeline_key key = {
        .spirv = lat_shader_variant(k->shader, k->t, k->u),
        .name = k->shader->name,
        .n_bindings = r->n,
        .push_bytes = k->push_bytes,
        .n_spec = k->n_spec,
        .subgroup_size = k->subgroup_size,
        .full_subgroups = k->full_subgroups,
    };
    if (!key.spirv)
        return lat_err(LATTN_ERR_UNSUPPORTED, "shader %s is not built for T = %s, U = %s",
            k->shader->name, k->t < 0 ? "-" : lattn_dtype_name((lattn_dtype) k->t),
            k->u < 0 ? "-" : lattn_dtype_name((lattn_dtype) k->u));
    LAT_ASSERT(k->n_spec <= LAT_MAX_SPEC);
    for (uint32_t i = 0; i < k->n_spec; i++)
        key.spec[i] = k->spec[i];
    return k->shader_may_go ? lat_pipeline_get(r->ctx->dev, &key, &r->pipeline)
                            : lat_pipeline_request(r->ctx->dev, &key, &r->pipeline);
}

uint64_t lat_binding_alignment(const lattn_ctx *ctx)
{
    return LAT_MAX(lat_caps(ctx)->buffer_alignment, 16u);
}

// ---- operands -----------------------------------------------------------------------------------

// A contiguous copy that stands in for a tensor which the shader cannot be given as it is.
static lattn_status stand_in(struct run *r, struct operand *o, bool written)
{
    lattn_tensor *copy = lat_tensor_new(r->ctx, o->t->dtype, o->t->rank, o->t->dim);
    if (!copy)
        return r->ctx->error;
    LAT_TRY(lat_prim_copy(copy, o->t));
    if (written)
        o->original = o->t;
    o->t = copy;
    return LATTN_OK;
}

static lattn_status prepare(struct run *r, uint32_t i, lattn_tensor *t, bool written)
{
    const struct lat_kernel *k = r->k;
    struct operand *o = &r->operands[i];
    bool absent = !t || lat_numel(t) == 0;
    if (absent && written) {
        const int64_t n = DUMMY_WORDS;
        t = lat_tensor_new(r->ctx, LATTN_DTYPE_I32, 1, &n);
        if (!t)
            return r->ctx->error;
    } else if (absent) {
        *o = (struct operand){ 0 };
        if (k->push_offset[i])
            set_push(r, k->push_offset[i], 0);
        return LATTN_OK;
    }
    if (!t->storage)
        return lat_err(LATTN_ERR_INTERNAL,
            "%s: binding %u is a tensor whose values were not kept for backward", name_of(r), i);

    *o = (struct operand){ .t = t };
    uint64_t past = lat_tensor_start(t) % lat_binding_alignment(r->ctx);
    if (!k->push_offset[i] && (past || !lat_is_contiguous(t))) {
        LAT_TRY(stand_in(r, o, written));
        past = 0;
    }
    o->start = lat_tensor_start(o->t) - past;
    o->bytes = lat_tensor_span(o->t) + past;
    uint64_t element = lattn_dtype_bytes(o->t->dtype);
    o->row_bytes = k->split.n_rows && !absent ? k->split.row_elements[i] * element : 0;
    uint64_t rows_bytes = k->split.n_rows * o->row_bytes + past;
    o->extra = past + (o->bytes > rows_bytes ? o->bytes - rows_bytes : 0);
    uint64_t unit = k->push_offset_unit ? k->push_offset_unit : 1;
    LAT_ASSERT(!k->push_offset[i] || past % (element * unit) == 0);
    if (k->push_offset[i])
        set_push(r, k->push_offset[i], (uint32_t) (past / (element * unit)));
    return LATTN_OK;
}

static lattn_status prepare_all(struct run *r)
{
    const struct lat_kernel *k = r->k;
    for (int i = 0; i < k->n_read; i++)
        LAT_TRY(prepare(r, (uint32_t) i, k->read[i], false));
    for (int i = 0; i < k->n_write; i++)
        LAT_TRY(prepare(r, (uint32_t) (k->n_read + i), k->write[i], true));
    return LATTN_OK;
}

static lattn_status copy_back(struct run *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->operands[i].original)
            LAT_TRY(lat_prim_copy(r->operands[i].original, r->operands[i].t));
    return LATTN_OK;
}

// ---- dispatch -----------------------------------------------------------------------------------

// Spreads linear workgroups over x and y, with fewer than y of them past the end.
static lattn_status fold(const struct run *r, uint64_t groups, uint32_t out[3])
{
    const uint32_t *max = lat_caps(r->ctx)->max_groups;
    uint64_t y = (groups + max[0] - 1) / max[0];
    if (y > max[1])
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: %llu workgroups are more than the device runs at once", name_of(r),
            (unsigned long long) groups);
    out[0] = (uint32_t) ((groups + y - 1) / y);
    out[1] = (uint32_t) y;
    return LATTN_OK;
}

// The range of o for rows [row0, row0 + n).
static struct lat_range range_of(
    const struct run *r, const struct operand *o, uint64_t row0, uint64_t n)
{
    if (!o->t)
        return (
            struct lat_range){ r->ctx->dummy->storage->block, 0, r->ctx->dummy->storage->bytes };
    const struct lat_storage *s = o->t->storage;
    uint64_t skip = row0 * o->row_bytes, bytes = o->bytes - skip;
    if (o->row_bytes && n < r->k->split.n_rows)
        bytes = LAT_MIN(bytes, n * o->row_bytes + o->extra);
    uint64_t start = o->start + skip;
    if (s->guarded && start + bytes == s->offset + s->bytes)
        bytes = LAT_MIN(bytes + LAT_GUARD_BYTES, lat_caps(r->ctx)->max_binding_bytes);
    return (struct lat_range){ s->block, start, bytes };
}

static void bind(struct run *r, struct lat_dispatch *d, uint64_t row0, uint64_t n_rows)
{
    const struct lat_kernel *k = r->k;
    d->n_patches = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct operand *o = &r->operands[i];
        d->bindings[i] = range_of(r, o, row0, n_rows);
        if (o->t && i >= (uint32_t) k->n_read)
            d->writes |= 1u << i;
        if (k->push_address[i])
            d->patches[d->n_patches++] = (struct lat_address_patch){
                .binding = (uint8_t) i,
                .push_offset = (uint8_t) k->push_address[i],
            };
    }
}

// All z layers: in one dispatch, or in several when the device's limit is passed and the shader can
// be told where to start.
static lattn_status send(struct run *r, struct lat_dispatch *d, uint64_t groups)
{
    const struct lat_kernel *k = r->k;
    if (k->exact_groups[0]) {
        memcpy(d->groups, k->exact_groups, sizeof d->groups);
        return lat_sched_dispatch(r->ctx->sched, d);
    }
    uint32_t n_z = k->groups_z ? k->groups_z : 1, max_z = lat_caps(r->ctx)->max_groups[2];
    LAT_TRY(fold(r, groups, d->groups));
    if (n_z > max_z && !k->push_z0)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s: %u workgroup layers, the device has %u",
            name_of(r), n_z, max_z);
    for (uint32_t z = 0; z < n_z; z += max_z) {
        d->groups[2] = LAT_MIN(n_z - z, max_z);
        if (k->push_z0)
            set_push(r, k->push_z0, z);
        LAT_TRY(lat_sched_dispatch(r->ctx->sched, d));
    }
    return LATTN_OK;
}

// ---- cutting long bindings ----------------------------------------------------------------------

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool fits(const struct run *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->operands[i].bytes > lat_caps(r->ctx)->max_binding_bytes)
            return false;
    return true;
}

static lattn_status cannot_cut(const struct run *r, uint32_t i)
{
    return lat_err(LATTN_ERR_UNSUPPORTED,
        "%s: binding %u has %llu bytes, the device lets a shader see %llu and this one cannot be "
        "cut",
        name_of(r), i, (unsigned long long) r->operands[i].bytes,
        (unsigned long long) lat_caps(r->ctx)->max_binding_bytes);
}

// The most rows that fit, such that every run starts at an aligned offset of every binding and with
// a whole workgroup.
static lattn_status rows_per_run(const struct run *r, uint64_t *out)
{
    const struct lat_split *split = &r->k->split;
    uint64_t align = lat_binding_alignment(r->ctx), limit = lat_caps(r->ctx)->max_binding_bytes;
    uint64_t most = split->n_rows, unit = split->rows_per_group ? split->rows_per_group : 1;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct operand *o = &r->operands[i];
        if (o->bytes > limit && !o->row_bytes)
            return cannot_cut(r, i);
        if (!o->row_bytes)
            continue;
        most = LAT_MIN(most, limit > o->extra ? (limit - o->extra) / o->row_bytes : 0);
        uint64_t step = align / gcd(align, o->row_bytes);
        unit = unit / gcd(unit, step) * step;
    }
    *out = most / unit * unit;
    for (uint32_t i = 0; i < r->n && !*out; i++)
        if (r->operands[i].bytes > limit)
            return cannot_cut(r, i);
    return LATTN_OK;
}

static lattn_status send_in_runs(struct run *r, struct lat_dispatch *d)
{
    const struct lat_split *split = &r->k->split;
    if (!split->n_rows)
        for (uint32_t i = 0; i < r->n; i++)
            if (r->operands[i].bytes > lat_caps(r->ctx)->max_binding_bytes)
                return cannot_cut(r, i);
    uint64_t rows, per_group = split->rows_per_group ? split->rows_per_group : 1;
    uint64_t per_row = split->groups_per_row ? split->groups_per_row : 1;
    LAT_TRY(rows_per_run(r, &rows));
    for (uint64_t row0 = 0; row0 < split->n_rows; row0 += rows) {
        uint64_t n = LAT_MIN(split->n_rows - row0, rows);
        set_push(r, split->push_n_rows, (uint32_t) n);
        if (split->push_row0 != LAT_NO_OFFSET)
            set_push(r, split->push_row0, (uint32_t) row0);
        bind(r, d, row0, n);
        d->bytes = r->k->bytes * (double) n / split->n_rows;
        d->flops = r->k->flops * (double) n / split->n_rows;
        LAT_TRY(send(r, d, (n + per_group - 1) / per_group * per_row));
    }
    return LATTN_OK;
}

// ---- the run ------------------------------------------------------------------------------------

lattn_status lat_kernel_run(lattn_ctx *ctx, const struct lat_kernel *k)
{
    struct run r = { .ctx = ctx, .k = k, .n = (uint32_t) (k->n_read + k->n_write) };
    LAT_ASSERT(r.n <= LAT_MAX_BINDINGS && k->push_bytes <= LAT_MAX_PUSH_BYTES);
    if (k->groups == 0 && k->exact_groups[0] == 0)
        return LATTN_OK;
    if (k->push_bytes)
        memcpy(r.push, k->push, k->push_bytes);
    LAT_TRY(find_pipeline(&r));
    LAT_TRY(prepare_all(&r));

    struct lat_dispatch d = {
        .pipeline = r.pipeline,
        .n_bindings = r.n,
        .push = r.push,
        .push_bytes = k->push_bytes,
        .label = k->shader->name,
        .bytes = k->bytes,
        .flops = k->flops,
    };
    if (fits(&r)) {
        bind(&r, &d, 0, k->split.n_rows);
        LAT_TRY(send(&r, &d, k->groups));
    } else {
        LAT_TRY(send_in_runs(&r, &d));
    }
    return copy_back(&r);
}
