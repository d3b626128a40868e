#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_cell_fwd: one step of a recurrent layer, after a matrix product of its own.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch * HIDDEN / group, 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#define LANE 0u
#define RNN_PUT(buf, at, value) buf[at] = value;
#include "rnn.glsl"
#include "rnn_fwd.glsl"

layout(binding = 1) readonly buffer Product { T product[]; };  // [B, G H]

void main()
{
    uint b = lat_thread() / HIDDEN, unit = lat_thread() % HIDDEN;
    if (b >= p.n_batch)
        return;
    float of_gate[4];
    [[unroll]] for (uint g = 0; g < GATES; g++)
        of_gate[g] = load(product[(b * GATES + g) * HIDDEN + unit]);
    rnn_forward(0u, b, unit, of_gate);
}
