// SPDX-License-Identifier: MIT
//
// Evaluation: every batch once, in order, with dropout off and no tape. One batch is in flight
// while the one before is read and counted.

#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "base/log.h"
#include "train/evaluate.h"
#include "train/metrics.h"

// What must survive until a batch's logits are read: the source reuses its memory.
struct kept {
    struct lat_pending pending;
    lattn_fields fields;
    int32_t *labels;
    size_t capacity;
};

struct evaluation {
    struct lat_steps *steps;
    const lattn_task *task;
    lattn_logits_fn each;
    void *user;
    struct lat_counts counts;
    int64_t n_cut;
    float *logits;
    size_t capacity;
};

static lattn_status keep(struct kept *k, const lattn_fields *batch)
{
    size_t n = (size_t) batch->n_samples;
    k->fields = *batch;
    if (!batch->labels)
        return LATTN_OK;
    if (n > k->capacity) {
        int32_t *labels = lat_realloc(k->labels, n * sizeof *labels);
        if (!labels)
            return LATTN_ERR_HOST_MEMORY;
        k->labels = labels;
        k->capacity = n;
    }
    memcpy(k->labels, batch->labels, n * sizeof *k->labels);
    k->fields.labels = k->labels;
    return LATTN_OK;
}

static lattn_status collect(struct evaluation *e, struct kept *k)
{
    if (!k->pending.step)
        return LATTN_OK;
    size_t n = (size_t) k->pending.n_samples * (size_t) e->task->n_classes;
    if (n > e->capacity) {
        float *logits = lat_realloc(e->logits, n * sizeof *logits);
        if (!logits)
            return LATTN_ERR_HOST_MEMORY;
        e->logits = logits;
        e->capacity = n;
    }
    struct lat_step_result result;
    LAT_TRY(lat_steps_read(e->steps, &k->pending, &result, e->logits));
    if (!e->task->n_classes) {
        e->counts.n += k->pending.n_samples;
        e->counts.loss_sum += (double) result.loss * (double) k->pending.n_samples;
    } else if (k->fields.labels) {
        lat_counts_add(
            &e->counts, e->logits, k->fields.labels, k->pending.n_samples, (double) result.loss);
    }
    k->pending.step = NULL;
    return e->each ? e->each(e->user, &k->fields, e->logits, e->task->n_classes) : LATTN_OK;
}

static lattn_status run_all(struct evaluation *e, const lattn_source *source, struct kept kept[2])
{
    LAT_TRY(source->seek(source->user, 0, 0));
    for (int turn = 0;; turn ^= 1) {
        lattn_fields batch;
        LAT_TRY(source->next(source->user, &batch));
        if (!batch.n_samples)
            return collect(e, &kept[turn ^ 1]);
        e->n_cut += batch.n_cut;
        LAT_TRY(keep(&kept[turn], &batch));
        LAT_TRY(lat_steps_run(e->steps, LAT_STEP_EVAL, &batch, 0, 1, &kept[turn].pending));
        LAT_TRY(collect(e, &kept[turn ^ 1]));
    }
}

lattn_status lat_evaluate(struct lat_steps *steps, const lattn_task *task,
    const lattn_source *source, lattn_logits_fn each, void *user, lattn_metrics *out)
{
    struct evaluation e = { .steps = steps, .task = task, .each = each, .user = user };
    struct kept kept[2] = { 0 };
    lattn_status st;
    LAT_GO(lat_counts_create(task->n_classes, &e.counts));
    LAT_GO(run_all(&e, source, kept));
    *out = lat_counts_metrics(&e.counts);
    if (task->characters_per_token > 0)
        out->bits = out->loss / log(2) / task->characters_per_token;
    out->n_cut = e.n_cut;

done:
    lat_counts_free(&e.counts);
    lat_free(e.logits);
    lat_free(kept[0].labels);
    lat_free(kept[1].labels);
    return st;
}

// Not "of how many": a sample may be a word, and what is cut is a text.
void lat_tell_cut(int64_t n_cut)
{
    lat_log(LATTN_LOG_WARN, "%lld texts are longer than the token limit and were cut",
        (long long) n_cut);
}

lattn_status lattn_evaluate(lattn_ctx *ctx, const lattn_task *task, const lattn_source *source,
    lattn_logits_fn each, void *user, lattn_metrics *out)
{
    LAT_CHECK_ARG(task);
    LAT_CHECK_ARG(source);
    LAT_CHECK_ARG(out);
    struct lat_steps *steps = NULL;
    lattn_status st;
    LAT_GO(lat_steps_create(ctx, task, NULL, false, &steps));
    LAT_GO(lat_evaluate(steps, task, source, each, user, out));
    if (out->n_cut)
        lat_tell_cut(out->n_cut);

done:
    lat_steps_destroy(&steps);
    return st;
}
