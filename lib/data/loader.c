// SPDX-License-Identifier: MIT
//
// Batches prepared ahead by worker threads.
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
#include "data/collate.h"
#include "data/sampler.h"

enum { MAX_THREADS = 64, MAX_AHEAD = 1024, MAX_TOKENS = 1 << 20, MAX_BATCH = 1 << 20 };

struct worker {
    struct lattn_loader *loader;
    int64_t number;
    int64_t epoch, first;  // what it works on, from which batch; fixed while it runs
    struct lat_thread *thread;
    struct lat_queue *done, *empty;
    struct lat_collator collator;
    struct lat_slot *slots;  // n_ahead + 1: one may be with the consumer
};

struct lattn_loader {
    lattn_loader_params params;  // defaults filled in
    uint32_t *order;             // rows of the running epoch
    int64_t epoch, index;        // of the next batch
    int64_t n_batches;
    bool running;
    struct worker *workers;
    struct lat_slot *held;   // what the caller has
    struct worker *held_by;  // where it came from
};

// ---- worker -----------------------------------------------------------------------------------

static void make_batch(struct worker *w, int64_t index, struct lat_slot *slot)
{
    struct lattn_loader *l = w->loader;
    int64_t first = index * l->params.batch_size;
    int64_t n =
        LAT_MIN(lattn_dataset_count(l->params.dataset) - first, (int64_t) l->params.batch_size);
    slot->batch.epoch = w->epoch;
    slot->batch.index = index;
    slot->status = lat_collate(&w->collator, l->order + first, (size_t) n, slot);
    if (slot->status)
        snprintf(slot->error, sizeof slot->error, "%s", lat_err_text());
}

// Of the loader a worker reads what does not change while it runs; epoch and index do.
static void work(void *arg)
{
    struct worker *w = arg;
    const struct lattn_loader *l = w->loader;
    void *slot;
    int64_t step = l->params.n_threads;
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
    for (int32_t i = 0; i < l->params.n_threads; i++) {
        struct worker *w = &l->workers[i];
        if (w->empty)
            lat_queue_close(w->empty);
        if (w->done)
            lat_queue_close(w->done);
    }
    for (int32_t i = 0; i < l->params.n_threads; i++) {
        struct worker *w = &l->workers[i];
        lat_thread_join(&w->thread);
        lat_queue_destroy(&w->empty);
        lat_queue_destroy(&w->done);
    }
}

static lattn_status start_worker(struct lattn_loader *l, struct worker *w)
{
    int64_t n = l->params.n_threads;
    size_t n_slots = (size_t) l->params.n_ahead + 1;
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
    lat_sampler_order(l->params.seed, (uint64_t) l->epoch, l->params.shuffle, l->order,
        (size_t) lattn_dataset_count(l->params.dataset));
    lattn_status st = LATTN_OK;
    for (int32_t i = 0; i < l->params.n_threads && !st; i++)
        st = start_worker(l, &l->workers[i]);
    l->running = !st;
    if (st)
        stop(l);
    return st;
}

// ---- making -----------------------------------------------------------------------------------

static lattn_status check_range(const char *name, int32_t value, int32_t lo, int32_t hi)
{
    if (value >= lo && value <= hi)
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG, "loader: %s is %d, expected %d to %d", name, value, lo, hi);
}

static lattn_status fill_in(const lattn_loader_params *params, lattn_loader_params *p)
{
    *p = *params;
    if (!p->dataset || !p->tokenizer)
        return lat_err(LATTN_ERR_ARG, "loader: no %s", p->dataset ? "tokenizer" : "dataset");
    p->batch_size = p->batch_size ? p->batch_size : 8;
    p->max_tokens = p->max_tokens ? p->max_tokens : lattn_tokenizer_max_length(p->tokenizer);
    p->pad_multiple = p->pad_multiple ? p->pad_multiple : 8;
    p->n_threads = p->n_threads ? p->n_threads : 1;
    p->n_ahead = p->n_ahead ? p->n_ahead : 4;
    int32_t n_special = lattn_dataset_pair(p->dataset, 0, NULL) ? 3 : 2;
    LAT_TRY(check_range("batch_size", p->batch_size, 1, MAX_BATCH));
    LAT_TRY(check_range(
        "max_tokens", p->max_tokens, n_special, p->pad_to_max ? MAX_TOKENS : INT32_MAX));
    LAT_TRY(check_range("pad_multiple", p->pad_multiple, 1, MAX_TOKENS));
    LAT_TRY(check_range("n_threads", p->n_threads, 1, MAX_THREADS));
    LAT_TRY(check_range("n_ahead", p->n_ahead, 1, MAX_AHEAD));
    if (lattn_dataset_count(p->dataset) > UINT32_MAX)
        return lat_err(LATTN_ERR_ARG, "loader: more than 2^32 rows");
    if (p->drop_last && lattn_dataset_count(p->dataset) < p->batch_size)
        return lat_err(LATTN_ERR_ARG, "loader: %lld rows make no full batch of %d",
            (long long) lattn_dataset_count(p->dataset), p->batch_size);
    return LATTN_OK;
}

static lattn_status make_workers(struct lattn_loader *l)
{
    l->workers = lat_calloc((size_t) l->params.n_threads, sizeof *l->workers);
    if (!l->workers)
        return LATTN_ERR_HOST_MEMORY;
    for (int32_t i = 0; i < l->params.n_threads; i++) {
        struct worker *w = &l->workers[i];
        w->loader = l;
        w->number = i;
        w->collator.params = &l->params;
        w->slots = lat_calloc((size_t) l->params.n_ahead + 1, sizeof *w->slots);
        if (!w->slots)
            return LATTN_ERR_HOST_MEMORY;
    }
    return LATTN_OK;
}

lattn_status lattn_loader_create(const lattn_loader_params *params, lattn_loader **out)
{
    *out = NULL;
    lattn_loader_params p;
    LAT_TRY(fill_in(params, &p));
    lattn_loader *l = LAT_NEW(lattn_loader);
    if (!l)
        return LATTN_ERR_HOST_MEMORY;
    l->params = p;
    int64_t n = lattn_dataset_count(p.dataset);
    l->n_batches = p.drop_last ? n / p.batch_size : (n + p.batch_size - 1) / p.batch_size;
    l->order = lat_calloc((size_t) n, sizeof *l->order);
    lattn_status st = l->order ? make_workers(l) : LATTN_ERR_HOST_MEMORY;
    if (st)
        lattn_loader_destroy(&l);
    *out = l;
    return st;
}

void lattn_loader_destroy(lattn_loader **loader)
{
    lattn_loader *l = *loader;
    if (!l)
        return;
    *loader = NULL;
    if (l->workers)
        stop(l);
    for (int32_t i = 0; l->workers && i < l->params.n_threads; i++) {
        struct worker *w = &l->workers[i];
        for (int32_t k = 0; w->slots && k <= l->params.n_ahead; k++)
            lat_slot_free(&w->slots[k]);
        lat_free(w->slots);
        lat_collator_free(&w->collator);
    }
    lat_free(l->workers);
    lat_free(l->order);
    lat_free(l);
}

// ---- using ------------------------------------------------------------------------------------

int64_t lattn_loader_n_batches(const lattn_loader *l)
{
    return l->n_batches;
}

void lattn_loader_position(const lattn_loader *l, int64_t *epoch, int64_t *index)
{
    *epoch = l->epoch;
    *index = l->index;
}

lattn_status lattn_loader_seek(lattn_loader *l, int64_t epoch, int64_t index)
{
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
    struct worker *w = &l->workers[l->index % l->params.n_threads];
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
    *out = NULL;
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
