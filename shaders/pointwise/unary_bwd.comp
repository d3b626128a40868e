#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// unary_bwd: dx = f'(x) g, where s holds what forward kept: x or y = f(x), whichever the derivative
// is cheaper in (unary.abi.h). Can add to what dx holds.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (PER_THREAD * WG))

#include "common/dtype.glsl"
#include "common/gelu.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "pointwise/unary.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_UNARY_SCALE;
layout(constant_id = 2) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer S { T s[]; };
layout(binding = 1) readonly buffer G { T g[]; };
layout(binding = 2) buffer DX { T dx[]; };

float gelu_tanh_grad(float x)
{
    float xx = min(x * x, 400.0);  // past 20 the tanh is 1; keeps 0 * inf out
    float t = lat_tanh(0.79788456 * (x + 0.044715 * x * xx));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * (0.79788456 * (1.0 + 0.134145 * xx));
}

float silu_grad(float x)
{
    float y = lat_sigmoid(x);
    return y * (1.0 + x * (1.0 - y));
}

float slope(float v)
{
    if (KIND == LAT_UNARY_SCALE)
        return p.c;
    if (KIND == LAT_UNARY_POW)
        return p.c == 0.0 ? 0.0 : p.c * lat_pow(v, p.c - 1.0);
    if (KIND == LAT_UNARY_EXP)
        return v;
    if (KIND == LAT_UNARY_LOG)
        return 1.0 / v;
    if (KIND == LAT_UNARY_SQRT)
        return 0.5 / v;
    if (KIND == LAT_UNARY_ABS)
        return v > 0.0 ? 1.0 : v < 0.0 ? -1.0 : 0.0;
    if (KIND == LAT_UNARY_SIGN)
        return 0.0;
    if (KIND == LAT_UNARY_CLAMP)
        return v >= p.c && v <= p.d ? 1.0 : 0.0;
    if (KIND == LAT_UNARY_TANH)
        return 1.0 - v * v;
    if (KIND == LAT_UNARY_SIGMOID)
        return v * (1.0 - v);
    if (KIND == LAT_UNARY_RELU)
        return v > 0.0 ? 1.0 : 0.0;
    if (KIND == LAT_UNARY_GELU)
        return lat_gelu_grad(v);
    if (KIND == LAT_UNARY_GELU_TANH)
        return gelu_tanh_grad(v);
    return silu_grad(v);
}

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_UNARY_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_UNARY_PER_THREAD; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= p.n)
            return;
        float v = load(g[i]);
        if (KIND == LAT_UNARY_SIGN)
            v = 0.0;
        else if (KIND == LAT_UNARY_SCALE)
            v *= p.c;
        else
            v *= slope(load(s[i]));
        if (ACCUMULATE)
            v += load(dx[i]);
        dx[i] = store(v);
    }
}
