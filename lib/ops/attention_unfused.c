// SPDX-License-Identifier: MIT
//
// Attention from separate ops: the same values as the fused op, with [T, S] weights in memory that
// can be returned. For short sequences on devices where the fused kernels are slow, for head sizes
// they do not have, and to look at weights.
//
// Grouped heads need no copies of k and v: queries are seen as [B, Hk, H / Hk, T, D] and k and v
// are broadcast over the third dimension by the product. All masks become one additive mask.

#include "ops/attention.h"
#include "attention/attention_mask.abi.h"
#include "lat_shaders.h"

static int64_t either(bool wanted, int64_t size)
{
    return wanted ? size : 1;
}

static bool is_learnt(const lattn_tensor *mask)
{
    return mask && mask->requires_grad;
}

// [B|1, H|1, T|1, S] with -inf where a key is not seen, in the dtype of the scores. Without the values
// of a mask that has a gradient.
static lattn_tensor *joined_mask(
    lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k, const lattn_attention_args *args)
{
    uint32_t window = lat_attention_window(q, k, args);
    bool by_row = args->causal || args->alibi || window;
    lattn_tensor *added = args->mask;
    if (added && added->dim[3] > 1 && added->stride[3] != 1)
        added = lat_prim_contiguous(added);
    if (args->mask && !added)
        return NULL;
    int64_t dims[] = {
        either(args->key_lengths || (added && added->dim[0] > 1), q->dim[0]),
        either(args->alibi || (added && added->dim[1] > 1), q->dim[1]),
        either(by_row || (added && added->dim[2] > 1), q->dim[2]),
        k->dim[2],
    };
    lattn_tensor *mask = lat_tensor_new(ctx, q->dtype, 4, dims);
    if (!mask)
        return NULL;

    struct attention_mask_push push = {
        .n = (uint32_t) lat_numel(mask),
        .what = (added ? LAT_ATTENTION_MASK_ADDED : 0) |
                (args->key_lengths ? LAT_ATTENTION_MASK_LENGTHS : 0) |
                (args->causal ? LAT_ATTENTION_MASK_CAUSAL : 0) |
                (window ? LAT_ATTENTION_MASK_WINDOW : 0) |
                (args->alibi ? LAT_ATTENTION_MASK_ALIBI : 0) |
                (is_learnt(args->mask) ? LAT_ATTENTION_MASK_HIDES : 0),
        .n_heads = (uint32_t) dims[1],
        .n_rows = (uint32_t) dims[2],
        .n_keys = (uint32_t) dims[3],
        .shift = (uint32_t) (k->dim[2] - q->dim[2]),
        .window = window,
    };
    for (int d = 0; d < 3; d++)
        push.mask_stride[d] = added && added->dim[d] > 1 ? (uint32_t) added->stride[d] : 0;
    struct lat_kernel kernel = {
        .shader = &lat_shader_attention_mask,
        .t = (int) q->dtype,
        .u = LAT_NO_DTYPE,
        .read = { added, args->key_lengths },
        .n_read = 2,
        .write = { mask },
        .n_write = 1,
        .push_offset = { offsetof(struct attention_mask_push, mask_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = (uint32_t[]){ 256 },
        .n_spec = 1,
        .groups = (push.n + 255u) / 256u,
    };
    lattn_status st = lat_kernel_run(ctx, &kernel);
    return st ? lat_fail_status(ctx, st) : mask;
}

// [B, Hk, S, D] -> [B, Hk, 1, S, D], which broadcasts over the heads that share it.
static lattn_tensor *for_group(lattn_ctx *ctx, lattn_tensor *t)
{
    int64_t dims[] = { t->dim[0], t->dim[1], 1, t->dim[2], t->dim[3] };
    return lattn_reshape(ctx, t, 5, dims);
}

static lattn_tensor *product(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    if (!a || !b || a->dim[1] == b->dim[1])
        return lattn_matmul(ctx, a, b);
    int64_t sharing = a->dim[1] / b->dim[1];
    int64_t grouped[] = { a->dim[0], b->dim[1], sharing, a->dim[2], a->dim[3] };
    int64_t dims[] = { a->dim[0], a->dim[1], a->dim[2], b->dim[3] };
    lattn_tensor *y = lattn_matmul(ctx, lattn_reshape(ctx, a, 5, grouped), for_group(ctx, b));
    return lattn_reshape(ctx, y, 4, dims);
}

lattn_tensor *lattn_attention_unfused(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k,
    lattn_tensor *v, const lattn_attention_args *args, lattn_tensor **weights)
{
    const lattn_attention_args none = { 0 };
    if (weights)
        *weights = NULL;
    if (!q || !k || !v)
        return NULL;  // an earlier error; ctx has it
    if (!args)
        args = &none;
    if (!lat_attention_check(ctx, q, k, v, args))
        return NULL;

    lattn_tensor *scaled = lattn_scale(ctx, q, lat_attention_scale(q, args), 0);
    lattn_tensor *scores = product(ctx, scaled, lattn_transpose(ctx, k, 2, 3));
    if (is_learnt(args->mask))
        scores = lattn_add(ctx, scores, lattn_cast(ctx, args->mask, q->dtype));
    if (args->mask || args->key_lengths || args->causal || args->alibi || args->window)
        scores = lattn_add(ctx, scores, joined_mask(ctx, q, k, args));
    lattn_tensor *w = lattn_dropout(ctx, lattn_softmax(ctx, scores, -1), args->dropout);
    if (weights)
        *weights = w;
    return product(ctx, w, v);
}
