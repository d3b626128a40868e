// SPDX-License-Identifier: MIT
//
// Convolution without a matrix product, for groups of one channel: shaders/conv/conv_direct*.comp.
// There each result meets few terms, and memory is what it takes time for.

#include "lat_shaders.h"
#include "matmul/gemm_epilogue.h"
#include "ops/conv.h"

// A CPU driver takes as long for a barrier as for a vector of positions, so there few invocations add up.
enum { GROUP = 64, CPU_GROUP = 8, CHUNK = 16, WIDTH = 256, MIN_PART = 1024, MAX_SPLITS = 64 };

#define PUSH(member) offsetof(struct conv_push, member)

static uint32_t ceil_div(int64_t n, int64_t d)
{
    return (uint32_t) ((n + d - 1) / d);
}

bool lat_conv_direct_fits(const struct lat_conv_walk *w)
{
    return w->groups > 1 && (w->m == 1 || w->q == 1);
}

lattn_status lat_conv_direct(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst)
{
    struct conv_push push = lat_conv_push(w);
    int64_t n_taps = w->taps[0] * w->taps[1];
    push.n = push.area;
    push.k = (uint32_t) (w->q * n_taps);
    push.tiles_m = (uint32_t) w->images;
    push.tiles_n = ceil_div(push.n, GROUP);
    uint32_t epilogue = (dst->bias ? LAT_GEMM_BIAS : 0) | (dst->relu ? LAT_GEMM_RELU : 0) |
                        (dst->accumulate ? LAT_GEMM_ACCUMULATE : 0);
    const uint32_t spec[] = { GROUP, epilogue, (uint32_t) LAT_MAX(n_taps, 1),
        (uint32_t) LAT_MAX(w->taps[1], 1), (uint32_t) w->step[0], (uint32_t) w->step[1],
        (uint32_t) w->dil[0], (uint32_t) w->dil[1] };
    struct lat_kernel kernel = {
        .shader = &lat_shader_conv_direct,
        .t = (int) src->dtype,
        .u = LAT_NO_DTYPE,
        .read = { weight, src, dst->bias },
        .n_read = 3,
        .write = { dst->t },
        .n_write = 1,
        .push_offset = { PUSH(a_offset), PUSH(src_offset), 0, PUSH(out_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) push.tiles_n * push.m * push.n_groups * push.tiles_m,
        .flops = 2.0 * push.n * push.k * push.m * push.n_groups * (double) w->images,
    };
    return lat_kernel_run(ctx, &kernel);
}

lattn_status lat_conv_direct_weight(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *src, lattn_tensor *dst, const struct lat_conv_out *dw)
{
    struct conv_push push = lat_conv_push(w);
    int64_t n_taps = w->taps[0] * w->taps[1], chunks = ceil_div(n_taps, CHUNK);
    int64_t tiles = chunks * w->q * w->m * w->groups;
    push.n = (uint32_t) (w->q * n_taps);
    push.k = (uint32_t) w->images * push.area;
    int64_t splits = LAT_MIN(ceil_div(WIDTH, tiles), LAT_MIN(push.k / MIN_PART, MAX_SPLITS));
    push.k_part = ceil_div(push.k, LAT_MAX(splits, 1));
    splits = ceil_div(push.k, push.k_part);

    int64_t dims[] = { splits, lat_numel(dw->t) };
    lattn_tensor *partial = lat_tensor_new(ctx, LATTN_DTYPE_F32, 2, dims);
    lattn_tensor *flat = lat_view_reshape(dw->t, 1, &dims[1]);
    if (!partial || !flat)
        return ctx->error;
    uint32_t group = lat_caps(ctx)->is_cpu ? CPU_GROUP : GROUP;
    const uint32_t spec[] = { group, 0, (uint32_t) n_taps, (uint32_t) w->taps[1],
        (uint32_t) w->step[0], (uint32_t) w->step[1], (uint32_t) w->dil[0], (uint32_t) w->dil[1],
        ceil_div(n_taps, chunks) };
    struct lat_kernel kernel = {
        .shader = &lat_shader_conv_direct_weight,
        .t = (int) src->dtype,
        .u = LAT_NO_DTYPE,
        .read = { dst, src },
        .n_read = 2,
        .write = { partial },
        .n_write = 1,
        .push_offset = { PUSH(a_offset), PUSH(src_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) (tiles * splits),
        .flops = 2.0 * push.n * push.k * push.m * push.n_groups,
    };
    LAT_TRY(lat_kernel_run(ctx, &kernel));
    return lat_sum_to(ctx, partial, flat, dw->accumulate);
}
