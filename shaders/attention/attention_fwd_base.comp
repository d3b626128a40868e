#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_fwd_base: out = softmax(scale q k^T + mask) v, and the log of each row's sum of
// exponentials, which is all that backward needs to make the weights again.
//
// A workgroup has 32 queries of one head and walks over the keys 32 at a time. Scores of a block
// are made from slices of 32 elements of the head size, so any head size fits 16 KiB of shared
// memory. The softmax is online: m is the running maximum of a row, l the sum of exp(score - m),
// and both l and o are rescaled when m grows.
//     m' = max(m, s)
//     l' = l exp(m - m') + sum exp(s - m')
//     o' = o exp(m - m') + exp(s - m') v
// An invocation has 2 rows and every 16th column of each tile. All 16 of a row find its maximum
// and sum by themselves, in the same order: cheaper than barriers.
// Source: Dao 2023, "FlashAttention-2", arXiv:2307.08691, Algorithm 1.
//
// @variants  T = f32 f16 bf16
// @groups    (batches * heads * ceil(t / 32), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "attention.glsl"

const uint ROWS = 32;   // queries of a block
const uint COLS = 32;   // keys of a block
const uint SLICE = 32;  // elements of the head size at a time
const uint SLICES = (D + SLICE - 1) / SLICE;
const uint LINE = SLICE + 1;  // one element of padding against bank conflicts

layout(binding = 3) readonly buffer Q { T q[]; };
layout(binding = 4) readonly buffer K { T k[]; };
layout(binding = 5) readonly buffer V { T v[]; };
layout(binding = 6) writeonly buffer Out { T out_[]; };
layout(binding = 7) writeonly buffer Lse { float lse[]; };

shared float q_slice[ROWS * LINE];
shared float kv_slice[COLS * LINE];
shared float tile[ROWS * LINE];  // scores, then weights; negative = dropped

void load_q(uint base, uint t0, uint d0)
{
    [[unroll]] for (uint i = 0; i < ROWS * SLICE; i += 256) {
        uint e = i + gl_LocalInvocationID.x;
        uint row = e / SLICE, d = e % SLICE;
        float x = 0.0;
        if (t0 + row < p.t && d0 + d < D)
            x = load(q[base + (t0 + row) * p.q_stride[2] + d0 + d]);
        q_slice[row * LINE + d] = x;
    }
}

void load_k(uint base, uint s0, uint keys, uint d0)
{
    [[unroll]] for (uint i = 0; i < COLS * SLICE; i += 256) {
        uint e = i + gl_LocalInvocationID.x;
        uint row = e / SLICE, d = e % SLICE;
        float x = 0.0;
        if (s0 + row < keys && d0 + d < D)
            x = load(k[base + (s0 + row) * p.k_stride[2] + d0 + d]);
        kv_slice[row * LINE + d] = x;
    }
}

void load_v(uint base, uint s0, uint keys, uint d0)
{
    [[unroll]] for (uint i = 0; i < COLS * SLICE; i += 256) {
        uint e = i + gl_LocalInvocationID.x;
        uint row = e / SLICE, d = e % SLICE;
        float x = 0.0;
        if (s0 + row < keys && d0 + d < D)
            x = load(v[base + (s0 + row) * p.v_stride[2] + d0 + d]);
        kv_slice[row * LINE + d] = x;
    }
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

    uint row = gl_LocalInvocationID.x / 16 * 2;
    uint col = gl_LocalInvocationID.x % 16;
    float o[SLICES * 4];
    [[unroll]] for (uint i = 0; i < SLICES * 4; i++)
        o[i] = 0.0;
    float m[2] = { LAT_ATTENTION_MASKED, LAT_ATTENTION_MASKED };
    float l[2] = { 0.0, 0.0 };

    uint keys = keys_of(batch);
    uint end = key_end(min(t0 + ROWS, p.t), keys);
    for (uint s0 = key_begin(t0) / COLS * COLS; s0 < end; s0 += COLS) {
        float score[4] = { 0.0, 0.0, 0.0, 0.0 };
        for (uint d0 = 0; d0 < D; d0 += SLICE) {
            load_q(q_base, t0, d0);
            load_k(k_base, s0, keys, d0);
            barrier();
            for (uint d = 0; d < min(SLICE, D - d0); d++)
                [[unroll]] for (uint i = 0; i < 4; i++)
                    score[i] += q_slice[(row + i / 2) * LINE + d]
                        * kv_slice[(col + i % 2 * 16) * LINE + d];
            barrier();
        }

        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint t = min(t0 + row + i / 2, p.t - 1);  // rows past the end are not stored
            score[i] = score_of(score[i], batch, head, t, s0 + col + i % 2 * 16, keys);
            tile[(row + i / 2) * LINE + col + i % 2 * 16] = score[i];
        }
        barrier();
        float shrink[2];
        [[unroll]] for (uint i = 0; i < 2; i++) {
            float top = m[i];
            for (uint c = 0; c < COLS; c++)
                top = max(top, tile[(row + i) * LINE + c]);
            shrink[i] = exp(m[i] - top);
            m[i] = top;
            l[i] *= shrink[i];
        }
        barrier();
        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint s = s0 + col + i % 2 * 16;
            float w = weight_of(score[i], m[i / 2]);
            tile[(row + i / 2) * LINE + col + i % 2 * 16] =
                kept(batch, head, t0 + row + i / 2, s) ? w : -w;
        }

        [[unroll]] for (uint slice = 0; slice < SLICES; slice++) {
            load_v(v_base, s0, keys, slice * SLICE);
            barrier();
            float sum[4] = { 0.0, 0.0, 0.0, 0.0 };
            for (uint c = 0; c < COLS; c++)
                [[unroll]] for (uint i = 0; i < 4; i++) {
                    float w = tile[(row + i / 2) * LINE + c];
                    if (slice == 0 && i % 2 == 0)
                        l[i / 2] += abs(w);
                    sum[i] += max(w, 0.0) * kv_slice[c * LINE + col + i % 2 * 16];
                }
            [[unroll]] for (uint i = 0; i < 4; i++)
                o[slice * 4 + i] = o[slice * 4 + i] * shrink[i / 2] + sum[i];
            barrier();
        }
    }

    [[unroll]] for (uint i = 0; i < 2; i++) {
        uint t = t0 + row + i;
        if (t >= p.t)
            continue;
        // l is 0 when nothing is to be seen; NaN stays NaN.
        float factor = l[i] == 0.0 ? 0.0 : p.keep_factor / l[i];
        uint at = row_at(batch, head, t, p.t, HEADS);
        [[unroll]] for (uint j = 0; j < SLICES * 2; j++) {
            uint d = col + j * 16;
            if (d < D)
                out_[at + d] = store(o[j / 2 * 4 + i * 2 + j % 2] * factor);
        }
        if (col == 0)
            lse[matrix * p.t + t] = l[i] == 0.0 ? 0.0 : m[i] + log(l[i]);
    }
}
