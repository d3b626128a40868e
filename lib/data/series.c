// SPDX-License-Identifier: MIT
//
// A table of numbers over time. What is no number is refused with its line and column: a gap
// that silently became 0 would be learnt.

#include <math.h>
#include <string.h>
#include "data/dataset.h"
#include "data/text_rows.h"

enum { MAX_COLUMNS = 1 << 16, MAX_LINE_BYTES = 16 << 20 };

#define QUOTED(text) lat_quoted(text, (char[60]){ 0 }, 60)

struct reader {
    const char *path;
    const lattn_series_params *params;
    lattn_dataset *d;
    size_t n_fields;
    struct {
        size_t *items;
        size_t n, capacity;
    } fields;  // of the file, for each column
    struct lat_str field;
};

// ---- columns ----------------------------------------------------------------------------------

static int32_t column_of(const lattn_dataset *d, const char *name)
{
    for (int32_t i = 0; i < d->n_columns; i++)
        if (!strcmp(d->columns[i], name))
            return i;
    return -1;
}

static lattn_status add_column(struct reader *r, const char *name, size_t n, size_t field)
{
    lattn_dataset *d = r->d;
    char **columns = lat_realloc(d->columns, ((size_t) d->n_columns + 1) * sizeof *columns);
    if (!columns)
        return LATTN_ERR_HOST_MEMORY;
    d->columns = columns;
    char *copy = lat_strndup(name, n);
    if (!copy)
        return LATTN_ERR_HOST_MEMORY;
    if (column_of(d, copy) >= 0) {
        lattn_status st =
            lat_err(LATTN_ERR_ARG, "%s: the column \"%s\" is named twice", r->path, QUOTED(copy));
        lat_free(copy);
        return st;
    }
    d->columns[d->n_columns++] = copy;
    return LAT_PUSH(&r->fields, field);
}

static lattn_status add_named(struct reader *r, const struct lat_row *names, const char *name)
{
    int64_t field = lat_row_find(names, name);
    if (field < 0)
        return lat_err(LATTN_ERR_FORMAT, "%s has no column \"%s\" among its %zu columns", r->path,
            QUOTED(name), names->n);
    return add_column(r, name, strlen(name), (size_t) field);
}

static lattn_status choose_inputs(struct reader *r, const struct lat_row *names)
{
    const lattn_series_params *p = r->params;
    for (int32_t i = 0; i < p->n_columns; i++)
        LAT_TRY(add_named(r, names, p->columns[i]));
    for (size_t i = 0; p->n_columns == 0 && i < names->n; i++)
        LAT_TRY(add_column(r, names->field[i], names->bytes[i], i));
    r->d->n_inputs = r->d->n_columns;
    return LATTN_OK;
}

static lattn_status choose_targets(struct reader *r, const struct lat_row *names)
{
    const lattn_series_params *p = r->params;
    lattn_dataset *d = r->d;
    int32_t n = p->n_targets ? p->n_targets : d->n_inputs;
    d->targets = lat_calloc((size_t) n, sizeof *d->targets);
    if (!d->targets)
        return LATTN_ERR_HOST_MEMORY;
    for (d->n_targets = 0; d->n_targets < n; d->n_targets++) {
        int32_t column = p->n_targets ? column_of(d, p->targets[d->n_targets]) : d->n_targets;
        if (column < 0) {
            LAT_TRY(add_named(r, names, p->targets[d->n_targets]));
            column = d->n_columns - 1;
        }
        for (int32_t i = 0; i < d->n_targets; i++)
            if (d->targets[i] == column)
                return lat_err(LATTN_ERR_ARG, "%s: the target \"%s\" is named twice", r->path,
                    QUOTED(d->columns[column]));
        d->targets[d->n_targets] = column;
    }
    return LATTN_OK;
}

static lattn_status take_names(void *user, const struct lat_row *names)
{
    struct reader *r = user;
    if (names->n > MAX_COLUMNS)
        return lat_err(LATTN_ERR_FORMAT, "%s has %zu columns, at most %d are accepted", r->path,
            names->n, MAX_COLUMNS);
    r->n_fields = names->n;
    LAT_TRY(choose_inputs(r, names));
    return choose_targets(r, names);
}

