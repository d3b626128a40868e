// SPDX-License-Identifier: MIT
//
// A CSV file of numbers as a dataset: every column but that of the label is a number of the
// sample. What is no number is refused with its line and column; a value that silently
// became 0 would be trained on.

#include <math.h>
#include <string.h>
#include "data/dataset.h"
#include "data/text_rows.h"

enum { NONE = -1, MAX_COLUMNS = 1 << 20, MAX_LINE_BYTES = 16 << 20 };

struct reader {
    const char *path;
    const lattn_numbers_params *params;
    lattn_dataset *d;
    size_t n_columns, n_values;  // of the file; of a sample
    int64_t label;               // column; NONE
    struct {
        float *items;
        size_t n, capacity;
    } numbers;
    struct {
        uint8_t *items;
        size_t n, capacity;
    } bytes;
    struct lat_str field;
};

// ---- columns ----------------------------------------------------------------------------------

static bool parse_number(struct reader *r, const struct lat_row *row, size_t column, double *value)
{
    return lat_row_number(row, column, &r->field, value);
}

static lattn_status choose_label(struct reader *r, const struct lat_row *names)
{
    const char *wanted = r->params->label_column;
    bool has_names = !r->params->no_header;
    int64_t n = (int64_t) names->n, number;
    r->label = NONE;
    if (r->params->no_labels)
        return LATTN_OK;
    if (!wanted && !has_names) {
        r->label = 0;
        return LATTN_OK;
    }
    if (has_names)
        r->label = lat_row_find(names, wanted ? wanted : "label");
    if (r->label == NONE && wanted && lat_parse_i64(wanted, &number) && number != 0 &&
        number >= -n && number <= n)
        r->label = number > 0 ? number - 1 : n + number;
    if (r->label == NONE)
        return lat_err(LATTN_ERR_FORMAT, "%s has no column \"%s\" among its %lld columns", r->path,
            lat_quoted(wanted ? wanted : "label", (char[60]){ 0 }, 60), (long long) n);
    return LATTN_OK;
}

// A header of nothing but numbers is a row that would be lost.
static lattn_status check_header(struct reader *r, const struct lat_row *names)
{
    double value;
    for (size_t i = 0; i < names->n; i++)
        if (!parse_number(r, names, i, &value))
            return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT,
        "%s: the first line holds only numbers, no names of columns (no_header)", r->path);
}

static lattn_status choose_shape(struct reader *r)
{
    const lattn_numbers_params *p = r->params;
    lattn_dataset *d = r->d;
    bool given = p->C || p->H || p->W;
    d->C = given ? p->C : (int32_t) r->n_values;
    d->H = given ? p->H : 1;
    d->W = given ? p->W : 1;
    if ((uint64_t) d->C * (uint64_t) d->H > MAX_COLUMNS ||
        (uint64_t) d->C * (uint64_t) d->H * (uint64_t) d->W != r->n_values)
        return lat_err(LATTN_ERR_FORMAT, "%s: %zu numbers a row, expected %d x %d x %d", r->path,
            r->n_values, d->C, d->H, d->W);
    return LATTN_OK;
}

// ---- rows -------------------------------------------------------------------------------------

static lattn_status add_number(struct reader *r, const struct lat_row *row, size_t column)
{
    double v;
    bool fine = parse_number(r, row, column, &v);
    LAT_TRY(r->field.status);
    bool pixel = r->params->pixels;
    fine = fine && (pixel ? v >= 0 && v <= 255 && v == floor(v) : fabs(v) <= 3.4028234e38);
    if (!fine)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: column %zu is \"%s\", expected a %s", r->path,
            row->line, column + 1,
            lat_quoted(r->field.items ? r->field.items : "", (char[60]){ 0 }, 60),
            pixel ? "whole number from 0 to 255" : "finite number");
    if (pixel)
        return LAT_PUSH(&r->bytes, (uint8_t) v);
    return LAT_PUSH(&r->numbers, (float) v);
}

