#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_fwd: y = (x - mean) scale + shift of the channel, plus the residual, and max(y, 0).
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (4 * QUADS * WG))

#include "batch_norm_elements.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer Residual { T residual[]; };
layout(binding = 1) readonly buffer Residual4 { T4 residual4[]; };
layout(binding = 2) readonly buffer Table { vec4 table[]; };
layout(binding = 3) writeonly buffer Y { T y[]; };
layout(binding = 3) writeonly buffer Y4 { T4 y4[]; };

float finish(float v)
{
    return has(LAT_BATCH_NORM_RELU) && !lat_is_nan(v) ? max(v, 0.0) : v;
}

void one_quad(uint q)
{
    vec4 row = table[channel_of(4u * q)];
    vec4 v = (load4(x4[q]) - row[LAT_BATCH_NORM_MEAN]) * row[LAT_BATCH_NORM_SCALE] + row[LAT_BATCH_NORM_SHIFT];
    if (has(LAT_BATCH_NORM_RESIDUAL))
        v += load4(residual4[q]);
    y4[q] = store4(vec4(finish(v.x), finish(v.y), finish(v.z), finish(v.w)));
}

void one_element(uint i)
{
    vec4 row = table[channel_of(i)];
    float v = (load(x[i]) - row[LAT_BATCH_NORM_MEAN]) * row[LAT_BATCH_NORM_SCALE] + row[LAT_BATCH_NORM_SHIFT];
    if (has(LAT_BATCH_NORM_RESIDUAL))
        v += load(residual[i]);
    y[i] = store(finish(v));
}

BATCH_NORM_MAIN
