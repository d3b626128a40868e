// SPDX-License-Identifier: MIT
//
// Chooses rows of selection tables by running them.
//
// An op hands over its work as a function that selects by itself. Here each admitted row is put in front of
// the cost model in turn (lat_strategy_try) and the function runs on the very operands it has. A row is timed
// only after its results agreed with those of a base row, because drivers exist that compile matrix kernels
// into wrong ones. Results are put back between runs, as some work adds to what is there.
//
// The agreement is of norms, |x - base| <= tolerance |base|: rows differ in the order of sums, and single
// elements may cancel to nothing.

#include "tensor/tune.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/thread.h"

struct tuning {
    struct lat_ext ext;
    bool on, busy;
    struct lat_map index;  // key -> place in choices
    struct {
        struct lat_tuned *items;
        size_t n, capacity;
    } choices;
};

enum { BATCHES = 5, MAX_RUNS = 64, KEY_BYTES = 256 };
static const double BATCH_S = 0.01, HOPELESS = 2, WORTH_IT = 0.95;

static void destroy(lattn_ctx *ctx, struct lat_ext *ext)
{
    struct tuning *s = (struct tuning *) ext;
    ctx->ext[LAT_EXT_TUNING] = NULL;
    lat_map_free(&s->index);
    lat_free(s->choices.items);
    lat_free(s);
}

static struct tuning *existing(const lattn_ctx *ctx)
{
    return ctx ? (struct tuning *) ctx->ext[LAT_EXT_TUNING] : NULL;
}

static struct tuning *state_of(lattn_ctx *ctx)
{
    struct tuning *s = existing(ctx);
    if (s)
        return s;
    s = LAT_NEW(struct tuning);
    if (!s)
        return NULL;
    s->ext.destroy = destroy;
    ctx->ext[LAT_EXT_TUNING] = &s->ext;
    return s;
}

// ---- the table ------------------------------------------------------------------------------------

static size_t key_of(
    char key[KEY_BYTES], const char *op, lattn_dtype dtype, const int64_t size[LAT_TUNE_SIZES])
{
    int n = snprintf(key, KEY_BYTES, "%s/%s", op, lattn_dtype_name(dtype));
    for (int i = 0; i < LAT_TUNE_SIZES; i++)
        n += snprintf(key + n, (size_t) (KEY_BYTES - n), "/%lld", (long long) size[i]);
    return (size_t) n;
}

const struct lat_tuned *lat_tuned_find(
    const lattn_ctx *ctx, const char *op, const struct lat_problem *p)
{
    const struct tuning *s = existing(ctx);
    char key[KEY_BYTES];
    int64_t at;
    if (!s || s->choices.n == 0)
        return NULL;
    size_t length = key_of(key, op, p->dtype, p->size);
    return lat_map_get(&s->index, key, length, &at) ? &s->choices.items[at] : NULL;
}

lattn_status lat_tuned_put(lattn_ctx *ctx, const struct lat_tuned *choice)
{
    struct tuning *s = state_of(ctx);
    char key[KEY_BYTES];
    int64_t at;
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    size_t length = key_of(key, choice->op, choice->dtype, choice->size);
    if (lat_map_get(&s->index, key, length, &at)) {
        s->choices.items[at] = *choice;
        return LATTN_OK;
    }
    LAT_TRY(LAT_PUSH(&s->choices, *choice));
    return lat_map_put(&s->index, key, length, (int64_t) s->choices.n - 1);
}

int lat_tuned_row(const struct lat_form_name *name, const struct lat_strategy *table, int n)
{
    for (int i = 0; i < n; i++)
        if (table[i].kind == name->kind && strcmp(table[i].detail, name->form) == 0)
            return i;
    return -1;
}

static struct lat_form_name name_of(const struct lat_strategy *row)
{
    struct lat_form_name name = { .kind = row->kind };
    snprintf(name.form, sizeof name.form, "%s", row->detail);
    return name;
}

// ---- what a row writes ----------------------------------------------------------------------------

// Results before the first run, and on the host those of the base row.
struct results {
    lattn_tensor *before[LAT_TUNE_OUTPUTS];
    float *base[LAT_TUNE_OUTPUTS];
};

static lattn_status keep_results(lattn_ctx *ctx, const struct lat_tunable *t, struct results *r)
{
    for (int i = 0; i < LAT_TUNE_OUTPUTS; i++) {
        lattn_tensor *out = t->out[i];
        if (!out || lat_numel(out) == 0)
            continue;
        r->before[i] = lat_tensor_new(ctx, out->dtype, out->rank, out->dim);
        if (!r->before[i])
            return ctx->error;
        LAT_TRY(lat_prim_copy(r->before[i], out));
        r->base[i] = lat_alloc((size_t) lat_numel(out) * sizeof(float));
        if (!r->base[i])
            return LATTN_ERR_HOST_MEMORY;
    }
    return LATTN_OK;
}

