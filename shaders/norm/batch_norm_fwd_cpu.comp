#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_fwd_cpu: batch_norm_fwd on lavapipe 26 and newer; see batch_norm_cpu.glsl. The residual comes
// from y_address.
//
// @variants  T = f32
// @groups    ceil(planes / images_per_block)

#include "batch_norm_cpu.glsl"

LAT_LANES_OUT(3, Y, y)

void four_vectors(uint channel, uint from)
{
    vec4 row = table_row(channel);
    vec4 v = BATCH_NORM_LOAD(x, from);
    v = (v - row[LAT_BATCH_NORM_MEAN]) * row[LAT_BATCH_NORM_SCALE] + row[LAT_BATCH_NORM_SHIFT];
    if (has(LAT_BATCH_NORM_RESIDUAL))
        v += BATCH_NORM_LOAD(y, from);
    if (has(LAT_BATCH_NORM_RELU))  // NaN stays
        v = mix(v, vec4(0.0), lessThan(v, vec4(0.0)));
    LAT_STORE_LANES4(y, from, v)
}

BATCH_NORM_MAIN
