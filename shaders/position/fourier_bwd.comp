#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// fourier_bwd: dx[i] = sum_k 2^k pi (g[i, 2 k] cos(2^k pi x[i]) - g[i, 2 k + 1] sin(2^k pi x[i])).
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / WG)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "fourier.abi.h"
#include "sinpi.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer G { T g[]; };
layout(binding = 2) buffer Dx { T dx[]; };

void main()
{
    uint i = lat_thread();
    if (i >= p.n)
        return;
    float v = load(x[i]), sum = 0.0;
    for (uint k = 0u; k < p.n_waves; k++) {
        uint at = 2u * (i * p.n_waves + k);
        vec2 wave = lat_sincospi(v, k);
        sum += 3.14159265358979 * lat_power_of_two(k)
            * (load(g[at]) * wave.y - load(g[at + 1u]) * wave.x);
    }
    dx[i] = store(p.accumulate != 0u ? load(dx[i]) + sum : sum);
}
