// SPDX-License-Identifier: MIT
//
// Opens a text file as a dataset: which column is what, texts made valid UTF-8, labels to
// ids. The file is read once and whole; what is kept are the texts that are used.

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "data/dataset.h"
#include "data/text_rows.h"

enum { NONE = -1, DEFAULT_LINE_BYTES = 16 << 20 };

struct opener {
    const char *path;
    lattn_text_params params;
    lattn_dataset *d;
    struct lat_row_reader reader;
    int n_columns;
    int text, pair, label;   // columns; NONE
    struct lat_str columns;  // for sentences: "a", "b"
};

static int find_column(const struct lat_row *names, const char *name)
{
    return (int) lat_row_find(names, name);
}

static lattn_status list_columns(struct opener *o, const struct lat_row *names)
{
    char *name;
    for (size_t i = 0; i < names->n; i++) {
        name = lat_strndup(names->field[i], names->bytes[i]);
        if (!name)
            return LATTN_ERR_HOST_MEMORY;
        if (i < 20)
            lat_str_addf(
                &o->columns, "%s\"%s\"", i ? ", " : "", lat_quoted(name, (char[60]){ 0 }, 60));
        lat_free(name);
    }
    return o->columns.status;
}

// A column that was asked for by name must be there.
static lattn_status named_column(
    const struct opener *o, const struct lat_row *names, const char *name, int *column)
{
    *column = find_column(names, name);
    if (*column != NONE)
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT, "%s has no column \"%s\"; its columns are %s", o->path,
        lat_quoted(name, (char[60]){ 0 }, 60), o->columns.items);
}

static lattn_status choose_label(struct opener *o, const struct lat_row *names)
{
    const lattn_text_params *p = &o->params;
    o->label = find_column(names, p->label_column ? p->label_column : "label");
    if (o->label != NONE || p->no_labels)
        return LATTN_OK;
    return named_column(o, names, p->label_column ? p->label_column : "label", &o->label);
}

static lattn_status choose_text(struct opener *o, const struct lat_row *names)
{
    static const char *const usual[] = { "sentence1", "text", "sentence" };
    if (o->params.text_column)
        return named_column(o, names, o->params.text_column, &o->text);
    for (size_t i = 0; i < LAT_COUNT(usual); i++) {
        o->text = find_column(names, usual[i]);
        if (o->text != NONE && o->text != o->label)
            return LATTN_OK;
    }
    for (o->text = 0; o->text < (int) names->n; o->text++)
        if (o->text != o->label)
            return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT, "%s has no column of texts; its columns are %s", o->path,
        o->columns.items);
}

static lattn_status choose_pair(struct opener *o, const struct lat_row *names)
{
    const char *name = o->params.pair_column;
    o->pair = NONE;
    if (name && *name)
        return named_column(o, names, name, &o->pair);
    if (!name)
        o->pair = find_column(names, "sentence2");
    if (o->pair == o->text)
        o->pair = NONE;
    return LATTN_OK;
}

static lattn_status choose_columns(struct opener *o, const struct lat_row *names)
{
    o->n_columns = (int) names->n;
    LAT_TRY(list_columns(o, names));
    LAT_TRY(choose_label(o, names));
    LAT_TRY(choose_text(o, names));
    LAT_TRY(choose_pair(o, names));
    o->d->has_pair = o->pair != NONE;
    o->d->has_labels = o->label != NONE && !o->params.no_labels;
    return LATTN_OK;
}

static lattn_status take_text(
    struct opener *o, const struct lat_row *row, int column, size_t *start, size_t *bytes)
{
    if (!row->field[column])
        return lat_err(
            LATTN_ERR_FORMAT, "%s:%zu: a text is missing or is no text", o->path, row->line);
    struct lat_str *pool = &o->d->pool;
    *start = pool->n;
    int64_t n_replaced = lat_utf8_clean(pool, row->field[column], row->bytes[column]);
    *bytes = pool->n - *start;
    lat_str_addn(pool, "", 1);
    if (n_replaced && o->params.strict)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: invalid UTF-8", o->path, row->line);
    if (*bytes == 0 && o->params.strict)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: empty text", o->path, row->line);
    o->d->stats.n_replaced += n_replaced;
    o->d->stats.n_empty += *bytes == 0;
    return pool->status;
}

