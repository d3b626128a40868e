#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embedding_fwd: y[token] = w[index[token]], bit for bit. LAT_EMBEDDING_LANES invocations copy a
// token's row. An index outside the table gives a row of NaN, written with the first slice: a
// shader cannot report an error, and NaN stays visible.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n_tokens * LANES / WG), 1, 1), folded into y past the device's limit

#include "embedding.abi.h"
#include "common/index.glsl"
#include "common/math.glsl"
#include "common/vec4.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 1) const bool WHOLE = false;  // n_cols is a multiple of 4

layout(binding = 0) readonly buffer Index { int index[]; };
layout(binding = 1) readonly buffer W { T w[]; };
layout(binding = 1) readonly buffer W4 { T4 w4[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };
layout(binding = 2) writeonly buffer Y4 { T4 y4[]; };

void main()
{
    uint token = lat_thread() / LAT_EMBEDDING_LANES;
    if (token >= p.n_tokens)
        return;
    uint lane = lat_thread() % LAT_EMBEDDING_LANES;
    uint id = uint(index[token]);  // negative ones become large
    uint to = token * p.n_cols;
    if (id >= p.vocab) {
        if (p.slice0 == 0u)
            for (uint c = lane; c < p.n_cols; c += LAT_EMBEDDING_LANES)
                y[to + c] = store(LAT_NAN);
        return;
    }
    uint row = id - p.slice0;
    if (row >= p.slice_rows)
        return;
    uint from = row * p.n_cols;
    if (WHOLE) {
        for (uint q = lane; q < p.n_cols / 4u; q += LAT_EMBEDDING_LANES)
            y4[to / 4u + q] = w4[from / 4u + q];
    } else {
        for (uint c = lane; c < p.n_cols; c += LAT_EMBEDDING_LANES)
            y[to + c] = w[from + c];
    }
}
