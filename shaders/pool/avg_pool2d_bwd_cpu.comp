#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// avg_pool2d_bwd_cpu: avg_pool2d_bwd on lavapipe 26 and newer, of windows that do not overlap: each writes
// its own elements of dx. What lies in no window is 0 already. See pool_cpu.glsl.
//
// @variants  T = f32
// @groups    (n_planes, 1, 1), folded into y past the device's limit; no padding, ow at least SG

#include "pool_cpu.glsl"

layout(binding = 1) writeonly buffer Dx { float dx[]; };

void main()
{
    uint plane = pool_plane(), i = 0u, j = 0u;
    for (;;) {
        uint o = (plane * p.oh + i) * p.ow + j;
        float g = pool_load(lat_floats(p.dy_address[0], p.dy_address[1], o), 0u, 1u) / p.divisor;
        uint corner = plane * p.h * p.w + i * STRIDE_H * p.w + j * STRIDE_W;
        [[unroll]] for (uint a = 0; a < KERNEL_H; a++)
            [[unroll]] for (uint b = 0; b < KERNEL_W; b++)
                LAT_STORE_EACH(dx, corner + a * p.w + b, STRIDE_W, g)
        if (!pool_next(i, j))
            break;
    }
}
