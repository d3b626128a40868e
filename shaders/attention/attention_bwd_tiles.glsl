// SPDX-License-Identifier: MIT
//
// What attention_bwd_q_base and attention_bwd_short_base share: 32 queries against 32 keys through shared memory.
// An invocation has two rows of queries, row and the one below, and two keys, col and col + 16.
#ifndef LAT_ATTENTION_BWD_TILES_GLSL
#define LAT_ATTENTION_BWD_TILES_GLSL

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
shared float slab[4 * 32 * LINE];  // slices of q, g, k, v; then a part of a tensor
shared float tile[ROWS * TILE_LINE];
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

// Scores of q and k and products of g and v: of row with col and col + 16, then of the row below.
void multiply_slices(uint q_base, uint g_base, uint t0, uint k_base, uint v_base, uint s0, uint keys,
    out float score[4], out float gv[4])
{
    uint row = gl_LocalInvocationID.x / 16 * 2;
    uint col = gl_LocalInvocationID.x % 16;
    [[unroll]] for (uint i = 0; i < 4; i++)
        score[i] = gv[i] = 0.0;
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
}

// Rows first .. below n of a tensor to the slab, PART of the head size from d0 on.
#define LOAD_PART(name, base, stride, first, n, d0)                                          \
    [[unroll]] for (uint i = 0; i < 32 * PART; i += 256) {                                   \
        uint e = i + gl_LocalInvocationID.x;                                                 \
        uint c = e / PART, d = (d0) + e % PART;                                              \
        float x = 0.0;                                                                       \
        if ((first) + c < (n) && d < D)                                                      \
            x = load(name[(base) + ((first) + c) * (stride) + d]);                           \
        if (e < 32 * PART)                                                                   \
            slab[c * PART_LINE + e % PART] = x;                                              \
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

#endif
