#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
// SPDX-License-Identifier: MIT
//
// bench_fma: as many f32 multiply-adds as the device's general units do, without memory: eight
// independent vectors per invocation hide the latency of each other. Factors come from memory, so
// that no compiler can work the result out beforehand.
//
// @groups    any number; UNROLL * n * FMA_VECTORS * 4 multiply-adds per invocation

#include "common/index.glsl"
#include "bench/bench.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    vec4 v[LAT_BENCH_FMA_VECTORS];
    float a = x[0], b = x[1];
    [[unroll]] for (int i = 0; i < LAT_BENCH_FMA_VECTORS; i++)
        v[i] = vec4(gl_LocalInvocationID.x) + float(i);
    for (uint k = 0; k < p.n; k++)
        [[unroll]] for (int j = 0; j < LAT_BENCH_FMA_UNROLL; j++)
            [[unroll]] for (int i = 0; i < LAT_BENCH_FMA_VECTORS; i++)
                v[i] = fma(v[i], vec4(a), vec4(b));
    vec4 sum = vec4(0.0);
    [[unroll]] for (int i = 0; i < LAT_BENCH_FMA_VECTORS; i++)
        sum += v[i];
    y[lat_thread()] = sum.x + sum.y + sum.z + sum.w;
}
