#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// avg_pool2d_fwd_cpu: avg_pool2d_fwd on lavapipe 26 and newer; see pool_cpu.glsl.
//
// @variants  T = f32
// @groups    (n_planes, 1, 1), folded into y past the device's limit; no padding, ow at least SG

#include "pool_cpu.glsl"

LAT_LANES_OUT(1, Y, y)

void main()
{
    uint plane = pool_plane(), i = 0u, j = 0u;
    for (;;) {
        uint corner = plane * p.h * p.w + i * STRIDE_H * p.w + j * STRIDE_W;
        float sum = 0.0;
        [[unroll]] for (uint a = 0; a < KERNEL_H; a++) {
            LatFloats row = lat_floats(p.x_address[0], p.x_address[1], corner + a * p.w);
            [[unroll]] for (uint b = 0; b < KERNEL_W; b++)
                sum += pool_load(row, b, STRIDE_W);
        }
        LAT_STORE_LANES(y, (plane * p.oh + i) * p.ow + j, sum / p.divisor)
        if (!pool_next(i, j))
            break;
    }
}
