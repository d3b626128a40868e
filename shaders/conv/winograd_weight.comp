#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// winograd_weight: the 3 x 3 kernels g of all pairs of channels, as G g G^T.
//
//     G = 1    0    0
//         1/2  1/2  1/2
//         1/2 -1/2  1/2
//         0    0    1
//
//     square[4 x 4, group, m, q]
//
// Source: as for winograd_input.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n_groups * m * q / WG)

layout(local_size_x = 64, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "winograd_weight.abi.h"

layout(binding = 0) readonly buffer Weight { T weight[]; };
layout(binding = 1) writeonly buffer Square { float square[]; };

vec4 transform(vec3 g)
{
    float ends = g.x + g.z;
    return vec4(g.x, 0.5 * (ends + g.y), 0.5 * (ends - g.y), g.z);
}

void main()
{
    uint n = p.n_groups * p.m * p.q, i = lat_thread();
    if (i >= n)
        return;
    uint q = i % p.q, row = i / p.q, m = row % p.m, group = row / p.m;
    int at = int(p.a_offset + p.w_base + group * p.w_group + m * p.w_m + q * p.w_q);
    vec4 rows[3];
    [[unroll]] for (int y = 0; y < 3; y++) {
        int first = at + y * p.w_ty;
        rows[y] = transform(vec3(load(weight[first]), load(weight[first + p.w_tx]),
            load(weight[first + 2 * p.w_tx])));
    }
    [[unroll]] for (uint x = 0; x < 4; x++) {
        vec4 column = transform(vec3(rows[0][x], rows[1][x], rows[2][x]));
        [[unroll]] for (uint y = 0; y < 4; y++)
            square[(4u * y + x) * n + i] = column[y];
    }
}
