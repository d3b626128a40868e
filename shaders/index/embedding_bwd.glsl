// SPDX-License-Identifier: MIT
//
// Gradient of an embedding from tokens sorted by (id, position). A segment is the run of one id.
// Segments are cut at chunk borders, so that one id with thousands of tokens is no bottleneck:
//
//     embedding_bwd_sum   per chunk: segments inside it go to the gradient's row; the part of a
//                         segment that reaches in from the left or out to the right goes to
//                         partial[chunk] = (from the left, to the right)
//     embedding_bwd_join  adds up the parts of each segment that was cut, left to right
//
// Every row has one writer and one order of additions.
#ifndef LAT_EMBEDDING_BWD_GLSL
#define LAT_EMBEDDING_BWD_GLSL
#include "embedding_bwd.abi.h"
#include "common/index.glsl"
#include "common/vec4.glsl"

layout(local_size_x = 32, local_size_x_id = 0) in;
layout(constant_id = 1) const bool WHOLE = false;  // n_cols is a multiple of 4

layout(binding = 0) readonly buffer Keys { uint keys[]; };  // ids in sorted order
layout(binding = DW_BINDING) buffer Dw { T dw[]; };
layout(binding = DW_BINDING) buffer Dw4 { T4 dw4[]; };

uint column()
{
    return 4u * (lat_group() % p.groups_per_chunk * gl_WorkGroupSize.x + gl_LocalInvocationID.x);
}

uint chunk_of()
{
    return lat_group() / p.groups_per_chunk;
}

void put_row(uint key, uint col, vec4 v)
{
    uint row = key - p.slice0;
    if (row >= p.slice_rows)
        return;
    uint i = row * p.n_cols + col;
    if (WHOLE) {
        dw4[i / 4u] = store4(p.accumulate != 0u ? load4(dw4[i / 4u]) + v : v);
        return;
    }
    for (uint j = 0u; j < min(4u, p.n_cols - col); j++)
        dw[i + j] = store(p.accumulate != 0u ? load(dw[i + j]) + v[j] : v[j]);
}

#endif
