// SPDX-License-Identifier: MIT
//
// Batches of pairs of texts for an encoder and a decoder, each side padded by itself.

#include <string.h>
#include "data/dataset.h"
#include "data/loader.h"
#include "text/tokenizer.h"

enum { MAX_TOKENS = 1 << 20, NO_TARGET = -100 };

struct collator {
    struct lat_encoder encoder;
    struct lat_ids source, target;  // of the batch, one row behind the other
};

struct ends {
    int32_t bos, eos, pad;
};

static struct ends ends_of(const lattn_tokenizer *t)
{
    lattn_special_ids s = lattn_tokenizer_special(t);
    bool wordpiece = lattn_tokenizer_kind(t) == LATTN_TOKEN_KIND_WORDPIECE;
    return wordpiece ? (struct ends){ s.cls, s.sep, s.pad } : (struct ends){ s.bos, s.eos, s.pad };
}

static lattn_status add_source(
    const lattn_pairs_loader_params *p, struct collator *c, int64_t row, int32_t *length, bool *cut)
{
    struct lat_ids *ids = &c->source;
    struct ends ends = ends_of(p->tokenizer);
    size_t bytes, first = ids->n, limit = first + (size_t) p->max_source - 1;
    const char *text = lattn_dataset_text(p->dataset, row, &bytes);
    if (lattn_tokenizer_kind(p->tokenizer) == LATTN_TOKEN_KIND_WORDPIECE)
        LAT_TRY(LAT_PUSH(ids, ends.bos));
    LAT_TRY(lat_encode(p->tokenizer, &c->encoder, text, bytes, ids));
    *cut = ids->n > limit;
    ids->n = LAT_MIN(ids->n, limit);
    LAT_TRY(LAT_PUSH(ids, ends.eos));
    *length = (int32_t) (ids->n - first);
    return LATTN_OK;
}

// bos, target, eos: the decoder reads all but the last and is to say all but the first.
static lattn_status add_target(
    const lattn_pairs_loader_params *p, struct collator *c, int64_t row, int32_t *length, bool *cut)
{
    struct lat_ids *ids = &c->target;
    struct ends ends = ends_of(p->target_tokenizer);
    size_t bytes, first = ids->n, limit = first + (size_t) p->max_target + 1;
    *length = 0;
    *cut = false;
    if (p->no_targets)
        return LATTN_OK;
    const char *text = lattn_dataset_pair(p->dataset, row, &bytes);
    LAT_TRY(LAT_PUSH(ids, ends.bos));
    LAT_TRY(lat_encode(p->target_tokenizer, &c->encoder, text, bytes, ids));
    LAT_TRY(LAT_PUSH(ids, ends.eos));
    *cut = ids->n > limit;
    ids->n = LAT_MIN(ids->n, limit);
    *length = (int32_t) (ids->n - first - 1);
    return LATTN_OK;
}

static lattn_status make_rows(struct lat_slot *s, size_t n)
{
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_sequences(s, n, 0));
    return lat_slot_grow(
        (void **) &b->output_lengths, &s->output_lengths_capacity, n, sizeof *b->output_lengths);
}

static lattn_status make_tokens(struct lat_slot *s, size_t n, size_t T, size_t T_out)
{
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_sequences(s, n, T));
    LAT_TRY(lat_slot_grow(
        (void **) &b->output_ids, &s->output_capacity, n * T_out, sizeof *b->output_ids));
    return lat_slot_grow(
        (void **) &b->target_ids, &s->target_ids_capacity, n * T_out, sizeof *b->target_ids);
}

static void lay_out(const lattn_pairs_loader_params *p, const struct collator *c, lattn_batch *b)
{
    int32_t pad = ends_of(p->tokenizer).pad, target_pad = ends_of(p->target_tokenizer).pad;
    size_t T = (size_t) b->T, T_out = (size_t) b->T_out, source = 0,
           target = 0;  // where a row begins
    b->n_tokens = 0;
    for (size_t i = 0; i < (size_t) b->n; i++) {
        size_t n = (size_t) b->lengths[i], m = (size_t) b->output_lengths[i];
        for (size_t t = 0; t < T; t++)
            b->input_ids[i * T + t] = t < n ? c->source.items[source + t] : pad;
        for (size_t t = 0; t < T_out; t++) {
            b->output_ids[i * T_out + t] = t < m ? c->target.items[target + t] : target_pad;
            b->target_ids[i * T_out + t] = t < m ? c->target.items[target + t + 1] : NO_TARGET;
        }
        source += n;
        target += m ? m + 1 : 0;
        b->n_tokens += (int64_t) n;
    }
}

