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
#include "alibi.glsl"
#include "attention_masked.glsl"

layout(constant_id = 1) const uint OPTIONS = 0;
layout(constant_id = 2) const uint D = 16;       // head size
layout(constant_id = 3) const uint HEADS = 1;    // of queries
layout(constant_id = 4) const uint SHARING = 1;  // query heads that share a key head
layout(constant_id = 7) const uint WINDOW = 0;   // how near a key must be to be seen; 0 = any

const uint KEY_HEADS = HEADS / SHARING;

const bool HAS_MASK = (OPTIONS & LAT_ATTENTION_MASK) != 0;
const bool HAS_LENGTHS = (OPTIONS & LAT_ATTENTION_LENGTHS) != 0;
const bool CAUSAL = (OPTIONS & LAT_ATTENTION_CAUSAL) != 0;
const bool DROPOUT = (OPTIONS & LAT_ATTENTION_DROPOUT) != 0;
const bool ALIBI = (OPTIONS & LAT_ATTENTION_ALIBI) != 0;

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

// Which key query t stands at: the last query at the last key.
int place_of(uint t)
{
    return int(t + p.s) - int(p.t);
}

// The keys that queries t_begin .. t_end - 1 see lie in key_begin(t_begin) .. key_end(t_end) - 1.
uint key_begin(uint t_begin)
{
    return WINDOW > 0 ? uint(clamp(place_of(t_begin) - int(WINDOW) + 1, 0, int(p.s))) : 0;
}

uint key_end(uint t_end, uint keys)
{
    if (!CAUSAL && WINDOW == 0)
        return keys;
    return uint(clamp(place_of(t_end) + (CAUSAL ? 0 : int(WINDOW) - 1), 0, int(keys)));
}

// The queries that see any of the keys s_begin .. s_end - 1 lie between these.
uint query_begin(uint s_begin)
{
    if (!CAUSAL && WINDOW == 0)
        return 0;
    int t = int(s_begin + p.t) - int(p.s) - (CAUSAL ? 0 : int(WINDOW) - 1);
    return uint(clamp(t, 0, int(p.t)));
}

uint query_end(uint s_end)
{
    if (WINDOW == 0)
        return p.t;
    return uint(clamp(int(s_end + p.t) - int(p.s) + int(WINDOW) - 1, 0, int(p.t)));
}

// Whether query t does not see key s; keys is keys_of(batch).
bool is_hidden(uint t, uint s, uint keys)
{
    int distance = place_of(t) - int(s);
    return s >= keys || (CAUSAL && distance < 0) || (WINDOW > 0 && abs(distance) >= int(WINDOW));
}

// The score of query t and key s after scale and mask; keys is keys_of(batch). t is below p.t; s may
// be past the end.
float score_of(float dot_qk, uint batch, uint head, uint t, uint s, uint keys)
{
    float v = dot_qk * p.scale;
    if (HAS_MASK)
        v += mask[p.mask_offset + batch * p.mask_stride[0] + head * p.mask_stride[1]
            + t * p.mask_stride[2] + min(s, p.s - 1)];
    if (ALIBI)
        v -= alibi_slope(head, HEADS) * float(abs(place_of(t) - int(s)));
    // The comparison is false for NaN: a broken score stays visible.
    return is_hidden(t, s, keys) || v <= LAT_ATTENTION_MASKED ? LAT_ATTENTION_MASKED : v;
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
