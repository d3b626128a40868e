// SPDX-License-Identifier: MIT
//
// Access to a dataset. It does not change after it was opened, so any number of threads
// may read it.

#include "data/dataset.h"

void lattn_dataset_close(lattn_dataset **d)
{
    if (!*d)
        return;
    lat_str_free(&(*d)->pool);
    lat_free((*d)->rows.items);
    lat_labels_free(&(*d)->labels);
    lat_free(*d);
    *d = NULL;
}

int64_t lattn_dataset_count(const lattn_dataset *d)
{
    return (int64_t) d->rows.n;
}

static const struct lat_text_row *row_at(const lattn_dataset *d, int64_t i)
{
    return i >= 0 && (size_t) i < d->rows.n ? &d->rows.items[i] : NULL;
}

const char *lattn_dataset_text(const lattn_dataset *d, int64_t i, size_t *bytes)
{
    const struct lat_text_row *row = row_at(d, i);
    if (bytes)
        *bytes = row ? row->text_bytes : 0;
    return row ? d->pool.items + row->text : NULL;
}

const char *lattn_dataset_pair(const lattn_dataset *d, int64_t i, size_t *bytes)
{
    const struct lat_text_row *row = d->has_pair ? row_at(d, i) : NULL;
    if (bytes)
        *bytes = row ? row->pair_bytes : 0;
    return row ? d->pool.items + row->pair : NULL;
}

int32_t lattn_dataset_label(const lattn_dataset *d, int64_t i)
{
    const struct lat_text_row *row = row_at(d, i);
    return row ? row->label : -1;
}

int32_t lattn_dataset_n_labels(const lattn_dataset *d)
{
    return (int32_t) d->labels.n;
}

const char *lattn_dataset_label_name(const lattn_dataset *d, int32_t id)
{
    return id >= 0 && (size_t) id < d->labels.n ? d->labels.items[id] : NULL;
}

lattn_text_stats lattn_dataset_stats(const lattn_dataset *d)
{
    return d->stats;
}