static lattn_status collate(
    const void *data, void *worker, const uint32_t *rows, size_t n, struct lat_slot *out)
{
    const lattn_pairs_loader_params *p = data;
    struct collator *c = worker;
    lattn_batch *b = &out->batch;
    c->source.n = c->target.n = 0;
    b->n = (int32_t) n;
    b->n_cut = 0;
    LAT_TRY(make_rows(out, n));
    for (size_t i = 0; i < n; i++) {
        bool cut_source, cut_target;
        LAT_TRY(add_source(p, c, rows[i], &b->lengths[i], &cut_source));
        LAT_TRY(add_target(p, c, rows[i], &b->output_lengths[i], &cut_target));
        b->n_cut += cut_source || cut_target;
        b->labels[i] = lattn_dataset_label(p->dataset, rows[i]);
        b->rows[i] = rows[i];
    }
    size_t T = lat_padded_length(b->lengths, n, p->pad_multiple, p->max_source, p->pad_to_max);
    size_t T_out = 0;
    if (!p->no_targets)
        T_out =
            lat_padded_length(b->output_lengths, n, p->pad_multiple, p->max_target, p->pad_to_max);
    LAT_TRY(make_tokens(out, n, T, T_out));
    b->T = (int32_t) T;
    b->T_out = (int32_t) T_out;
    lay_out(p, c, b);
    return LATTN_OK;
}

static void free_collator(void *worker)
{
    struct collator *c = worker;
    lat_encoder_free(&c->encoder);
    lat_free(c->source.items);
    lat_free(c->target.items);
}

static lattn_status fill_in(const lattn_pairs_loader_params *params, lattn_pairs_loader_params *p)
{
    *p = *params;
    if (!p->dataset || !p->tokenizer)
        return lat_err(LATTN_ERR_ARG, "loader: no %s", p->dataset ? "tokenizer" : "dataset");
    if (p->dataset->kind != LAT_DATA_TEXTS || !(p->no_targets || p->dataset->has_pair))
        return lat_err(LATTN_ERR_ARG, "loader: the dataset has no pairs of texts");
    p->target_tokenizer = p->target_tokenizer ? p->target_tokenizer : p->tokenizer;
    p->batch_size = p->batch_size ? p->batch_size : 32;
    p->max_source = p->max_source ? p->max_source : lattn_tokenizer_max_length(p->tokenizer);
    p->max_target = p->max_target ? p->max_target : lattn_tokenizer_max_length(p->target_tokenizer);
    p->pad_multiple = p->pad_multiple ? p->pad_multiple : 8;
    int32_t most = p->pad_to_max ? MAX_TOKENS : INT32_MAX - 1;
    LAT_TRY(lat_loader_range("max_source", p->max_source, 2, most));
    LAT_TRY(lat_loader_range("max_target", p->max_target, 1, most));
    return lat_loader_range("pad_multiple", p->pad_multiple, 1, MAX_TOKENS);
}

lattn_status lattn_pairs_loader_create(const lattn_pairs_loader_params *params, lattn_loader **out)
{
    static const struct lat_loader_kind pairs = { .worker_bytes = sizeof(struct collator),
        .collate = collate,
        .free_worker = free_collator,
        .free_data = lat_free };
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    lattn_pairs_loader_params p;
    LAT_TRY(fill_in(params, &p));
    lattn_pairs_loader_params *data = lat_memdup(&p, sizeof p);
    if (!data)
        return LATTN_ERR_HOST_MEMORY;
    return lat_loader_create(&(struct lat_loader_plan){ .kind = &pairs,
                                 .data = data,
                                 .dataset = p.dataset,
                                 .rows = p.rows,
                                 .batch_size = p.batch_size,
                                 .shuffle = p.shuffle,
                                 .drop_last = p.drop_last,
                                 .seed = p.seed,
                                 .n_threads = p.n_threads,
                                 .n_ahead = p.n_ahead },
        out);
}
