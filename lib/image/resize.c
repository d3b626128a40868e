// SPDX-License-Identifier: MIT
//
// Resizing with a triangle as weight, first the rows, then the columns.
//
//     centre(o) = (o + 1/2) n_in / n_out,   width = max(n_in / n_out, 1)
//     out(o) = sum_i w_i in(i) / sum_i w_i,  w_i = max(0, 1 - |i + 1/2 - centre| / width)
//
// To a larger size this is bilinear interpolation; to a smaller one the triangle widens, so
// that every pixel counts and none makes a pattern (antialiasing). The weights are those of
// Pillow's and torchvision's BILINEAR with antialias.

#include <math.h>
#include <string.h>
#include "base/array.h"
#include "image/transform.h"

void lat_scratch_free(struct lat_scratch *s)
{
    lat_free(s->row.items);
    lat_free(s->narrow.items);
    lat_free(s->image.items);
    lat_free(s->weights.items);
    lat_free(s->starts.items);
    *s = (struct lat_scratch){ 0 };
}

void lat_sample_row(
    const struct lat_sample *from, int32_t c, int32_t y, int32_t x, int32_t n, float *to)
{
    size_t at = ((size_t) c * (size_t) from->H + (size_t) y) * (size_t) from->W + (size_t) x;
    if (from->numbers) {
        memcpy(to, from->numbers + at, (size_t) n * sizeof *to);
        return;
    }
    for (int32_t i = 0; i < n; i++)
        to[i] = (float) from->bytes[at + (size_t) i] * (1.0f / 255.0f);
}

// Weights of n_out results, n_taps each; starts[o] is the first input of result o.
struct taps {
    const float *weights;
    const int32_t *starts;
    int32_t n;
};

static lattn_status make_taps(struct lat_scratch *s, int32_t n_in, int32_t n_out, struct taps *out)
{
    double scale = (double) n_in / n_out, width = fmax(scale, 1);
    int32_t n_taps = LAT_MIN(2 * (int32_t) ceil(width) + 1, n_in);
    LAT_TRY(LAT_RESERVE(&s->weights, (size_t) n_taps * (size_t) n_out));
    LAT_TRY(LAT_RESERVE(&s->starts, (size_t) n_out));
    for (int32_t o = 0; o < n_out; o++) {
        double centre = (o + 0.5) * scale, sum = 0;
        int32_t first = LAT_MAX((int32_t) floor(centre - width + 0.5), 0);
        first = LAT_MIN(first, n_in - n_taps);
        float *w = s->weights.items + (size_t) o * (size_t) n_taps;
        for (int32_t i = 0; i < n_taps; i++)
            sum += fmax(0, 1 - fabs(first + i + 0.5 - centre) / width);
        for (int32_t i = 0; i < n_taps; i++)
            w[i] = (float) (fmax(0, 1 - fabs(first + i + 0.5 - centre) / width) / sum);
        s->starts.items[o] = first;
    }
    *out = (struct taps){ s->weights.items, s->starts.items, n_taps };
    return LATTN_OK;
}

static void resize_row(const struct taps *t, const float *from, float *to, int32_t n_out)
{
    for (int32_t o = 0; o < n_out; o++) {
        const float *w = t->weights + (size_t) o * (size_t) t->n, *in = from + t->starts[o];
        float sum = 0;
        for (int32_t i = 0; i < t->n; i++)
            sum += w[i] * in[i];
        to[o] = sum;
    }
}

// Row by row, so that the inner loop runs over neighbours.
static void resize_columns(
    const struct taps *t, const float *from, float *to, int32_t n_out, int32_t W)
{
    for (int32_t o = 0; o < n_out; o++) {
        const float *w = t->weights + (size_t) o * (size_t) t->n;
        const float *in = from + (size_t) t->starts[o] * (size_t) W;
        float *row = to + (size_t) o * (size_t) W;
        memset(row, 0, (size_t) W * sizeof *row);
        for (int32_t i = 0; i < t->n; i++, in += W)
            for (int32_t x = 0; x < W; x++)
                row[x] += w[i] * in[x];
    }
}

lattn_status lat_resize_check(
    const struct lat_sample *from, struct lat_box box, int32_t H, int32_t W)
{
    const uint64_t most = ((uint64_t) 1 << 28) / (uint64_t) from->C;
    if ((uint64_t) box.H * (uint64_t) W <= most && (uint64_t) H * (uint64_t) W <= most)
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT,
        "%s: a picture of %d x %d pixels is too long to be resized to %d x %d", from->name, from->W,
        from->H, W, H);
}

lattn_status lat_resize(struct lat_scratch *s, const struct lat_sample *from, struct lat_box box,
    float *to, int32_t H, int32_t W)
{
    struct taps taps;
    size_t narrow = (size_t) box.H * (size_t) W;
    LAT_TRY(lat_resize_check(from, box, H, W));
    LAT_TRY(LAT_RESERVE(&s->row, (size_t) box.W));
    LAT_TRY(LAT_RESERVE(&s->narrow, narrow * (size_t) from->C));
    LAT_TRY(make_taps(s, box.W, W, &taps));
    for (int32_t c = 0; c < from->C; c++) {
        for (int32_t y = 0; y < box.H; y++) {
            float *row = s->narrow.items + (size_t) c * narrow + (size_t) y * (size_t) W;
            lat_sample_row(from, c, box.y + y, box.x, box.W, s->row.items);
            resize_row(&taps, s->row.items, row, W);
        }
    }
    LAT_TRY(make_taps(s, box.H, H, &taps));
    for (int32_t c = 0; c < from->C; c++)
        resize_columns(&taps, s->narrow.items + (size_t) c * narrow,
            to + (size_t) c * (size_t) H * (size_t) W, H, W);
    return LATTN_OK;
}
