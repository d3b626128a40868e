#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// bias_bwd_sum: second pass of the bias gradient, in the order of the runs of bias_bwd.
//
//     dbias[n] (+)= sum_r partial[r, n]
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n / WG), 1, 1)

layout(local_size_x = 64, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "bias_bwd_sum.abi.h"

layout(binding = 0) readonly buffer Partial { float partial[]; };
layout(binding = 1) buffer Dbias { T dbias[]; };

void main()
{
    uint n = lat_thread();
    if (n >= p.n)
        return;
    float sum = 0.0;
    for (uint r = 0; r < p.n_runs; r++)
        sum += partial[r * p.n + n];
    if (p.accumulate != 0)
        sum += load(dbias[n]);
    dbias[n] = store(sum);
}
