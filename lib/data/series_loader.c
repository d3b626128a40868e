// SPDX-License-Identifier: MIT
//
// Batches of windows of a series.

#include <string.h>
#include "data/dataset.h"
#include "data/loader.h"

enum { MAX_STEPS = 1 << 20 };

struct series {
    const lattn_dataset *d;
    int64_t first;  // of the part
    int64_t T, T_out, stride;
    double *mean, *factor;  // [n_columns]
};

static float scaled(const struct series *s, int64_t row, int32_t column)
{
    return (float) ((lattn_series_value(s->d, row, column) - s->mean[column]) * s->factor[column]);
}

static lattn_status make_room(struct lat_slot *s, size_t n, size_t n_x, size_t n_targets)
{
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_rows(s, n));
    LAT_TRY(lat_slot_grow((void **) &b->lengths, &s->lengths_capacity, n, sizeof *b->lengths));
    LAT_TRY(lat_slot_grow((void **) &b->x, &s->x_capacity, n * n_x, sizeof *b->x));
    return lat_slot_grow(
        (void **) &b->targets, &s->targets_capacity, n * n_targets, sizeof *b->targets);
}

static lattn_status collate(
    const void *data, void *worker, const uint32_t *windows, size_t n, struct lat_slot *out)
{
    (void) worker;
    const struct series *s = data;
    const lattn_dataset *d = s->d;
    lattn_batch *b = &out->batch;
    LAT_TRY(make_room(out, n, (size_t) (s->T * d->n_inputs), (size_t) (s->T_out * d->n_targets)));
    b->n = (int32_t) n;
    b->T = (int32_t) s->T;
    b->T_out = (int32_t) s->T_out;
    b->C = d->n_inputs;
    b->n_labels = d->n_targets;
    b->n_tokens = (int64_t) n * s->T;
    float *x = b->x, *targets = b->targets;
    for (size_t i = 0; i < n; i++) {
        int64_t start = s->first + windows[i] * s->stride;
        for (int64_t t = 0; t < s->T; t++)
            for (int32_t c = 0; c < d->n_inputs; c++)
                *x++ = scaled(s, start + t, c);
        for (int64_t t = 0; t < s->T_out; t++)
            for (int32_t c = 0; c < d->n_targets; c++)
                *targets++ = scaled(s, start + s->T + t, d->targets[c]);
        b->rows[i] = start;
        b->lengths[i] = b->T;
        b->labels[i] = -1;
    }
    return LATTN_OK;
}

static void free_worker(void *worker)
{
    (void) worker;
}

static void free_series(void *data)
{
    struct series *s = data;
    lat_free(s->mean);
    lat_free(s->factor);
    lat_free(s);
}

static lattn_status check_scale(const lattn_dataset *d, const lattn_series_scale *scale)
{
    if (!scale)
        return LATTN_OK;
    if (scale->n != d->n_columns)
        return lat_err(LATTN_ERR_ARG, "loader: a scale of %d columns, the series has %d", scale->n,
            d->n_columns);
    for (int32_t i = 0; i < scale->n; i++)
        if (strcmp(scale->names[i], d->columns[i]))
            return lat_err(LATTN_ERR_ARG,
                "loader: column %d of the scale is \"%s\", of the series \"%s\"", i,
                lat_quoted(scale->names[i], (char[60]){ 0 }, 60),
                lat_quoted(d->columns[i], (char[60]){ 0 }, 60));
    return LATTN_OK;
}

static lattn_status fill_in(const lattn_series_loader_params *params, lattn_series_loader_params *p)
{
    *p = *params;
    if (!p->dataset || p->dataset->kind != LAT_DATA_SERIES)
        return lat_err(LATTN_ERR_ARG, "%s",
            p->dataset ? "loader: the dataset is no series" : "loader: no dataset");
    p->T_out = p->T_out ? p->T_out : 1;
    p->stride = p->stride ? p->stride : 1;
    p->batch_size = p->batch_size ? p->batch_size : 32;
    LAT_TRY(lat_loader_range("T", p->T, 1, MAX_STEPS));
    LAT_TRY(lat_loader_range("T_out", p->T_out, 1, MAX_STEPS));
    LAT_TRY(lat_loader_range("stride", p->stride, 1, INT32_MAX));
    return check_scale(p->dataset, p->scale);
}

static lattn_status make_series(
    const lattn_series_loader_params *p, int64_t first, struct series **out)
{
    size_t n = (size_t) p->dataset->n_columns;
    struct series *s = LAT_NEW(struct series);
    *out = s;
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    *s = (struct series){
        .d = p->dataset, .first = first, .T = p->T, .T_out = p->T_out, .stride = p->stride
    };
    s->mean = lat_calloc(n, sizeof *s->mean);
    s->factor = lat_calloc(n, sizeof *s->factor);
    if (!s->mean || !s->factor) {
        free_series(s);
        return LATTN_ERR_HOST_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        s->mean[i] = p->scale ? p->scale->mean[i] : 0;
        s->factor[i] = p->scale ? 1 / p->scale->std[i] : 1;
    }
    return LATTN_OK;
}

lattn_status lattn_series_loader_create(
    const lattn_series_loader_params *params, lattn_loader **out)
{
    static const struct lat_loader_kind kind = {
        .worker_bytes = 1, .collate = collate, .free_worker = free_worker, .free_data = free_series
    };
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    lattn_series_loader_params p;
    lattn_range part;
    struct series *data;
    LAT_TRY(fill_in(params, &p));
    LAT_TRY(lat_range_check("loader", p.dataset, p.part, &part));
    int64_t window = (int64_t) p.T + p.T_out;
    if (part.n < window)
        return lat_err(LATTN_ERR_ARG, "loader: %lld steps, a window of %d and %d needs %lld",
            (long long) part.n, p.T, p.T_out, (long long) window);
    LAT_TRY(make_series(&p, part.first, &data));
    return lat_loader_create(&(struct lat_loader_plan){ .kind = &kind,
                                 .data = data,
                                 .dataset = p.dataset,
                                 .n_items = (part.n - window) / p.stride + 1,
                                 .batch_size = p.batch_size,
                                 .shuffle = p.shuffle,
                                 .drop_last = p.drop_last,
                                 .seed = p.seed,
                                 .n_threads = p.n_threads,
                                 .n_ahead = p.n_ahead },
        out);
}