static lattn_status take_label(struct opener *o, const struct lat_row *row, int32_t *label)
{
    const char *text = row->field[o->label];
    size_t n = row->bytes[o->label];
    if (!text || n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: no label", o->path, row->line);
    struct lat_str clean = { 0 };
    lat_utf8_clean(&clean, text, n);
    lattn_status st = clean.status;
    if (!st) {
        st = lat_labels_id(&o->d->labels, o->params.n_labels > 0, clean.items, clean.n, label);
        if (st == LATTN_ERR_FORMAT)
            lat_err_prefix("%s:%zu: ", o->path, row->line);
    }
    lat_str_free(&clean);
    return st;
}

static lattn_status take_row(void *user, const struct lat_row *row)
{
    struct opener *o = user;
    if (row->n != (size_t) o->n_columns)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: %zu columns in the row, expected %d", o->path,
            row->line, row->n, o->n_columns);
    struct lat_data_row r = { .label = -1 };
    LAT_TRY(take_text(o, row, o->text, &r.text, &r.text_bytes));
    if (o->pair != NONE)
        LAT_TRY(take_text(o, row, o->pair, &r.pair, &r.pair_bytes));
    if (o->d->has_labels)
        LAT_TRY(take_label(o, row, &r.label));
    return LAT_PUSH(&o->d->rows, r);
}

// Names for the columns of a file without any.
static lattn_status number_columns(struct opener *o, size_t n)
{
    char(*names)[12] = lat_calloc(n, sizeof *names);
    const char **fields = lat_calloc(n, sizeof *fields);
    size_t *bytes = lat_calloc(n, sizeof *bytes);
    lattn_status st = names && fields && bytes ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < n && !st; i++) {
        bytes[i] = (size_t) snprintf(names[i], sizeof names[i], "%zu", i + 1);
        fields[i] = names[i];
    }
    if (!st)
        st = choose_columns(o, &(struct lat_row){ fields, bytes, n, 1 });
    lat_free(names);
    lat_free(fields);
    lat_free(bytes);
    return st;
}

static lattn_status take_first(void *user, const struct lat_row *row)
{
    struct opener *o = user;
    if (!o->params.no_header || o->reader.format == LAT_TEXT_JSONL)
        return choose_columns(o, row);
    LAT_TRY(number_columns(o, row->n));
    return take_row(o, row);
}

static lattn_status finish_labels(struct opener *o)
{
    lattn_dataset *d = o->d;
    if (!d->has_labels)
        return LATTN_OK;
    if (o->params.n_labels == 0) {
        int32_t *order;
        LAT_TRY(lat_labels_sort(&d->labels, &order));
        for (size_t i = 0; i < d->rows.n; i++)
            d->rows.items[i].label = order[d->rows.items[i].label];
        lat_free(order);
    }
    lat_dataset_warn_one_class(o->path, d);
    return LATTN_OK;
}

static void report(const struct opener *o)
{
    const lattn_data_stats *s = &o->d->stats;
    if (s->n_replaced)
        lat_log(LATTN_LOG_WARN, "%s: %lld bytes that are no UTF-8 were replaced", o->path,
            (long long) s->n_replaced);
    if (s->n_skipped)
        lat_log(
            LATTN_LOG_WARN, "%s: %lld empty lines were skipped", o->path, (long long) s->n_skipped);
    if (s->n_empty)
        lat_log(LATTN_LOG_WARN, "%s: %lld texts are empty", o->path, (long long) s->n_empty);
}

static lattn_status read_rows(struct opener *o)
{
    struct lat_bytes b;
    LAT_TRY(lat_bytes_read(o->path, &b));
    o->d->stats.hash = b.hash;
    o->d->stats.file_bytes = b.file_bytes;
    lattn_status st = lat_labels_given(&o->d->labels, o->params.labels, o->params.n_labels);
    if (!st)
        st = lat_rows_read(&o->reader, b.items, b.n);
    lat_free(b.items);
    LAT_TRY(st);
    o->d->stats.n_skipped = o->reader.n_skipped;
    o->d->stats.n_replaced += o->reader.n_replaced;
    if (o->d->rows.n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s has no rows", o->path);
    return finish_labels(o);
}

lattn_status lattn_text_open(const char *path, const lattn_text_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(path);
    struct opener o = { .path = path };
    if (params)
        o.params = *params;
    o.reader = (struct lat_row_reader){
        .path = path,
        .max_line_bytes = o.params.max_line_bytes ? o.params.max_line_bytes : DEFAULT_LINE_BYTES,
        .strict = o.params.strict,
        .columns = take_first,
        .row = take_row,
        .user = &o,
    };
    LAT_TRY(lat_text_format_of(path, &o.reader.format));
    LAT_TRY(lat_dataset_create(LAT_DATA_TEXTS, 0, &o.d));
    lattn_status st = read_rows(&o);
    lat_str_free(&o.columns);
    if (st)
        lattn_dataset_close(&o.d);
    else
        report(&o);
    *out = o.d;
    return st;
}
