#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// fourier_fwd: y[i, 2 k] = sin(2^k pi x[i]), y[i, 2 k + 1] = cos(2^k pi x[i]).
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n * n_waves / WG)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "fourier.abi.h"
#include "sinpi.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };

void main()
{
    uint e = lat_thread();
    if (e / p.n_waves >= p.n)
        return;
    vec2 wave = lat_sincospi(load(x[e / p.n_waves]), e % p.n_waves);
    y[2u * e] = store(wave.x);
    y[2u * e + 1u] = store(wave.y);
}
