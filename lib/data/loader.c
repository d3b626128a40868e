// SPDX-License-Identifier: MIT
//
// Batches prepared ahead by worker threads, whatever they are made of (loader.h).
//
// Batch k of an epoch is made by worker k modulo n_threads, each worker hands its batches
// over through a queue of its own, and the consumer takes from the queues in turn: the
// order is fixed without any lock but the queues', however the threads run. Finished
// memory goes back to the worker it came from, which bounds how far it can run ahead.
//
//     worker w  --done[w]-->  consumer  --empty[w]-->  worker w

#include <stdio.h>
#include "base/queue.h"
#include "base/thread.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/sampler.h"

enum { MAX_THREADS = 64, MAX_AHEAD = 1024, MAX_BATCH = 1 << 20, MAX_TOKENS = 1 << 20 };

struct worker {
    struct lattn_loader *loader;
    int64_t number;
    int64_t epoch, first;  // what it works on, from which batch; fixed while it runs
    struct lat_thread *thread;
    struct lat_queue *done, *empty;
    void *state;             // of kind->worker_bytes
    struct lat_slot *slots;  // n_ahead + 1: one may be with the consumer
};

struct lattn_loader {
    struct lat_loader_plan plan;  // defaults filled in; rows is not kept
    size_t n_rows;                // of an epoch
    uint32_t *chosen;             // [n_rows] which of the dataset; NULL = all
    uint32_t *order;              // [n_rows] of the running epoch
    int64_t epoch, index;         // of the next batch
    int64_t n_batches;
    bool running;
    struct worker *workers;
    struct lat_slot *held;   // what the caller has
    struct worker *held_by;  // where it came from
};

// ---- slots ------------------------------------------------------------------------------------

lattn_status lat_slot_grow(void **part, size_t *capacity, size_t n, size_t size)
{
    if (n <= *capacity)
        return LATTN_OK;
    if (n > SIZE_MAX / size)
        return lat_err(LATTN_ERR_HOST_MEMORY, "out of host memory: a batch of %zu elements", n);
    void *p = lat_realloc(*part, n * size);
    if (!p)
        return LATTN_ERR_HOST_MEMORY;
    *part = p;
    *capacity = n;
    return LATTN_OK;
}

lattn_status lat_slot_rows(struct lat_slot *s, size_t n)
{
    size_t labels_capacity = s->rows_capacity;
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_grow((void **) &b->labels, &labels_capacity, n, sizeof *b->labels));
    return lat_slot_grow((void **) &b->rows, &s->rows_capacity, n, sizeof *b->rows);
}

lattn_status lat_slot_sequences(struct lat_slot *s, size_t n, size_t T)
{
    lattn_batch *b = &s->batch;
    LAT_TRY(lat_slot_rows(s, n));
    LAT_TRY(lat_slot_grow((void **) &b->lengths, &s->lengths_capacity, n, sizeof *b->lengths));
    return lat_slot_grow((void **) &b->input_ids, &s->tokens_capacity, n * T, sizeof *b->input_ids);
}

size_t lat_padded_length(
    const int32_t *lengths, size_t n, int32_t multiple, int32_t max, bool to_max)
{
    size_t longest = 0, step = (size_t) multiple, limit = (size_t) max;
    for (size_t i = 0; i < n; i++)
        longest = LAT_MAX(longest, (size_t) lengths[i]);
    return to_max ? limit : LAT_MIN((longest + step - 1) / step * step, limit);
}

void lat_slot_free(struct lat_slot *s)
{
    lat_free(s->batch.input_ids);
    lat_free(s->batch.token_type_ids);
    lat_free(s->batch.lengths);
    lat_free(s->batch.target_ids);
    lat_free(s->batch.word_starts);
    lat_free(s->batch.output_ids);
    lat_free(s->batch.output_lengths);
    lat_free(s->batch.x);
    lat_free(s->batch.targets);
    lat_free(s->batch.labels);
    lat_free(s->batch.rows);
    *s = (struct lat_slot){ 0 };
}

// ---- worker -----------------------------------------------------------------------------------

static void make_batch(struct worker *w, int64_t index, struct lat_slot *slot)
{
    struct lattn_loader *l = w->loader;
    size_t size = (size_t) l->plan.batch_size, first = (size_t) index * size;
    slot->batch.epoch = w->epoch;
    slot->batch.index = index;
    slot->status = l->plan.kind->collate(
        l->plan.data, w->state, l->order + first, LAT_MIN(l->n_rows - first, size), slot);
    if (slot->status)
        snprintf(slot->error, sizeof slot->error, "%s", lat_err_text());
}

