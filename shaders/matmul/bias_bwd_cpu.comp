#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// bias_bwd_cpu: bias_bwd on lavapipe 26 and newer (common/wide.glsl). A workgroup is one subgroup with
// LAT_BIAS_BWD_VECTORS vectors of columns of one run of rows, ROWS rows in an iteration, so that loop control
// does not count. A strip that would stick out is moved back inside and computes some columns a second
// time, with the same result.
//
// @variants  T = f32
// @groups    (ceil(n / (LAT_BIAS_BWD_VECTORS * SG)) * ceil(m / n_rows), 1, 1); n at least a strip

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint PARTS = 3;
layout(constant_id = 2) const uint SG = 8;
layout(constant_id = 3) const bool RAGGED = true;  // runs may end inside an iteration
layout(constant_id = 4) const bool PAIRS = false;  // an even n

#include "common/gelu.glsl"
#include "common/index.glsl"
#include "common/wide.glsl"
#include "bias_bwd.abi.h"

LAT_LANES_OUT(2, G, g)
LAT_LANES_OUT(3, Partial, partial)

const uint VECTORS = LAT_BIAS_BWD_VECTORS;
const bool GELU = (PARTS & LAT_BIAS_BWD_GELU) != 0;
const uint ROWS = GELU ? 2 : 8;  // the derivative of GELU fills an iteration by itself

void main()
{
    uint strips = (p.n + VECTORS * SG - 1) / (VECTORS * SG), runs = (p.m + p.n_rows - 1) / p.n_rows;
    uint group = min(lat_group(), strips * runs - 1);
    uint n = min(group % strips * (VECTORS * SG), p.n - VECTORS * SG);
    uint run = group / strips;
    uint m = run * p.n_rows, end = min(m + p.n_rows, p.m);

    float sums[VECTORS];
    [[unroll]] for (uint j = 0; j < VECTORS; j++)
        sums[j] = 0.0;
    for (;;) {
        [[unroll]] for (uint q = 0; q < ROWS; q++) {
            uint row = RAGGED ? min(m + q, end - 1) : m + q;
            uint at = row * p.n + n;
            LatFloats dy = lat_floats(p.dy_address[0], p.dy_address[1], at);
            LatFloats pre = lat_floats(p.pre_address[0], p.pre_address[1], at);
            [[unroll]] for (uint j = 0; j < VECTORS; j++) {
                float v = lat_load_lanes(dy, j * SG);
                if (GELU) {
                    v *= lat_gelu_grad(lat_load_lanes(pre, j * SG));
                    LAT_STORE_LANES(g, at + j * SG, v)
                }
                sums[j] += !RAGGED || m + q < end ? v : 0.0;
            }
        }
        m += ROWS;
        if (m >= end)
            break;
    }
    if ((PARTS & LAT_BIAS_BWD_SUM) != 0)
        [[unroll]] for (uint j = 0; j < VECTORS; j++)
            LAT_STORE_LANES(partial, run * p.n + n + j * SG, sums[j])
}
