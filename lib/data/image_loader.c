// SPDX-License-Identifier: MIT
//
// Loaders of pictures: rows to [n, C, H, W] in floats, transformed in the workers, and mixup,
// which is the one step that needs the whole batch.
//
//     x_i <- lambda x_i + (1 - lambda) x_p(i),  targets the same, lambda ~ Beta(alpha, alpha)
//
// The permutation and lambda come from (seed, epoch, number of the batch).

#include <math.h>
#include <string.h>
#include "base/array.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "image/transform.h"

#define MIXUP_KEY ((uint64_t) 0x6D697875 << 32)

enum { MAX_SIDE = 65535, USUAL_BATCH = 32 };

struct plan {
    const lattn_dataset *dataset;
    lattn_transform transform;  // with mean and std of its own
    uint64_t seed;
    int32_t C, H, W;
};

struct worker {
    struct lat_scratch scratch;
    struct {
        uint32_t *items;
        size_t n, capacity;
    } partners;
    struct {
        float *items;
        size_t n, capacity;
    } mixed;
};

// ---- a batch ----------------------------------------------------------------------------------

static lattn_status make_sample(
    const struct plan *p, struct worker *w, uint32_t row, uint64_t epoch, float *to)
{
    const lattn_dataset *d = p->dataset;
    size_t size = (size_t) d->C * (size_t) d->H * (size_t) d->W;
    struct lat_sample from = { .C = d->C,
        .H = d->H,
        .W = d->W,
        .name = "picture",
        .seed = p->seed,
        .epoch = epoch,
        .row = row };
    if (d->kind == LAT_DATA_NUMBERS) {
        from.numbers = d->numbers + row * size;
        return lat_transform(&w->scratch, &p->transform, &from, to);
    }
    if (d->kind == LAT_DATA_BYTES) {
        from.bytes = d->bytes + row * size;
        return lat_transform(&w->scratch, &p->transform, &from, to);
    }
    lattn_image image;
    LAT_TRY(lattn_dataset_image(d, row, &image));
    from.bytes = image.data;
    from.H = image.H;
    from.W = image.W;
    from.name = lattn_dataset_text(d, row, NULL);
    lattn_status st = lat_transform(&w->scratch, &p->transform, &from, to);
    lattn_image_free(&image);
    return st;
}

static void mix(
    float *x, const float *old, const uint32_t *partners, size_t size, size_t n, float share)
{
    for (size_t i = 0; i < n; i++, x += size) {
        const float *a = old + i * size, *b = old + partners[i] * size;
        for (size_t k = 0; k < size; k++)
            x[k] = share * a[k] + (1 - share) * b[k];
    }
}

static lattn_status mixup(const struct plan *p, struct worker *w, struct lat_slot *out)
{
    lattn_batch *b = &out->batch;
    size_t n = (size_t) b->n, size = (size_t) b->C * (size_t) b->H * (size_t) b->W;
    size_t n_labels = (size_t) lattn_dataset_n_labels(p->dataset);
    b->n_labels = (int32_t) n_labels;
    LAT_TRY(lat_slot_grow(
        (void **) &b->targets, &out->targets_capacity, n * n_labels, sizeof *b->targets));
    LAT_TRY(LAT_RESERVE(&w->partners, n));
    LAT_TRY(LAT_RESERVE(&w->mixed, n * LAT_MAX(size, n_labels)));

    struct lat_rng rng = { .seed = p->seed ^ MIXUP_KEY,
        .stream = (uint64_t) b->epoch << 32 ^ (uint64_t) b->index };
    float share = (float) lat_beta(&rng, (double) p->transform.mixup);
    for (size_t i = 0; i < n; i++)
        w->partners.items[i] = (uint32_t) i;
    lat_rng_shuffle(&rng, w->partners.items, n);

    memcpy(w->mixed.items, b->x, n * size * sizeof *b->x);
    mix(b->x, w->mixed.items, w->partners.items, size, n, share);
    memset(w->mixed.items, 0, n * n_labels * sizeof *b->targets);
    for (size_t i = 0; i < n; i++)
        w->mixed.items[i * n_labels + (size_t) b->labels[i]] = 1;
    mix(b->targets, w->mixed.items, w->partners.items, n_labels, n, share);
    return LATTN_OK;
}

static lattn_status collate(
    const void *data, void *worker, const uint32_t *rows, size_t n, struct lat_slot *out)
{
    const struct plan *p = data;
    struct worker *w = worker;
    lattn_batch *b = &out->batch;
    size_t size = (size_t) p->C * (size_t) p->H * (size_t) p->W;
    b->n = (int32_t) n;
    b->C = p->C;
    b->H = p->H;
    b->W = p->W;
    LAT_TRY(lat_slot_rows(out, n));
    LAT_TRY(lat_slot_grow((void **) &b->x, &out->x_capacity, n * size, sizeof *b->x));
    for (size_t i = 0; i < n; i++) {
        b->rows[i] = rows[i];
        b->labels[i] = lattn_dataset_label(p->dataset, rows[i]);
        LAT_TRY(make_sample(p, w, rows[i], (uint64_t) b->epoch, b->x + i * size));
    }
    return p->transform.mixup > 0 ? mixup(p, w, out) : LATTN_OK;
}

static void free_worker(void *worker)
{
    struct worker *w = worker;
    lat_scratch_free(&w->scratch);
    lat_free(w->partners.items);
    lat_free(w->mixed.items);
}

static void free_plan(void *data)
{
    struct plan *p = data;
    lat_free((float *) p->transform.mean);
    lat_free((float *) p->transform.std);
    lat_free(p);
}

// ---- checking ---------------------------------------------------------------------------------

