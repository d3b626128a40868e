#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
// SPDX-License-Identifier: MIT
//
// bench_fma: as many f32 multiply-adds as the device's general units do, without memory: chains that are
// independent of each other hide their latency, and are few enough for the 16 vector registers of an x86
// processor (8, 12 and 14 chains: 103, 134 and 61 GFLOP/s of CPU time, lavapipe 26.1, 2 cores). Factors come from
// memory, so that no compiler can work the result out beforehand.
//
// @groups    any number; UNROLL * n * CHAINS multiply-adds per invocation

#include "common/index.glsl"
#include "bench/bench.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };

void main()
{
    float v[LAT_BENCH_FMA_CHAINS], a = x[0], b = x[1], sum = 0.0;
    [[unroll]] for (int i = 0; i < LAT_BENCH_FMA_CHAINS; i++)
        v[i] = float(gl_LocalInvocationID.x) + float(i);
    for (uint k = 0; k < p.n; k++)
        [[unroll]] for (int j = 0; j < LAT_BENCH_FMA_UNROLL; j++)
            [[unroll]] for (int i = 0; i < LAT_BENCH_FMA_CHAINS; i++)
                v[i] = fma(v[i], a, b);
    [[unroll]] for (int i = 0; i < LAT_BENCH_FMA_CHAINS; i++)
        sum += v[i];
    y[lat_thread()] = sum;
}
