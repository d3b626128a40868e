#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// attention_mask: joins the kinds of mask that fused attention takes into one additive mask for the
// unfused form: the caller's mask, padding by key_lengths, the causal triangle, the window and the cost
// of distance. Masked elements become -inf, which softmax turns into exact zeros.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n / WG), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "attention_mask.abi.h"
#include "alibi.glsl"
#include "attention_masked.glsl"

layout(binding = 0) readonly buffer Added { float added[]; };
layout(binding = 1) readonly buffer Lengths { int key_lengths[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };

const uint MINUS_INFINITY = 0xff800000u;

void main()
{
    uint e = lat_thread();
    if (e >= p.n)
        return;
    uint key = e % p.n_keys;
    uint row = e / p.n_keys % p.n_rows;
    uint head = e / p.n_keys / p.n_rows % p.n_heads;
    uint batch = e / p.n_keys / p.n_rows / p.n_heads;

    float v = 0.0;
    if ((p.what & LAT_ATTENTION_MASK_ADDED) != 0)
        v = added[p.mask_offset + batch * p.mask_stride[0] + head * p.mask_stride[1]
            + row * p.mask_stride[2] + key];
    bool masked = v <= LAT_ATTENTION_MASKED;  // false for NaN
    if ((p.what & LAT_ATTENTION_MASK_HIDES) != 0)
        v = 0.0;
    int distance = int(row) + int(p.shift) - int(key);
    if ((p.what & LAT_ATTENTION_MASK_LENGTHS) != 0)
        masked = masked || int(key) >= key_lengths[batch];
    if ((p.what & LAT_ATTENTION_MASK_CAUSAL) != 0)
        masked = masked || distance < 0;
    if ((p.what & LAT_ATTENTION_MASK_WINDOW) != 0)
        masked = masked || abs(distance) >= int(p.window);
    if ((p.what & LAT_ATTENTION_MASK_ALIBI) != 0)
        v -= alibi_slope(head, p.n_heads) * float(abs(distance));
    y[e] = masked ? store(uintBitsToFloat(MINUS_INFINITY)) : store(v);
}
