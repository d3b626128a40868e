// SPDX-License-Identifier: MIT
//
// Primitives: fill, copy, add. Work on raw memory, without tape; everything above is built from
// them wherever no kernel of its own exists.
//
// Each takes the shortest way: transfer commands where the bytes are aligned and contiguous, one
// kernel for all the rest. Copies of long tensors are halved until their operands fit into
// bindings, which needs no support from the shader because offsets go through the push block.

#include "tensor/kernel.h"
#include "lat_shaders.h"
#include "tensor/accumulate.abi.h"
#include "tensor/copy.abi.h"
#include <string.h>

enum { WORKGROUP = 256, PER_GROUP = 4 * WORKGROUP };

static struct lat_range whole_range(const lattn_tensor *t)
{
    return (struct lat_range){ t->storage->block, lat_tensor_start(t), lat_tensor_span(t) };
}

// Contiguous, and made of whole words at word offsets: what transfer commands take.
static bool is_words(const lattn_tensor *t)
{
    return lat_is_contiguous(t) && lat_tensor_start(t) % 4 == 0 && lat_tensor_span(t) % 4 == 0;
}

// Kernels count elements with 32 bits.
static lattn_status check_count(const lattn_tensor *t)
{
    if (lat_numel(t) <= UINT32_MAX)
        return LATTN_OK;
    return lat_err(LATTN_ERR_UNSUPPORTED, "a tensor of %lld elements, kernels count up to 2^32 - 1",
        (long long) lat_numel(t));
}

// ---- fill -------------------------------------------------------------------------------------

// The value's bytes, repeated up to a word.
static uint32_t word_of(lattn_dtype dtype, double value)
{
    uint32_t word = 0;
    if (dtype == LATTN_DTYPE_I32) {
        int32_t v = value >= INT32_MAX  ? INT32_MAX
                    : value > INT32_MIN ? (int32_t) value
                                        : INT32_MIN;
        memcpy(&word, &v, sizeof word);
        return value == value ? word : 0;
    }
    float v = (float) value;
    lat_convert_from_f32(dtype, &word, &v, 1);
    switch (lattn_dtype_bytes(dtype)) {
    case 1:
        return word * 0x01010101u;
    case 2:
        return word * 0x00010001u;
    default:
        return word;
    }
}

// Repeats one element. It is made as a whole word, so that no bytes are written behind it.
static lattn_status fill_by_copy(lattn_tensor *t, double value)
{
    int64_t n = 4 / (int64_t) lattn_dtype_bytes(t->dtype);
    lattn_tensor *word = lat_tensor_new(t->ctx, t->dtype, 1, &n);
    if (!word)
        return t->ctx->error;
    LAT_TRY(lat_sched_fill(t->ctx->sched, whole_range(word), word_of(t->dtype, value)));
    lattn_tensor element = *word;
    element.rank = 0;
    return lat_prim_copy(t, &element);
}

lattn_status lat_prim_fill(lattn_tensor *t, double value)
{
    if (lat_numel(t) == 0)
        return LATTN_OK;
    if (is_words(t))
        return lat_sched_fill(t->ctx->sched, whole_range(t), word_of(t->dtype, value));
    return fill_by_copy(t, value);
}

// ---- copy -------------------------------------------------------------------------------------

// Bits are bits: equal types share the integer variants of their size.
static lattn_dtype bits_of(lattn_dtype dtype)
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

