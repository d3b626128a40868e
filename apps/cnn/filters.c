// SPDX-License-Identifier: MIT
//
// filters.png: what the first layer looks for. Grey is zero; each filter has its own scale.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "cnn/cnn.h"

enum { MAX_TILES = 256, LEAST_SIDE = 24 };

// Weights as n pictures of [C, H, W].
struct filters {
    float *values;
    int64_t n;
    int32_t C, H, W;
};

// The first weights that face the picture: kernels [out, in, H, W], or rows of a linear layer as long as
// a picture.
static lattn_tensor *first_weights(const lattn_parameter *list, int n, const lattn_cnn_config *c)
{
    int64_t picture = c->channels * c->height * c->width;
    for (int i = 0; i < n; i++) {
        lattn_tensor *t = list[i].tensor;
        int rank = lattn_tensor_rank(t);
        if (rank == 4 && lattn_tensor_dim(t, 1) == c->channels)
            return t;
        if (rank == 2 && lattn_tensor_dim(t, 1) == picture)
            return t;
    }
    return NULL;
}

// Pictures have one channel or three: of two or four each is a picture of its own.
static void shape_of(const lattn_tensor *t, const lattn_cnn_config *c, struct filters *f)
{
    bool kernel = lattn_tensor_rank(t) == 4;
    f->n = lattn_tensor_dim(t, 0);
    f->C = (int32_t) c->channels;
    f->H = (int32_t) (kernel ? lattn_tensor_dim(t, 2) : c->height);
    f->W = (int32_t) (kernel ? lattn_tensor_dim(t, 3) : c->width);
    if (f->C == 2 || f->C == 4) {
        f->n *= f->C;
        f->C = 1;
    }
    f->n = f->n < MAX_TILES ? f->n : MAX_TILES;
}

static lattn_status make_picture(const struct filters *f, int64_t i, lattn_image *out)
{
    int64_t size = (int64_t) f->C * f->H * f->W;
    const float *x = f->values + i * size;
    float largest = 0;
    for (int64_t k = 0; k < size; k++)
        largest = fmaxf(largest, fabsf(x[k]));
    return lattn_image_from_f32(x, f->C, f->H, f->W, -largest, largest, out);
}

static lattn_status draw(const struct filters *f, const char *path)
{
    lattn_image *pictures = calloc((size_t) f->n, sizeof *pictures), grid = { 0 };
    int32_t side = f->H > f->W ? f->H : f->W;
    int32_t zoom = side < LEAST_SIDE ? (LEAST_SIDE + side - 1) / side : 1;
    lattn_grid_params params = { .tile = side * zoom, .gap = 2, .background = 255 };
    lattn_status st;
    if (!pictures)
        return LATTN_ERR_HOST_MEMORY;
    for (int64_t i = 0; i < f->n; i++)
        TRY(make_picture(f, i, &pictures[i]));
    TRY(lattn_image_grid(pictures, (int32_t) f->n, &params, &grid));
    TRY(lattn_image_save_png(path, &grid));

done:
    for (int64_t i = 0; i < f->n; i++)
        lattn_image_free(&pictures[i]);
    lattn_image_free(&grid);
    free(pictures);
    return st;
}

lattn_status cnn_save_filters(lattn_cnn *cnn, const char *dir)
{
    lattn_module *m = lattn_cnn_module(cnn);
    const lattn_cnn_config *c = lattn_cnn_get_config(cnn);
    int n = lattn_module_n_parameters(m);
    lattn_parameter *list = calloc((size_t) n + 1, sizeof *list);
    struct filters f = { 0 };
    char path[4096];
    lattn_status st;
    TRY(list ? LATTN_OK : LATTN_ERR_HOST_MEMORY);
    TRY(lattn_module_parameters(m, list, n, &n));
    lattn_tensor *t = first_weights(list, n, c);
    if (!t)
        goto done;
    shape_of(t, c, &f);
    int64_t numel = lattn_tensor_numel(t);
    f.values = malloc((size_t) numel * sizeof *f.values);
    TRY(f.values ? LATTN_OK : LATTN_ERR_HOST_MEMORY);
    TRY(lattn_tensor_read_f32(t, f.values, numel));
    snprintf(path, sizeof path, "%s/filters.png", dir);
    TRY(draw(&f, path));

done:
    free(f.values);
    free(list);
    return st;
}
