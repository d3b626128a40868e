// SPDX-License-Identifier: MIT
#ifndef LAT_WINOGRAD_ABI_H
#define LAT_WINOGRAD_ABI_H
#include "common/abi.h"

// Tiles of 2 x 2 positions, number first_tile and on of all images, between planes of some tensor and
// the planes of the products: [16, n_channels, n_tiles], one for each element of a 4 x 4 square.
LAT_PUSH_BEGIN(winograd_push)
    LAT_U32 n_tiles;
    LAT_U32 first_tile;
    LAT_U32 n_channels;  // of all groups
    LAT_U32 offset;      // of the tensor: elements from the start of the binding
    LAT_U32 h;
    LAT_U32 w;
    LAT_I32 off_y;       // what position (0, 0) sees first
    LAT_I32 off_x;
    LAT_U32 area;        // tiles of an image
    LAT_U32 area_magic;
    LAT_U32 area_shift;
    LAT_U32 row;         // of a row
    LAT_U32 row_magic;
    LAT_U32 row_shift;
LAT_PUSH_END

#endif
