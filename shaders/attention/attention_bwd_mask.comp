#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_mask: gradient of the additive mask, where one is asked for (a learnt bias of
// positions).
//
//     dmask_ts = sum w_ts (g_t . v_s keep_ts - r_t)      over what the mask is broadcast to
//
// with lse_t and r_t from attention_bwd_q. An invocation has one key and ROWS queries, and walks over
// the batches and heads that share this part of the mask (over all queries, where those share it), so
// the [B, H, T, S] gradients of the scores are never stored and the sum has one order. The rows of q
// and g are the same for the whole workgroup.
// Source: Dao 2023, arXiv:2307.08691, Algorithm 2, the gradient of the scores.
//
// @variants  T = f32 f16 bf16
// @groups    (mask batches * mask heads * row blocks * ceil(s / WG), 1, 1)

layout(local_size_x = 64, local_size_x_id = 0) in;

#include "attention.glsl"

layout(constant_id = 8) const uint SHARED_BY = 0;  // bits: the mask is one for all batches, heads, queries

const bool ADDS = (OPTIONS & LAT_ATTENTION_ADD) != 0;
const uint ROWS = 8;
// Of the head size, in registers: AMD's compiler spills the rows of q and g with 8, or where it unrolls the
// loop over slices.
const uint SLICE = 4;

layout(binding = 3) readonly buffer Q { T q[]; };
layout(binding = 4) readonly buffer K { T k[]; };
layout(binding = 5) readonly buffer V { T v[]; };
layout(binding = 6) readonly buffer G { T g[]; };
layout(binding = 7) readonly buffer Stats { float stats[]; };
layout(binding = 8) buffer Dmask { float dmask[]; };

float sum[ROWS];

// Adds the gradients of the scores of queries t0 .. t0 + ROWS - 1 to sum.
void add_rows(uint batch, uint head, uint t0, uint s, uint keys)
{
    uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
    uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];
    uint k_at = p.k_offset + batch * p.k_stride[0] + head / SHARING * p.k_stride[1] + s * p.k_stride[2];
    uint v_at = p.v_offset + batch * p.v_stride[0] + head / SHARING * p.v_stride[1] + s * p.v_stride[2];
    float score[ROWS];
    float gv[ROWS];
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        score[i] = 0.0;
        gv[i] = 0.0;
    }
    [[dont_unroll]] for (uint d0 = 0; d0 < D; d0 += SLICE) {
        float own_k[SLICE];
        float own_v[SLICE];
        [[unroll]] for (uint d = 0; d < SLICE; d++) {
            own_k[d] = d0 + d < D ? load(k[k_at + min(d0 + d, D - 1)]) : 0.0;
            own_v[d] = d0 + d < D ? load(v[v_at + min(d0 + d, D - 1)]) : 0.0;
        }
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            uint t = min(t0 + i, p.t - 1);
            [[unroll]] for (uint d = 0; d < SLICE; d++) {
                if (d0 + d >= D)
                    break;
                score[i] = fma(load(q[q_base + t * p.q_stride[2] + d0 + d]), own_k[d], score[i]);
                gv[i] = fma(load(g[g_base + t * p.g_stride[2] + d0 + d]), own_v[d], gv[i]);
            }
        }
    }
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        uint t = min(t0 + i, p.t - 1);
        uint at = ((batch * HEADS + head) * p.t + t) * 2;
        float w = weight_of(score_of(score[i], batch, head, t, s, keys), stats[at]);
        float through = kept(batch, head, t, s) ? gv[i] * p.keep_factor : 0.0;
        // A key that is not seen gives nothing, whatever its values are.
        if (t0 + i < p.t && w != 0.0)
            sum[i] += w * (through - stats[at + 1]);
    }
}

void main()
{
    bool one_batch = (SHARED_BY & 1u) != 0, one_head = (SHARED_BY & 2u) != 0;
    bool one_row = (SHARED_BY & 4u) != 0;
    uint mask_heads = one_head ? 1 : HEADS;
    uint blocks = one_row ? 1 : (p.t + ROWS - 1) / ROWS;
    uint key_groups = (p.s + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
    uint group = lat_group();
    uint matrix = group / key_groups / blocks;
    if (matrix >= (one_batch ? 1 : p.n_batch) * mask_heads)
        return;
    uint s = group % key_groups * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (s >= p.s)
        return;
    uint batch0 = matrix / mask_heads, head0 = matrix % mask_heads;
    uint t0 = group / key_groups % blocks * ROWS;

    [[unroll]] for (uint i = 0; i < ROWS; i++)
        sum[i] = 0.0;
    for (uint batch = batch0; batch < (one_batch ? p.n_batch : batch0 + 1); batch++) {
        uint keys = keys_of(batch);
        for (uint head = head0; head < (one_head ? HEADS : head0 + 1); head++)
            for (uint t = t0; t < (one_row ? p.t : min(t0 + ROWS, p.t)); t += ROWS)
                add_rows(batch, head, t, s, keys);
    }

    if (one_row) {
        float all = 0.0;
        [[unroll]] for (uint i = 0; i < ROWS; i++)
            all += sum[i];
        uint at = matrix * p.s + s;
        dmask[at] = ADDS ? dmask[at] + all : all;
        return;
    }
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        if (t0 + i < p.t) {
            uint at = (matrix * p.t + t0 + i) * p.s + s;
            dmask[at] = ADDS ? dmask[at] + sum[i] : sum[i];
        }
    }
}
