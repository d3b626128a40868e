#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_project_fwd: after the product of what a step's cells gave with the projection, the state and the
// result of the step. Past a row's length the state stays and y is 0.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch * width / group, 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "rnn_project.abi.h"

layout(binding = 0) readonly buffer Product { T product[]; };  // [B, P]
layout(binding = 1) readonly buffer Lengths { int lengths[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };             // [B, P]
layout(binding = 3) buffer States { T states[]; };             // [2, B, P]

void main()
{
    uint i = lat_thread(), n = p.n_batch * p.width;
    if (i >= n)
        return;
    bool live = p.has_lengths == 0u || int(p.step) < lengths[i / p.width];
    uint before = p.reverse != 0u ? n : 0u;
    float h = load(product[i]);
    y[i] = store(live ? h : 0.0);
    states[n - before + i] = store(live ? h : load(states[before + i]));
}
