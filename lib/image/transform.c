// SPDX-License-Identifier: MIT
//
// The steps of a transform, in their order, on one sample.
//
// Random numbers are those of a counter: seed, epoch and row choose a stream, the step its place
// in it. So a sample looks the same whichever worker makes it, after a resume too, and
// switching one step on leaves the draws of the others as they were.

#include <math.h>
#include <string.h>
#include "base/array.h"
#include "image/transform.h"

// Places in the stream, in units of one draw.
enum draw {
    CROP_Y,
    CROP_X,
    FLIP_H,
    FLIP_V,
    ROTATE,
    BRIGHTNESS,
    CONTRAST,
    SATURATION,
    CUT_Y,
    CUT_X,
    AREA
};

// Says "augmentation", so that no other use of the seed meets these numbers.
#define AUGMENT_KEY ((uint64_t) 0x6175676D << 32)

static double draw(const struct lat_sample *from, int place)
{
    struct lat_rng rng = { .seed = from->seed ^ AUGMENT_KEY,
        .stream = from->epoch << 32 ^ from->row,
        .position = 2 * (uint64_t) place };
    return lat_rng_uniform(&rng);
}

static int32_t draw_below(const struct lat_sample *from, int place, int32_t n)
{
    return (int32_t) (draw(from, place) * n);
}

// From 1 - range, at least 0, to 1 + range.
static float draw_factor(const struct lat_sample *from, int place, float range)
{
    double low = fmax(0, 1 - (double) range);
    return (float) (low + draw(from, place) * (1 + (double) range - low));
}

// ---- size -------------------------------------------------------------------------------------

static void resized(const lattn_transform *t, int32_t H, int32_t W, int32_t *out_H, int32_t *out_W)
{
    int32_t shorter = LAT_MIN(H, W), longer = LAT_MAX(H, W);
    int32_t long_side = (int32_t) LAT_MIN((int64_t) t->resize * longer / shorter, INT32_MAX);
    *out_H = H <= W ? t->resize : long_side;
    *out_W = H <= W ? long_side : t->resize;
}

void lat_transform_size(
    const lattn_transform *t, int32_t H, int32_t W, int32_t *out_H, int32_t *out_W)
{
    if (t->resize)
        resized(t, H, W, &H, &W);
    *out_H = t->height ? t->height : H;
    *out_W = t->width ? t->width : W;
}

// ---- cropping ---------------------------------------------------------------------------------

// Ten tries for a box of the right shape inside of the picture, then the largest in its middle.
// As in torchvision's RandomResizedCrop.
static struct lat_box draw_box(const lattn_transform *t, const struct lat_sample *from)
{
    const double log_ratio = log(4.0 / 3);
    double area = (double) from->H * from->W;
    for (int i = 0; i < 10; i++) {
        int place = AREA + 4 * i;
        double share = (double) t->min_area + draw(from, place) * (1 - (double) t->min_area);
        double ratio = exp((2 * draw(from, place + 1) - 1) * log_ratio);
        int32_t W = (int32_t) lround(sqrt(area * share * ratio));
        int32_t H = (int32_t) lround(sqrt(area * share / ratio));
        if (W > 0 && W <= from->W && H > 0 && H <= from->H)
            return (struct lat_box){ draw_below(from, place + 2, from->H - H + 1),
                draw_below(from, place + 3, from->W - W + 1), H, W };
    }
    int32_t W = LAT_MAX(LAT_MIN(from->W, (int32_t) lround(from->H * 4.0 / 3)), 1);
    int32_t H = LAT_MAX(LAT_MIN(from->H, (int32_t) lround(from->W * 4.0 / 3)), 1);
    return (struct lat_box){ (from->H - H) / 2, (from->W - W) / 2, H, W };
}

// H x W of from, at an offset that may be negative; black outside.
static void crop(
    const struct lat_sample *from, int32_t top, int32_t left, float *to, int32_t H, int32_t W)
{
    int32_t first = LAT_MAX(0, -left), last = LAT_MIN(W, from->W - left);
    for (int32_t c = 0; c < from->C; c++) {
        for (int32_t y = 0; y < H; y++, to += W) {
            bool inside = top + y >= 0 && top + y < from->H && first < last;
            if (!inside || last - first < W)
                memset(to, 0, (size_t) W * sizeof *to);
            if (inside)
                lat_sample_row(from, c, top + y, left + first, last - first, to + first);
        }
    }
}

