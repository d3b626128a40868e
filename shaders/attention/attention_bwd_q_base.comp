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
layout(binding = 6) readonly buffer Out { T out_[]; };
layout(binding = 7) readonly buffer G { T g[]; };
layout(binding = 8) readonly buffer Lse { float lse[]; };
layout(binding = 9) writeonly buffer Dq { T dq[]; };
layout(binding = 10) writeonly buffer Stats { float stats[]; };  // [B, H, T, 2]

shared float slab[4 * 32 * LINE];     // slices of q, g, k, v; then a part of k
shared float tile[ROWS * TILE_LINE];  // ds
const uint Q_SLICE = 0, G_SLICE = 32 * LINE, K_SLICE = 64 * LINE, V_SLICE = 96 * LINE;

void load_queries(uint q_base, uint g_base, uint t0, uint d0)
{
    [[unroll]] for (uint i = 0; i < ROWS * SLICE; i += 256) {
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

void load_keys(uint k_base, uint v_base, uint s0, uint keys, uint d0)
{
    [[unroll]] for (uint i = 0; i < COLS * SLICE; i += 256) {
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

void load_part_of_keys(uint base, uint s0, uint keys, uint d0)
{
    [[unroll]] for (uint i = 0; i < COLS * PART; i += 256) {
        uint e = i + gl_LocalInvocationID.x;
        uint c = e / PART, d = d0 + e % PART;
        float x = 0.0;
        if (s0 + c < keys && d < D)
            x = load(k[base + (s0 + c) * p.k_stride[2] + d]);
        if (e < COLS * PART)
            slab[c * PART_LINE + e % PART] = x;
    }
}

// r of 32 rows, through the tile.
float[2] dots_with_out(uint g_base, uint batch, uint head, uint t0, uint row, uint col)
{
    [[unroll]] for (uint i = 0; i < 2; i++) {
        uint t = t0 + row + i;
        float sum = 0.0;
        if (t < p.t)
            for (uint d = col; d < D; d += 16)
                sum += load(g[g_base + t * p.g_stride[2] + d])
                    * load(out_[row_at(batch, head, t, p.t, HEADS) + d]);
        tile[(row + i) * TILE_LINE + col] = sum;
    }
    barrier();
    float r[2] = { 0.0, 0.0 };
    for (uint c = 0; c < 16; c++)
        [[unroll]] for (uint i = 0; i < 2; i++)
            r[i] += tile[(row + i) * TILE_LINE + c];
    barrier();
    return r;
}

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
        float score[4] = { 0.0, 0.0, 0.0, 0.0 };
        float gv[4] = { 0.0, 0.0, 0.0, 0.0 };
        for (uint d0 = 0; d0 < D; d0 += SLICE) {
            load_queries(q_base, g_base, t0, d0);
            load_keys(k_base, v_base, s0, keys, d0);
            barrier();
            for (uint d = 0; d < min(SLICE, D - d0); d++)
                [[unroll]] for (uint i = 0; i < 4; i++) {
                    uint at_row = (row + i / 2) * LINE + d;
                    uint at_col = (col + i % 2 * 16) * LINE + d;
                    score[i] += slab[Q_SLICE + at_row] * slab[K_SLICE + at_col];
                    gv[i] += slab[G_SLICE + at_row] * slab[V_SLICE + at_col];
                }
            barrier();
        }

        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint t = min(t0 + row + i / 2, p.t - 1);  // rows past the end are not stored
            uint s = s0 + col + i % 2 * 16;
            float w = weight_of(score_of(score[i], batch, head, t, s, keys), row_lse[i / 2]);
            float through = kept(batch, head, t, s) ? gv[i] * p.keep_factor : 0.0;
            tile[(row + i / 2) * TILE_LINE + col + i % 2 * 16] =
                p.scale * w * (through - r[i / 2]);
        }

        [[unroll]] for (uint part = 0; part < PARTS; part++) {
            load_part_of_keys(k_base, s0, keys, part * PART);
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
