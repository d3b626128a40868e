#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_bwd_cpu: backward through every step of a recurrent layer on some rows of the batch, on lavapipe
// 26 and newer.
//
// @variants  T = f32
// @groups    (rows of the batch / ROWS, 1, 1)

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG

#define LANE gl_SubgroupInvocationID
#define DEPTH (GATES * HIDDEN)
#define COLUMNS 1u
#include "rnn.glsl"
#include "rnn_cpu.glsl"
#include "rnn_bwd.glsl"

void main()
{
    uint first = lat_group() * ROWS;
    if (first >= p.n_batch)
        return;
    uint rows = min(ROWS, p.n_batch - first);
    // Tested at the bottom, as common/wide.glsl wants it.
    uint s = 0;
    for (;;) {
        uint t = REVERSE ? s : p.n_steps - 1u - s;  // past the last one it wraps, and is not used
        bool after = s > 0u || p.first == 0u;
        // Without a step before, the loads read the gradients to come, and nobody looks at the sum.
        uint line = p.lead + (after ? REVERSE ? s - 1u : p.n_steps - s : 0u);
        uint unit = 0;
        for (;;) {
            rnn_product(line, first, unit);
            for (uint i = 0; i < rows * VECTORS; i++) {
                uint b = first + i / VECTORS, j = unit + i % VECTORS * SG;
                float reached = after ? product[i] : 0.0;
                if (s < p.n_steps)
                    rnn_backward(t, b, j, reached);
                else
                    rnn_finish(b, j, reached);
            }
            unit += SG * VECTORS;
            if (unit >= HIDDEN)
                break;
        }
        subgroupMemoryBarrierBuffer();
        s++;
        if (s >= p.n_steps + p.finish)
            break;
    }
}