// Of the loader a worker reads what does not change while it runs; epoch and index do.
static void work(void *arg)
{
    struct worker *w = arg;
    const struct lattn_loader *l = w->loader;
    void *slot;
    int64_t step = l->plan.n_threads;
    for (int64_t i = w->first; i < l->n_batches; i += step) {
        if (!lat_queue_pop(w->empty, &slot))
            return;
        make_batch(w, i, slot);
        if (!lat_queue_push(w->done, slot))
            return;
    }
}

// ---- starting and stopping --------------------------------------------------------------------

static void stop(struct lattn_loader *l)
{
    l->running = false;
    l->held = NULL;
    for (int32_t i = 0; i < l->plan.n_threads; i++) {
        struct worker *w = &l->workers[i];
        if (w->empty)
            lat_queue_close(w->empty);
        if (w->done)
            lat_queue_close(w->done);
    }
    for (int32_t i = 0; i < l->plan.n_threads; i++) {
        struct worker *w = &l->workers[i];
        lat_thread_join(&w->thread);
        lat_queue_destroy(&w->empty);
        lat_queue_destroy(&w->done);
    }
}

static lattn_status start_worker(struct lattn_loader *l, struct worker *w)
{
    int64_t n = l->plan.n_threads;
    size_t n_slots = (size_t) l->plan.n_ahead + 1;
    w->epoch = l->epoch;
    w->first = l->index + ((w->number - l->index) % n + n) % n;
    LAT_TRY(lat_queue_create(n_slots, &w->empty));
    LAT_TRY(lat_queue_create(n_slots, &w->done));
    for (size_t i = 0; i < n_slots; i++)
        lat_queue_push(w->empty, &w->slots[i]);
    return lat_thread_start(work, w, &w->thread);
}

static lattn_status start(struct lattn_loader *l)
{
    lat_sampler_order(l->plan.seed, (uint64_t) l->epoch, l->plan.shuffle, l->order, l->n_rows);
    for (size_t i = 0; l->chosen && i < l->n_rows; i++)
        l->order[i] = l->chosen[l->order[i]];
    lattn_status st = LATTN_OK;
    for (int32_t i = 0; i < l->plan.n_threads && !st; i++)
        st = start_worker(l, &l->workers[i]);
    l->running = !st;
    if (st)
        stop(l);
    return st;
}

// ---- making -----------------------------------------------------------------------------------

lattn_status lat_loader_range(const char *name, int32_t value, int32_t lo, int32_t hi)
{
    if (value >= lo && value <= hi)
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG, "loader: %s is %d, expected %d to %d", name, value, lo, hi);
}

static lattn_status fill_in(struct lat_loader_plan *p, size_t *n_rows)
{
    p->n_threads = p->n_threads ? p->n_threads : 1;
    p->n_ahead = p->n_ahead ? p->n_ahead : 4;
    LAT_TRY(lat_loader_range("batch_size", p->batch_size, 1, MAX_BATCH));
    LAT_TRY(lat_loader_range("n_threads", p->n_threads, 1, MAX_THREADS));
    LAT_TRY(lat_loader_range("n_ahead", p->n_ahead, 1, MAX_AHEAD));
    int64_t n = p->n_items ? p->n_items : lattn_dataset_count(p->dataset);
    if (n > UINT32_MAX)
        return lat_err(LATTN_ERR_ARG, "loader: more than 2^32 rows");
    LAT_TRY(lat_rows_check("loader", p->dataset, p->rows));
    n = p->rows ? p->rows->n : n;
    if (p->drop_last && n < p->batch_size)
        return lat_err(LATTN_ERR_ARG, "loader: %lld rows make no full batch of %d", (long long) n,
            p->batch_size);
    *n_rows = (size_t) n;
    return LATTN_OK;
}

static lattn_status make_workers(struct lattn_loader *l)
{
    l->workers = lat_calloc((size_t) l->plan.n_threads, sizeof *l->workers);
    if (!l->workers)
        return LATTN_ERR_HOST_MEMORY;
    for (int32_t i = 0; i < l->plan.n_threads; i++) {
        struct worker *w = &l->workers[i];
        w->loader = l;
        w->number = i;
        w->state = lat_calloc(1, l->plan.kind->worker_bytes);
        w->slots = lat_calloc((size_t) l->plan.n_ahead + 1, sizeof *w->slots);
        if (!w->slots || !w->state)
            return LATTN_ERR_HOST_MEMORY;
    }
    return LATTN_OK;
}

static lattn_status make_orders(struct lattn_loader *l)
{
    const lattn_rows *rows = l->plan.rows;
    l->plan.rows = NULL;
    l->order = lat_calloc(l->n_rows, sizeof *l->order);
    l->chosen = rows ? lat_calloc(l->n_rows, sizeof *l->chosen) : NULL;
    if (!l->order || (rows && !l->chosen))
        return LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; rows && i < l->n_rows; i++)
        l->chosen[i] = (uint32_t) rows->items[i];
    return LATTN_OK;
}

