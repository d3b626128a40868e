// SPDX-License-Identifier: MIT
//
// Loaders of texts: encodes rows and lays them out as [n, T], padded to the longest of them.
//
// T is rounded up to a multiple: a training step is captured once per shape, and a few
// wasted columns are cheaper than many captures. It never goes beyond max_tokens, where
// the model's position table may end. A row without any token, which only WordPiece's [CLS] and
// [SEP] rule out, becomes the token eos: no layer has to know about sequences of length 0.

#include <string.h>
#include "base/array.h"
#include "data/dataset.h"
#include "data/loader.h"

// What one thread needs to make batches.
struct collator {
    lattn_encoding encoding;
    struct {
        int32_t *items;
        size_t n, capacity;
    } ids, types;  // rows of the batch, one behind the other
};

static lattn_status make_room(struct lat_slot *s, size_t n, size_t T)
{
    lattn_batch *b = &s->batch;
    size_t types_capacity = s->tokens_capacity;
    LAT_TRY(lat_slot_grow(
        (void **) &b->token_type_ids, &types_capacity, n * T, sizeof *b->token_type_ids));
    return lat_slot_sequences(s, n, T);
}

static lattn_status encode_row(
    const lattn_loader_params *p, struct collator *c, uint32_t row, lattn_batch *b, size_t at)
{
    const lattn_dataset *d = p->dataset;
    size_t n_text, n_pair;
    const char *text = lattn_dataset_text(d, row, &n_text);
    const char *pair = lattn_dataset_pair(d, row, &n_pair);
    lattn_encoding *e = &c->encoding;
    LAT_TRY(lattn_tokenizer_encode(p->tokenizer, text, n_text, pair, n_pair, p->max_tokens, e));
    int32_t eos = lattn_tokenizer_special(p->tokenizer).eos, type = 0;
    const int32_t *ids = e->n ? e->ids : &eos, *types = e->n ? e->type_ids : &type;
    size_t n = (size_t) LAT_MAX(e->n, 1), start = c->ids.n;
    LAT_TRY(LAT_RESERVE(&c->ids, start + n));
    LAT_TRY(LAT_RESERVE(&c->types, start + n));
    memcpy(c->ids.items + start, ids, n * sizeof *ids);
    memcpy(c->types.items + start, types, n * sizeof *types);
    c->ids.n = c->types.n = start + n;
    b->lengths[at] = (int32_t) n;
    b->labels[at] = lattn_dataset_label(d, row);
    b->rows[at] = row;
    b->n_cut += e->n_cut > 0;
    return LATTN_OK;
}

static void lay_out(const lattn_loader_params *p, const struct collator *c, lattn_batch *b)
{
    int32_t pad = lattn_tokenizer_special(p->tokenizer).pad;
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

static lattn_status collate(
    const void *data, void *worker, const uint32_t *rows, size_t n, struct lat_slot *out)
{
    const lattn_loader_params *p = data;
    struct collator *c = worker;
    lattn_batch *b = &out->batch;
    c->ids.n = c->types.n = 0;
    b->n = (int32_t) n;
    b->n_cut = 0;
    LAT_TRY(make_room(out, n, 0));
    for (size_t i = 0; i < n; i++)
        LAT_TRY(encode_row(p, c, rows[i], b, i));
    size_t T = lat_padded_length(b->lengths, n, p->pad_multiple, p->max_tokens, p->pad_to_max);
    LAT_TRY(make_room(out, n, T));
    b->T = (int32_t) T;
    lay_out(p, c, b);
    return LATTN_OK;
}

static void free_collator(void *worker)
{
    struct collator *c = worker;
    lattn_encoding_free(&c->encoding);
    lat_free(c->ids.items);
    lat_free(c->types.items);
}

// [CLS] and [SEP] take 2 tokens, a pair's second [SEP] a third.
static int32_t least_tokens(const lattn_loader_params *p)
{
    if (lattn_tokenizer_kind(p->tokenizer) != LATTN_TOKEN_KIND_WORDPIECE)
        return 1;
    return lattn_dataset_pair(p->dataset, 0, NULL) ? 3 : 2;
}

lattn_status lattn_loader_create(const lattn_loader_params *params, lattn_loader **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    LAT_CHECK_ARG(params->dataset);
    LAT_CHECK_ARG(params->tokenizer);
    static const struct lat_loader_kind texts = { .worker_bytes = sizeof(struct collator),
        .collate = collate,
        .free_worker = free_collator,
        .free_data = lat_free };
    if (params->dataset->kind != LAT_DATA_TEXTS)
        return lat_err(LATTN_ERR_ARG, "loader: the dataset has no texts");
    return lat_token_loader_create(&texts, params, least_tokens(params), out);
}
