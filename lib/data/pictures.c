// SPDX-License-Identifier: MIT
//
// Access to the samples of a dataset of pictures or numbers, and their mean and deviation.
//
// Sums over bytes are whole numbers, so they are exact and do not depend on the order; those
// over numbers are corrected for what rounding loses.
// Source: Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen".

#include <math.h>
#include <string.h>
#include "data/dataset.h"

bool lattn_dataset_shape(const lattn_dataset *d, int32_t *C, int32_t *H, int32_t *W)
{
    const int32_t size[] = { d ? d->C : 0, d ? d->H : 0, d ? d->W : 0 };
    int32_t *const out[] = { C, H, W };
    for (int i = 0; i < 3; i++)
        if (out[i])
            *out[i] = size[i];
    return d && d->kind != LAT_DATA_TEXTS;
}

bool lattn_dataset_has_pictures(const lattn_dataset *d)
{
    return d && (d->kind == LAT_DATA_BYTES || d->kind == LAT_DATA_FILES);
}

lattn_status lattn_dataset_image(const lattn_dataset *d, int64_t i, lattn_image *out)
{
    LAT_CHECK_ARG(out);
    *out = (lattn_image){ 0 };
    LAT_CHECK_ARG(d);
    if (!lattn_dataset_has_pictures(d))
        return lat_err(LATTN_ERR_ARG, "the dataset has no pictures");
    if (i < 0 || i >= lattn_dataset_count(d))
        return lat_err(LATTN_ERR_ARG, "picture %lld of %lld", (long long) i,
            (long long) lattn_dataset_count(d));
    if (d->kind == LAT_DATA_FILES)
        return lattn_image_load(lattn_dataset_text(d, i, NULL), &d->image, out);
    size_t size = (size_t) d->C * (size_t) d->H * (size_t) d->W;
    uint8_t *copy = lat_memdup(d->bytes + (size_t) i * size, size);
    if (!copy)
        return LATTN_ERR_HOST_MEMORY;
    *out = (lattn_image){ .C = d->C, .H = d->H, .W = d->W, .data = copy };
    return LATTN_OK;
}

// ---- mean and deviation -----------------------------------------------------------------------

// Of one channel. Of bytes the sums fit: 2^64 / 255^2 is 2.8e14 pixels.
struct sums {
    uint64_t n, bytes, squares;
    double numbers, lost;  // sum, and what was rounded away from it
};

static void add_bytes(struct sums *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->bytes += p[i];
        s->squares += (uint64_t) p[i] * p[i];
    }
    s->n += n;
}

static void add_number(struct sums *s, double v)
{
    double sum = s->numbers + v;
    s->lost += fabs(s->numbers) >= fabs(v) ? (s->numbers - sum) + v : (v - sum) + s->numbers;
    s->numbers = sum;
}

static double variance_of_bytes(const struct sums *s)
{
    double mean = (double) s->bytes / (double) s->n;
    return ((double) s->squares / (double) s->n - mean * mean) / (255.0 * 255.0);
}

static int64_t row_at(const lattn_rows *rows, int64_t i)
{
    return rows ? rows->items[i] : i;
}

static lattn_status sum_pictures(
    const lattn_dataset *d, const lattn_rows *rows, int64_t n, struct sums *sums)
{
    for (int64_t i = 0; i < n; i++) {
        lattn_image image = { .C = d->C, .H = d->H, .W = d->W };
        size_t plane = (size_t) d->H * (size_t) d->W;
        const uint8_t *from = NULL;
        if (d->kind == LAT_DATA_FILES) {
            LAT_TRY(lattn_dataset_image(d, row_at(rows, i), &image));
            plane = (size_t) image.H * (size_t) image.W;
            from = image.data;
        } else {
            from = d->bytes + (size_t) row_at(rows, i) * (size_t) d->C * plane;
        }
        for (size_t c = 0; c < (size_t) d->C; c++)
            add_bytes(&sums[c], from + c * plane, plane);
        lattn_image_free(&image);
    }
    return LATTN_OK;
}

// Two passes: the squares are those of the distances from the mean.
static void sum_numbers(const lattn_dataset *d, const lattn_rows *rows, int64_t n, size_t c,
    struct sums *s, double mean, int power)
{
    size_t plane = (size_t) d->H * (size_t) d->W;
    *s = (struct sums){ .n = (uint64_t) n * plane };
    for (int64_t i = 0; i < n; i++) {
        const float *p = d->numbers + ((size_t) row_at(rows, i) * (size_t) d->C + c) * plane;
        for (size_t k = 0; k < plane; k++) {
            double v = (double) p[k] - mean;
            add_number(s, power == 2 ? v * v : v);
        }
    }
}

static void finish(float *mean, float *std, double m, double variance)
{
    *mean = (float) m;
    // What is left of a constant after rounding is no deviation.
    *std = variance > 1e-14 * (1 + m * m) ? (float) sqrt(variance) : 1.0f;
}

lattn_status lattn_dataset_mean_std(
    const lattn_dataset *d, const lattn_rows *rows, float *mean, float *std)
{
    LAT_CHECK_ARG(d);
    LAT_CHECK_ARG(mean);
    LAT_CHECK_ARG(std);
    if (d->kind == LAT_DATA_TEXTS)
        return lat_err(LATTN_ERR_ARG, "mean and std: the dataset has texts, not pictures");
    LAT_TRY(lat_rows_check("mean and std", d, rows));
    int64_t n = rows ? rows->n : lattn_dataset_count(d);
    struct sums *sums = lat_calloc((size_t) d->C, sizeof *sums);
    if (!sums)
        return LATTN_ERR_HOST_MEMORY;
    bool numbers = d->kind == LAT_DATA_NUMBERS;
    lattn_status st = numbers ? LATTN_OK : sum_pictures(d, rows, n, sums);
    for (size_t c = 0; c < (size_t) d->C && !st; c++) {
        struct sums *s = &sums[c];
        if (numbers) {
            sum_numbers(d, rows, n, c, s, 0, 1);
            double m = (s->numbers + s->lost) / (double) s->n;
            sum_numbers(d, rows, n, c, s, m, 2);
            finish(&mean[c], &std[c], m, (s->numbers + s->lost) / (double) s->n);
        } else {
            double m = (double) s->bytes / (double) s->n / 255;
            finish(&mean[c], &std[c], m, variance_of_bytes(s));
        }
    }
    lat_free(sums);
    return st;
}
