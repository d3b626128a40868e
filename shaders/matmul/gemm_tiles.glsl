// SPDX-License-Identifier: MIT
//
// Where a tile of a matrix product is, by its number. Column tiles are the fastest, in groups of
// p.column_group, so that tiles which are made at once share rows of A and columns of B, both of which stay in
// cache; then row tiles, groups of columns, and batches. The push block has column_group, tiles_m and tiles_n.
#ifndef LAT_GEMM_TILES_GLSL
#define LAT_GEMM_TILES_GLSL

// Batch, tile of rows, tile of columns.
uvec3 lat_gemm_place(uint number)
{
    uint tiles = p.tiles_m * p.tiles_n;
    uint batch = number / tiles;
    uint tile = number - batch * tiles;
    uint first = tile / (p.column_group * p.tiles_m) * p.column_group;
    uint columns = min(p.tiles_n - first, p.column_group);
    uint rest = tile - first * p.tiles_m;
    return uvec3(batch, rest / columns, first + rest % columns);
}

#endif
