#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_cell_bwd: backward of one step of a recurrent layer, after a matrix product of its own.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch * HIDDEN / group, 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#define LANE 0u
#define RNN_PUT(buf, at, value) buf[at] = value;
#include "rnn.glsl"
#include "rnn_bwd.glsl"

layout(binding = 1) readonly buffer Product { T product[]; };  // [B, H]

void main()
{
    uint b = lat_thread() / HIDDEN, unit = lat_thread() % HIDDEN;
    if (b >= p.n_batch)
        return;
    float reached = p.first != 0u ? 0.0 : load(product[b * HIDDEN + unit]);
    if (p.n_steps > 0u)
        rnn_backward(0u, b, unit, reached);
    else
        rnn_finish(b, unit, reached);
}