lattn_status lat_loader_create(const struct lat_loader_plan *plan, lattn_loader **out)
{
    *out = NULL;
    struct lat_loader_plan p = *plan;
    size_t n = 0;
    lattn_status st = fill_in(&p, &n);
    lattn_loader *l = st ? NULL : LAT_NEW(lattn_loader);
    if (!l) {
        p.kind->free_data(p.data);
        return st ? st : LATTN_ERR_HOST_MEMORY;
    }
    l->plan = p;
    l->n_rows = n;
    size_t size = (size_t) p.batch_size;
    l->n_batches = (int64_t) (p.drop_last ? n / size : (n + size - 1) / size);
    st = make_orders(l);
    if (!st)
        st = make_workers(l);
    if (st)
        lattn_loader_destroy(&l);
    *out = l;
    return st;
}

lattn_status lat_token_loader_create(const struct lat_loader_kind *kind,
    const lattn_loader_params *params, int32_t least, lattn_loader **out)
{
    lattn_loader_params p = *params;
    p.batch_size = p.batch_size ? p.batch_size : 8;
    p.max_tokens = p.max_tokens ? p.max_tokens : lattn_tokenizer_max_length(p.tokenizer);
    p.pad_multiple = p.pad_multiple ? p.pad_multiple : 8;
    int32_t most = p.pad_to_max ? MAX_TOKENS : INT32_MAX;
    LAT_TRY(lat_loader_range("max_tokens", p.max_tokens, least, most));
    LAT_TRY(lat_loader_range("pad_multiple", p.pad_multiple, 1, MAX_TOKENS));
    lattn_loader_params *data = lat_memdup(&p, sizeof p);
    if (!data)
        return LATTN_ERR_HOST_MEMORY;
    return lat_loader_create(&(struct lat_loader_plan){ .kind = kind,
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

void lattn_loader_destroy(lattn_loader **loader)
{
    lattn_loader *l = loader ? *loader : NULL;
    if (!l)
        return;
    *loader = NULL;
    if (l->workers)
        stop(l);
    for (int32_t i = 0; l->workers && i < l->plan.n_threads; i++) {
        struct worker *w = &l->workers[i];
        for (int32_t k = 0; w->slots && k <= l->plan.n_ahead; k++)
            lat_slot_free(&w->slots[k]);
        lat_free(w->slots);
        if (w->state)
            l->plan.kind->free_worker(w->state);
        lat_free(w->state);
    }
    l->plan.kind->free_data(l->plan.data);
    lat_free(l->workers);
    lat_free(l->chosen);
    lat_free(l->order);
    lat_free(l);
}

// ---- using ------------------------------------------------------------------------------------

int64_t lattn_loader_n_batches(const lattn_loader *l)
{
    if (!l)
        return 0;
    return l->n_batches;
}

void lattn_loader_position(const lattn_loader *l, int64_t *epoch, int64_t *index)
{
    if (epoch)
        *epoch = l ? l->epoch : 0;
    if (index)
        *index = l ? l->index : 0;
}

lattn_status lattn_loader_seek(lattn_loader *l, int64_t epoch, int64_t index)
{
    LAT_CHECK_ARG(l);
    if (epoch < 0 || index < 0 || index > l->n_batches)
        return lat_err(LATTN_ERR_ARG, "loader: epoch %lld, batch %lld; an epoch has %lld batches",
            (long long) epoch, (long long) index, (long long) l->n_batches);
    stop(l);
    l->epoch = epoch;
    l->index = index;
    return LATTN_OK;
}

static lattn_status take(struct lattn_loader *l, const lattn_batch **out)
{
    struct worker *w = &l->workers[l->index % l->plan.n_threads];
    void *item = NULL;
    bool ok = lat_queue_pop(w->done, &item);
    LAT_ASSERT(ok);
    struct lat_slot *slot = item;
    if (slot->status) {
        lattn_status st = lat_err(slot->status, "%s", slot->error);
        stop(l);
        return st;
    }
    l->held = slot;
    l->held_by = w;
    l->index++;
    *out = &slot->batch;
    return LATTN_OK;
}

lattn_status lattn_loader_next(lattn_loader *l, const lattn_batch **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(l);
    if (l->held)
        lat_queue_push(l->held_by->empty, l->held);
    l->held = NULL;
    if (l->index == l->n_batches) {
        stop(l);
        l->epoch++;
        l->index = 0;
        return LATTN_OK;
    }
    if (!l->running)
        LAT_TRY(start(l));
    return take(l, out);
}
