#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// layer_norm_bwd_cols: the first of two passes to the gradients of weight and bias. Each invocation
// adds up four columns of one block of rows, top to bottom:
//
//     partial[block] = (sum of dy h, sum of dy)          h = (v - mean) rstd, or v if NORMALISED
//
// layer_norm_bwd_sum adds the blocks. The order of additions depends on the shape alone.
//
// @variants  T = f32 f16 bf16
// @groups    (n_blocks * groups_per_block, 1, 1), folded into y past the device's limit

#include "layer_norm.abi.h"
#include "common/index.glsl"
#include "common/vec4.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 1) const bool WHOLE = false;       // n_cols is a multiple of 4
layout(constant_id = 2) const bool NORMALISED = false;  // h was kept instead of v

layout(binding = 0) readonly buffer V { T v[]; };
layout(binding = 0) readonly buffer V4 { T4 v4[]; };
layout(binding = 1) readonly buffer Stats { float stats[]; };
layout(binding = 2) readonly buffer Dy { T dy[]; };
layout(binding = 2) readonly buffer Dy4 { T4 dy4[]; };
layout(binding = 3) writeonly buffer Partial { float partial[]; };  // [n_blocks, 2, n_cols]

// (mean, rstd) that make h of what was kept.
vec2 stats_of(uint row)
{
    return NORMALISED ? vec2(0.0, 1.0) : vec2(stats[2u * row], stats[2u * row + 1u]);
}

void whole_quads(uint first, uint rows, uint col, uint out0)
{
    vec4 dw = vec4(0.0), db = vec4(0.0);
    for (uint r = first; r < first + rows; r++) {
        uint i = (r * p.n_cols + col) / 4u;
        vec2 s = stats_of(r);
        vec4 g = load4(dy4[i]);
        db += g;
        dw += g * ((load4(v4[i]) - s.x) * s.y);
    }
    for (uint j = 0u; j < 4u; j++) {
        partial[out0 + col + j] = dw[j];
        partial[out0 + p.n_cols + col + j] = db[j];
    }
}

void one_column(uint first, uint rows, uint col, uint out0)
{
    float dw = 0.0, db = 0.0;
    for (uint r = first; r < first + rows; r++) {
        uint i = r * p.n_cols + col;
        vec2 s = stats_of(r);
        float g = load(dy[i]);
        db += g;
        dw += g * ((load(v[i]) - s.x) * s.y);
    }
    partial[out0 + col] = dw;
    partial[out0 + p.n_cols + col] = db;
}

void main()
{
    uint block = lat_group() / p.groups_per_block;
    uint column_group = lat_group() % p.groups_per_block;
    uint col = 4u * (column_group * gl_WorkGroupSize.x + gl_LocalInvocationID.x);
    if (block >= p.n_blocks || col >= p.n_cols)
        return;
    uint first = block * p.rows_per_block;
    uint rows = min(p.rows_per_block, p.n_rows - (p.block0 * p.rows_per_block + first));
    uint out0 = 2u * block * p.n_cols;
    if (WHOLE) {
        whole_quads(first, rows, col, out0);
        return;
    }
    for (uint c = col; c < min(col + 4u, p.n_cols); c++)
        one_column(first, rows, c, out0);
}
