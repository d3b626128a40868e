#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_q_base: gradient of the queries, first of the two backward kernels.
//
//     r_t  = sum_d g[t, d] out[t, d]
//     w_ts = exp(score_ts - lse_t)                     the weights, made again
//     ds   = scale w_ts (g_t . v_s keep_ts - r_t)      keep_ts: 0 or 1 / (1 - p) by dropout
//     dq_t = sum_s ds k_s
//
// Tiles as in attention_fwd_base, with slices of 16 because four operands are staged at once.
// (lse_t, r_t) is left in stats for the second kernel. Two kernels instead of one cost two more
// products and save every atomic: the result does not depend on the order of workgroups.
// Source: Dao 2023, arXiv:2307.08691, Algorithm 2.
//
// @variants  T = f32 f16 bf16
// @groups    (batches * heads * ceil(t / 32), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "attention_bwd_tiles.glsl"

layout(binding = 9) writeonly buffer Dq { T dq[]; };
layout(binding = 10) writeonly buffer Stats { float stats[]; };  // [B, H, T, 2]

void main()
{
    uint blocks = (p.t + ROWS - 1) / ROWS;
    uint group = lat_group();
    uint matrix = group / blocks;
    if (matrix >= p.n_batch * HEADS)
        return;  // uniform
    uint batch = matrix / HEADS;
    uint head = matrix % HEADS;
    uint t0 = group % blocks * ROWS;
    uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
    uint k_base = p.k_offset + batch * p.k_stride[0] + head / SHARING * p.k_stride[1];
    uint v_base = p.v_offset + batch * p.v_stride[0] + head / SHARING * p.v_stride[1];
    uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];

    uint row = gl_LocalInvocationID.x / 16 * 2;
    uint col = gl_LocalInvocationID.x % 16;
    float r[2] = dots_with_out(g_base, batch, head, t0, row, col);
    float row_lse[2];
    [[unroll]] for (uint i = 0; i < 2; i++)
        row_lse[i] = lse[matrix * p.t + min(t0 + row + i, p.t - 1)];
    float acc[PARTS * PART / 8];
    [[unroll]] for (uint i = 0; i < PARTS * PART / 8; i++)
        acc[i] = 0.0;

    uint keys = keys_of(batch);
    uint end = key_end(min(t0 + ROWS, p.t), keys);
    for (uint s0 = key_begin(t0) / COLS * COLS; s0 < end; s0 += COLS) {
        float score[4], gv[4];
        multiply_slices(q_base, g_base, t0, k_base, v_base, s0, keys, score, gv);
        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint t = min(t0 + row + i / 2, p.t - 1);  // rows past the end are not stored
            uint s = s0 + col + i % 2 * 16;
            float w = weight_of(score_of(score[i], batch, head, t, s, keys), row_lse[i / 2]);
            float through = kept(batch, head, t, s) ? gv[i] * p.keep_factor : 0.0;
            tile[(row + i / 2) * TILE_LINE + col + i % 2 * 16] =
                p.scale * w * (through - r[i / 2]);
        }

        [[unroll]] for (uint part = 0; part < PARTS; part++) {
            LOAD_PART(k, k_base, p.k_stride[2], s0, keys, part * PART)
            barrier();
            for (uint c = 0; c < COLS; c++)
                [[unroll]] for (uint j = 0; j < PART / 16; j++)
                    [[unroll]] for (uint i = 0; i < 2; i++)
                        acc[(part * (PART / 16) + j) * 2 + i] +=
                            tile[(row + i) * TILE_LINE + c] * slab[c * PART_LINE + col + j * 16];
            barrier();
        }
    }

    [[unroll]] for (uint i = 0; i < 2; i++) {
        uint t = t0 + row + i;
        if (t >= p.t)
            continue;
        [[unroll]] for (uint slice = 0; slice < PARTS * PART / 16; slice++) {
            uint d = slice * 16 + col;
            if (d < D)
                dq[row_at(batch, head, t, p.t, HEADS) + d] = store(acc[slice * 2 + i]);
        }
        if (col == 0) {
            stats[(matrix * p.t + t) * 2] = row_lse[i];
            stats[(matrix * p.t + t) * 2 + 1] = r[i];
        }
    }
}
