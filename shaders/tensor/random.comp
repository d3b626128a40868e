#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// random: fills x with uniform, normal, truncated normal or 0/1 values.
//
// One Philox counter per invocation gives the four words of four neighbouring elements, so element
// i depends on key, op and i alone. Normal numbers come in pairs (Box & Muller 1958); truncated ones
// from the inverse of the distribution function between the bounds, so none are rejected.
// Source: Giles 2010, "Approximating the erfinv function", table 5 (single precision).
//
// @variants  T = f32 f16 bf16 i32 u8
// @groups    (ceil(n_counters / WG), 1, 1)

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/rng.glsl"
#include "random.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_RANDOM_UNIFORM;

layout(binding = 0) readonly buffer State { uint key[]; };
layout(binding = 1) writeonly buffer X { T x[]; };

// (0, 1]: its logarithm is finite.
float above_zero(uint word)
{
    return (float(word >> 8) + 1.0) * 5.9604644775390625e-8;
}

vec4 box_muller(uvec4 w)
{
    const float two_pi = 6.283185307179586;
    float r0 = sqrt(-2.0 * log(above_zero(w.x)));
    float r1 = sqrt(-2.0 * log(above_zero(w.z)));
    float a0 = two_pi * lat_uniform(w.y), a1 = two_pi * lat_uniform(w.w);
    return vec4(r0 * cos(a0), r0 * sin(a0), r1 * cos(a1), r1 * sin(a1));
}

float erfinv(float v)
{
    float w = -log((1.0 - v) * (1.0 + v));
    float q;
    if (w < 5.0) {
        w -= 2.5;
        q = 2.81022636e-08;
        q = 3.43273939e-07 + q * w;
        q = -3.5233877e-06 + q * w;
        q = -4.39150654e-06 + q * w;
        q = 0.00021858087 + q * w;
        q = -0.00125372503 + q * w;
        q = -0.00417768164 + q * w;
        q = 0.246640727 + q * w;
        q = 1.50140941 + q * w;
    } else {
        w = sqrt(w) - 3.0;
        q = -0.000200214257;
        q = 0.000100950558 + q * w;
        q = 0.00134934322 + q * w;
        q = -0.00367342844 + q * w;
        q = 0.00573950773 + q * w;
        q = -0.0076224613 + q * w;
        q = 0.00943887047 + q * w;
        q = 1.00167406 + q * w;
        q = 2.83297682 + q * w;
    }
    return q * v;
}

float trunc_normal(uint word)
{
    const float sqrt_2 = 1.4142135623730951;
    // Half a unit off both ends, where erfinv is infinite.
    float u = (float(word >> 8) + 0.5) * 5.9604644775390625e-8;
    return sqrt_2 * erfinv(clamp(p.erf_lo + u * p.erf_range, -0.99999994, 0.99999994));
}

vec4 draw(uvec4 w)
{
    if (KIND == LAT_RANDOM_NORMAL)
        return p.offset + p.scale * box_muller(w);
    if (KIND == LAT_RANDOM_BERNOULLI)
        return vec4(lessThan(w, uvec4(p.threshold)));
    vec4 v;
    if (KIND == LAT_RANDOM_TRUNC_NORMAL)
        v = vec4(trunc_normal(w.x), trunc_normal(w.y), trunc_normal(w.z), trunc_normal(w.w));
    else
        v = vec4(lat_uniform(w.x), lat_uniform(w.y), lat_uniform(w.z), lat_uniform(w.w));
    return clamp(p.offset + p.scale * v, p.lo, p.hi);
}

void main()
{
    uint c = lat_thread();
    if (c >= p.n_counters)
        return;
    uint counter = p.first + c;
    vec4 v = draw(lat_philox(uvec2(key[0], key[1]), uvec4(counter, 0u, p.op, 0u)));
    uint left = p.n - counter * 4u;
    for (uint k = 0; k < min(left, 4u); k++)
        x[c * 4u + k] = store(v[k]);
}