static lattn_status crop_to(const lattn_transform *t, const struct lat_sample *from, float *to)
{
    int32_t H = t->height ? t->height : from->H, W = t->width ? t->width : from->W;
    int32_t spare_H = from->H + 2 * t->pad - H, spare_W = from->W + 2 * t->pad - W;
    if (spare_H < 0 || spare_W < 0)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: a picture of %d x %d pixels%s is smaller than the crop of %d x %d", from->name,
            from->W, from->H, t->pad ? ", with its padding," : "", W, H);
    int32_t top = spare_H / 2, left = spare_W / 2;
    if (t->random_crop) {
        top = draw_below(from, CROP_Y, spare_H + 1);
        left = draw_below(from, CROP_X, spare_W + 1);
    }
    crop(from, top - t->pad, left - t->pad, to, H, W);
    return LATTN_OK;
}

// Up to the size of the sample.
static lattn_status place(
    struct lat_scratch *s, const lattn_transform *t, const struct lat_sample *from, float *to)
{
    struct lat_box whole = { 0, 0, from->H, from->W };
    if (t->min_area > 0)
        return lat_resize(s, from, draw_box(t, from), to, t->height, t->width);
    if (t->stretch)
        return lat_resize(s, from, whole, to, t->height, t->width);
    if (!t->resize)
        return crop_to(t, from, to);
    struct lat_sample small = *from;
    resized(t, from->H, from->W, &small.H, &small.W);
    LAT_TRY(lat_resize_check(from, whole, small.H, small.W));
    LAT_TRY(LAT_RESERVE(&s->image, (size_t) from->C * (size_t) small.H * (size_t) small.W));
    LAT_TRY(lat_resize(s, from, whole, s->image.items, small.H, small.W));
    small.numbers = s->image.items;
    return crop_to(t, &small, to);
}

// ---- the rest ---------------------------------------------------------------------------------

static lattn_status rotate(struct lat_scratch *s, const lattn_transform *t,
    const struct lat_sample *from, float *p, int32_t H, int32_t W)
{
    size_t n = (size_t) from->C * (size_t) H * (size_t) W;
    double degrees = (2 * draw(from, ROTATE) - 1) * (double) t->rotate;
    LAT_TRY(LAT_RESERVE(&s->image, n));
    memcpy(s->image.items, p, n * sizeof *p);
    lat_rotate(s->image.items, p, from->C, H, W, degrees);
    return LATTN_OK;
}

static void colour(const lattn_transform *t, const struct lat_sample *from, float *p, size_t plane)
{
    if (t->brightness > 0)
        lat_brightness(p, from->C, plane, draw_factor(from, BRIGHTNESS, t->brightness));
    if (t->contrast > 0)
        lat_contrast(p, from->C, plane, draw_factor(from, CONTRAST, t->contrast));
    if (t->saturation > 0)
        lat_saturation(p, from->C, plane, draw_factor(from, SATURATION, t->saturation));
}

static void normalise(const lattn_transform *t, float *p, int32_t C, size_t plane)
{
    for (int32_t c = 0; c < C; c++, p += plane) {
        float mean = t->mean ? t->mean[c] : 0, std = t->std ? t->std[c] : 1;
        for (size_t i = 0; i < plane; i++)
            p[i] = (p[i] - mean) / std;
    }
}

lattn_status lat_transform(
    struct lat_scratch *s, const lattn_transform *t, const struct lat_sample *from, float *to)
{
    int32_t C = from->C, H, W;
    lat_transform_size(t, from->H, from->W, &H, &W);
    size_t plane = (size_t) H * (size_t) W;
    LAT_TRY(place(s, t, from, to));
    if (t->flip_horizontal > 0 && draw(from, FLIP_H) < (double) t->flip_horizontal)
        lat_flip_horizontal(to, C, H, W);
    if (t->flip_vertical > 0 && draw(from, FLIP_V) < (double) t->flip_vertical)
        lat_flip_vertical(to, C, H, W);
    if (t->rotate > 0)
        LAT_TRY(rotate(s, t, from, to, H, W));
    colour(t, from, to, plane);
    if (t->mean || t->std)
        normalise(t, to, C, plane);
    if (t->cutout)
        lat_cutout(to, C, H, W, draw_below(from, CUT_Y, H), draw_below(from, CUT_X, W), t->cutout);
    return LATTN_OK;
}
