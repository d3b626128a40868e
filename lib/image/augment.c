// SPDX-License-Identifier: MIT
//
// The steps of augmentation on one float picture [C, H, W], and the share of mixup.
//
// Colours are blends with what has none: black for brightness, the mean grey for contrast, the
// pixel's own grey for saturation; results are held in 0 .. 1.
//
//     out = clamp(factor x + (1 - factor) grey, 0, 1)
//
// Source: mixup's Beta from two gammas by Marsaglia & Tsang 2000, "A simple method for
// generating gamma variables", ACM TOMS 26(3), section 4 (and section 6 for alpha < 1).

#include <math.h>
#include <string.h>
#include "base/compiler.h"
#include "image/transform.h"

void lat_flip_horizontal(float *p, int32_t C, int32_t H, int32_t W)
{
    for (size_t row = 0; row < (size_t) C * (size_t) H; row++, p += W) {
        for (int32_t x = 0; x < W / 2; x++) {
            float t = p[x];
            p[x] = p[W - 1 - x];
            p[W - 1 - x] = t;
        }
    }
}

void lat_flip_vertical(float *p, int32_t C, int32_t H, int32_t W)
{
    for (int32_t c = 0; c < C; c++, p += (size_t) H * (size_t) W) {
        for (int32_t y = 0; y < H / 2; y++) {
            float *a = p + (size_t) y * (size_t) W, *b = p + (size_t) (H - 1 - y) * (size_t) W;
            for (int32_t x = 0; x < W; x++) {
                float t = a[x];
                a[x] = b[x];
                b[x] = t;
            }
        }
    }
}

// ---- rotation ---------------------------------------------------------------------------------

static double pixel(const float *plane, int32_t H, int32_t W, double y, double x)
{
    bool inside = y >= 0 && y < H && x >= 0 && x < W;
    return inside ? (double) plane[(size_t) y * (size_t) W + (size_t) x] : 0;
}

static float between(const float *plane, int32_t H, int32_t W, double y, double x)
{
    double top = floor(y), left = floor(x), v = y - top, u = x - left;
    double above = (1 - u) * pixel(plane, H, W, top, left) + u * pixel(plane, H, W, top, left + 1);
    double below =
        (1 - u) * pixel(plane, H, W, top + 1, left) + u * pixel(plane, H, W, top + 1, left + 1);
    return (float) ((1 - v) * above + v * below);
}

void lat_rotate(const float *from, float *to, int32_t C, int32_t H, int32_t W, double degrees)
{
    const double radians = degrees * 3.14159265358979323846 / 180;
    double cosine = cos(radians), sine = sin(radians);
    double mid_y = (H - 1) / 2.0, mid_x = (W - 1) / 2.0;
    size_t plane = (size_t) H * (size_t) W;
    for (int32_t y = 0; y < H; y++) {
        for (int32_t x = 0; x < W; x++) {
            double dy = y - mid_y, dx = x - mid_x;
            double from_x = mid_x + cosine * dx - sine * dy;
            double from_y = mid_y + sine * dx + cosine * dy;
            size_t at = (size_t) y * (size_t) W + (size_t) x;
            for (int32_t c = 0; c < C; c++)
                to[(size_t) c * plane + at] =
                    between(from + (size_t) c * plane, H, W, from_y, from_x);
        }
    }
}

// ---- colour -----------------------------------------------------------------------------------

static float blend(float x, float grey, float factor)
{
    float v = factor * x + (1 - factor) * grey;
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float grey_of(const float *p, int32_t C, size_t plane, size_t i)
{
    if (C < 3)
        return p[i];
    return 0.299f * p[i] + 0.587f * p[plane + i] + 0.114f * p[2 * plane + i];
}

static size_t n_colours(int32_t C, size_t plane)
{
    return plane * (C < 3 ? 1 : 3);
}

void lat_brightness(float *p, int32_t C, size_t plane, float factor)
{
    for (size_t i = 0; i < n_colours(C, plane); i++)
        p[i] = blend(p[i], 0, factor);
}

void lat_contrast(float *p, int32_t C, size_t plane, float factor)
{
    double sum = 0;
    for (size_t i = 0; i < plane; i++)
        sum += (double) grey_of(p, C, plane, i);
    float mean = (float) (sum / (double) plane);
    for (size_t i = 0; i < n_colours(C, plane); i++)
        p[i] = blend(p[i], mean, factor);
}

void lat_saturation(float *p, int32_t C, size_t plane, float factor)
{
    for (size_t i = 0; i < plane && C >= 3; i++) {
        float grey = grey_of(p, C, plane, i);
        for (size_t c = 0; c < 3; c++)
            p[c * plane + i] = blend(p[c * plane + i], grey, factor);
    }
}

// ---- cutout, mixup ----------------------------------------------------------------------------

void lat_cutout(float *p, int32_t C, int32_t H, int32_t W, int32_t y, int32_t x, int32_t side)
{
    int32_t top = LAT_MAX(y - side / 2, 0), bottom = LAT_MIN(y - side / 2 + side, H);
    int32_t left = LAT_MAX(x - side / 2, 0), right = LAT_MIN(x - side / 2 + side, W);
    for (int32_t c = 0; c < C; c++)
        for (int32_t row = top; row < bottom && left < right; row++)
            memset(p + ((size_t) c * (size_t) H + (size_t) row) * (size_t) W + left, 0,
                (size_t) (right - left) * sizeof *p);
}

// The logarithm of a gamma variable: for small alpha the variable itself is below the doubles.
static double log_gamma_variable(struct lat_rng *rng, double alpha)
{
    if (alpha < 1) {
        double u = 1 - lat_rng_uniform(rng);
        return log_gamma_variable(rng, alpha + 1) + log(u) / alpha;
    }
    double d = alpha - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = lat_rng_normal(rng), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        double u = 1 - lat_rng_uniform(rng);
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return log(d * v);
    }
}

double lat_beta(struct lat_rng *rng, double alpha)
{
    double a = log_gamma_variable(rng, alpha), b = log_gamma_variable(rng, alpha);
    return 1 / (1 + exp(b - a));
}
