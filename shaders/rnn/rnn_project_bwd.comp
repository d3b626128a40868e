#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_project_bwd: the gradient of a step's projected state: what the caller gives, what the product of the
// step that ran after it gives, and what waits in `carry`, where it stays for rows past their length.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch * width / group, 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "rnn_project.abi.h"

layout(binding = 0) readonly buffer DY { T dy[]; };            // [B, P]
layout(binding = 1) readonly buffer Product { T product[]; };  // [B, P]
layout(binding = 2) readonly buffer Lengths { int lengths[]; };
layout(binding = 3) writeonly buffer DH { T dh[]; };           // [B, P]
layout(binding = 4) buffer Carry { float carry[]; };           // [B, P]

void main()
{
    uint i = lat_thread();
    if (i >= p.n_batch * p.width)
        return;
    float waiting = carry[i];
    if (p.first == 0u)
        waiting += load(product[i]);
    if (p.finish != 0u) {
        carry[i] = waiting;
        return;
    }
    bool live = p.has_lengths == 0u || int(p.step) < lengths[i / p.width];
    dh[i] = store(live ? waiting + load(dy[i]) : 0.0);
    carry[i] = live ? 0.0 : waiting;
}
