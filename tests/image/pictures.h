// SPDX-License-Identifier: MIT
//
// Files for tests of pictures.
#ifndef LT_PICTURES_H
#define LT_PICTURES_H
#include <stddef.h>
#include <stdint.h>
#include "lattn/data.h"

struct lt_bytes {
    uint8_t *items;
    size_t n, capacity;
};
void lt_bytes_add(struct lt_bytes *b, const void *data, size_t n);
void lt_bytes_be32(struct lt_bytes *b, uint32_t v);

// tests/golden/images/NAME, whole; the caller frees items.
struct lt_bytes lt_golden(const char *name);
// Writes a file into the running test's folder; its path, lent until the next call.
const char *lt_put(const char *name, const void *data, size_t n);

// A PNG with these header fields and this (uncompressed) pixel data; between may hold chunks that go
// in front of it.
struct lt_png {
    uint32_t W, H;
    uint8_t depth, colour, interlace;
    const uint8_t *raw;
    size_t n_raw;
    const uint8_t *palette;
    size_t n_palette;  // bytes
};
struct lt_bytes lt_make_png(const struct lt_png *p);
void lt_png_chunk(struct lt_bytes *b, const char *type, const void *body, size_t n);

// Writes a picture whose pixels are all value, with lattn_image_save_png; its path, lent.
const char *lt_put_picture(const char *name, int32_t C, int32_t H, int32_t W, uint8_t value);

#endif
