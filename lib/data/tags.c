// SPDX-License-Identifier: MIT
//
// Files of words with tags, as a dataset of sentences.

#include <string.h>
#include "base/log.h"
#include "data/dataset.h"
#include "data/text_rows.h"

enum { MAX_COLUMNS = 1000 };

struct field {
    const char *text;
    size_t n;
};

struct reader {
    const char *path;
    const lattn_tags_params *params;
    lattn_dataset *d;
    struct {
        struct field *items;
        size_t n, capacity;
    } fields;       // of the line
    size_t n_done;  // words of the sentences that are complete
    struct lat_str clean;
};

static lattn_status split_fields(struct reader *r, const char *line, size_t n)
{
    char separator = memchr(line, '\t', n) ? '\t' : ' ';
    r->fields.n = 0;
    for (size_t at = 0; at <= n;) {
        const char *end = memchr(line + at, separator, n - at);
        struct field f = { line + at, end ? (size_t) (end - line) - at : n - at };
        if (separator == '\t' || f.n > 0)
            LAT_TRY(LAT_PUSH(&r->fields, f));
        at += f.n + 1;
    }
    return LATTN_OK;
}

static const struct field *column(const struct reader *r, int32_t number, int32_t otherwise)
{
    int64_t n = (int64_t) r->fields.n, at = number ? number : otherwise;
    at = at > 0 ? at - 1 : n + at;
    return at >= 0 && at < n && r->fields.items[at].n ? &r->fields.items[at] : NULL;
}

static lattn_status take_tag(struct reader *r, size_t line, int32_t *tag)
{
    const struct field *f = column(r, r->params->tag_column, -1);
    if (!f || f == column(r, r->params->word_column, 1))
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: no tag behind the word", r->path, line);
    lat_str_clear(&r->clean);
    lat_utf8_clean(&r->clean, f->text, f->n);
    LAT_TRY(r->clean.status);
    lattn_status st =
        lat_labels_id(&r->d->labels, r->params->n_labels > 0, r->clean.items, r->clean.n, tag);
    if (st == LATTN_ERR_FORMAT)
        lat_err_prefix("%s:%zu: ", r->path, line);
    return st;
}

static lattn_status take_word(struct reader *r, const char *text, size_t n, size_t line)
{
    lattn_dataset *d = r->d;
    struct lat_tagged w = { .tag = -1 };
    LAT_TRY(split_fields(r, text, n));
    const struct field *f = column(r, r->params->word_column, 1);
    if (!f)
        return lat_err(LATTN_ERR_FORMAT, "%s:%zu: no word", r->path, line);
    if (!r->params->no_labels)
        LAT_TRY(take_tag(r, line, &w.tag));
    if (d->words.n > r->n_done)
        lat_str_addn(&d->pool, " ", 1);
    w.text = d->pool.n;
    d->stats.n_replaced += lat_utf8_clean(&d->pool, f->text, f->n);
    w.bytes = d->pool.n - w.text;
    LAT_TRY(d->pool.status);
    return LAT_PUSH(&d->words, w);
}

static lattn_status end_sentence(struct reader *r)
{
    lattn_dataset *d = r->d;
    if (d->words.n == r->n_done)
        return LATTN_OK;
    struct lat_data_row row = { .text = d->words.items[r->n_done].text, .label = -1 };
    row.text_bytes = d->pool.n - row.text;
    lat_str_addn(&d->pool, "", 1);
    LAT_TRY(d->pool.status);
    r->n_done = d->words.n;
    LAT_TRY(LAT_PUSH(&d->word_ends, r->n_done));
    return LAT_PUSH(&d->rows, row);
}

static lattn_status take_line(struct reader *r, const char *text, size_t n, size_t line)
{
    static const char start[] = "-DOCSTART-";
    while (n > 0 && (text[n - 1] == '\r' || text[n - 1] == ' '))
        n--;
    if (n == 0)
        return end_sentence(r);
    if (n >= sizeof start - 1 && !memcmp(text, start, sizeof start - 1)) {
        r->d->stats.n_skipped++;
        return LATTN_OK;
    }
    return take_word(r, text, n, line);
}

