#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_fwd_cpu: every step of a recurrent layer on some rows of the batch, on lavapipe 26 and newer.
//
// @variants  T = f32
// @groups    (rows of the batch / ROWS, 1, 1)

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG

#define LANE gl_SubgroupInvocationID
#define DEPTH HIDDEN
#define COLUMNS GATES
#include "rnn.glsl"
#include "rnn_cpu.glsl"
#include "rnn_fwd.glsl"

void main()
{
    uint first = lat_group() * ROWS;
    if (first >= p.n_batch)
        return;
    uint rows = min(ROWS, p.n_batch - first);
    // Tested at the bottom, as common/wide.glsl wants it.
    uint s = 0;
    for (;;) {
        uint t = REVERSE ? p.n_steps - 1u - s : s;
        uint unit = 0;
        for (;;) {
            rnn_product(slot_before(t), first, unit);
            for (uint i = 0; i < rows * VECTORS; i++) {
                uint r = i / VECTORS, v = i % VECTORS;
                float of_gate[4];
                [[unroll]] for (uint g = 0; g < GATES; g++)
                    of_gate[g] = product[(r * COLUMNS + g) * VECTORS + v];
                rnn_forward(t, first + r, unit + v * SG, of_gate);
            }
            unit += SG * VECTORS;
            if (unit >= HIDDEN)
                break;
        }
        subgroupMemoryBarrierBuffer();
        s++;
        if (s >= p.n_steps)
            break;
    }
}
