#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// max_pool2d_fwd: the largest element of each window, of several the first, and where in its plane it
// was. As in PyTorch a NaN replaces what was found before it, also another NaN.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"
#include "common/math.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };
layout(binding = 2) writeonly buffer Index { int found[]; };

void main()
{
    uvec3 at;
    if (!pool_place(p.oh, p.ow, at))
        return;
    uint plane = at.x * p.h * p.w, top = at.y * STRIDE_H - p.pad_h, left = at.z * STRIDE_W - p.pad_w;
    float best = -LAT_INF;
    int index = -1;
    for (uint i = 0u; i < KERNEL_H; i++) {
        for (uint j = 0u; j < KERNEL_W; j++) {
            // In padding on the upper and left side these wrap to large numbers.
            uint row = top + i * DILATION_H, column = left + j * DILATION_W;
            if (row >= p.h || column >= p.w)
                continue;
            uint k = row * p.w + column;
            float v = load(x[plane + k]);
            if (v > best || lat_is_nan(v) || index < 0) {
                best = v;
                index = int(k);
            }
        }
    }
    uint o = (at.x * p.oh + at.y) * p.ow + at.z;
    y[o] = store(best);
    if (has(LAT_POOL_KEEP_INDEX))
        found[o] = index;
}
