#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embedding_fwd_cpu: embedding_fwd on lavapipe 26 and newer (common/wide.glsl). A subgroup copies QUADS times
// four vectors of a token's row, without a loop.
//
// @variants  T = f32
// @groups    (n_tokens * n_cols / (4 * SG * QUADS), 1, 1), folded into y past the device's limit

#include "embedding.abi.h"
#include "common/index.glsl"
#include "common/math.glsl"

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint QUADS = 1;
const bool PAIRS = true;

#include "common/wide.glsl"

layout(binding = 0) readonly buffer Index { int index[]; };
LAT_LANES_OUT(2, Y, y)

void main()
{
    const uint strip = 4 * SG * QUADS;
    uint strips = p.n_cols / strip;
    uint group = min(lat_group(), p.n_tokens * strips - 1u);
    uint token = group / strips, column = (group - token * strips) * strip;
    uint id = uint(index[token]);  // negative ones become large
    bool known = id < p.vocab;
    uint row = known ? id - p.slice0 : 0u;
    if (known ? row >= p.slice_rows : p.slice0 != 0u)
        return;
    LatFloats w = lat_floats(p.w_address[0], p.w_address[1], min(row, p.slice_rows - 1u) * p.n_cols + column);
    uint to = token * p.n_cols + column;
    [[unroll]] for (uint i = 0; i < strip; i += 4u * SG) {
        vec4 v = lat_load_lanes4(w, i);
        LAT_STORE_LANES4(y, to + i, mix(vec4(LAT_NAN), v, bvec4(known)))
    }
}
