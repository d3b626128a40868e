// SPDX-License-Identifier: MIT
//
// Batches of sentences with a label at every word: encoded word by word, so that it is known where
// each begins.

#include <string.h>
#include "data/dataset.h"
#include "data/loader.h"
#include "text/tokenizer.h"

enum { NO_TARGET = -100 };

struct collator {
    struct lat_encoder encoder;
    struct lat_str word;         // with a blank before it
    struct lat_ids ids, starts;  // of the batch, one row behind the other
};

static lattn_status add(struct collator *c, int32_t id, int32_t start)
{
    LAT_TRY(LAT_PUSH(&c->ids, id));
    return LAT_PUSH(&c->starts, start);
}

static lattn_status add_word(
    const lattn_loader_params *p, struct collator *c, int64_t row, int32_t k)
{
    size_t n;
    const char *word = lattn_tags_word(p->dataset, row, k, &n);
    bool bpe = lattn_tokenizer_kind(p->tokenizer) == LATTN_TOKEN_KIND_BPE;
    bool characters = lattn_tokenizer_kind(p->tokenizer) == LATTN_TOKEN_KIND_CHARACTERS;
    int32_t unk = lattn_tokenizer_special(p->tokenizer).unk;
    if (k > 0 && characters) {
        int32_t blank = lattn_tokenizer_id(p->tokenizer, " ");
        LAT_TRY(add(c, blank < 0 ? unk : blank, -1));
    }
    lat_str_clear(&c->word);
    if (k > 0 && bpe)
        lat_str_addn(&c->word, " ", 1);
    lat_str_addn(&c->word, word, n);
    LAT_TRY(c->word.status);
    size_t first = c->ids.n;
    LAT_TRY(lat_encode(p->tokenizer, &c->encoder, c->word.items, c->word.n, &c->ids));
    if (c->ids.n == first)
        LAT_TRY(LAT_PUSH(&c->ids, unk));
    LAT_TRY(LAT_RESERVE(&c->starts, c->ids.n));
    for (; c->starts.n < c->ids.n; c->starts.n++)
        c->starts.items[c->starts.n] = c->starts.n == first ? k : -1;
    return LATTN_OK;
}

// Appends a sentence, cut to max_tokens.
static lattn_status add_row(
    const lattn_loader_params *p, struct collator *c, int64_t row, lattn_batch *b, size_t at)
{
    lattn_special_ids special = lattn_tokenizer_special(p->tokenizer);
    bool around = lattn_tokenizer_kind(p->tokenizer) == LATTN_TOKEN_KIND_WORDPIECE;
    size_t first = c->ids.n, limit = first + (size_t) p->max_tokens - around;
    if (around)
        LAT_TRY(add(c, special.cls, -1));
    int32_t n_words = lattn_tags_count(p->dataset, row);
    for (int32_t k = 0; k < n_words && c->ids.n <= limit; k++)
        LAT_TRY(add_word(p, c, row, k));
    if (c->ids.n > limit) {
        c->ids.n = c->starts.n = limit;
        b->n_cut++;
    }
    if (around)
        LAT_TRY(add(c, special.sep, -1));
    b->lengths[at] = (int32_t) (c->ids.n - first);
    b->labels[at] = -1;
    b->rows[at] = row;
    return LATTN_OK;
}

static lattn_status make_room(struct lat_slot *s, size_t n, size_t T)
{
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_sequences(s, n, T));
    LAT_TRY(lat_slot_grow(
        (void **) &b->target_ids, &s->target_ids_capacity, n * T, sizeof *b->target_ids));
    return lat_slot_grow(
        (void **) &b->word_starts, &s->word_starts_capacity, n * T, sizeof *b->word_starts);
}

static void lay_out(const lattn_loader_params *p, const struct collator *c, lattn_batch *b)
{
    int32_t pad = lattn_tokenizer_special(p->tokenizer).pad;
    size_t T = (size_t) b->T, from = 0;
    for (size_t i = 0; i < (size_t) b->n; i++) {
        size_t n = (size_t) b->lengths[i];
        for (size_t t = 0; t < T; t++) {
            int32_t start = t < n ? c->starts.items[from + t] : -1;
            int32_t label = start < 0 ? -1 : lattn_tags_label(p->dataset, b->rows[i], start);
            b->input_ids[i * T + t] = t < n ? c->ids.items[from + t] : pad;
            b->word_starts[i * T + t] = start;
            b->target_ids[i * T + t] = label < 0 ? NO_TARGET : label;
        }
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
    c->ids.n = c->starts.n = 0;
    b->n = (int32_t) n;
    b->n_cut = 0;
    LAT_TRY(make_room(out, n, 0));
    for (size_t i = 0; i < n; i++)
        LAT_TRY(add_row(p, c, rows[i], b, i));
    size_t T = lat_padded_length(b->lengths, n, p->pad_multiple, p->max_tokens, p->pad_to_max);
    LAT_TRY(make_room(out, n, T));
    b->T = (int32_t) T;
    lay_out(p, c, b);
    return LATTN_OK;
}

static void free_collator(void *worker)
{
    struct collator *c = worker;
    lat_encoder_free(&c->encoder);
    lat_str_free(&c->word);
    lat_free(c->ids.items);
    lat_free(c->starts.items);
}

lattn_status lattn_tags_loader_create(const lattn_loader_params *params, lattn_loader **out)
{
    static const struct lat_loader_kind tags = { .worker_bytes = sizeof(struct collator),
        .collate = collate,
        .free_worker = free_collator,
        .free_data = lat_free };
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    if (!params->dataset || !params->tokenizer)
        return lat_err(LATTN_ERR_ARG, "loader: no %s", params->dataset ? "tokenizer" : "dataset");
    if (params->dataset->kind != LAT_DATA_TAGS)
        return lat_err(LATTN_ERR_ARG, "loader: the dataset has no words with tags");
    bool around = lattn_tokenizer_kind(params->tokenizer) == LATTN_TOKEN_KIND_WORDPIECE;
    return lat_token_loader_create(&tags, params, around ? 3 : 1, out);
}
