#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// max_pool2d_bwd_cpu: max_pool2d_bwd on lavapipe 26 and newer, of windows that do not overlap: each writes
// its own elements of dx. What lies in no window is 0 already. See pool_cpu.glsl.
//
// @variants  T = f32
// @groups    (n_planes, 1, 1), folded into y past the device's limit; no padding, ow at least SG

#include "pool_cpu.glsl"

layout(binding = 2) writeonly buffer Dx { float dx[]; };

void main()
{
    uint plane = pool_plane(), i = 0u, j = 0u;
    for (;;) {
        uint o = (plane * p.oh + i) * p.ow + j;
        uint found = floatBitsToUint(pool_load(lat_floats(p.index_address[0], p.index_address[1], o), 0u, 1u));
        float g = pool_load(lat_floats(p.dy_address[0], p.dy_address[1], o), 0u, 1u);
        uint corner = i * STRIDE_H * p.w + j * STRIDE_W;
        uint mine = corner + gl_SubgroupInvocationID * STRIDE_W;
        [[unroll]] for (uint a = 0; a < KERNEL_H; a++)
            [[unroll]] for (uint b = 0; b < KERNEL_W; b++)
                LAT_STORE_EACH(dx, plane * p.h * p.w + corner + a * p.w + b, STRIDE_W,
                    found == mine + a * p.w + b ? g : 0.0)
        if (!pool_next(i, j))
            break;
    }
}
