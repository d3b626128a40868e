#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_fwd_base: every step of a recurrent layer on some rows of the batch.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch / (PARTS * ROWS), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#define LANE 0u
#define RNN_PUT(buf, at, value) buf[at] = value;
#include "rnn.glsl"
#include "rnn_fwd.glsl"

#define operand states
#define DEPTH HIDDEN
#define COLUMNS GATES
#include "rnn_base.glsl"

void main()
{
    uint first = lat_group() * PARTS * ROWS, lane = gl_LocalInvocationID.x;
    if (first >= p.n_batch)
        return;  // uniform
    rnn_load_weight();
    for (uint s = 0; s < p.n_steps; s++) {
        uint t = REVERSE ? p.n_steps - 1u - s : s;
        for (uint i = 0; i < PARTS * HIDDEN; i += gl_WorkGroupSize.x) {
            uint part = (i + lane) / HIDDEN, unit = (i + lane) % HIDDEN;
            bool inside = part < PARTS;
            rnn_product(slot_before(t), first, part, unit, inside, i == 0u);
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                float product[4];
                [[unroll]] for (uint g = 0; g < GATES; g++)
                    product[g] = acc[g * ROWS + r];
                uint b = first + part * ROWS + r;
                if (inside && b < p.n_batch)
                    rnn_forward(t, b, unit, product);
            }
        }
        groupMemoryBarrier();
        barrier();
    }
}
