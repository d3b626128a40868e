#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// prelu_fwd: y = x > 0 ? x : weight[channel] x.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (STEPS * WG))

#include "prelu.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Weight { T weight[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };

void one(uint i)
{
    float v = load(x[i]);
    y[i] = store(v > 0.0 ? v : load(weight[channel_of(i)]) * v);
}

PRELU_MAIN
