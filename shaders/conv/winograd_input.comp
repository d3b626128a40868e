#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// winograd_input: the 4 x 4 source elements that a tile sees, d, as B^T d B.
//
//     B^T = 1  0 -1  0
//           0  1  1  0
//           0 -1  1  0
//           0  1  0 -1
//
// An invocation has one tile of one channel; neighbours write neighbours.
// Source: Lavin & Gray 2015, "Fast algorithms for convolutional neural networks", arXiv:1509.09308,
//         section 4.1.
//
// @variants  T = f32 f16 bf16
// @groups    channels * ceil(tiles / WG)

layout(local_size_x = 64, local_size_x_id = 0) in;

#include "winograd.glsl"

layout(binding = 0) readonly buffer Source { T source[]; };
layout(binding = 1) writeonly buffer Square { float square[]; };

vec4 transform(vec4 d)
{
    return vec4(d.x - d.z, d.y + d.z, d.z - d.y, d.y - d.w);
}

// Loaded in any case: a branch for each element takes longer than the load.
float element(uint plane, int y, int x)
{
    bool inside = uint(y) < p.h && uint(x) < p.w;
    float v = load(source[plane + (inside ? uint(y) * p.w + uint(x) : 0u)]);
    return inside ? v : 0.0;
}

void main()
{
    Tile tile;
    if (!lat_find_tile(gl_WorkGroupSize.x, tile))
        return;
    uint plane = lat_plane_at(tile);
    int y = int(tile.y) + p.off_y, x = int(tile.x) + p.off_x;
    vec4 rows[4];
    [[unroll]] for (int i = 0; i < 4; i++)
        rows[i] = transform(vec4(element(plane, y + i, x), element(plane, y + i, x + 1),
            element(plane, y + i, x + 2), element(plane, y + i, x + 3)));
    [[unroll]] for (uint j = 0; j < 4; j++) {
        vec4 column = transform(vec4(rows[0][j], rows[1][j], rows[2][j], rows[3][j]));
        [[unroll]] for (uint i = 0; i < 4; i++)
            square[lat_square_at(tile, 4u * i + j)] = column[i];
    }
}
