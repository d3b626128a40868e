#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_q_coopmat: attention_bwd_q_base with matrix units. q and g stay in shared memory; k, v and k
// again share a place. The method is in attention_fragments.glsl.
//
// @variants  T = f16 bf16
// @needs     coopmat
// @needs     bfloat16 for bf16
// @groups    (batches * heads * ceil(t / 32), 1, 1)

#define TILES 3
#define WEIGHTS 1
#include "attention_fragments.glsl"

const uint Q_TILE = 0, G_TILE = TILE, KV_TILE = 2 * TILE;

layout(binding = 6) readonly buffer Out { T out_[]; };
layout(binding = 7) readonly buffer G { LatCell g[]; };
layout(binding = 7) readonly buffer GCells { LatCells g_cells[]; };
layout(binding = 8) readonly buffer Lse { float lse[]; };
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

    uint row = gl_LocalInvocationID.x % ROWS;
    uint part = gl_LocalInvocationID.x / ROWS;
    uint first = part * OWN;  // of this invocation's columns
    uint t = min(t0 + row, p.t - 1);  // rows past the end are not stored
    uint at = row * SCORE_LINE;
    LatSum sum[SUM];
    CLEAR_SUM(sum)

    float r = 0.0;
    for (uint d = part; d < D; d += PARTS)
        r = fma(from_cell(g[g_base + t * p.g_stride[2] + d]),
            load(out_[row_at(batch, head, t, p.t, HEADS) + d]), r);
    scores[at + first] = r;
    LOAD_TILE(Q_TILE, q, q_cells, q_base, p.q_stride[2], t0, p.t)
    LOAD_TILE(G_TILE, g, g_cells, g_base, p.g_stride[2], t0, p.t)
    barrier();
    r = 0.0;
    for (uint c = 0; c < COLS; c += OWN)
        r += scores[at + c];
    float row_lse = lse[matrix * p.t + t];
    uint exponent = LEAST_EXPONENT;

    uint keys = keys_of(batch);
    uint end = key_end(min(t0 + ROWS, p.t), keys);
    for (uint s0 = key_begin(t0) / COLS * COLS; s0 < end; s0 += COLS) {
        LOAD_TILE(KV_TILE, k, k_cells, k_base, p.k_stride[2], s0, keys)
        barrier();
        multiply_tiles(Q_TILE, KV_TILE);
        barrier();

        float ds[OWN];  // weights first
        [[unroll]] for (uint c = 0; c < OWN; c++)
            ds[c] = weight_of(
                score_of(scores[at + first + c], batch, head, t, s0 + first + c, keys), row_lse);
        LOAD_TILE(KV_TILE, v, v_cells, v_base, p.v_stride[2], s0, keys)
        barrier();
        multiply_tiles(G_TILE, KV_TILE);
        barrier();

        uint larger = exponent;
        [[unroll]] for (uint c = 0; c < OWN; c++) {
            bool keep = kept(batch, head, t, s0 + first + c);
            float through = keep ? scores[at + first + c] * p.keep_factor : 0.0;
            ds[c] = p.scale * ds[c] * (through - r);
            larger = max(larger, exponent_of(ds[c]));
        }
        scores[at + first] = float(larger);
        LOAD_TILE(KV_TILE, k, k_cells, k_base, p.k_stride[2], s0, keys)
        barrier();

        for (uint c = 0; c < COLS; c += OWN)
            larger = max(larger, uint(scores[at + c]));
        if (first == 0)
            for (uint c = 0; c < FN; c++)
                shrinks[row * FN + c] = shrink_of(exponent, larger);
        exponent = larger;
        [[unroll]] for (uint c = 0; c < OWN; c++)
            weights[row * WEIGHT_LINE + first + c] = lat_factor(ds[c] * factor_of(exponent));
        barrier();
        RESCALE_SUM(sum)
        ADD_PRODUCT(sum, 0, KV_TILE)
        barrier();
    }

    if (first == 0) {
        factors[row] = 1.0 / factor_of(exponent);
        if (t0 + row < p.t) {
            stats[(matrix * p.t + t) * 2] = row_lse;
            stats[(matrix * p.t + t) * 2 + 1] = r;
        }
    }
    barrier();
    STORE_SUM(dq, sum, batch, head, t0, p.t, HEADS)
}
