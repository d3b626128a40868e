#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embedding_bwd_sum: adds up the segments inside a chunk, four columns per invocation. See
// embedding_bwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_chunks * groups_per_chunk, 1, 1), folded into y past the device's limit

#define DW_BINDING 3
#include "embedding_bwd.glsl"

layout(binding = 1) readonly buffer Positions { uint positions[]; };
layout(binding = 2) readonly buffer Dy { T dy[]; };
layout(binding = 2) readonly buffer Dy4 { T4 dy4[]; };
layout(binding = 4) writeonly buffer Partial { float partial[]; };  // [n_chunks, 2, n_cols]

vec4 read_dy(uint token, uint col)
{
    uint i = token * p.n_cols + col;
    if (WHOLE)
        return load4(dy4[i / 4u]);
    vec4 v = vec4(0.0);
    for (uint j = 0u; j < min(4u, p.n_cols - col); j++)
        v[j] = load(dy[i + j]);
    return v;
}

void put_partial(uint slot, uint col, vec4 v)
{
    for (uint j = 0u; j < min(4u, p.n_cols - col); j++)
        partial[slot * p.n_cols + col + j] = v[j];
}

void main()
{
    uint col = column(), chunk = chunk_of();
    if (chunk >= p.n_chunks || col >= p.n_cols)
        return;
    uint first = chunk * LAT_EMBEDDING_CHUNK;
    uint last = min(first + LAT_EMBEDDING_CHUNK, p.n_tokens);
    bool from_left = first > 0u && keys[first - 1u] == keys[first];
    vec4 acc = vec4(0.0);
    for (uint s = first; s < last; s++) {
        uint key = keys[s];
        if (key >= p.vocab)
            return;  // tokens without a gradient are last
        acc += read_dy(positions[s], col);
        bool ends = s + 1u == p.n_tokens || keys[s + 1u] != key;
        if (!ends && s + 1u < last)
            continue;
        if (ends && !from_left)
            put_row(key, col, acc);
        else
            put_partial(2u * chunk + (from_left ? 0u : 1u), col, acc);
        from_left = false;
        acc = vec4(0.0);
    }
}
