// SPDX-License-Identifier: MIT
//
// The derivatives of unary_bwd, from what forward kept of one element; KIND says which (unary.abi.h).
#ifndef LAT_UNARY_BWD_GLSL
#define LAT_UNARY_BWD_GLSL
#include "common/gelu.glsl"
#include "common/math.glsl"

const bool NEEDS_S = KIND != LAT_UNARY_SCALE && KIND != LAT_UNARY_SIGN;

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

float hardswish_grad(float x)
{
    return x < -3.0 ? 0.0 : x <= 3.0 ? x / 3.0 + 0.5 : 1.0;
}

float mish_grad(float x)
{
    float t = lat_tanh_softplus(x);
    return t + x * (1.0 - t * t) * lat_sigmoid(x);
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
    if (KIND == LAT_UNARY_LEAKY_RELU)
        return v > 0.0 ? 1.0 : p.c;
    if (KIND == LAT_UNARY_ELU)
        return v > 0.0 ? p.d : p.d * p.c * lat_exp(v);
    if (KIND == LAT_UNARY_SOFTPLUS)
        return p.c * v > p.d ? 1.0 : lat_sigmoid(p.c * v);
    if (KIND == LAT_UNARY_HARDSIGMOID)
        return v > -3.0 && v < 3.0 ? 1.0 / 6.0 : 0.0;
    if (KIND == LAT_UNARY_HARDSWISH)
        return hardswish_grad(v);
    if (KIND == LAT_UNARY_MISH)
        return mish_grad(v);
    if (KIND == LAT_UNARY_THRESHOLD)
        return v > p.c ? 1.0 : 0.0;
    return silu_grad(v);
}

// The gradient of sign is 0 whatever comes in.
float times_slope(float grad, float saved)
{
    return KIND == LAT_UNARY_SIGN ? 0.0 : grad * slope(saved);
}

#endif
