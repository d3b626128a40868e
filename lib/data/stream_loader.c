// SPDX-License-Identifier: MIT
//
// Batches of a stream of tokens. Contiguous ones visit the places of all rows in step, one
// batch an item; windows are visited one by one in any order.

#include <string.h>
#include "data/dataset.h"
#include "data/loader.h"

enum { MAX_T = 1 << 20 };

struct stream {
    const int32_t *tokens;  // of the part
    int64_t first;          // of the part in the stream
    int64_t T, L;           // tokens of a row in a batch; contiguous: in all batches
    int64_t stride;         // from one row or window to the next
    int32_t batch_size;
    bool windows;
};

static lattn_status make_room(struct lat_slot *s, size_t n, size_t T)
{
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_rows(s, n));
    LAT_TRY(lat_slot_grow((void **) &b->lengths, &s->lengths_capacity, n, sizeof *b->lengths));
    LAT_TRY(lat_slot_grow(
        (void **) &b->target_ids, &s->target_ids_capacity, n * T, sizeof *b->target_ids));
    return lat_slot_grow((void **) &b->input_ids, &s->tokens_capacity, n * T, sizeof *b->input_ids);
}

static lattn_status collate(
    const void *data, void *worker, const uint32_t *items, size_t n, struct lat_slot *out)
{
    (void) worker;
    const struct stream *s = data;
    lattn_batch *b = &out->batch;
    int64_t step = s->windows ? 0 : items[0] * s->T;  // contiguous: the place in every row
    size_t T = (size_t) (s->windows ? s->T : LAT_MIN(s->T, s->L - step));
    size_t n_rows = s->windows ? n : (size_t) s->batch_size;
    LAT_TRY(make_room(out, n_rows, T));
    b->n = (int32_t) n_rows;
    b->T = (int32_t) T;
    for (size_t i = 0; i < n_rows; i++) {
        int64_t at = (s->windows ? items[i] : (int64_t) i) * s->stride + step;
        memcpy(b->input_ids + i * T, s->tokens + at, T * sizeof *s->tokens);
        memcpy(b->target_ids + i * T, s->tokens + at + 1, T * sizeof *s->tokens);
        b->rows[i] = s->first + at;
        b->lengths[i] = (int32_t) T;
        b->labels[i] = -1;
    }
    b->n_tokens = (int64_t) (n_rows * T);
    return LATTN_OK;
}

static void free_worker(void *worker)
{
    (void) worker;
}

static lattn_status fill_in(const lattn_stream_loader_params *params, lattn_stream_loader_params *p)
{
    *p = *params;
    if (!p->dataset || p->dataset->kind != LAT_DATA_STREAM)
        return lat_err(
            LATTN_ERR_ARG, p->dataset ? "loader: the dataset is no stream" : "loader: no dataset");
    if (!p->windows && (p->shuffle || p->stride))
        return lat_err(LATTN_ERR_ARG, "loader: shuffle and stride are for windows");
    p->batch_size = p->batch_size ? p->batch_size : 32;
    p->T = p->T ? p->T : 64;
    p->stride = p->stride ? p->stride : p->T;
    LAT_TRY(lat_loader_range("batch_size", p->batch_size, 1, 1 << 20));
    LAT_TRY(lat_loader_range("T", p->T, 1, MAX_T));
    return lat_loader_range("stride", p->stride, 1, INT32_MAX);
}

// How rows lie in n tokens, and how many items an epoch has.
static lattn_status plan_rows(
    const lattn_stream_loader_params *p, int64_t n, struct stream *s, int64_t *n_items)
{
    s->T = p->T;
    s->batch_size = p->batch_size;
    s->windows = p->windows;
    s->stride = p->windows ? p->stride : (n - 1) / p->batch_size;
    s->L = s->stride;
    int64_t least =
        p->windows ? (int64_t) p->T + 1 : (p->drop_last ? (int64_t) p->T : 1) * p->batch_size + 1;
    if (n < least)
        return lat_err(LATTN_ERR_ARG, "loader: %lld tokens, %s of %d needs %lld", (long long) n,
            p->windows ? "a window" : "a batch", p->windows ? p->T : p->batch_size,
            (long long) least);
    *n_items = p->windows     ? (n - 1 - s->T) / s->stride + 1
               : p->drop_last ? s->L / s->T
                              : (s->L + s->T - 1) / s->T;
    return LATTN_OK;
}

lattn_status lattn_stream_loader_create(
    const lattn_stream_loader_params *params, lattn_loader **out)
{
    static const struct lat_loader_kind kind = {
        .worker_bytes = 1, .collate = collate, .free_worker = free_worker, .free_data = lat_free
    };
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    lattn_stream_loader_params p;
    lattn_range part;
    struct stream s;
    int64_t n_items = 0;
    LAT_TRY(fill_in(params, &p));
    LAT_TRY(lat_range_check("loader", p.dataset, p.part, &part));
    LAT_TRY(plan_rows(&p, part.n, &s, &n_items));
    s.tokens = p.dataset->tokens.items + part.first;
    s.first = part.first;
    struct stream *data = lat_memdup(&s, sizeof s);
    if (!data)
        return LATTN_ERR_HOST_MEMORY;
    return lat_loader_create(&(struct lat_loader_plan){ .kind = &kind,
                                 .data = data,
                                 .dataset = p.dataset,
                                 .n_items = n_items,
                                 .batch_size = p.windows ? p.batch_size : 1,
                                 .shuffle = p.shuffle,
                                 .drop_last = p.windows && p.drop_last,
                                 .seed = p.seed,
                                 .n_threads = p.n_threads,
                                 .n_ahead = p.n_ahead },
        out);
}