static lattn_status put_back(const struct lat_tunable *t, const struct results *r)
{
    for (int i = 0; i < LAT_TUNE_OUTPUTS; i++)
        if (r->before[i])
            LAT_TRY(lat_prim_copy(t->out[i], r->before[i]));
    return LATTN_OK;
}

static double tolerance(const struct lat_problem *p)
{
    bool as_f16 =
        p->dtype == LATTN_DTYPE_F16 || (p->dtype == LATTN_DTYPE_F32 && p->caps->reduced_precision);
    return as_f16 ? 4e-3 : p->dtype == LATTN_DTYPE_BF16 ? 3e-2 : 1e-4;
}

static bool agree(const float *base, const float *x, int64_t n, double tolerance)
{
    double far = 0, length = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(base[i]) || !isfinite(x[i])) {
            if (isfinite(base[i]) || isfinite(x[i]))
                return false;
            continue;
        }
        double d = (double) x[i] - base[i];
        far += d * d;
        length += (double) base[i] * base[i];
    }
    return far <= tolerance * tolerance * length;
}

static lattn_status compare(const struct lat_tunable *t, const struct results *r, bool *same)
{
    *same = true;
    for (int i = 0; i < LAT_TUNE_OUTPUTS && *same; i++) {
        if (!r->base[i])
            continue;
        int64_t n = lat_numel(t->out[i]);
        float *x = lat_alloc((size_t) n * sizeof *x);
        if (!x)
            return LATTN_ERR_HOST_MEMORY;
        lattn_status st = lattn_tensor_read_f32(t->out[i], x, n);
        if (!st)
            *same = agree(r->base[i], x, n, tolerance(t->problem));
        lat_free(x);
        LAT_TRY(st);
    }
    return LATTN_OK;
}

// ---- running a row --------------------------------------------------------------------------------

