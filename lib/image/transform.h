// SPDX-License-Identifier: MIT
//
// From a picture to a sample of a batch.
#ifndef LAT_TRANSFORM_H
#define LAT_TRANSFORM_H
#include <stddef.h>
#include "base/rng.h"
#include "lattn/data.h"

// What a sample is made of: bytes or numbers, [C, H, W].
struct lat_sample {
    const uint8_t *bytes;  // scaled by 1 / 255
    const float *numbers;  // as they are
    int32_t C, H, W;
    const char *name;  // for sentences
    uint64_t seed, epoch, row;
};

// A part of a picture.
struct lat_box {
    int32_t y, x, H, W;
};

// Memory that is used again and again.
struct lat_scratch {
    struct {
        float *items;
        size_t n, capacity;
    } row, narrow, image, weights;
    struct {
        int32_t *items;
        size_t n, capacity;
    } starts;
};
void lat_scratch_free(struct lat_scratch *s);

// ---- resize.c ---------------------------------------------------------------------------------

// The box of from as [C, H, W] of to, bilinear; to a smaller size over all pixels that fall
// together.
lattn_status lat_resize(struct lat_scratch *s, const struct lat_sample *from, struct lat_box box,
    float *to, int32_t H, int32_t W);
// ERR_FORMAT when the result, or what is between rows and columns, would be absurdly large.
lattn_status lat_resize_check(
    const struct lat_sample *from, struct lat_box box, int32_t H, int32_t W);
// n values from x on of row y of plane c, as floats.
void lat_sample_row(
    const struct lat_sample *from, int32_t c, int32_t y, int32_t x, int32_t n, float *to);

// ---- transform.c ------------------------------------------------------------------------------

// Size of what lat_transform makes of a picture of H x W.
void lat_transform_size(
    const lattn_transform *t, int32_t H, int32_t W, int32_t *out_H, int32_t *out_W);
// Fills to[C, H, W], sizes from lat_transform_size.
lattn_status lat_transform(
    struct lat_scratch *s, const lattn_transform *t, const struct lat_sample *from, float *to);

// ---- augment.c: steps on a float picture in place -----------------------------------------------

void lat_flip_horizontal(float *p, int32_t C, int32_t H, int32_t W);
void lat_flip_vertical(float *p, int32_t C, int32_t H, int32_t W);
// Counter-clockwise around the centre, black where nothing was. from and to differ.
void lat_rotate(const float *from, float *to, int32_t C, int32_t H, int32_t W, double degrees);
// Factors; 1 leaves as it is. Of 3 and more channels the first three are colours, else the first.
void lat_brightness(float *p, int32_t C, size_t plane, float factor);
void lat_contrast(float *p, int32_t C, size_t plane, float factor);
void lat_saturation(float *p, int32_t C, size_t plane, float factor);
// A square of zeros around (y, x), cut at the borders.
void lat_cutout(float *p, int32_t C, int32_t H, int32_t W, int32_t y, int32_t x, int32_t side);
// A share from Beta(alpha, alpha).
double lat_beta(struct lat_rng *rng, double alpha);

#endif
