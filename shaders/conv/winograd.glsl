// SPDX-License-Identifier: MIT
//
// What the transforms of winograd_*.comp share: which tile of which channel an invocation has.
#ifndef LAT_WINOGRAD_GLSL
#define LAT_WINOGRAD_GLSL
#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "winograd.abi.h"

struct Tile {
    uint number;  // of this dispatch
    uint channel;
    uint image, y, x;  // first position
};

// False past the last one.
bool lat_find_tile(uint group_size, out Tile tile)
{
    uint chunks = (p.n_tiles + group_size - 1) / group_size;
    tile.channel = lat_group() / chunks;
    tile.number = lat_group() % chunks * group_size + gl_LocalInvocationID.x;
    uint n = p.first_tile + tile.number;
    tile.image = lat_divide(n, p.area_magic, p.area_shift);
    uint rest = n - tile.image * p.area, y = lat_divide(rest, p.row_magic, p.row_shift);
    tile.y = 2u * y;
    tile.x = 2u * (rest - y * p.row);
    return tile.channel < p.n_channels && tile.number < p.n_tiles;
}

// Of element i of the square, among the planes of the products.
uint lat_square_at(Tile tile, uint i)
{
    return (i * p.n_channels + tile.channel) * p.n_tiles + tile.number;
}

// Row 0 of the channel's plane in the tensor.
uint lat_plane_at(Tile tile)
{
    return p.offset + (tile.image * p.n_channels + tile.channel) * p.h * p.w;
}

#endif