static lattn_status range(const char *name, float value, float lo, float hi)
{
    if (value >= lo && value <= hi)  // not so for NaN
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG, "loader: %s is %g, expected %g to %g", name, (double) value,
        (double) lo, (double) hi);
}

static lattn_status check_ranges(const lattn_transform *t)
{
    LAT_TRY(lat_loader_range("resize", t->resize, 0, MAX_SIDE));
    LAT_TRY(lat_loader_range("height", t->height, 0, MAX_SIDE));
    LAT_TRY(lat_loader_range("width", t->width, 0, MAX_SIDE));
    LAT_TRY(lat_loader_range("pad", t->pad, 0, MAX_SIDE));
    LAT_TRY(lat_loader_range("cutout", t->cutout, 0, MAX_SIDE));
    LAT_TRY(range("min_area", t->min_area, 0, 1));
    LAT_TRY(range("flip_horizontal", t->flip_horizontal, 0, 1));
    LAT_TRY(range("flip_vertical", t->flip_vertical, 0, 1));
    LAT_TRY(range("rotate", t->rotate, 0, 180));
    LAT_TRY(range("brightness", t->brightness, 0, 100));
    LAT_TRY(range("contrast", t->contrast, 0, 100));
    LAT_TRY(range("saturation", t->saturation, 0, 100));
    return range("mixup", t->mixup, 0, 1e6f);
}

static lattn_status check_together(const lattn_transform *t, const lattn_dataset *d)
{
    bool sized = t->height > 0;
    if (sized != (t->width > 0))
        return lat_err(
            LATTN_ERR_ARG, "loader: height %d and width %d: one is missing", t->height, t->width);
    if (!sized && d->kind == LAT_DATA_FILES)
        return lat_err(
            LATTN_ERR_ARG, "loader: the pictures of a folder have any size; set height and width");
    if (!sized && (t->stretch || t->min_area > 0))
        return lat_err(LATTN_ERR_ARG, "loader: %s needs height and width",
            t->stretch ? "stretch" : "min_area");
    bool crops = t->pad || t->random_crop;
    int n_ways = (t->stretch != 0) + (t->min_area > 0) + (t->resize > 0 || crops);
    if (n_ways > 1)
        return lat_err(LATTN_ERR_ARG,
            "loader: stretch, min_area, and resize with pad and random_crop exclude one another");
    if (d->C > 4 || d->kind == LAT_DATA_NUMBERS)
        if (t->brightness > 0 || t->contrast > 0 || t->saturation > 0)
            return lat_err(LATTN_ERR_ARG,
                "loader: brightness, contrast and saturation are for pictures, not for numbers");
    if (t->mixup > 0 && !d->has_labels)
        return lat_err(LATTN_ERR_ARG, "loader: mixup needs labels");
    return LATTN_OK;
}

static lattn_status check_channels(const lattn_transform *t, int32_t C)
{
    for (int32_t c = 0; c < C; c++) {
        float mean = t->mean ? t->mean[c] : 0, std = t->std ? t->std[c] : 1;
        if (!isfinite(mean) || !isfinite(std) || std <= 0)
            return lat_err(LATTN_ERR_ARG, "loader: mean %g and std %g of channel %d", (double) mean,
                (double) std, c);
    }
    return LATTN_OK;
}

static lattn_status fill_in(const lattn_image_loader_params *params, struct plan *p)
{
    const lattn_dataset *d = params->dataset;
    const lattn_transform *t = &params->transform;
    const int64_t most = (int64_t) 1 << 30;
    if (d->kind == LAT_DATA_TEXTS)
        return lat_err(LATTN_ERR_ARG, "loader: the dataset has texts, not pictures");
    LAT_TRY(check_ranges(t));
    LAT_TRY(check_together(t, d));
    LAT_TRY(check_channels(t, d->C));
    *p = (struct plan){ .dataset = d, .transform = *t, .seed = params->seed, .C = d->C };
    p->transform.mean = p->transform.std = NULL;
    lat_transform_size(t, LAT_MAX(d->H, 1), LAT_MAX(d->W, 1), &p->H, &p->W);
    if ((int64_t) p->H * p->W > most / p->C)
        return lat_err(
            LATTN_ERR_ARG, "loader: samples of %d x %d x %d are too large", p->C, p->H, p->W);
    return LATTN_OK;
}

static struct plan *keep(const struct plan *p, const lattn_transform *t)
{
    size_t bytes = (size_t) p->C * sizeof(float);
    struct plan *kept = lat_memdup(p, sizeof *p);
    if (!kept)
        return NULL;
    kept->transform.mean = t->mean ? lat_memdup(t->mean, bytes) : NULL;
    kept->transform.std = t->std ? lat_memdup(t->std, bytes) : NULL;
    if ((t->mean && !kept->transform.mean) || (t->std && !kept->transform.std)) {
        free_plan(kept);
        return NULL;
    }
    return kept;
}

lattn_status lattn_image_loader_create(const lattn_image_loader_params *params, lattn_loader **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    LAT_CHECK_ARG(params->dataset);
    static const struct lat_loader_kind pictures = { .worker_bytes = sizeof(struct worker),
        .collate = collate,
        .free_worker = free_worker,
        .free_data = free_plan };
    struct plan p;
    LAT_TRY(fill_in(params, &p));
    struct plan *data = keep(&p, &params->transform);
    if (!data)
        return LATTN_ERR_HOST_MEMORY;
    return lat_loader_create(
        &(struct lat_loader_plan){ .kind = &pictures,
            .data = data,
            .dataset = params->dataset,
            .rows = params->rows,
            .batch_size = params->batch_size ? params->batch_size : USUAL_BATCH,
            .shuffle = params->shuffle,
            .drop_last = params->drop_last,
            .seed = params->seed,
            .n_threads = params->n_threads,
            .n_ahead = params->n_ahead },
        out);
}
