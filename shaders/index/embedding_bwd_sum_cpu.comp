#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embedding_bwd_sum_cpu: embedding_bwd_sum on lavapipe 26 and newer (common/wide.glsl), the same additions in
// the same order. A workgroup is one subgroup with QUADS times four vectors of columns of a chunk. Whatever
// ends with a token is a condition of its stores.
//
// @variants  T = f32
// @groups    (n_chunks * groups_per_chunk, 1, 1), folded into y past the device's limit

#include "embedding_bwd.abi.h"
#include "common/index.glsl"

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint QUADS = 1;
layout(constant_id = 3) const bool ACCUMULATE = false;
const bool PAIRS = true;

#include "common/wide.glsl"

layout(binding = 0) readonly buffer Keys { uint keys[]; };
layout(binding = 1) readonly buffer Positions { uint positions[]; };
LAT_LANES_OUT(3, Dw, dw)
LAT_LANES_OUT(4, Partial, partial)  // [n_chunks, 2, n_cols]

void main()
{
    const uint strip = 4 * SG * QUADS;
    bool live = lat_group() < p.n_chunks * p.groups_per_chunk;
    uint group = live ? lat_group() : 0u;
    uint chunk = group / p.groups_per_chunk;
    uint column = (group - chunk * p.groups_per_chunk) * strip;
    uint s = chunk * LAT_EMBEDDING_CHUNK;
    uint last = min(s + LAT_EMBEDDING_CHUNK, p.n_tokens);
    bool from_left = s > 0u && keys[max(s, 1u) - 1u] == keys[s];

    vec4 acc[QUADS];
    [[unroll]] for (uint q = 0; q < QUADS; q++)
        acc[q] = vec4(0.0);
    for (;;) {
        uint key = keys[s], to = key - p.slice0;
        bool ends = s + 1u == p.n_tokens || keys[min(s + 1u, p.n_tokens - 1u)] != key;
        bool done = ends || s + 1u == last;
        bool whole = ends && !from_left;
        bool counts = live && done && key < p.vocab;  // tokens without a gradient are last
        LatFloats dy = lat_floats(p.dy_address[0], p.dy_address[1], positions[s] * p.n_cols + column);
        [[unroll]] for (uint q = 0; q < QUADS; q++)
            acc[q] += lat_load_lanes4(dy, 4 * SG * q);
        if (counts && whole && to < p.slice_rows) {
            LatFloats old = lat_floats(p.dw_address[0], p.dw_address[1], min(to, p.slice_rows - 1u) * p.n_cols + column);
            [[unroll]] for (uint q = 0; q < QUADS; q++) {
                vec4 sum = acc[q];
                if (ACCUMULATE)
                    sum += lat_load_lanes4(old, 4 * SG * q);
                LAT_STORE_LANES4(dw, to * p.n_cols + column + 4 * SG * q, sum)
            }
        }
        if (counts && !whole) {
            uint slot = (2u * chunk + (from_left ? 0u : 1u)) * p.n_cols + column;
            [[unroll]] for (uint q = 0; q < QUADS; q++)
                LAT_STORE_LANES4(partial, slot + 4 * SG * q, acc[q])
        }
        [[unroll]] for (uint q = 0; q < QUADS; q++)
            acc[q] = mix(acc[q], vec4(0.0), bvec4(done));
        from_left = from_left && !done;
        s++;
        if (s >= last)
            break;
    }
}
