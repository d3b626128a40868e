#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_kv_base: gradients of keys and values, second of the two backward kernels.
//
//     dv_s = sum_t w_ts keep_ts g_t
//     dk_s = sum_t scale w_ts (g_t . v_s keep_ts - r_t) q_t
//
// with lse_t and r_t from attention_bwd_q. A workgroup has 32 keys of one key head and walks over
// the queries, 32 at a time, of every query head that shares it, in order: gradients of grouped
// heads are summed here and not by a further pass. Rows of a tile are keys, columns are queries.
// Source: Dao 2023, arXiv:2307.08691, Algorithm 2.
//
// @variants  T = f32 f16 bf16
// @groups    (batches * key heads * ceil(s / 32), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "attention.glsl"

const uint ROWS = 32;
const uint COLS = 32;
const uint SLICE = 16;  // of the head size, for the products that go along it
const uint LINE = SLICE + 1;
// What is summed over the other side goes through the slab in larger parts: fewer barriers, of which
// each costs Mesa 22.3 seconds of compiling.
const uint PART = D > 32 ? 64 : D > 16 ? 32 : 16;
const uint PARTS = (D + PART - 1) / PART;
const uint PART_LINE = PART + 1;
const uint TILE_LINE = COLS + 1;

layout(binding = 3) readonly buffer Q { T q[]; };
layout(binding = 4) readonly buffer K { T k[]; };
layout(binding = 5) readonly buffer V { T v[]; };
layout(binding = 6) readonly buffer G { T g[]; };
layout(binding = 7) readonly buffer Stats { float stats[]; };
layout(binding = 8) writeonly buffer Dk { T dk[]; };
layout(binding = 9) writeonly buffer Dv { T dv[]; };

shared float slab[4 * 32 * LINE];     // slices of k, v, q, g; then a part of g, a part of q
shared float tile[ROWS * TILE_LINE];  // kept weights, then ds
const uint K_SLICE = 0, V_SLICE = 32 * LINE, Q_SLICE = 64 * LINE, G_SLICE = 96 * LINE;

void load_keys(uint k_base, uint v_base, uint s0, uint keys, uint d0)
{
    [[unroll]] for (uint i = 0; i < ROWS * SLICE; i += 256) {
        uint e = i + gl_LocalInvocationID.x;
        uint row = e / SLICE, d = e % SLICE;
        float x = 0.0, y = 0.0;
        if (s0 + row < keys && d0 + d < D) {
            x = load(k[k_base + (s0 + row) * p.k_stride[2] + d0 + d]);
            y = load(v[v_base + (s0 + row) * p.v_stride[2] + d0 + d]);
        }
        slab[K_SLICE + row * LINE + d] = x;
        slab[V_SLICE + row * LINE + d] = y;
    }
}

void load_queries(uint q_base, uint g_base, uint t0, uint d0)
{
    [[unroll]] for (uint i = 0; i < COLS * SLICE; i += 256) {
        uint e = i + gl_LocalInvocationID.x;
        uint row = e / SLICE, d = e % SLICE;
        float x = 0.0, y = 0.0;
        if (t0 + row < p.t && d0 + d < D) {
            x = load(q[q_base + (t0 + row) * p.q_stride[2] + d0 + d]);
            y = load(g[g_base + (t0 + row) * p.g_stride[2] + d0 + d]);
        }
        slab[Q_SLICE + row * LINE + d] = x;
        slab[G_SLICE + row * LINE + d] = y;
    }
}

// Adds tile x rows of one part of buf to acc.
#define ADD_PARTS(acc, buf, base, stride)                                                           \
    [[unroll]] for (uint part = 0; part < PARTS; part++) {                                          \
        [[unroll]] for (uint i = 0; i < COLS * PART; i += 256) {                                    \
            uint e = i + gl_LocalInvocationID.x;                                                    \
            uint c = e / PART, d = part * PART + e % PART;                                          \
            float x = 0.0;                                                                          \
            if (t0 + c < p.t && d < D)                                                              \
                x = load(buf[base + (t0 + c) * stride + d]);                                        \
            if (e < COLS * PART)                                                                    \
                slab[c * PART_LINE + e % PART] = x;                                                 \
        }                                                                                           \
        barrier();                                                                                  \
        for (uint c = 0; c < COLS; c++)                                                             \
            [[unroll]] for (uint j = 0; j < PART / 16; j++)                                         \
                [[unroll]] for (uint i = 0; i < 2; i++)                                             \
                    acc[(part * (PART / 16) + j) * 2 + i] +=                                        \
                        tile[(row + i) * TILE_LINE + c] * slab[c * PART_LINE + col + j * 16];       \
        barrier();                                                                                  \
    }

