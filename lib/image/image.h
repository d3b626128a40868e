// SPDX-License-Identifier: MIT
//
// Pictures: from the bytes of a file to planar bytes.
#ifndef LAT_IMAGE_H
#define LAT_IMAGE_H
#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"
#include "lattn/data.h"

enum lat_image_kind { LAT_IMAGE_PNG, LAT_IMAGE_JPEG, LAT_IMAGE_BMP, LAT_IMAGE_PNM };

// Bytes of a file, and how sentences call it.
struct lat_image_file {
    const char *name;
    const uint8_t *data;
    size_t n;
};

// What the header says. Every size in it has been checked against the file.
struct lat_image_info {
    enum lat_image_kind kind;
    int32_t C, H, W;      // C as in the file; of a palette the channels of its entries
    int32_t orientation;  // 1 to 8 as in EXIF
    size_t pixels;        // PNM: where they begin
    uint32_t max_value;   // PNM: of a sample
    size_t palette;       // PNG: where the entries begin; 0 = no palette
    uint32_t n_palette;   // entries
    size_t alphas;        // PNG: where the alphas of the palette begin
    uint32_t n_alphas;
};

// Whether the picture is one that will be decoded: its kind, its size below max_pixels, and a
// structure that is complete. Takes no memory.
lattn_status lat_image_check(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out);

// Of lat_image_check, one per kind (png.c, jpeg.c).
lattn_status lat_png_check(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out);
lattn_status lat_jpeg_check(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out);
lattn_status lat_image_check_size(
    const struct lat_image_file *f, uint64_t W, uint64_t H, int64_t max_pixels);

// The pixels through stb_image, C channels beside one another (stb.c). *C is what the file
// has. The caller frees *out with lat_stb_free.
lattn_status lat_stb_decode(
    const struct lat_image_file *f, const struct lat_image_info *info, uint8_t **out, int32_t *C);
void lat_stb_free(uint8_t *pixels);

// Params with their defaults filled in and checked.
lattn_status lat_image_params(const lattn_image_params *params, lattn_image_params *out);

static inline uint32_t lat_be16(const uint8_t *p)
{
    return (uint32_t) p[0] << 8 | p[1];
}

static inline uint32_t lat_be32(const uint8_t *p)
{
    return lat_be16(p) << 16 | lat_be16(p + 2);
}

static inline uint32_t lat_le16(const uint8_t *p)
{
    return (uint32_t) p[1] << 8 | p[0];
}

static inline uint32_t lat_le32(const uint8_t *p)
{
    return lat_le16(p + 2) << 16 | lat_le16(p);
}

#endif
