#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_short_base: all three gradients of few keys, in one kernel.
//
// A workgroup has all keys of one key head, at most 64 with a head size of at most 64: their gradients fit its
// registers. It walks over the queries of the heads that share them, 32 at a time, whose gradients are complete
// after each block. So scores and products of g and v are made once, where attention_bwd_q_base and
// attention_bwd_kv_base make them twice: five products for seven, and still no sum whose order is open.
//
// @variants  T = f32 f16 bf16
// @groups    (batches * key heads, 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 8) const uint KEY_BLOCKS = 2;  // of 32 keys

#include "attention_bwd_tiles.glsl"

layout(binding = 9) writeonly buffer Dq { T dq[]; };
layout(binding = 10) writeonly buffer Dk { T dk[]; };
layout(binding = 11) writeonly buffer Dv { T dv[]; };

const uint EACH = PART / 8;  // elements of 32 rows that an invocation has

// acc[from ..] += the tile, where acc's rows are its columns, times the slab
#define ADD_ACROSS(acc, from)                                                                \
    for (uint c = 0; c < 32; c++)                                                            \
        [[unroll]] for (uint e = 0; e < EACH; e++)                                           \
            acc[(from) + e] +=                                                               \
                tile[c * TILE_LINE + row + e % 2] * slab[c * PART_LINE + col + e / 2 * 16];

// Rows first .. below n of a gradient.
#define STORE_ROWS(to, acc, from, head_of, first, n, heads)                                  \
    [[unroll]] for (uint e = 0; e < EACH; e++) {                                             \
        uint line = (first) + row + e % 2, d = col + e / 2 * 16;                             \
        if (line < (n) && d < D)                                                             \
            to[row_at(batch, head_of, line, n, heads) + d] = store(acc[(from) + e]);         \
    }

void main()
{
    uint matrix = lat_group();
    if (matrix >= p.n_batch * KEY_HEADS)
        return;  // uniform
    uint batch = matrix / KEY_HEADS;
    uint key_head = matrix % KEY_HEADS;
    uint k_base = p.k_offset + batch * p.k_stride[0] + key_head * p.k_stride[1];
    uint v_base = p.v_offset + batch * p.v_stride[0] + key_head * p.v_stride[1];
    uint keys = keys_of(batch);

    uint row = gl_LocalInvocationID.x / 16 * 2;
    uint col = gl_LocalInvocationID.x % 16;
    float acc_k[KEY_BLOCKS * EACH], acc_v[KEY_BLOCKS * EACH];
    [[unroll]] for (uint e = 0; e < KEY_BLOCKS * EACH; e++)
        acc_k[e] = acc_v[e] = 0.0;

    for (uint shared_by = 0; shared_by < SHARING; shared_by++) {
        uint head = key_head * SHARING + shared_by;
        uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
        uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];
        for (uint t0 = 0; t0 < p.t; t0 += ROWS) {
            uint begin = key_begin(t0), end = key_end(min(t0 + ROWS, p.t), keys);
            float r[2] = dots_with_out(g_base, batch, head, t0, row, col);
            float row_lse[2];
            [[unroll]] for (uint i = 0; i < 2; i++)
                row_lse[i] = lse[(batch * HEADS + head) * p.t + min(t0 + row + i, p.t - 1)];
            float acc_q[EACH];
            [[unroll]] for (uint e = 0; e < EACH; e++)
                acc_q[e] = 0.0;

            [[unroll]] for (uint block = 0; block < KEY_BLOCKS; block++) {
                uint s0 = block * COLS;
                if (s0 >= end || s0 + COLS <= begin)
                    continue;  // uniform
                float score[4], gv[4], ds[4];
                multiply_slices(q_base, g_base, t0, k_base, v_base, s0, keys, score, gv);
                [[unroll]] for (uint i = 0; i < 4; i++) {
                    // Past the end q and g are zeros, and a weight may be infinite.
                    uint t = min(t0 + row + i / 2, p.t - 1);
                    uint s = s0 + col + i % 2 * 16;
                    bool past = t0 + row + i / 2 >= p.t, keep = kept(batch, head, t, s);
                    float w = weight_of(score_of(score[i], batch, head, t, s, keys), row_lse[i / 2]);
                    float through = keep ? gv[i] * p.keep_factor : 0.0;
                    ds[i] = past ? 0.0 : p.scale * w * (through - r[i / 2]);
                    tile[(row + i / 2) * TILE_LINE + col + i % 2 * 16] =
                        keep && !past ? w * p.keep_factor : 0.0;
                }
                LOAD_PART(g, g_base, p.g_stride[2], t0, p.t, 0)
                barrier();
                ADD_ACROSS(acc_v, block * EACH)
                barrier();

                [[unroll]] for (uint i = 0; i < 4; i++)
                    tile[(row + i / 2) * TILE_LINE + col + i % 2 * 16] = ds[i];
                LOAD_PART(q, q_base, p.q_stride[2], t0, p.t, 0)
                barrier();
                ADD_ACROSS(acc_k, block * EACH)
                barrier();

                LOAD_PART(k, k_base, p.k_stride[2], s0, keys, 0)
                barrier();
                for (uint c = 0; c < 32; c++)
                    [[unroll]] for (uint e = 0; e < EACH; e++)
                        acc_q[e] += tile[(row + e % 2) * TILE_LINE + c]
                            * slab[c * PART_LINE + col + e / 2 * 16];
                barrier();
            }
            STORE_ROWS(dq, acc_q, 0, head, t0, p.t, HEADS)
        }
    }

    [[unroll]] for (uint block = 0; block < KEY_BLOCKS; block++) {
        STORE_ROWS(dk, acc_k, block * EACH, key_head, block * COLS, p.s, KEY_HEADS)
        STORE_ROWS(dv, acc_v, block * EACH, key_head, block * COLS, p.s, KEY_HEADS)
    }
}
