#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// max_pool2d_fwd_cpu: max_pool2d_fwd on lavapipe 26 and newer; see pool_cpu.glsl.
//
// @variants  T = f32
// @groups    (n_planes, 1, 1), folded into y past the device's limit; no padding, ow at least SG

#include "pool_cpu.glsl"

LAT_LANES_OUT(1, Y, y)
LAT_LANES_OUT(2, Index, found)  // of i32, which are moved as bits

void main()
{
    uint plane = pool_plane(), i = 0u, j = 0u;
    for (;;) {
        uint corner = i * STRIDE_H * p.w + j * STRIDE_W;
        uint mine = corner + gl_SubgroupInvocationID * STRIDE_W;
        float best = -LAT_INF;
        uint index = mine;
        [[unroll]] for (uint a = 0; a < KERNEL_H; a++) {
            LatFloats row = lat_floats(
                p.x_address[0], p.x_address[1], plane * p.h * p.w + corner + a * DILATION_H * p.w);
            [[unroll]] for (uint b = 0; b < KERNEL_W; b++) {
                float v = pool_load(row, b * DILATION_W, STRIDE_W);
                bool larger = v > best || lat_is_nan(v);
                best = larger ? v : best;
                index = larger ? mine + a * DILATION_H * p.w + b * DILATION_W : index;
            }
        }
        uint o = (plane * p.oh + i) * p.ow + j;
        LAT_STORE_LANES(y, o, best)
        if ((FLAGS & LAT_POOL_KEEP_INDEX) != 0u)
            LAT_STORE_LANES(found, o, uintBitsToFloat(index))
        if (!pool_next(i, j))
            break;
    }
}
