// SPDX-License-Identifier: MIT
//
// What all attention kernels share: the specialisation constants, bindings 0 to 2, where a row of a
// batch and head is, which keys a query sees, and which weights dropout keeps. The kernels' own
// tensors start at binding 3.
//
// out and the gradients are stored as [B, T, H, D], which is how the layers around attention hold
// their activations: the op hands them out as permuted views.
#ifndef LAT_ATTENTION_GLSL
#define LAT_ATTENTION_GLSL
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/rng.glsl"
#include "attention.abi.h"
#include "attention_masked.glsl"

layout(constant_id = 1) const uint OPTIONS = 0;
layout(constant_id = 2) const uint D = 16;       // head size
layout(constant_id = 3) const uint HEADS = 1;    // of queries
layout(constant_id = 4) const uint SHARING = 1;  // query heads that share a key head

const uint KEY_HEADS = HEADS / SHARING;

const bool HAS_MASK = (OPTIONS & LAT_ATTENTION_MASK) != 0;
const bool HAS_LENGTHS = (OPTIONS & LAT_ATTENTION_LENGTHS) != 0;
const bool CAUSAL = (OPTIONS & LAT_ATTENTION_CAUSAL) != 0;
const bool DROPOUT = (OPTIONS & LAT_ATTENTION_DROPOUT) != 0;

layout(binding = 0) readonly buffer Mask { float mask[]; };
layout(binding = 1) readonly buffer Lengths { int key_lengths[]; };
layout(binding = 2) readonly buffer Random { uint random_state[]; };

// First element of a row of out or of a gradient, with n rows and heads heads.
uint row_at(uint batch, uint head, uint row, uint n, uint heads)
{
    return ((batch * n + row) * heads + head) * D;
}

// Keys from here on are padding.
uint keys_of(uint batch)
{
    return HAS_LENGTHS ? min(uint(max(key_lengths[batch], 0)), p.s) : p.s;
}

// First key that queries before t_end do not see, with keys as the end otherwise.
uint causal_end(uint t_end, uint keys)
{
    return CAUSAL ? uint(clamp(int(t_end + p.s) - int(p.t), 0, int(keys))) : keys;
}

// First query that sees key s.
uint causal_begin(uint s)
{
    return CAUSAL ? uint(max(int(s + p.t) - int(p.s), 0)) : 0;
}

// The score of query t and key s after scale and mask; keys is keys_of(batch). t is below p.t; s may
// be past the end.
float score_of(float dot_qk, uint batch, uint head, uint t, uint s, uint keys)
{
    float v = dot_qk * p.scale;
    if (HAS_MASK)
        v += mask[p.mask_offset + batch * p.mask_stride[0] + head * p.mask_stride[1]
            + t * p.mask_stride[2] + min(s, p.s - 1)];
    bool hidden = s >= keys || (CAUSAL && s + p.t > t + p.s);
    // The comparison is false for NaN: a broken score stays visible.
    return hidden || v <= LAT_ATTENTION_MASKED ? LAT_ATTENTION_MASKED : v;
}

// exp(score - shift), 0 for masked keys.
float weight_of(float score, float shift)
{
    return score == LAT_ATTENTION_MASKED ? 0.0 : exp(score - shift);
}

// Four keys share a counter; the layout is the same on every device and in every strategy.
uvec4 drop_words(uint batch, uint head, uint t, uint s)
{
    uvec2 key = uvec2(random_state[0], random_state[1]);
    return lat_philox(key, uvec4(s / 4, t, (p.batch0 + batch) * HEADS + head, p.op));
}

// Whether dropout keeps the weight of query t and key s.
bool kept(uint batch, uint head, uint t, uint s)
{
    return !DROPOUT || drop_words(batch, head, t, s)[s % 4] >= p.drop_below;
}

#endif
