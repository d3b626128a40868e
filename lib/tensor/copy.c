// SPDX-License-Identifier: MIT
//
// Copies between tensors of any strides and dtypes. The shortest way that the layout allows:
//
//   transfer    same dtype, both contiguous words            vkCmdCopyBuffer
//   cast        two float dtypes, both contiguous            quads
//   quads       same dtype, runs of quads in both            quads, one division per quad
//   transpose   same dtype, together along different dims    4 x 4 blocks in registers
//   strided     everything else                              one division per element and dimension
//
// Dimensions that lie together in both are joined first. Tensors that are longer than a binding may
// be are halved until they fit; that needs no help from the shaders, whose offsets are arguments.

#include "tensor/kernel.h"
#include "lat_shaders.h"
#include "tensor/cast.abi.h"
#include "tensor/copy.abi.h"
#include "tensor/copy_transpose.abi.h"
#include <string.h>

enum { WORKGROUP = 256, PER_GROUP = 4 * WORKGROUP, SRC = 0, DST = 1 };

struct copy {
    lattn_tensor *dst, *src;
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    int64_t stride[2][LATTN_MAX_RANK];
};

// Bits are bits: equal types share the integer variants of their size.
static int bits_of(lattn_dtype dtype)
{
    switch (lattn_dtype_bytes(dtype)) {
    case 1:
        return LATTN_DTYPE_U8;
    case 2:
        return LATTN_DTYPE_BF16;
    default:
        return LATTN_DTYPE_I32;
    }
}

static double traffic(const struct copy *c)
{
    return (double) lat_numel(c->dst) *
           (double) (lattn_dtype_bytes(c->src->dtype) + lattn_dtype_bytes(c->dst->dtype));
}

// ---- strided and quads --------------------------------------------------------------------------

// In elements (unit 1) or quads (unit 4, of which strides and starts are multiples).
static lattn_status run_strided(const struct copy *c, uint32_t unit)
{
    struct copy_push push = { .n = (uint32_t) (lat_numel(c->dst) / unit), .size = { 1 } };
    for (int d = 0; d < c->rank; d++) {
        bool inner = d == c->rank - 1;
        push.size[d] = (uint32_t) c->dim[d] / (inner ? unit : 1);
        push.src_stride[d] = (uint32_t) c->stride[SRC][d] / (inner ? 1 : unit);
        push.dst_stride[d] = (uint32_t) c->stride[DST][d] / (inner ? 1 : unit);
        // The slowest dimension is what is left, so no divisor reaches 2^31.
        struct lat_divisor by = lat_divisor(d > 0 ? push.size[d] : 1);
        push.magic[d] = by.magic;
        push.shifts |= by.shift << 5 * d;
    }
    bool bits = c->src->dtype == c->dst->dtype;
    const uint32_t spec[] = { WORKGROUP, (uint32_t) LAT_MAX(c->rank, 1) };
    struct lat_kernel kernel = {
        .shader = unit > 1 ? &lat_shader_copy_quads : &lat_shader_copy,
        .t = bits ? bits_of(c->src->dtype) : (int) c->src->dtype,
        .u = unit > 1 ? LAT_NO_DTYPE : bits ? bits_of(c->dst->dtype) : (int) c->dst->dtype,
        .read = { c->src },
        .n_read = 1,
        .write = { c->dst },
        .n_write = 1,
        .push_offset = {
            offsetof(struct copy_push, src_offset),
            offsetof(struct copy_push, dst_offset),
        },
        .push_offset_unit = unit,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = ((uint64_t) push.n + PER_GROUP - 1) / PER_GROUP,
        .bytes = traffic(c),
    };
    return lat_kernel_run(c->dst->ctx, &kernel);
}

// Whether t starts at a quad and its strides along all dimensions but one keep to quads.
static bool keeps_quads(const struct copy *c, int which, const lattn_tensor *t, int together)
{
    if (c->stride[which][together] != 1 || c->dim[together] % 4 ||
        lat_tensor_start(t) % (4 * lattn_dtype_bytes(t->dtype)))
        return false;
    for (int d = 0; d < c->rank; d++)
        if (d != together && c->stride[which][d] % 4)
            return false;
    return true;
}

static bool is_quads(const struct copy *c)
{
    return c->rank > 0 && c->src->dtype == c->dst->dtype &&
           keeps_quads(c, SRC, c->src, c->rank - 1) && keeps_quads(c, DST, c->dst, c->rank - 1);
}

// ---- transpose ----------------------------------------------------------------------------------

