// SPDX-License-Identifier: MIT
//
// The binary files of CIFAR: records of one label (CIFAR-100: coarse, then fine) and
// 3 x 32 x 32 bytes, with nothing around them.

#include <string.h>
#include "data/dataset.h"
#include "data/text_rows.h"

enum { PIXELS = 3 * 32 * 32, N_COARSE = 20 };

static const char *const names_10[] = { "airplane", "automobile", "bird", "cat", "deer", "dog",
    "frog", "horse", "ship", "truck" };

struct reader {
    bool of_100;
    int32_t label_byte, n_values;  // which byte of a record is the label, how many values it has
    struct {
        uint8_t *items;
        size_t n, capacity;
    } pixels;
    struct {
        uint8_t *items;
        size_t n, capacity;
    } labels;
    uint64_t hash, file_bytes;
};

static lattn_status add_records(struct reader *r, const char *path, const struct lat_bytes *b)
{
    size_t record = PIXELS + (r->of_100 ? 2 : 1);
    if (b->n == 0 || b->n % record)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: %zu bytes, expected a multiple of %zu, the record of CIFAR-%d", path, b->n, record,
            r->of_100 ? 100 : 10);
    size_t n = b->n / record;
    LAT_TRY(LAT_RESERVE(&r->pixels, r->pixels.n + n * PIXELS));
    LAT_TRY(LAT_RESERVE(&r->labels, r->labels.n + n));
    for (size_t i = 0; i < n; i++) {
        const uint8_t *from = (const uint8_t *) b->items + i * record;
        uint8_t label = from[r->label_byte];
        if (label >= r->n_values)
            return lat_err(LATTN_ERR_FORMAT, "%s: label %d of picture %zu, expected 0 to %d", path,
                label, i, r->n_values - 1);
        memcpy(r->pixels.items + r->pixels.n, from + record - PIXELS, PIXELS);
        r->labels.items[r->labels.n++] = label;
        r->pixels.n += PIXELS;
    }
    return LATTN_OK;
}

static lattn_status read_file(struct reader *r, const char *path)
{
    struct lat_bytes b;
    LAT_TRY(lat_bytes_read_any(path, &b));
    lattn_status st = add_records(r, path, &b);
    lat_free(b.items);
    r->hash = r->hash * 31 + b.hash;  // in their order
    r->file_bytes += b.file_bytes;
    return st;
}

static lattn_status make(
    struct reader *r, const char *path, const lattn_cifar_params *p, lattn_dataset **out)
{
    LAT_TRY(lat_dataset_create(LAT_DATA_BYTES, r->labels.n, out));
    lattn_dataset *d = *out;
    d->C = 3;
    d->H = d->W = 32;
    d->bytes = r->pixels.items;
    r->pixels.items = NULL;
    d->has_labels = true;
    d->stats.hash = r->hash;
    d->stats.file_bytes = r->file_bytes;
    for (size_t i = 0; i < d->rows.n; i++)
        d->rows.items[i].label = r->labels.items[i];
    if (p->n_labels)
        LAT_TRY(lat_labels_given(&d->labels, p->labels, p->n_labels));
    else if (r->of_100)
        LAT_TRY(lat_labels_numbered(&d->labels, r->n_values));
    else
        LAT_TRY(lat_labels_given(&d->labels, names_10, r->n_values));
    lat_dataset_warn_one_class(path, d);
    return LATTN_OK;
}

static lattn_status check(int32_t n_paths, const lattn_cifar_params *p, struct reader *r)
{
    if (n_paths < 1)
        return lat_err(LATTN_ERR_ARG, "CIFAR: no files");
    if (p->n_classes != 0 && p->n_classes != 10 && p->n_classes != 100)
        return lat_err(LATTN_ERR_ARG, "CIFAR: n_classes is %d, expected 10 or 100", p->n_classes);
    r->of_100 = p->n_classes == 100;
    if (p->coarse && !r->of_100)
        return lat_err(LATTN_ERR_ARG, "CIFAR: CIFAR-10 has no coarse labels");
    r->label_byte = r->of_100 && !p->coarse;
    r->n_values = p->coarse ? N_COARSE : r->of_100 ? 100 : 10;
    if (p->n_labels && (p->n_labels != r->n_values || !p->labels))
        return lat_err(LATTN_ERR_ARG, "CIFAR: %d names of labels, expected %d",
            p->labels ? p->n_labels : 0, r->n_values);
    return LATTN_OK;
}

lattn_status lattn_cifar_open(const char *const *paths, int32_t n_paths,
    const lattn_cifar_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARRAY(paths, n_paths);
    for (int32_t i = 0; i < n_paths; i++)
        LAT_CHECK_ARG(paths[i]);
    const lattn_cifar_params p = params ? *params : (lattn_cifar_params){ 0 };
    struct reader r = { 0 };
    lattn_status st = check(n_paths, &p, &r);
    for (int32_t i = 0; i < n_paths && !st; i++)
        st = read_file(&r, paths[i]);
    if (!st)
        st = make(&r, paths[0], &p, out);
    lat_free(r.pixels.items);
    lat_free(r.labels.items);
    if (st)
        lattn_dataset_close(out);
    return st;
}
