// SPDX-License-Identifier: MIT
//
// Pictures for people: numbers as a picture, and many pictures as one. A small picture is enlarged by a
// whole factor, so that its pixels stay squares; a large one is resized as those of batches are.

#include <math.h>
#include <string.h>
#include "image/fit.h"
#include "image/transform.h"

static lattn_status create(int32_t C, int32_t H, int32_t W, lattn_image *out)
{
    const uint64_t most = (uint64_t) 1 << 28;
    if (C < 1 || C > 4 || H < 1 || W < 1 || (uint64_t) H * (uint64_t) W > most / (uint64_t) C)
        return lat_err(LATTN_ERR_ARG, "a picture of %d channels, %d x %d pixels", C, W, H);
    *out = (lattn_image){ .C = C, .H = H, .W = W };
    out->data = lat_alloc((size_t) C * (size_t) H * (size_t) W);
    return out->data ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

static uint8_t byte_of(float v)
{
    return (uint8_t) (v > 0 ? fminf(v, 1) * 255 + 0.5f : 0);  // NaN is black
}

lattn_status lattn_image_from_f32(
    const float *x, int32_t C, int32_t H, int32_t W, float lo, float hi, lattn_image *out)
{
    LAT_CHECK_ARG(out);
    *out = (lattn_image){ 0 };
    LAT_CHECK_ARG(x);
    LAT_TRY(create(C, H, W, out));
    float scale = hi > lo ? 1 / (hi - lo) : 0;
    size_t n = (size_t) C * (size_t) H * (size_t) W;
    for (size_t i = 0; i < n; i++)
        out->data[i] = byte_of(hi > lo ? (x[i] - lo) * scale : 0.5f);
    return LATTN_OK;
}

static lattn_status check(const lattn_image *m)
{
    if (!m->data || m->C < 1 || m->C > 4 || m->H < 1 || m->W < 1)
        return lat_err(LATTN_ERR_ARG, "a picture of %d channels, %d x %d pixels%s", m->C, m->W,
            m->H, m->data ? "" : ", without pixels");
    return LATTN_OK;
}

// ---- one into a square ----------------------------------------------------------------------------

static lattn_status enlarge(const lattn_image *m, int32_t k, lattn_image *out)
{
    LAT_TRY(create(m->C, m->H * k, m->W * k, out));
    uint8_t *to = out->data;
    for (int32_t c = 0; c < m->C; c++)
        for (int32_t y = 0; y < out->H; y++) {
            const uint8_t *row =
                m->data + ((size_t) c * (size_t) m->H + (size_t) (y / k)) * (size_t) m->W;
            for (int32_t x = 0; x < out->W; x++)
                *to++ = row[x / k];
        }
    return LATTN_OK;
}

static lattn_status shrink(const lattn_image *m, int32_t H, int32_t W, lattn_image *out)
{
    struct lat_scratch scratch = { 0 };
    const struct lat_sample from = {
        .bytes = m->data, .C = m->C, .H = m->H, .W = m->W, .name = "a picture"
    };
    size_t n = (size_t) m->C * (size_t) H * (size_t) W;
    float *values = NULL;
    lattn_status st;
    LAT_GO(create(m->C, H, W, out));
    values = lat_alloc(n * sizeof *values);
    LAT_GO(values ? LATTN_OK : LATTN_ERR_HOST_MEMORY);
    LAT_GO(lat_resize(&scratch, &from, (struct lat_box){ .H = m->H, .W = m->W }, values, H, W));
    for (size_t i = 0; i < n; i++)
        out->data[i] = byte_of(values[i]);

done:
    lat_free(values);
    lat_scratch_free(&scratch);
    return st;
}

lattn_status lattn_image_fit(const lattn_image *m, int32_t side, lattn_image *out)
{
    LAT_CHECK_ARG(out);
    *out = (lattn_image){ 0 };
    LAT_CHECK_ARG(m);
    int32_t longest = LAT_MAX(m->H, m->W);
    lattn_status st;
    *out = (lattn_image){ 0 };
    LAT_TRY(check(m));
    if (side < 1)
        return lat_err(LATTN_ERR_ARG, "a picture into a square of %d", side);
    if (longest <= side) {
        st = enlarge(m, side / longest, out);
    } else {
        double ratio = (double) side / longest;
        int32_t H = (int32_t) lround(m->H * ratio), W = (int32_t) lround(m->W * ratio);
        st = shrink(m, LAT_MAX(H, 1), LAT_MAX(W, 1), out);
    }
    if (st)
        lattn_image_free(out);
    return st;
}

// ---- many as one ----------------------------------------------------------------------------------

static int32_t round_root(int32_t n)
{
    int32_t root = (int32_t) ceil(sqrt((double) n));
    return LAT_MAX(root, 1);
}

lattn_status lat_grid_plan(
    const lattn_image *pictures, int32_t n, const lattn_grid_params *params, struct lat_grid *out)
{
    lattn_grid_params p = params ? *params : (lattn_grid_params){ 0 };
    if (n < 1 || p.columns < 0 || p.tile < 0 || p.gap < 0 || p.gap > 4096)
        return lat_err(LATTN_ERR_ARG, "a grid of %d pictures, %d columns, sides %d, gaps %d", n,
            p.columns, p.tile, p.gap);
    *out = (struct lat_grid){ .side = p.tile, .gap = p.gap, .C = 1 };
    for (int32_t i = 0; i < n; i++) {
        const lattn_image *m = &pictures[i];
        LAT_TRY(check(m));
        out->C = m->C >= 3 ? 3 : out->C;
        out->side = p.tile ? p.tile : LAT_MAX(out->side, LAT_MAX(m->H, m->W));
    }
    out->columns = p.columns ? LAT_MIN(p.columns, n) : round_root(n);
    out->rows = (n + out->columns - 1) / out->columns;
    return LATTN_OK;
}

// Grey pictures have the same value in every channel; alpha is left out.
static void put(const lattn_image *m, lattn_image *to, int32_t y0, int32_t x0)
{
    size_t plane = (size_t) to->H * (size_t) to->W, own = (size_t) m->H * (size_t) m->W;
    for (int32_t c = 0; c < to->C; c++)
        for (int32_t y = 0; y < m->H; y++)
            memcpy(to->data + (size_t) c * plane + (size_t) (y0 + y) * (size_t) to->W + (size_t) x0,
                m->data + (m->C >= 3 ? (size_t) c * own : 0) + (size_t) y * (size_t) m->W,
                (size_t) m->W);
}

lattn_status lattn_image_grid(
    const lattn_image *pictures, int32_t n, const lattn_grid_params *params, lattn_image *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARRAY(pictures, n);
    struct lat_grid g;
    *out = (lattn_image){ 0 };
    LAT_TRY(lat_grid_plan(pictures, n, params, &g));
    int64_t step = (int64_t) g.side + g.gap;
    int64_t H = g.rows * step + g.gap, W = g.columns * step + g.gap;
    if (H > INT32_MAX || W > INT32_MAX)
        return lat_err(LATTN_ERR_ARG, "a grid of %lld x %lld pixels", (long long) W, (long long) H);
    LAT_TRY(create(g.C, (int32_t) H, (int32_t) W, out));
    memset(out->data, params ? params->background : 0, (size_t) g.C * (size_t) (H * W));
    for (int32_t i = 0; i < n; i++) {
        lattn_image fitted;
        lattn_status st = lattn_image_fit(&pictures[i], g.side, &fitted);
        if (st) {
            lattn_image_free(out);
            return st;
        }
        put(&fitted, out, (int32_t) (g.gap + i / g.columns * step) + (g.side - fitted.H) / 2,
            (int32_t) (g.gap + i % g.columns * step) + (g.side - fitted.W) / 2);
        lattn_image_free(&fitted);
    }
    return LATTN_OK;
}
