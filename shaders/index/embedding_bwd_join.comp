#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embedding_bwd_join: for the segment that starts in this chunk and goes on in the next, adds the
// parts of all chunks it covers. See embedding_bwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_chunks * groups_per_chunk, 1, 1), folded into y past the device's limit

#define DW_BINDING 2
#include "embedding_bwd.glsl"

layout(binding = 1) readonly buffer Partial { float partial[]; };  // [n_chunks, 2, n_cols]

vec4 read_partial(uint slot, uint col)
{
    vec4 v = vec4(0.0);
    for (uint j = 0u; j < min(4u, p.n_cols - col); j++)
        v[j] = partial[slot * p.n_cols + col + j];
    return v;
}

void main()
{
    uint col = column(), chunk = chunk_of();
    if (chunk + 1u >= p.n_chunks || col >= p.n_cols)
        return;
    uint first = chunk * LAT_EMBEDDING_CHUNK, next = first + LAT_EMBEDDING_CHUNK;
    uint key = keys[next - 1u];
    bool starts_here = first == 0u || keys[first - 1u] != key;
    if (key >= p.vocab || keys[next] != key || !starts_here)
        return;
    vec4 acc = read_partial(2u * chunk + 1u, col);
    for (uint c = chunk + 1u; c < p.n_chunks && keys[c * LAT_EMBEDDING_CHUNK] == key; c++)
        acc += read_partial(2u * c, col);
    put_row(key, col, acc);
}
