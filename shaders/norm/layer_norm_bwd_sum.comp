#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// layer_norm_bwd_sum: adds the blocks of layer_norm_bwd_cols in order, one column per invocation,
// into the gradients of weight and bias.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n_cols / WG), 1, 1)

#include "layer_norm.abi.h"
#include "common/dtype.glsl"
#include "common/index.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Partial { float partial[]; };  // [n_blocks, 2, n_cols]
layout(binding = 1) buffer Dw { T dw[]; };
layout(binding = 2) buffer Db { T db[]; };

void main()
{
    uint c = lat_thread();
    if (c >= p.n_cols)
        return;
    vec2 total = vec2(0.0);
    for (uint block = 0u; block < p.n_blocks; block++) {
        uint i = 2u * block * p.n_cols + c;
        total += vec2(partial[i], partial[i + p.n_cols]);
    }
    if ((p.flags & LAT_NORM_DWEIGHT) != 0u)
        dw[c] = store((p.flags & LAT_NORM_ADD_DWEIGHT) != 0u ? load(dw[c]) + total.x : total.x);
    if ((p.flags & LAT_NORM_DBIAS) != 0u)
        db[c] = store((p.flags & LAT_NORM_ADD_DBIAS) != 0u ? load(db[c]) + total.y : total.y);
}
