#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// gemm_reduce: second pass of a product whose tiles were shared (gemm_shares.h): adds what the shares left of
// each in the order of k, so that the result does not depend on when they were done, and applies the epilogue.
// Partial holds tiles, whole at edges too.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n_tiles * (bm * bn, and bm with LAT_GEMM_ROW_SUMS) / WG), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint EPILOGUE = 0;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "gemm_reduce.abi.h"

layout(binding = 0) readonly buffer Partial { float partial[]; };
layout(binding = 1) readonly buffer Bias { T bias[]; };
layout(binding = 2) readonly buffer Beside { T beside[]; };
layout(binding = 3) buffer Out { T out_[]; };
layout(binding = 4) buffer Pre { T pre[]; };

#include "gemm_finish.glsl"
#include "gemm_tiles.glsl"

// Sum over the shares of a tile, of what is e elements from the start of their slots.
float over_shares(uint tile, uint e)
{
    uint begin = tile * p.n_steps;
    uint end = begin + p.n_steps;
    uint steps = p.n_tiles * p.n_steps;
    uint share = LAT_GEMM_FIRST_SHARE(tile, p.n_tiles, p.n_shares);
    float sum = 0.0;
    for (; share < p.n_shares && LAT_GEMM_SHARE(share, steps, p.n_shares) < end; share++)
        if (LAT_GEMM_SHARE(share + 1, steps, p.n_shares) > begin)
            sum += partial[LAT_GEMM_SLOT(share, tile) * LAT_GEMM_SLOT_SIZE(p.bm, p.bn) + e];
    return sum;
}

void main()
{
    bool row_sums = (EPILOGUE & LAT_GEMM_ROW_SUMS) != 0;
    uint size = p.bm * (row_sums ? p.bn + 1 : p.bn);
    uint tile = lat_thread() / size;
    uint e = lat_thread() - tile * size;
    if (tile >= p.n_tiles)
        return;
    uvec3 place = lat_gemm_place(p.first_tile + tile);
    uint first_m = place.y * p.bm;
    if (row_sums && e >= p.bm * p.bn) {
        uint m = first_m + e - p.bm * p.bn;
        if (m < p.m && place.z == 0)
            lat_gemm_finish_row_sum(p.beside_offset + m, over_shares(tile, e));
        return;
    }
    uint m = first_m + e / p.bn;
    uint n = place.z * p.bn + e % p.bn;
    if (m >= p.m || n >= p.n)
        return;
    uint at = place.x * p.out_batch + m * p.out_row + n;
    uint at_bias = (EPILOGUE & LAT_GEMM_BIAS_ROWS) != 0 ? m : n;
    lat_gemm_finish(p.out_offset + at, p.beside_offset + at, at_bias, over_shares(tile, e) * p.scale);
}