// n runs, each with its own scratch; *seconds of one. The scratch goes with a step that does not end as
// a program's does: the random stream stays where it is.
static lattn_status run(lattn_ctx *ctx, const struct lat_tunable *t, int n, double *seconds)
{
    LAT_TRY(lattn_sync(ctx));
    uint64_t device_ns = ctx->dev->stats.device_time_ns;
    uint64_t start = lat_now_ns();
    for (int i = 0; i < n; i++) {
        LAT_TRY(LAT_PUSH(&ctx->marks, ctx->step.n));
        lattn_status st = t->run(t->user);
        lat_step_drop(ctx);
        LAT_TRY(lat_done(ctx, st));
    }
    LAT_TRY(lattn_sync(ctx));
    double wall = 1e-9 * (double) (lat_now_ns() - start) / n;
    *seconds = 1e-9 * (double) (ctx->dev->stats.device_time_ns - device_ns) / n;
    if (*seconds <= 0)  // no timestamps here
        *seconds = wall;
    return LATTN_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

// Median over batches; a row that is hopeless beside best gets one batch.
static lattn_status measure(
    lattn_ctx *ctx, const struct lat_tunable *t, double best, double *seconds)
{
    double batch[BATCHES], once;
    LAT_TRY(run(ctx, t, 1, &once));
    int n = 0, runs = once * MAX_RUNS < BATCH_S ? MAX_RUNS
                      : once < BATCH_S          ? (int) (BATCH_S / once)
                                                : 1;
    do {
        LAT_TRY(run(ctx, t, runs, &batch[n]));
    } while (batch[n++] < HOPELESS * best && n < BATCHES);
    qsort(batch, (size_t) n, sizeof *batch, ascending);
    *seconds = batch[n / 2];
    return LATTN_OK;
}

// The first run compiles; its results are what is compared.
static lattn_status try_row(lattn_ctx *ctx, const struct lat_tunable *t, const struct results *r,
    double best, double *seconds, bool *right)
{
    double first;
    LAT_TRY(put_back(t, r));
    LAT_TRY(run(ctx, t, 1, &first));
    LAT_TRY(compare(t, r, right));
    return *right ? measure(ctx, t, best, seconds) : LATTN_OK;
}

static lattn_status run_base(lattn_ctx *ctx, const struct lat_tunable *t, struct results *r)
{
    double seconds;
    int base = 0;
    while (base < t->n && (t->table[base].kind != LAT_STRATEGY_BASE ||
                              !lat_strategy_admitted(ctx, &t->table[base], t->problem)))
        base++;
    if (base == t->n)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s has no base form here", t->op);
    lat_strategy_try(ctx, &t->table[base]);
    LAT_TRY(run(ctx, t, 1, &seconds));
    for (int i = 0; i < LAT_TUNE_OUTPUTS; i++)
        if (r->base[i])
            LAT_TRY(lattn_tensor_read_f32(t->out[i], r->base[i], lat_numel(t->out[i])));
    return LATTN_OK;
}

// ---- one problem ----------------------------------------------------------------------------------

static lattn_status try_rows(lattn_ctx *ctx, const struct lat_tunable *t, const struct results *r,
    int model, struct lat_tuned *choice)
{
    choice->seconds = INFINITY;
    for (int i = 0; i < t->n; i++) {
        const struct lat_strategy *row = &t->table[i];
        if (!lat_strategy_admitted(ctx, row, t->problem))
            continue;
        double seconds = INFINITY;
        bool right = true;
        lat_strategy_try(ctx, row);
        lattn_status st = try_row(ctx, t, r, choice->seconds, &seconds, &right);
        if (st == LATTN_ERR_DEVICE_LOST)
            return st;
        choice->n_tried++;
        choice->n_wrong += !right || st;
        if (!right || st)
            lat_log(LATTN_LOG_WARN, "tuning: %s %s %s is left out: %s", t->op,
                lat_strategy_name(row->kind), row->detail,
                st ? lat_err_text() : "its numbers are not those of base");
        if (i == model)
            choice->model_seconds = seconds;
        if (seconds < choice->seconds) {
            choice->seconds = seconds;
            choice->chosen = name_of(row);
        }
    }
    // The model's choice stays where the difference may be noise.
    if (!isfinite(choice->model_seconds)) {
        choice->model_seconds = 0;
    } else if (choice->seconds > WORTH_IT * choice->model_seconds) {
        choice->seconds = choice->model_seconds;
        choice->chosen = choice->model;
    }
    return LATTN_OK;
}

static int admitted_rows(lattn_ctx *ctx, const struct lat_tunable *t)
{
    int n = 0;
    for (int i = 0; i < t->n; i++)
        n += lat_strategy_admitted(ctx, &t->table[i], t->problem);
    return n;
}

static lattn_status tune(lattn_ctx *ctx, const struct lat_tunable *t)
{
    struct results r = { 0 };
    struct lat_tuned choice = { .dtype = t->problem->dtype };
    int model = lat_strategy_peek(ctx, t->op, t->table, t->n, t->problem);
    if (model < 0 || admitted_rows(ctx, t) < 2)
        return LATTN_OK;
    snprintf(choice.op, sizeof choice.op, "%s", t->op);
    memcpy(choice.size, t->problem->size, sizeof choice.size);
    choice.model = name_of(&t->table[model]);

    LAT_TRY(LAT_PUSH(&ctx->marks, ctx->step.n));
    lattn_status st = keep_results(ctx, t, &r);
    if (!st)
        st = run_base(ctx, t, &r);
    if (!st)
        st = try_rows(ctx, t, &r, model, &choice);
    lat_strategy_try(ctx, NULL);
    if (!st)
        st = put_back(t, &r);
    if (!st && isfinite(choice.seconds))
        st = lat_tuned_put(ctx, &choice);
    lat_step_drop(ctx);
    for (int i = 0; i < LAT_TUNE_OUTPUTS; i++)
        lat_free(r.base[i]);
    return st;
}

lattn_status lat_tune(lattn_ctx *ctx, const struct lat_tunable *t)
{
    struct tuning *s = existing(ctx);
    if (!s || !s->on || s->busy || ctx->capturing || !lat_strategy_is_free(ctx) ||
        lat_tuned_find(ctx, t->op, t->problem))
        return LATTN_OK;
    s->busy = true;
    lattn_status st = tune(ctx, t);
    s->busy = false;
    return st;
}

// ---- public ---------------------------------------------------------------------------------------

void lattn_set_tuning(lattn_ctx *ctx, bool on)
{
    struct tuning *s = on ? state_of(ctx) : existing(ctx);
    if (s)
        s->on = on;
    else if (on)
        lat_fail(ctx, LATTN_ERR_HOST_MEMORY, "no memory for tuning");
}

bool lattn_is_tuning(const lattn_ctx *ctx)
{
    const struct tuning *s = existing(ctx);
    return s && s->on;
}

int lattn_tuning_count(const lattn_ctx *ctx)
{
    const struct tuning *s = existing(ctx);
    return s ? (int) s->choices.n : 0;
}

lattn_status lattn_tuning_get(const lattn_ctx *ctx, int i, lattn_tuned *out)
{
    LAT_CHECK_ARG(out);
    *out = (lattn_tuned){ 0 };
    const struct tuning *s = existing(ctx);
    if (i < 0 || i >= lattn_tuning_count(ctx))
        return lat_err(LATTN_ERR_ARG, "lattn_tuning_get: there are %d measured choices, none is %d",
            lattn_tuning_count(ctx), i);
    const struct lat_tuned *c = &s->choices.items[i];
    *out = (lattn_tuned){
        .op = c->op,
        .dtype = c->dtype,
        .strategy = lat_strategy_name(c->chosen.kind),
        .form = c->chosen.form,
        .model_strategy = lat_strategy_name(c->model.kind),
        .model_form = c->model.form,
        .seconds = c->seconds,
        .model_seconds = c->model_seconds,
        .n_tried = c->n_tried,
        .n_wrong = c->n_wrong,
    };
    memcpy(out->size, c->size, sizeof out->size);
    return LATTN_OK;
}