// The dimension along which src lies together when that is another one than dst's, which is the
// last; else -1.
static int transposed_dim(const struct copy *c)
{
    if (c->rank < 2 || c->rank > LAT_TRANSPOSE_MAX_BATCH + 2 || c->src->dtype != c->dst->dtype)
        return -1;
    for (int a = 0; a < c->rank - 1; a++)
        if (keeps_quads(c, SRC, c->src, a) && keeps_quads(c, DST, c->dst, c->rank - 1) &&
            c->dim[a] % 4 == 0)
            return a;
    return -1;
}

static uint32_t tiles(uint32_t quads)
{
    return (quads + LAT_TRANSPOSE_TILE - 1) / LAT_TRANSPOSE_TILE;
}

static lattn_status run_transpose(const struct copy *c, int a)
{
    int b = c->rank - 1, n = 0;
    struct copy_transpose_push push = {
        .n_a = (uint32_t) c->dim[a] / 4,
        .n_b = (uint32_t) c->dim[b] / 4,
        .src_stride_b = (uint32_t) c->stride[SRC][b] / 4,
        .dst_stride_a = (uint32_t) c->stride[DST][a] / 4,
        .batch = { 1, 1, 1, 1 },
    };
    uint64_t groups = (uint64_t) tiles(push.n_a) * tiles(push.n_b);
    for (int d = 0; d < b; d++) {
        if (d == a)
            continue;
        push.batch[n] = (uint32_t) c->dim[d];
        push.src_stride[n] = (uint32_t) c->stride[SRC][d] / 4;
        push.dst_stride[n++] = (uint32_t) c->stride[DST][d] / 4;
        groups *= (uint64_t) c->dim[d];
    }
    struct lat_kernel kernel = {
        .shader = &lat_shader_copy_transpose,
        .t = bits_of(c->src->dtype),
        .u = LAT_NO_DTYPE,
        .read = { c->src },
        .n_read = 1,
        .write = { c->dst },
        .n_write = 1,
        .push_offset = {
            offsetof(struct copy_transpose_push, src_offset),
            offsetof(struct copy_transpose_push, dst_offset),
        },
        .push_offset_unit = 4,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = groups,
        .bytes = traffic(c),
    };
    return lat_kernel_run(c->dst->ctx, &kernel);
}

// ---- cast ---------------------------------------------------------------------------------------

static bool is_cast(const struct copy *c)
{
    uint64_t align = lat_binding_alignment(c->dst->ctx);
    return c->src->dtype != c->dst->dtype && lat_is_float(c->src->dtype) &&
           lat_is_float(c->dst->dtype) && c->rank <= 1 &&
           (c->rank == 0 || (c->stride[SRC][0] == 1 && c->stride[DST][0] == 1)) &&
           lat_tensor_start(c->src) % align == 0 && lat_tensor_start(c->dst) % align == 0;
}

static lattn_status run_cast(const struct copy *c)
{
    struct cast_push push = { .n = (uint32_t) lat_numel(c->dst) };
    struct lat_kernel kernel = {
        .shader = &lat_shader_cast,
        .t = c->src->dtype,
        .u = c->dst->dtype,
        .read = { c->src },
        .n_read = 1,
        .write = { c->dst },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = ((uint64_t) push.n + 4 * PER_GROUP - 1) / (4 * PER_GROUP),
        .bytes = traffic(c),
    };
    return lat_kernel_run(c->dst->ctx, &kernel);
}

// ---- choosing -----------------------------------------------------------------------------------

static lattn_status copy_pieces(lattn_tensor *dst, lattn_tensor *src);

// Part of t along dim, as a handle on the stack: nothing keeps it.
static lattn_tensor part_of(const lattn_tensor *t, int dim, int64_t first, int64_t n)
{
    lattn_tensor part = *t;
    part.offset += first * t->stride[dim];
    part.dim[dim] = n;
    return part;
}

static lattn_status copy_halves(lattn_tensor *dst, lattn_tensor *src, int dim)
{
    int64_t half = dst->dim[dim] / 2;
    lattn_tensor dst_part = part_of(dst, dim, 0, half), src_part = part_of(src, dim, 0, half);
    LAT_TRY(copy_pieces(&dst_part, &src_part));
    dst_part = part_of(dst, dim, half, dst->dim[dim] - half);
    src_part = part_of(src, dim, half, dst->dim[dim] - half);
    return copy_pieces(&dst_part, &src_part);
}

static int first_real_dim(const lattn_tensor *t)
{
    int d = 0;
    while (t->dim[d] == 1)
        d++;
    return d;
}

