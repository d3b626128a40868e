#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_kv_coopmat: attention_bwd_kv_base with matrix units. Rows are keys, columns queries: k and v
// stay in shared memory; q, g and q again share a place. The method is in attention_fragments.glsl.
//
// @variants  T = f16 bf16
// @needs     coopmat
// @needs     bfloat16 for bf16
// @groups    (batches * key heads * ceil(s / 32), 1, 1)

#define TILES 3
#define WEIGHTS 2
#include "attention_fragments.glsl"

const uint K_TILE = 0, V_TILE = TILE, QG_TILE = 2 * TILE;
const uint KEPT = 0, DS = WEIGHT_TILE;  // in weights

layout(binding = 6) readonly buffer G { LatCell g[]; };
layout(binding = 6) readonly buffer GCells { LatCells g_cells[]; };
layout(binding = 7) readonly buffer Stats { float stats[]; };
layout(binding = 8) writeonly buffer Dk { T dk[]; };
layout(binding = 9) writeonly buffer Dv { T dv[]; };

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

    uint row = gl_LocalInvocationID.x % ROWS;
    uint first = gl_LocalInvocationID.x / ROWS * OWN;  // of this invocation's columns
    uint s = s0 + row;
    uint at = row * SCORE_LINE;
    uint exponent = LEAST_EXPONENT;
    LatSum sum_k[SUM], sum_v[SUM];
    CLEAR_SUM(sum_k)
    CLEAR_SUM(sum_v)

    uint keys = keys_of(batch);
    uint end = s0 < keys ? query_end(min(s0 + ROWS, keys)) : 0;  // a block of padding only: zeros
    LOAD_TILE(K_TILE, k, k_cells, k_base, p.k_stride[2], s0, keys)
    LOAD_TILE(V_TILE, v, v_cells, v_base, p.v_stride[2], s0, keys)
    for (uint shared_by = 0; shared_by < SHARING; shared_by++) {
        uint head = key_head * SHARING + shared_by;
        uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
        uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];
        uint row_stats = (batch * HEADS + head) * p.t;
        for (uint t0 = query_begin(s0) / COLS * COLS; t0 < end; t0 += COLS) {
            LOAD_TILE(QG_TILE, q, q_cells, q_base, p.q_stride[2], t0, p.t)
            barrier();
            multiply_tiles(K_TILE, QG_TILE);
            barrier();

            float ds[OWN];  // weights first
            [[unroll]] for (uint c = 0; c < OWN; c++) {
                uint t = min(t0 + first + c, p.t - 1);
                float w = weight_of(score_of(scores[at + first + c], batch, head, t, s, keys),
                    stats[(row_stats + t) * 2]);
                ds[c] = t0 + first + c < p.t ? w : 0.0;
            }
            LOAD_TILE(QG_TILE, g, g_cells, g_base, p.g_stride[2], t0, p.t)
            barrier();
            multiply_tiles(V_TILE, QG_TILE);
            barrier();

            uint larger = exponent;
            [[unroll]] for (uint c = 0; c < OWN; c++) {
                uint t = min(t0 + first + c, p.t - 1);
                bool keep = kept(batch, head, t, s);
                weights[KEPT + row * WEIGHT_LINE + first + c] =
                    lat_factor(keep ? ds[c] * WEIGHT_SCALE : 0.0);
                float through = keep ? scores[at + first + c] * p.keep_factor : 0.0;
                ds[c] = p.scale * ds[c] * (through - stats[(row_stats + t) * 2 + 1]);
                larger = max(larger, exponent_of(ds[c]));
            }
            scores[at + first] = float(larger);
            barrier();

            for (uint c = 0; c < COLS; c += OWN)
                larger = max(larger, uint(scores[at + c]));
            if (first == 0)
                for (uint c = 0; c < FN; c++)
                    shrinks[row * FN + c] = shrink_of(exponent, larger);
            exponent = larger;
            [[unroll]] for (uint c = 0; c < OWN; c++)
                weights[DS + row * WEIGHT_LINE + first + c] =
                    lat_factor(ds[c] * factor_of(exponent));
            ADD_PRODUCT(sum_v, KEPT, QG_TILE)
            barrier();
            LOAD_TILE(QG_TILE, q, q_cells, q_base, p.q_stride[2], t0, p.t)
            RESCALE_SUM(sum_k)
            barrier();
            ADD_PRODUCT(sum_k, DS, QG_TILE)
            barrier();
        }
    }

    if (first == 0)
        factors[row] = p.keep_factor / WEIGHT_SCALE;
    barrier();
    STORE_SUM(dv, sum_v, batch, key_head, s0, p.s, KEY_HEADS)
    barrier();
    if (first == 0)
        factors[row] = 1.0 / factor_of(exponent);
    barrier();
    STORE_SUM(dk, sum_k, batch, key_head, s0, p.s, KEY_HEADS)
}