static lattn_status take_lines(struct reader *r, const struct lat_bytes *b)
{
    size_t line = 1;
    for (size_t at = 0; at < b->n; line++) {
        const char *end = memchr(b->items + at, '\n', b->n - at);
        size_t n = end ? (size_t) (end - b->items) - at : b->n - at;
        LAT_TRY(take_line(r, b->items + at, n, line));
        at += n + 1;
    }
    LAT_TRY(end_sentence(r));
    return r->d->rows.n ? LATTN_OK : lat_err(LATTN_ERR_FORMAT, "%s has no sentences", r->path);
}

static lattn_status finish_labels(struct reader *r)
{
    lattn_dataset *d = r->d;
    d->has_labels = !r->params->no_labels;
    if (!d->has_labels || r->params->n_labels > 0)
        return LATTN_OK;
    int32_t *order;
    LAT_TRY(lat_labels_sort(&d->labels, &order));
    for (size_t i = 0; i < d->words.n; i++)
        d->words.items[i].tag = order[d->words.items[i].tag];
    lat_free(order);
    return LATTN_OK;
}

static lattn_status read_all(struct reader *r)
{
    struct lat_bytes b;
    LAT_TRY(lat_labels_given(&r->d->labels, r->params->labels, r->params->n_labels));
    LAT_TRY(lat_bytes_read(r->path, &b));
    r->d->stats.hash = b.hash;
    r->d->stats.file_bytes = b.file_bytes;
    lattn_status st = take_lines(r, &b);
    lat_free(b.items);
    LAT_TRY(st);
    if (r->d->stats.n_replaced)
        lat_log(LATTN_LOG_WARN, "%s: %lld bytes that are no UTF-8 were replaced", r->path,
            (long long) r->d->stats.n_replaced);
    return finish_labels(r);
}

lattn_status lattn_tags_open(const char *path, const lattn_tags_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(path);
    const lattn_tags_params p = params ? *params : (lattn_tags_params){ 0 };
    if (p.word_column < -MAX_COLUMNS || p.word_column > MAX_COLUMNS ||
        p.tag_column < -MAX_COLUMNS || p.tag_column > MAX_COLUMNS)
        return lat_err(LATTN_ERR_ARG, "tags: columns %d and %d", p.word_column, p.tag_column);
    struct reader r = { .path = path, .params = &p };
    LAT_TRY(lat_dataset_create(LAT_DATA_TAGS, 0, &r.d));
    lattn_status st = read_all(&r);
    lat_free(r.fields.items);
    lat_str_free(&r.clean);
    if (st)
        lattn_dataset_close(&r.d);
    *out = r.d;
    return st;
}

// ---- access -----------------------------------------------------------------------------------

int32_t lattn_tags_count(const lattn_dataset *d, int64_t i)
{
    if (!d || i < 0 || (uint64_t) i >= d->word_ends.n)
        return 0;
    return (int32_t) (d->word_ends.items[i] - (i ? d->word_ends.items[i - 1] : 0));
}

static const struct lat_tagged *word_at(const lattn_dataset *d, int64_t i, int32_t k)
{
    if (k < 0 || k >= lattn_tags_count(d, i))
        return NULL;
    return &d->words.items[(i ? d->word_ends.items[i - 1] : 0) + (size_t) k];
}

const char *lattn_tags_word(const lattn_dataset *d, int64_t i, int32_t k, size_t *bytes)
{
    const struct lat_tagged *w = word_at(d, i, k);
    if (bytes)
        *bytes = w ? w->bytes : 0;
    return w ? d->pool.items + w->text : NULL;
}

int32_t lattn_tags_label(const lattn_dataset *d, int64_t i, int32_t k)
{
    const struct lat_tagged *w = word_at(d, i, k);
    return w ? w->tag : -1;
}
