#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// conv_direct: forward and input gradient where a group has one channel on either side, as in
// depth-wise layers: a product would have one row. An invocation makes one element of the result; a
// workgroup has positions of one channel of one image, so weights are the same in all lanes and
// neighbours read neighbours.
//
// Names and terms are those of conv.abi.h, with n the positions of one image and tiles_m the images.
//
// @variants  T = f32 f16 bf16
// @groups    (tiles_n * m * n_groups * images, 1, 1)

layout(local_size_x = 64, local_size_x_id = 0) in;

#include "conv.glsl"
#include "matmul/gemm_epilogue.h"

layout(binding = 0) readonly buffer Weight { T weight[]; };
layout(binding = 1) readonly buffer Source { T source[]; };
layout(binding = 2) readonly buffer Bias { T bias[]; };
layout(binding = 3) buffer Out { T out_[]; };

#define LAT_GEMM_NO_BESIDE
#include "matmul/gemm_finish.glsl"

void main()
{
    uint plane = lat_group() / p.tiles_n;  // of the result
    uint channels = p.m * p.n_groups;
    uint n = lat_group() % p.tiles_n * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (plane >= channels * p.tiles_m || n >= p.n)
        return;
    uint image = plane / channels, channel = plane % channels;
    uint group = channel / p.m, m = channel % p.m;
    uint q_channels = p.k / TAPS;

    uint py = lat_divide(n, p.pw_magic, p.pw_shift);
    Position at = Position(image, py, n - py * p.pw);
    ivec2 corner = lat_corner(at);
    uint origin = p.src_offset + image * p.src_image + group * q_channels * p.src_h * p.src_w;
    float sum = 0.0;
    for (uint q = 0; q < q_channels; q++)
        for (uint tap = 0; tap < TAPS; tap++) {
            uint ty = tap / TAPS_X, tx = tap - ty * TAPS_X;
            int seen = lat_source_at(corner, ty, tx);
            // Loaded in any case: a branch for each tap takes longer than the load.
            float v = load(source[origin + q * p.src_h * p.src_w + uint(max(seen, 0))]);
            v = seen >= 0 ? v : 0.0;
            sum = fma(load(weight[lat_weight_at(group, m, Term(q, ty, tx))]), v, sum);
        }
    lat_gemm_finish(p.out_offset + lat_destination_at(at, channel), 0, channel, sum);
}
