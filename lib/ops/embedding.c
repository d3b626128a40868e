// SPDX-License-Identifier: MIT
//
// embedding: y[i] = weight[index[i]]. The gradient, which adds up rows of dy by index, is in
// embedding_grad.c.
//
// A table may be longer than the device lets a shader see (multilingual vocabularies are, on CPU
// drivers). It is then bound slice by slice; each dispatch copies the tokens whose rows it sees.

#include "ops/embedding.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "index/embedding.abi.h"
#include "lat_shaders.h"

enum { WEIGHT, INDEX };
enum {
    GROUP = 128,
    TOKENS_PER_GROUP = GROUP / LAT_EMBEDDING_LANES,
    MAX_QUADS = 12,  // of a strip
};

struct embedding_attr {
    int64_t padding_idx;
};

uint64_t lat_rows_in_binding(const lattn_ctx *ctx, const lattn_tensor *matrix)
{
    const struct lat_caps *caps = lat_caps(ctx);
    uint64_t row_bytes = (uint64_t) matrix->dim[1] * lattn_dtype_bytes(matrix->dtype);
    uint64_t rows = (uint64_t) matrix->dim[0];
    if (rows * row_bytes <= caps->max_binding_bytes)
        return rows;
    uint64_t fit = caps->max_binding_bytes / row_bytes;
    // Slices that start at the device's alignment are bound as they are, without a copy.
    uint64_t unit = 1;
    while (unit * row_bytes % caps->buffer_alignment)
        unit *= 2;
    return fit >= unit ? fit / unit * unit : fit;
}

uint32_t lat_strip_quads(const lattn_ctx *ctx, uint32_t n_cols, uint32_t most)
{
    uint32_t quad = 4 * lat_caps(ctx)->subgroup_size;
    if (n_cols % quad != 0)
        return 0;
    uint32_t quads = LAT_MIN(most, n_cols / quad);
    while (quads && n_cols / quad % quads)
        quads--;
    return quads;
}

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *w = c->in[WEIGHT], *index = c->in[INDEX];
    LAT_TRY(lat_check_float(c, w));
    if (w->rank != 2)
        return lat_err(LATTN_ERR_SHAPE, "%s: weight %s is not [V, C]", c->op_name, LAT_SHAPE(w));
    if (index->dtype != LATTN_DTYPE_I32)
        return lat_err(LATTN_ERR_DTYPE, "%s: index is %s, not i32", c->op_name,
            lattn_dtype_name(index->dtype));
    if (index->rank == LATTN_MAX_RANK)
        return lat_err(LATTN_ERR_SHAPE, "%s: index %s leaves no dimension for the rows", c->op_name,
            LAT_SHAPE(index));
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < index->rank; d++)
        dims[d] = index->dim[d];
    dims[index->rank] = w->dim[1];
    LAT_TRY(lat_out(c, 0, w->dtype, index->rank + 1, dims));
    return lat_check_count(c->op_name, c->out[0]);
}

static lattn_status gather_slice(struct lat_call *c, lattn_tensor *slice, uint64_t slice0)
{
    uint32_t n_cols = (uint32_t) slice->dim[1];
    struct embedding_push push = {
        .n_tokens = (uint32_t) lat_numel(c->in[INDEX]),
        .n_cols = n_cols,
        .vocab = (uint32_t) c->in[WEIGHT]->dim[0],
        .slice0 = (uint32_t) slice0,
        .slice_rows = (uint32_t) slice->dim[0],
    };
    const uint32_t lanes = lat_caps(c->ctx)->subgroup_size;
    const uint32_t quads = lat_strip_quads(c->ctx, n_cols, MAX_QUADS);
    bool cpu = lat_wide_chosen(c->ctx, c->op_name, slice->dtype, quads && push.slice_rows);
    const uint32_t strips = cpu ? n_cols / (4 * lanes * quads) : 1;
    const uint32_t per_group = cpu ? 1 : TOKENS_PER_GROUP;
    const uint32_t spec[] = { cpu ? lanes : GROUP, cpu ? lanes : n_cols % 4 == 0, quads };
    struct lat_kernel kernel = {
        .shader = cpu ? &lat_shader_embedding_fwd_cpu : &lat_shader_embedding_fwd,
        .t = (int) slice->dtype,
        .u = LAT_NO_DTYPE,
        .read = { c->in[INDEX], slice },
        .n_read = 2,
        .write = { c->out[0] },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = cpu ? 3 : 2,
        .groups = lat_ceil_div(push.n_tokens, per_group) * strips,
        .split = {
            .n_rows = push.n_tokens,
            .rows_per_group = per_group,
            .groups_per_row = strips,
            .row_elements = { 1, 0, n_cols },
            .push_n_rows = offsetof(struct embedding_push, n_tokens),
            .push_row0 = LAT_NO_OFFSET,
        },
        .bytes = 2.0 * (double) lat_numel(c->out[0]) * (double) lattn_dtype_bytes(slice->dtype),
    };
    if (cpu) {
        lat_wide_subgroups(c->ctx, &kernel);
        kernel.push_address[1] = offsetof(struct embedding_push, w_address);
    }
    return lat_kernel_run(c->ctx, &kernel);
}

static lattn_status forward(struct lat_call *c)
{
    lattn_tensor *w = c->in[WEIGHT];
    if (w->dim[0] == 0)  // every index is out of range
        return gather_slice(c, w, 0);
    uint64_t vocab = (uint64_t) w->dim[0], rows = lat_rows_in_binding(c->ctx, w);
    if (rows == 0)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: a row of %lld elements is longer than what the "
            "device lets a shader see",
            c->op_name, (long long) w->dim[1]);
    for (uint64_t v = 0; v < vocab; v += rows) {
        int64_t count = (int64_t) LAT_MIN(rows, vocab - v);
        lattn_tensor *slice = rows == vocab ? w : lat_view_slice(w, 0, (int64_t) v, count, 1);
        LAT_TRY(slice ? gather_slice(c, slice, v) : c->ctx->error);
    }
    return LATTN_OK;
}

static lattn_status backward(struct lat_call *c)
{
    const struct embedding_attr *attr = c->attr;
    if (!c->grad_in[WEIGHT] || lat_numel(c->grad_in[WEIGHT]) == 0)
        return LATTN_OK;
    struct lat_embedding_grad grad = {
        .index = c->in[INDEX],
        .dy = c->grad_out[0],
        .dw = c->grad_in[WEIGHT],
        .padding_idx = attr->padding_idx,
        .accumulate = c->accumulate >> WEIGHT & 1,
    };
    return lat_embedding_grad_run(c->ctx, &grad);
}

const struct lat_op lat_op_embedding = {
    .name = "embedding",
    .n_inputs = 2,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct embedding_attr),
    .keep_in = 1u << INDEX,
    .no_grad_in = 1u << INDEX,
    .can_accumulate = 1u << WEIGHT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .strategies = lat_wide_strategies,
    .n_strategies = LAT_WIDE_STRATEGIES,
};

lattn_tensor *lattn_embedding(
    lattn_ctx *ctx, lattn_tensor *weight, lattn_tensor *index, int64_t padding_idx)
{
    if (!weight || !index)
        return NULL;
    if (weight->rank > 0 && padding_idx >= weight->dim[0])
        return lat_fail(ctx, LATTN_ERR_ARG, "embedding: padding_idx %lld is outside the table %s",
            (long long) padding_idx, LAT_SHAPE(weight));
    const struct embedding_attr attr = { .padding_idx = padding_idx };
    return lat_apply(ctx, &lat_op_embedding, (lattn_tensor *[]){ weight, index }, 2, &attr);
}