// ---- rows -------------------------------------------------------------------------------------

static lattn_status take_row(void *user, const struct lat_row *row)
{
    struct reader *r = user;
    if (row->n != r->n_fields)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: %zu columns in the row, expected %zu", r->path,
            row->line, row->n, r->n_fields);
    for (size_t i = 0; i < r->fields.n; i++) {
        double v;
        bool fine = lat_row_number(row, r->fields.items[i], &r->field, &v);
        LAT_TRY(r->field.status);
        if (!fine || !(fabs(v) <= 3.4028234e38))
            return lat_err(LATTN_ERR_FORMAT,
                "%s:%zu: column \"%s\" is \"%s\", expected a finite number", r->path, row->line,
                QUOTED(r->d->columns[i]), QUOTED(r->field.items));
        LAT_TRY(LAT_PUSH(&r->d->values, v));
    }
    return LATTN_OK;
}

static lattn_status read_all(struct reader *r)
{
    struct lat_row_reader rows = {
        .path = r->path,
        .max_line_bytes = MAX_LINE_BYTES,
        .columns = take_names,
        .row = take_row,
        .user = r,
    };
    struct lat_bytes b;
    LAT_TRY(lat_text_format_of(r->path, &rows.format));
    if (rows.format == LAT_TEXT_JSONL)
        return lat_err(LATTN_ERR_ARG, "%s: a series is read from .csv or .tsv", r->path);
    LAT_TRY(lat_bytes_read(r->path, &b));
    r->d->stats.hash = b.hash;
    r->d->stats.file_bytes = b.file_bytes;
    lattn_status st = lat_rows_read(&rows, b.items, b.n);
    lat_free(b.items);
    LAT_TRY(st);
    r->d->stats.n_skipped = rows.n_skipped;
    return r->d->values.n ? LATTN_OK : lat_err(LATTN_ERR_FORMAT, "%s has no rows", r->path);
}

lattn_status lattn_series_open(
    const char *path, const lattn_series_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(path);
    const lattn_series_params p = params ? *params : (lattn_series_params){ 0 };
    if (p.n_columns < 0 || p.n_targets < 0 || (p.n_columns && !p.columns) ||
        (p.n_targets && !p.targets))
        return lat_err(LATTN_ERR_ARG, "series: %d columns and %d targets without names",
            p.n_columns, p.n_targets);
    struct reader r = { .path = path, .params = &p };
    LAT_TRY(lat_dataset_create(LAT_DATA_SERIES, 0, &r.d));
    lattn_status st = read_all(&r);
    lat_free(r.fields.items);
    lat_str_free(&r.field);
    if (st)
        lattn_dataset_close(&r.d);
    *out = r.d;
    return st;
}

// ---- access -----------------------------------------------------------------------------------

int32_t lattn_series_n_columns(const lattn_dataset *d)
{
    return d ? d->n_columns : 0;
}

int32_t lattn_series_n_inputs(const lattn_dataset *d)
{
    return d ? d->n_inputs : 0;
}

int32_t lattn_series_n_targets(const lattn_dataset *d)
{
    return d ? d->n_targets : 0;
}

int32_t lattn_series_target(const lattn_dataset *d, int32_t i)
{
    return d && i >= 0 && i < d->n_targets ? d->targets[i] : -1;
}

const char *lattn_series_column(const lattn_dataset *d, int32_t column)
{
    return d && column >= 0 && column < d->n_columns ? d->columns[column] : NULL;
}

double lattn_series_value(const lattn_dataset *d, int64_t row, int32_t column)
{
    if (!d || d->kind != LAT_DATA_SERIES || column < 0 || column >= d->n_columns || row < 0 ||
        row >= lattn_dataset_count(d))
        return NAN;
    return d->values.items[(size_t) row * (size_t) d->n_columns + (size_t) column];
}
