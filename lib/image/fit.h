// SPDX-License-Identifier: MIT
//
// Between the grid of pictures and the sheet with captions.
#ifndef LAT_IMAGE_FIT_H
#define LAT_IMAGE_FIT_H
#include "base/str.h"
#include "lattn/data.h"

// How pictures are laid out.
struct lat_grid {
    int32_t columns, rows, side, gap;
    int32_t C;  // 3 when one of them has colours, else 1
};
// ERR_ARG for numbers out of range and pictures without pixels.
lattn_status lat_grid_plan(
    const lattn_image *pictures, int32_t n, const lattn_grid_params *params, struct lat_grid *out);

// The bytes of a PNG file, added to file (write.c).
lattn_status lat_png_encode(const lattn_image *image, struct lat_str *file);

#endif