static lattn_status copy_kernel(lattn_tensor *dst, lattn_tensor *src)
{
    LAT_TRY(check_count(dst));
    int64_t dims[LATTN_MAX_RANK], strides[2][LATTN_MAX_RANK];
    memcpy(dims, dst->dim, sizeof dims);
    memcpy(strides[0], src->stride, sizeof strides[0]);
    memcpy(strides[1], dst->stride, sizeof strides[1]);
    int rank = lat_collapse(dst->rank, dims, 2, strides);

    struct copy_push push = { .n = (uint32_t) lat_numel(dst), .size = { 1 } };
    for (int d = 0; d < rank; d++) {
        push.size[d] = (uint32_t) dims[d];
        push.src_stride[d] = (uint32_t) strides[0][d];
        push.dst_stride[d] = (uint32_t) strides[1][d];
    }
    bool bits = src->dtype == dst->dtype;
    const uint32_t spec[] = { WORKGROUP, (uint32_t) LAT_MAX(rank, 1) };
    struct lat_kernel kernel = {
        .shader = &lat_shader_copy,
        .t = bits ? bits_of(src->dtype) : src->dtype,
        .u = bits ? bits_of(dst->dtype) : dst->dtype,
        .read = { src },
        .n_read = 1,
        .write = { dst },
        .n_write = 1,
        .push_offset = { offsetof(struct copy_push, src_offset),
            offsetof(struct copy_push, dst_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = ((uint64_t) push.n + PER_GROUP - 1) / PER_GROUP,
        .bytes = (double) push.n *
                 (double) (lattn_dtype_bytes(src->dtype) + lattn_dtype_bytes(dst->dtype)),
    };
    return lat_kernel_run(dst->ctx, &kernel);
}

static bool too_long(const lattn_tensor *t)
{
    const struct lat_caps *caps = lat_caps(t->ctx);
    return lat_tensor_span(t) + caps->buffer_alignment > caps->max_binding_bytes;
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

// Part of t along dim, as a handle on the stack: nothing keeps it.
static lattn_tensor part_of(const lattn_tensor *t, int dim, int64_t first, int64_t n)
{
    lattn_tensor part = *t;
    part.offset += first * t->stride[dim];
    part.dim[dim] = n;
    return part;
}

static lattn_status copy_pieces(lattn_tensor *dst, lattn_tensor *src)
{
    const lattn_tensor *longer = too_long(dst) ? dst : src;
    if (!too_long(longer))
        return copy_kernel(dst, src);
    int dim = longest_dim(longer);
    int64_t half = dst->dim[dim] / 2;
    lattn_tensor dst_part = part_of(dst, dim, 0, half), src_part = part_of(src, dim, 0, half);
    LAT_TRY(copy_pieces(&dst_part, &src_part));
    dst_part = part_of(dst, dim, half, dst->dim[dim] - half);
    src_part = part_of(src, dim, half, dst->dim[dim] - half);
    return copy_pieces(&dst_part, &src_part);
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
    *out = *src;
    out->rank = dst->rank;
    for (int d = 0; d < dst->rank; d++) {
        int64_t size = d < added ? 1 : src->dim[d - added];
        if (added < 0 || (size != dst->dim[d] && size != 1))
            return lat_err(LATTN_ERR_SHAPE, "copy: %s does not broadcast to %s", LAT_SHAPE(src),
                LAT_SHAPE(dst));
        out->dim[d] = dst->dim[d];
        out->stride[d] = size == 1 ? 0 : src->stride[d - added];
    }
    return added < 0 ? lat_err(LATTN_ERR_SHAPE, "copy: %s does not broadcast to %s", LAT_SHAPE(src),
                           LAT_SHAPE(dst))
                     : LATTN_OK;
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
    if (dst->dtype == view.dtype && is_words(dst) && is_words(&view))
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

// ---- add --------------------------------------------------------------------------------------

lattn_status lat_prim_add(lattn_tensor *dst, lattn_tensor *a, lattn_tensor *b)
{
    LAT_TRY(check_count(dst));
    struct accumulate_push push = { .n = (uint32_t) lat_numel(dst) };
    struct lat_kernel kernel = {
        .shader = &lat_shader_accumulate,
        .t = dst->dtype,
        .u = LAT_NO_DTYPE,
        .read = { a, b },
        .n_read = 2,
        .write = { dst },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = ((uint64_t) push.n + PER_GROUP - 1) / PER_GROUP,
        .split = {
            .n_rows = push.n,
            .rows_per_group = PER_GROUP,
            .row_elements = { 1, 1, 1 },
            .push_n_rows = offsetof(struct accumulate_push, n),
            .push_row0 = LAT_NO_OFFSET,
        },
        .flops = push.n,
    };
    return lat_kernel_run(dst->ctx, &kernel);
}

lattn_status lat_prim_accumulate(lattn_tensor *dst, lattn_tensor *src)
{
    return lat_prim_add(dst, dst, src);
}
