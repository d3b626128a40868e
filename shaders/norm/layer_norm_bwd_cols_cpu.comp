#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// layer_norm_bwd_cols_cpu: layer_norm_bwd_cols on lavapipe 26 and newer (common/wide.glsl). A workgroup
// is one subgroup with four vectors of columns of one block of rows, ROWS rows in an iteration; what lies
// beyond the block is loaded from its last row and not added. A strip that would stick out is moved
// back inside and computes some columns a second time, with the same result.
//
// @variants  T = f32
// @groups    (n_blocks * groups_per_block, 1, 1), folded into y past the device's limit

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const bool NORMALISED = false;  // h was kept instead of v
layout(constant_id = 3) const bool PAIRS = false;  // an even n_cols

#include "layer_norm_cols.abi.h"
#include "common/index.glsl"
#include "common/wide.glsl"

layout(binding = 1) readonly buffer Stats { float stats[]; };
LAT_LANES_OUT(3, Partial, partial)  // [n_blocks, 2, n_cols]

const uint ROWS = 4;

void main()
{
    uint group = min(lat_group(), p.n_blocks * p.groups_per_block - 1u);
    uint block = group / p.groups_per_block;
    uint col = min(group % p.groups_per_block * (4 * SG), p.n_cols - 4 * SG);
    uint row = block * p.rows_per_block;
    uint end = min(row + p.rows_per_block, p.n_rows - p.block0 * p.rows_per_block);

    vec4 dw = vec4(0.0), db = vec4(0.0);
    for (;;) {
        [[unroll]] for (uint q = 0; q < ROWS; q++) {
            uint r = min(row + q, end - 1u);
            vec4 g = lat_load_lanes4(lat_floats(p.dy_address[0], p.dy_address[1], r * p.n_cols + col), 0);
            vec4 h = lat_load_lanes4(lat_floats(p.v_address[0], p.v_address[1], r * p.n_cols + col), 0);
            if (!NORMALISED)
                h = (h - stats[2u * r]) * stats[2u * r + 1u];
            bool inside = row + q < end;
            db += inside ? g : vec4(0.0);
            dw += inside ? g * h : vec4(0.0);
        }
        row += ROWS;
        if (row >= end)
            break;
    }
    uint out0 = 2u * block * p.n_cols + col;
    LAT_STORE_LANES4(partial, out0, dw)
    LAT_STORE_LANES4(partial, out0 + p.n_cols, db)
}
