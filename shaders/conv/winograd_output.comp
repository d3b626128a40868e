#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// winograd_output: the sums over channels s of a tile's 4 x 4 products, as its 2 x 2 results A^T s A.
//
//     A^T = 1  1  1  0
//           0  1 -1 -1
//
// Then what gemm_finish does. Source: as for winograd_input.
//
// @variants  T = f32 f16 bf16
// @groups    channels * ceil(tiles / WG)

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 1) const uint EPILOGUE = 0;

#include "winograd.glsl"
#include "matmul/gemm_epilogue.h"

layout(binding = 0) readonly buffer Square { float square[]; };
layout(binding = 1) readonly buffer Bias { T bias[]; };
layout(binding = 2) buffer Out { T out_[]; };

#define LAT_GEMM_NO_BESIDE
#include "matmul/gemm_finish.glsl"

vec2 transform(float a, float b, float c, float d)
{
    return vec2(a + b + c, b - c - d);
}

void main()
{
    Tile tile;
    if (!lat_find_tile(gl_WorkGroupSize.x, tile))
        return;
    vec2 columns[4];  // of A^T s
    [[unroll]] for (uint j = 0; j < 4; j++)
        columns[j] = transform(square[lat_square_at(tile, j)], square[lat_square_at(tile, 4 + j)],
            square[lat_square_at(tile, 8 + j)], square[lat_square_at(tile, 12 + j)]);
    uint plane = lat_plane_at(tile);
    [[unroll]] for (uint i = 0; i < 2; i++) {
        vec2 row = transform(columns[0][i], columns[1][i], columns[2][i], columns[3][i]);
        [[unroll]] for (uint j = 0; j < 2; j++)
            if (tile.y + i < p.h && tile.x + j < p.w)
                lat_gemm_finish(plane + (tile.y + i) * p.w + tile.x + j, 0, tile.channel, row[j]);
    }
}
