#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_bwd: dx = g scale - (x - mean) slope - level of the channel, and the residual's gradient, which
// is g: dy, or 0 where the ReLU cut. Can add to what is there.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (4 * QUADS * WG))

#include "batch_norm_elements.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer Y { T y[]; };
layout(binding = 1) readonly buffer Y4 { T4 y4[]; };
layout(binding = 2) readonly buffer Dy { T dy[]; };
layout(binding = 2) readonly buffer Dy4 { T4 dy4[]; };
layout(binding = 3) readonly buffer Table { vec4 table[]; };
layout(binding = 4) buffer Dx { T dx[]; };
layout(binding = 4) buffer Dx4 { T4 dx4[]; };
layout(binding = 5) buffer Dresidual { T dresidual[]; };
layout(binding = 5) buffer Dresidual4 { T4 dresidual4[]; };

void one_quad(uint q)
{
    vec4 row = table[channel_of(4u * q)], g = load4(dy4[q]);
    if (has(LAT_BATCH_NORM_RELU))
        g = mix(vec4(0.0), g, greaterThan(load4(y4[q]), vec4(0.0)));
    if (has(LAT_BATCH_NORM_RESIDUAL))
        dresidual4[q] = store4(has(LAT_BATCH_NORM_ADD_RESIDUAL) ? load4(dresidual4[q]) + g : g);
    if (!has(LAT_BATCH_NORM_DX))
        return;
    vec4 v = g * row[LAT_BATCH_NORM_SCALE] - (load4(x4[q]) - row[LAT_BATCH_NORM_MEAN]) * row[LAT_BATCH_NORM_SLOPE] -
             row[LAT_BATCH_NORM_LEVEL];
    dx4[q] = store4(has(LAT_BATCH_NORM_ADD_DX) ? load4(dx4[q]) + v : v);
}

void one_element(uint i)
{
    vec4 row = table[channel_of(i)];
    float g = load(dy[i]);
    if (has(LAT_BATCH_NORM_RELU))
        g = load(y[i]) > 0.0 ? g : 0.0;
    if (has(LAT_BATCH_NORM_RESIDUAL))
        dresidual[i] = store(has(LAT_BATCH_NORM_ADD_RESIDUAL) ? load(dresidual[i]) + g : g);
    if (!has(LAT_BATCH_NORM_DX))
        return;
    float v = g * row[LAT_BATCH_NORM_SCALE] - (load(x[i]) - row[LAT_BATCH_NORM_MEAN]) * row[LAT_BATCH_NORM_SLOPE] -
              row[LAT_BATCH_NORM_LEVEL];
    dx[i] = store(has(LAT_BATCH_NORM_ADD_DX) ? load(dx[i]) + v : v);
}

BATCH_NORM_MAIN