static lattn_status add_label(struct reader *r, const struct lat_row *row, int32_t *label)
{
    const char *text = row->field[r->label];
    size_t n = row->bytes[r->label];
    if (n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: no label", r->path, row->line);
    lat_str_clear(&r->field);
    lat_utf8_clean(&r->field, text, n);
    LAT_TRY(r->field.status);
    lattn_status st =
        lat_labels_id(&r->d->labels, r->params->n_labels > 0, r->field.items, r->field.n, label);
    if (st == LATTN_ERR_FORMAT)
        lat_err_prefix("%s:%zu: ", r->path, row->line);
    return st;
}

static lattn_status take_row(void *user, const struct lat_row *row)
{
    struct reader *r = user;
    if (row->n != r->n_columns)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: %zu columns in the row, expected %zu", r->path,
            row->line, row->n, r->n_columns);
    struct lat_data_row new = { .label = -1 };
    for (size_t i = 0; i < row->n; i++)
        if ((int64_t) i != r->label)
            LAT_TRY(add_number(r, row, i));
    if (r->label != NONE)
        LAT_TRY(add_label(r, row, &new.label));
    return LAT_PUSH(&r->d->rows, new);
}

static lattn_status take_first(void *user, const struct lat_row *row)
{
    struct reader *r = user;
    if (row->n > MAX_COLUMNS)
        return lat_err(LATTN_ERR_FORMAT, "%s has %zu columns, at most %d are accepted", r->path,
            row->n, MAX_COLUMNS);
    r->n_columns = row->n;
    if (!r->params->no_header)
        LAT_TRY(check_header(r, row));
    LAT_TRY(choose_label(r, row));
    r->n_values = row->n - (r->label != NONE);
    if (r->n_values == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s has no column of numbers", r->path);
    LAT_TRY(choose_shape(r));
    return r->params->no_header ? take_row(r, row) : LATTN_OK;
}

// ---- opening ----------------------------------------------------------------------------------

static lattn_status finish_labels(struct reader *r)
{
    lattn_dataset *d = r->d;
    d->has_labels = r->label != NONE;
    if (!d->has_labels)
        return LATTN_OK;
    if (r->params->n_labels == 0) {
        int32_t *order;
        LAT_TRY(lat_labels_sort(&d->labels, &order));
        for (size_t i = 0; i < d->rows.n; i++)
            d->rows.items[i].label = order[d->rows.items[i].label];
        lat_free(order);
    }
    lat_dataset_warn_one_class(r->path, d);
    return LATTN_OK;
}

static lattn_status read_all(struct reader *r)
{
    struct lat_row_reader rows = {
        .path = r->path,
        .format = LAT_TEXT_CSV,
        .max_line_bytes = MAX_LINE_BYTES,
        .columns = take_first,
        .row = take_row,
        .user = r,
    };
    struct lat_bytes b;
    LAT_TRY(lat_labels_given(&r->d->labels, r->params->labels, r->params->n_labels));
    LAT_TRY(lat_bytes_read(r->path, &b));
    r->d->stats.hash = b.hash;
    r->d->stats.file_bytes = b.file_bytes;
    lattn_status st = lat_rows_read(&rows, b.items, b.n);
    lat_free(b.items);
    LAT_TRY(st);
    r->d->stats.n_skipped = rows.n_skipped;
    if (r->d->rows.n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s has no rows", r->path);
    return finish_labels(r);
}

lattn_status lattn_numbers_open(
    const char *path, const lattn_numbers_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(path);
    const lattn_numbers_params p = params ? *params : (lattn_numbers_params){ 0 };
    bool some = p.C || p.H || p.W;
    if (some && (p.C < 1 || p.H < 1 || p.W < 1))
        return lat_err(LATTN_ERR_ARG, "numbers: a shape of %d x %d x %d", p.C, p.H, p.W);
    struct reader r = { .path = path, .params = &p };
    LAT_TRY(lat_dataset_create(p.pixels ? LAT_DATA_BYTES : LAT_DATA_NUMBERS, 0, &r.d));
    lattn_status st = read_all(&r);
    lat_str_free(&r.field);
    r.d->numbers = r.numbers.items;
    r.d->bytes = r.bytes.items;
    if (st)
        lattn_dataset_close(&r.d);
    *out = r.d;
    return st;
}
