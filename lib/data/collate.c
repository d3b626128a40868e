// SPDX-License-Identifier: MIT
//
// Encodes rows and lays them out as [n, T], padded to the longest of them.
//
// T is rounded up to a multiple: a training step is captured once per shape, and a few
// wasted columns are cheaper than many captures. It never goes beyond max_tokens, where
// the model's position table may end.

#include <string.h>
#include "data/collate.h"

static lattn_status grow(void **p, size_t bytes)
{
    void *q = lat_realloc(*p, bytes);
    if (!q)
        return LATTN_ERR_HOST_MEMORY;
    *p = q;
    return LATTN_OK;
}

static lattn_status make_room(struct lat_slot *s, size_t n, size_t T)
{
    lattn_batch *b = &s->batch;
    if (n > s->rows_capacity) {
        LAT_TRY(grow((void **) &b->lengths, n * sizeof *b->lengths));
        LAT_TRY(grow((void **) &b->labels, n * sizeof *b->labels));
        LAT_TRY(grow((void **) &b->rows, n * sizeof *b->rows));
        s->rows_capacity = n;
    }
    if (n * T > s->tokens_capacity) {
        LAT_TRY(grow((void **) &b->input_ids, n * T * sizeof *b->input_ids));
        LAT_TRY(grow((void **) &b->token_type_ids, n * T * sizeof *b->token_type_ids));
        s->tokens_capacity = n * T;
    }
    return LATTN_OK;
}

void lat_slot_free(struct lat_slot *s)
{
    lat_free(s->batch.input_ids);
    lat_free(s->batch.token_type_ids);
    lat_free(s->batch.lengths);
    lat_free(s->batch.labels);
    lat_free(s->batch.rows);
    *s = (struct lat_slot){ 0 };
}

static lattn_status encode_row(struct lat_collator *c, uint32_t row, lattn_batch *b, size_t at)
{
    const lattn_dataset *d = c->params->dataset;
    size_t n_text, n_pair;
    const char *text = lattn_dataset_text(d, row, &n_text);
    const char *pair = lattn_dataset_pair(d, row, &n_pair);
    lattn_encoding *e = &c->encoding;
    LAT_TRY(lattn_tokenizer_encode(
        c->params->tokenizer, text, n_text, pair, n_pair, c->params->max_tokens, e));
    size_t n = (size_t) e->n, start = c->ids.n;
    LAT_TRY(LAT_RESERVE(&c->ids, start + n));
    LAT_TRY(LAT_RESERVE(&c->types, start + n));
    memcpy(c->ids.items + start, e->ids, n * sizeof *e->ids);
    memcpy(c->types.items + start, e->type_ids, n * sizeof *e->type_ids);
    c->ids.n = c->types.n = start + n;
    b->lengths[at] = e->n;
    b->labels[at] = lattn_dataset_label(d, row);
    b->rows[at] = row;
    b->n_cut += e->n_cut > 0;
    return LATTN_OK;
}

static size_t padded_length(const lattn_loader_params *p, const lattn_batch *b, size_t n)
{
    size_t longest = 0, multiple = (size_t) p->pad_multiple, max = (size_t) p->max_tokens;
    for (size_t i = 0; i < n; i++)
        longest = LAT_MAX(longest, (size_t) b->lengths[i]);
    if (p->pad_to_max)
        return max;
    return LAT_MIN((longest + multiple - 1) / multiple * multiple, max);
}

static void lay_out(const struct lat_collator *c, lattn_batch *b)
{
    int32_t pad = lattn_tokenizer_special(c->params->tokenizer).pad;
    size_t T = (size_t) b->T, from = 0;
    for (int32_t i = 0; i < b->n; i++) {
        int32_t *ids = b->input_ids + (size_t) i * T, *types = b->token_type_ids + (size_t) i * T;
        size_t n = (size_t) b->lengths[i];
        memcpy(ids, c->ids.items + from, n * sizeof *ids);
        memcpy(types, c->types.items + from, n * sizeof *types);
        memset(types + n, 0, (T - n) * sizeof *types);
        for (size_t t = n; t < T; t++)
            ids[t] = pad;
        from += n;
    }
    b->n_tokens = (int64_t) from;
}

lattn_status lat_collate(
    struct lat_collator *c, const uint32_t *rows, size_t n, struct lat_slot *out)
{
    lattn_batch *b = &out->batch;
    c->ids.n = c->types.n = 0;
    b->n = (int32_t) n;
    b->n_cut = 0;
    LAT_TRY(make_room(out, n, 0));
    for (size_t i = 0; i < n; i++)
        LAT_TRY(encode_row(c, rows[i], b, i));
    size_t T = padded_length(c->params, b, n);
    LAT_TRY(make_room(out, n, T));
    b->T = (int32_t) T;
    lay_out(c, b);
    return LATTN_OK;
}

void lat_collator_free(struct lat_collator *c)
{
    lattn_encoding_free(&c->encoding);
    lat_free(c->ids.items);
    lat_free(c->types.items);
}