static lattn_status copy_kernel(lattn_tensor *dst, lattn_tensor *src)
{
    LAT_TRY(lat_check_32_bits(dst));
    struct copy c = { .dst = dst, .src = src };
    memcpy(c.dim, dst->dim, sizeof c.dim);
    memcpy(c.stride[SRC], src->stride, sizeof c.stride[SRC]);
    memcpy(c.stride[DST], dst->stride, sizeof c.stride[DST]);
    c.rank = lat_collapse(dst->rank, c.dim, 2, c.stride);
    if (c.rank > LAT_COPY_MAX_RANK)
        return copy_halves(dst, src, first_real_dim(dst));
    if (is_cast(&c))
        return run_cast(&c);
    if (is_quads(&c))
        return run_strided(&c, 4);
    int transposed = transposed_dim(&c);
    return transposed >= 0 ? run_transpose(&c, transposed) : run_strided(&c, 1);
}

static bool too_long(const lattn_tensor *t)
{
    return lat_tensor_span(t) + lat_binding_alignment(t->ctx) > lat_caps(t->ctx)->max_binding_bytes;
}

// The dimension that t is longest along.
static int longest_dim(const lattn_tensor *t)
{
    int best = 0;
    for (int d = 1; d < t->rank; d++)
        if ((t->dim[d] - 1) * t->stride[d] > (t->dim[best] - 1) * t->stride[best])
            best = d;
    return best;
}

static lattn_status copy_pieces(lattn_tensor *dst, lattn_tensor *src)
{
    const lattn_tensor *longer = too_long(dst) ? dst : src;
    return too_long(longer) ? copy_halves(dst, src, longest_dim(longer)) : copy_kernel(dst, src);
}

// ---- the primitive ------------------------------------------------------------------------------

static struct lat_range whole_range(const lattn_tensor *t)
{
    return (struct lat_range){ t->storage->block, lat_tensor_start(t), lat_tensor_span(t) };
}

static bool overlap(const lattn_tensor *a, const lattn_tensor *b)
{
    return a->storage->block == b->storage->block &&
           lat_tensor_start(a) < lat_tensor_start(b) + lat_tensor_span(b) &&
           lat_tensor_start(b) < lat_tensor_start(a) + lat_tensor_span(a);
}

static bool same_place(const lattn_tensor *a, const lattn_tensor *b)
{
    return a->dtype == b->dtype && lat_tensor_start(a) == lat_tensor_start(b) &&
           memcmp(a->stride, b->stride, (size_t) a->rank * sizeof a->stride[0]) == 0;
}

// src seen with dst's shape, as a handle on the stack.
static lattn_status broadcast_to(
    const lattn_tensor *dst, const lattn_tensor *src, lattn_tensor *out)
{
    int added = dst->rank - src->rank;
    bool fits = added >= 0;
    *out = *src;
    out->rank = dst->rank;
    for (int d = 0; d < dst->rank && fits; d++) {
        int64_t size = d < added ? 1 : src->dim[d - added];
        fits = size == dst->dim[d] || size == 1;
        out->dim[d] = dst->dim[d];
        out->stride[d] = size == 1 ? 0 : src->stride[d - added];
    }
    if (!fits)
        return lat_err(
            LATTN_ERR_SHAPE, "copy: %s does not broadcast to %s", LAT_SHAPE(src), LAT_SHAPE(dst));
    return LATTN_OK;
}

lattn_status lat_prim_copy(lattn_tensor *dst, lattn_tensor *src)
{
    lattn_tensor view;
    LAT_TRY(broadcast_to(dst, src, &view));
    if (lat_numel(dst) == 0)
        return LATTN_OK;
    if (overlap(dst, &view)) {
        if (same_place(dst, &view))
            return LATTN_OK;
        lattn_tensor *apart = lat_tensor_new(dst->ctx, view.dtype, view.rank, view.dim);
        if (!apart)
            return dst->ctx->error;
        LAT_TRY(copy_pieces(apart, &view));
        view = *apart;
    }
    if (dst->dtype == view.dtype && lat_is_words(dst) && lat_is_words(&view))
        return lat_sched_copy(dst->ctx->sched, whole_range(dst), whole_range(&view));
    return copy_pieces(dst, &view);
}

lattn_tensor *lat_prim_contiguous(lattn_tensor *t)
{
    if (!t || lat_is_contiguous(t))
        return t;
    lattn_tensor *c = lat_tensor_new(t->ctx, t->dtype, t->rank, t->dim);
    if (!c)
        return NULL;
    lattn_status st = lat_prim_copy(c, t);
    return st ? lat_fail_status(t->ctx, st) : c;
}
