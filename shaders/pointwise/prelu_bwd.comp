#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// prelu_bwd: dx = x > 0 ? g : weight[channel] g, and each element's part of weight's gradient, x > 0 ? 0 : g x.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (STEPS * WG))

#include "prelu.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Weight { T weight[]; };
layout(binding = 2) readonly buffer Dy { T dy[]; };
layout(binding = 3) buffer Dx { T dx[]; };
layout(binding = 4) writeonly buffer Parts { float parts[]; };

void one(uint i)
{
    float v = load(x[i]), g = load(dy[i]);
    if ((p.flags & LAT_PRELU_DX) != 0u) {
        float d = v > 0.0 ? g : load(weight[channel_of(i)]) * g;
        dx[i] = store((p.flags & LAT_PRELU_ADD_DX) != 0u ? load(dx[i]) + d : d);
    }
    if ((p.flags & LAT_PRELU_DWEIGHT) != 0u)
        parts[i] = v > 0.0 ? 0.0 : g * v;
}

PRELU_MAIN
