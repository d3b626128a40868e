// SPDX-License-Identifier: MIT
//
// The functions of unary_fwd, of one element each; KIND says which (unary.abi.h).
//
//     gelu_tanh(x) = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
//                    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415
#ifndef LAT_UNARY_FWD_GLSL
#define LAT_UNARY_FWD_GLSL
#include "common/gelu.glsl"
#include "common/math.glsl"

// NaN fails every comparison and would reach the zero of relu or an end of clamp where a compiler
// turns those into min and max; so it leaves by its bits.
float sign_of(float v)
{
    return lat_is_nan(v) ? v : v > 0.0 ? 1.0 : v < 0.0 ? -1.0 : 0.0;
}

float clamped(float v)
{
    float low = v < p.c ? p.c : v;
    return lat_is_nan(v) ? v : low > p.d ? p.d : low;
}

float gelu_tanh(float v)
{
    float u = 0.79788456 * (v + 0.044715 * v * v * v);
    return 0.5 * v * (1.0 + lat_tanh(u));
}

float softplus(float v)
{
    float u = p.c * v;
    return u > p.d ? v : (max(u, 0.0) + lat_log1p_unit(lat_exp(-abs(u)))) / p.c;
}

float hardsigmoid(float v)
{
    return lat_is_nan(v) ? v : clamp((v + 3.0) / 6.0, 0.0, 1.0);
}

float unary(float v)
{
    if (KIND == LAT_UNARY_SCALE)
        return p.c * v + p.d;
    if (KIND == LAT_UNARY_POW)
        return lat_pow(v, p.c);
    if (KIND == LAT_UNARY_EXP)
        return lat_exp(v);
    if (KIND == LAT_UNARY_LOG)
        return lat_log(v);
    if (KIND == LAT_UNARY_SQRT)
        return lat_sqrt(v);
    if (KIND == LAT_UNARY_ABS)
        return uintBitsToFloat(lat_magnitude_bits(v));
    if (KIND == LAT_UNARY_SIGN)
        return sign_of(v);
    if (KIND == LAT_UNARY_CLAMP)
        return clamped(v);
    if (KIND == LAT_UNARY_TANH)
        return lat_tanh(v);
    if (KIND == LAT_UNARY_SIGMOID)
        return lat_sigmoid(v);
    if (KIND == LAT_UNARY_RELU)
        return lat_is_nan(v) ? v : v > 0.0 ? v : 0.0;
    if (KIND == LAT_UNARY_GELU)
        return lat_gelu(v);
    if (KIND == LAT_UNARY_GELU_TANH)
        return gelu_tanh(v);
    if (KIND == LAT_UNARY_LEAKY_RELU)
        return v > 0.0 ? v : p.c * v;
    if (KIND == LAT_UNARY_ELU)
        return v > 0.0 ? p.d * v : p.d * p.c * lat_expm1_below(v);
    if (KIND == LAT_UNARY_SOFTPLUS)
        return softplus(v);
    if (KIND == LAT_UNARY_HARDSIGMOID)
        return hardsigmoid(v);
    if (KIND == LAT_UNARY_HARDSWISH)
        return v * hardsigmoid(v);
    if (KIND == LAT_UNARY_MISH)
        return v * lat_tanh_softplus(v);
    if (KIND == LAT_UNARY_THRESHOLD)
        return lat_is_nan(v) || v > p.c ? v : p.d;
    return v * lat_sigmoid(v);
}

#endif
