#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// unary_bwd: dx = f'(x) g, where s holds what forward kept: x or y = f(x), whichever the derivative
// is cheaper in (unary.abi.h). Can add to what dx holds.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (4 * QUADS_PER_THREAD * WG))

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "pointwise/unary.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_UNARY_SCALE;
layout(constant_id = 2) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer S { T s[]; };
layout(binding = 0) readonly buffer S4 { T4 s4[]; };
layout(binding = 1) readonly buffer G { T g[]; };
layout(binding = 1) readonly buffer G4 { T4 g4[]; };
layout(binding = 2) buffer DX { T dx[]; };
layout(binding = 2) buffer DX4 { T4 dx4[]; };

#include "pointwise/unary_bwd.glsl"

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_UNARY_QUADS_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_UNARY_QUADS_PER_THREAD; k++) {
        uint q = first + k * gl_WorkGroupSize.x;
        if (q < p.n / 4u) {
            vec4 grad = load4(g4[q]), saved = NEEDS_S ? load4(s4[q]) : vec4(0.0);
            vec4 v = vec4(times_slope(grad.x, saved.x), times_slope(grad.y, saved.y),
                times_slope(grad.z, saved.z), times_slope(grad.w, saved.w));
            dx4[q] = store4(ACCUMULATE ? load4(dx4[q]) + v : v);
        } else if (q == p.n / 4u) {
            for (uint i = 4u * q; i < p.n; i++) {
                float v = times_slope(load(g[i]), NEEDS_S ? load(s[i]) : 0.0);
                dx[i] = store(ACCUMULATE ? load(dx[i]) + v : v);
            }
        }
    }
}
