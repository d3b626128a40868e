#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_bwd_base: backward through every step of a recurrent layer on some rows of the batch, the step
// that ran last first.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch / (PARTS * ROWS), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#define LANE 0u
#define RNN_PUT(buf, at, value) buf[at] = value;
#include "rnn.glsl"
#include "rnn_bwd.glsl"

#define operand da
#define DEPTH (GATES * HIDDEN)
#define COLUMNS 1u
#include "rnn_base.glsl"

void main()
{
    uint first = lat_group() * PARTS * ROWS, lane = gl_LocalInvocationID.x;
    if (first >= p.n_batch)
        return;  // uniform
    rnn_load_weight();
    for (uint s = 0; s < p.n_steps + p.finish; s++) {
        uint t = REVERSE ? s : p.n_steps - 1u - s;  // past the last one it wraps, and is not used
        uint line = p.lead + (REVERSE ? s - 1u : p.n_steps - s);
        for (uint i = 0; i < PARTS * HIDDEN; i += gl_WorkGroupSize.x) {
            uint part = (i + lane) / HIDDEN, unit = (i + lane) % HIDDEN;
            bool inside = part < PARTS, after = s > 0u || p.first == 0u;
            if (after)
                rnn_product(line, first, part, unit, inside, i == 0u);
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                uint b = first + part * ROWS + r;
                float product = after ? acc[r] : 0.0;
                if (!inside || b >= p.n_batch)
                    continue;
                if (s < p.n_steps)
                    rnn_backward(t, b, unit, product);
                else
                    rnn_finish(b, unit, product);
            }
        }
        groupMemoryBarrier();
        barrier();
    }
}