void main()
{
    uint blocks = (p.s + ROWS - 1) / ROWS;
    uint group = lat_group();
    uint matrix = group / blocks;
    if (matrix >= p.n_batch * KEY_HEADS)
        return;  // uniform
    uint batch = matrix / KEY_HEADS;
    uint key_head = matrix % KEY_HEADS;
    uint s0 = group % blocks * ROWS;
    uint k_base = p.k_offset + batch * p.k_stride[0] + key_head * p.k_stride[1];
    uint v_base = p.v_offset + batch * p.v_stride[0] + key_head * p.v_stride[1];

    uint row = gl_LocalInvocationID.x / 16 * 2;
    uint col = gl_LocalInvocationID.x % 16;
    float acc_k[PARTS * PART / 8];
    float acc_v[PARTS * PART / 8];
    [[unroll]] for (uint i = 0; i < PARTS * PART / 8; i++) {
        acc_k[i] = 0.0;
        acc_v[i] = 0.0;
    }

    uint keys = keys_of(batch);
    uint end = s0 < keys ? query_end(min(s0 + ROWS, keys)) : 0;  // a block of padding only: zeros
    for (uint shared_by = 0; shared_by < SHARING; shared_by++) {
        uint head = key_head * SHARING + shared_by;
        uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
        uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];
        for (uint t0 = query_begin(s0) / COLS * COLS; t0 < end; t0 += COLS) {
            float score[4] = { 0.0, 0.0, 0.0, 0.0 };
            float gv[4] = { 0.0, 0.0, 0.0, 0.0 };
            for (uint d0 = 0; d0 < D; d0 += SLICE) {
                load_keys(k_base, v_base, s0, keys, d0);
                load_queries(q_base, g_base, t0, d0);
                barrier();
                for (uint d = 0; d < min(SLICE, D - d0); d++)
                    [[unroll]] for (uint i = 0; i < 4; i++) {
                        uint at_row = (row + i / 2) * LINE + d;
                        uint at_col = (col + i % 2 * 16) * LINE + d;
                        score[i] += slab[K_SLICE + at_row] * slab[Q_SLICE + at_col];
                        gv[i] += slab[V_SLICE + at_row] * slab[G_SLICE + at_col];
                    }
                barrier();
            }

            float ds[4];
            [[unroll]] for (uint i = 0; i < 4; i++) {
                uint s = s0 + row + i / 2;
                uint t = min(t0 + col + i % 2 * 16, p.t - 1);
                uint at = ((batch * HEADS + head) * p.t + t) * 2;
                float w = weight_of(score_of(score[i], batch, head, t, s, keys), stats[at]);
                if (t0 + col + i % 2 * 16 >= p.t)
                    w = 0.0;
                bool keep = kept(batch, head, t, s);
                ds[i] = p.scale * w * ((keep ? gv[i] * p.keep_factor : 0.0) - stats[at + 1]);
                tile[(row + i / 2) * TILE_LINE + col + i % 2 * 16] = keep ? w * p.keep_factor : 0.0;
            }
            ADD_PARTS(acc_v, g, g_base, p.g_stride[2])

            [[unroll]] for (uint i = 0; i < 4; i++)
                tile[(row + i / 2) * TILE_LINE + col + i % 2 * 16] = ds[i];
            ADD_PARTS(acc_k, q, q_base, p.q_stride[2])
        }
    }

    [[unroll]] for (uint i = 0; i < 2; i++) {
        uint s = s0 + row + i;
        if (s >= p.s)
            continue;
        uint at = row_at(batch, key_head, s, p.s, KEY_HEADS);
        [[unroll]] for (uint slice = 0; slice < PARTS * PART / 16; slice++) {
            uint d = slice * 16 + col;
            if (d < D) {
                dk[at + d] = store(acc_k[slice * 2 + i]);
                dv[at + d] = store(acc_v[slice * 2 + i]);
            }
        }
    }
}
