#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_bwd_cpu: batch_norm_bwd on lavapipe 26 and newer; see batch_norm_cpu.glsl. It does not add to
// what is there.
//
// @variants  T = f32
// @groups    ceil(planes / images_per_block)

#include "batch_norm_cpu.glsl"

LAT_LANES_OUT(4, Dx, dx)
LAT_LANES_OUT(5, Dresidual, dresidual)

void four_vectors(uint channel, uint from)
{
    vec4 row = table_row(channel);
    vec4 g = BATCH_NORM_LOAD(dy, from);
    if (has(LAT_BATCH_NORM_RELU))
        g = mix(vec4(0.0), g, greaterThan(BATCH_NORM_LOAD(y, from), vec4(0.0)));
    if (has(LAT_BATCH_NORM_RESIDUAL))
        LAT_STORE_LANES4(dresidual, from, g)
    if (has(LAT_BATCH_NORM_DX)) {
        vec4 v = BATCH_NORM_LOAD(x, from);
        v = g * row[LAT_BATCH_NORM_SCALE] - (v - row[LAT_BATCH_NORM_MEAN]) * row[LAT_BATCH_NORM_SLOPE] -
            row[LAT_BATCH_NORM_LEVEL];
        LAT_STORE_LANES4(dx, from, v)
    }
}

BATCH_NORM_MAIN
