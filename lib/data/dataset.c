// SPDX-License-Identifier: MIT
//
// Access to a dataset. It does not change after it was opened, so any number of threads
// may read it.

#include "base/log.h"
#include "data/dataset.h"

lattn_status lat_dataset_create(enum lat_data_kind kind, size_t n, lattn_dataset **out)
{
    lattn_dataset *d = LAT_NEW(lattn_dataset);
    *out = d;
    if (!d)
        return LATTN_ERR_HOST_MEMORY;
    d->kind = kind;
    lattn_status st = LAT_RESERVE(&d->rows, n);
    if (st) {
        lattn_dataset_close(out);
        return st;
    }
    for (d->rows.n = 0; d->rows.n < n; d->rows.n++)
        d->rows.items[d->rows.n] = (struct lat_data_row){ .label = -1 };
    return LATTN_OK;
}

void lat_dataset_warn_one_class(const char *path, const lattn_dataset *d)
{
    for (size_t i = 1; i < d->rows.n; i++)
        if (d->rows.items[i].label != d->rows.items[0].label)
            return;
    lat_log(LATTN_LOG_WARN, "%s: every row has the label \"%s\"", path,
        lat_quoted(lattn_dataset_label_name(d, d->rows.items[0].label), (char[60]){ 0 }, 60));
}

void lattn_dataset_close(lattn_dataset **d)
{
    if (!d || !*d)
        return;
    lat_str_free(&(*d)->pool);
    lat_free((*d)->rows.items);
    lat_labels_free(&(*d)->labels);
    lat_free((*d)->bytes);
    lat_free((*d)->numbers);
    lat_free((*d)->tokens.items);
    lat_free((*d)->words.items);
    lat_free((*d)->word_ends.items);
    lat_free((*d)->values.items);
    for (int32_t i = 0; (*d)->columns && i < (*d)->n_columns; i++)
        lat_free((*d)->columns[i]);
    lat_free((*d)->columns);
    lat_free((*d)->targets);
    lat_free(*d);
    *d = NULL;
}

int64_t lattn_dataset_count(const lattn_dataset *d)
{
    if (!d)
        return 0;
    if (d->kind == LAT_DATA_STREAM)
        return (int64_t) d->tokens.n;
    if (d->kind == LAT_DATA_SERIES)
        return (int64_t) (d->values.n / (size_t) d->n_columns);
    return (int64_t) d->rows.n;
}

static const struct lat_data_row *row_at(const lattn_dataset *d, int64_t i)
{
    return d && i >= 0 && (size_t) i < d->rows.n ? &d->rows.items[i] : NULL;
}

const char *lattn_dataset_text(const lattn_dataset *d, int64_t i, size_t *bytes)
{
    const struct lat_data_row *row = row_at(d, i);
    if (bytes)
        *bytes = row ? row->text_bytes : 0;
    return row && d->pool.items ? d->pool.items + row->text : NULL;
}

const char *lattn_dataset_pair(const lattn_dataset *d, int64_t i, size_t *bytes)
{
    const struct lat_data_row *row = d && d->has_pair ? row_at(d, i) : NULL;
    if (bytes)
        *bytes = row ? row->pair_bytes : 0;
    return row ? d->pool.items + row->pair : NULL;
}

int32_t lattn_dataset_label(const lattn_dataset *d, int64_t i)
{
    const struct lat_data_row *row = row_at(d, i);
    return row ? row->label : -1;
}

int32_t lattn_dataset_n_labels(const lattn_dataset *d)
{
    if (!d)
        return 0;
    return (int32_t) d->labels.n;
}

const char *lattn_dataset_label_name(const lattn_dataset *d, int32_t id)
{
    if (!d)
        return NULL;
    return id >= 0 && (size_t) id < d->labels.n ? d->labels.items[id] : NULL;
}

lattn_data_stats lattn_dataset_stats(const lattn_dataset *d)
{
    if (!d)
        return (lattn_data_stats){ 0 };
    return d->stats;
}

lattn_status lat_rows_check(const char *who, const lattn_dataset *d, const lattn_rows *rows)
{
    int64_t n = rows ? rows->n : 1;
    if (n < 1 || (rows && !rows->items))
        return lat_err(LATTN_ERR_ARG, "%s: no rows", who);
    for (int64_t i = 0; rows && i < n; i++)
        if (rows->items[i] < 0 || rows->items[i] >= lattn_dataset_count(d))
            return lat_err(LATTN_ERR_ARG, "%s: row %lld of a dataset with %lld rows", who,
                (long long) rows->items[i], (long long) lattn_dataset_count(d));
    return LATTN_OK;
}

void lattn_rows_free(lattn_rows *r)
{
    if (!r)
        return;
    lat_free(r->items);
    *r = (lattn_rows){ 0 };
}
