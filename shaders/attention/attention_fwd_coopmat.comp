#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// SPDX-License-Identifier: MIT
//
// attention_fwd_coopmat: attention_fwd_base with matrix units. q stays in shared memory; k and then v of a
// block share a place. The method is in attention_fragments.glsl.
//
// @variants  T = f16 bf16
// @needs     coopmat
// @needs     bfloat16 for bf16
// @groups    (batches * heads * ceil(t / 32), 1, 1)

#define TILES 2
#define WEIGHTS 1
#include "attention_fragments.glsl"

const uint Q_TILE = 0, KV_TILE = TILE;

layout(binding = 6) writeonly buffer Out { T out_[]; };
layout(binding = 7) writeonly buffer Lse { float lse[]; };

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

    uint row = gl_LocalInvocationID.x % ROWS;
    uint first = gl_LocalInvocationID.x / ROWS * OWN;  // of this invocation's columns
    uint t = min(t0 + row, p.t - 1);  // rows past the end are not stored
    LatSum o[SUM];
    float m = LAT_ATTENTION_MASKED, l = 0.0;
    CLEAR_SUM(o)

    uint keys = keys_of(batch);
    uint end = key_end(min(t0 + ROWS, p.t), keys);
    LOAD_TILE(Q_TILE, q, q_cells, q_base, p.q_stride[2], t0, p.t)
    for (uint s0 = key_begin(t0) / COLS * COLS; s0 < end; s0 += COLS) {
        LOAD_TILE(KV_TILE, k, k_cells, k_base, p.k_stride[2], s0, keys)
        barrier();
        multiply_tiles(Q_TILE, KV_TILE);
        barrier();

        uint at = row * SCORE_LINE;
        for (uint c = first; c < first + OWN; c++)
            scores[at + c] = score_of(scores[at + c], batch, head, t, s0 + c, keys);
        LOAD_TILE(KV_TILE, v, v_cells, v_base, p.v_stride[2], s0, keys)
        barrier();

        float top = m;
        for (uint c = 0; c < COLS; c++)
            top = max(top, scores[at + c]);
        float shrink = exp(m - top);
        m = top;
        l *= shrink;
        if (first == 0)
            for (uint c = 0; c < FN; c++)
                shrinks[row * FN + c] = shrink;
        for (uint c = first; c < first + OWN; c++) {
            float w = weight_of(scores[at + c], top);
            l += w;
            w = kept(batch, head, t, s0 + c) ? w * WEIGHT_SCALE : 0.0;
            weights[row * WEIGHT_LINE + c] = lat_factor(w);
        }
        barrier();
        RESCALE_SUM(o)
        ADD_PRODUCT(o, 0, KV_TILE)
        barrier();
    }

    scores[row * SCORE_LINE + first] = l;
    barrier();
    l = 0.0;
    for (uint c = 0; c < COLS; c += OWN)
        l += scores[row * SCORE_LINE + c];
    if (first == 0) {
        // l is 0 when nothing is to be seen; NaN stays NaN.
        factors[row] = l == 0.0 ? 0.0 : p.keep_factor / WEIGHT_SCALE / l;
        if (t0 + row < p.t)
            lse[matrix * p.t + t] = l == 0.0 ? 0.0 : m + log(l);
    }
    barrier();
    STORE_SUM(out_, o, batch, head, t0, p.t, HEADS)
}
