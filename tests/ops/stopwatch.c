// SPDX-License-Identifier: MIT
//
// Repeats an application until the time is up. Applications are recorded in batches, one step and one
// wait each, so that what a submission costs does not hide what a kernel costs; device time is the
// sum over the batch's submissions.

#include "ops/stopwatch.h"
#include <stdlib.h>
#include <time.h>

enum { MAX_BATCHES = 256, MIN_BATCHES = 5, MAX_PER_BATCH = 1000 };
static const double BATCH_S = 0.02;  // aim

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

struct batch {
    double device, wall;  // of one application
};

struct application {
    ot_apply_fn apply;
    void *user;
};

static lattn_status submit_one_step(lattn_ctx *ctx, void *user, int n)
{
    const struct application *a = user;
    lattn_status st = lattn_step_begin(ctx);
    for (int i = 0; i < n && !st; i++)
        st = a->apply(ctx, a->user);
    lattn_status end = lattn_step_end(ctx);
    return st ? st : end;
}

static lattn_status run_batch(
    lattn_ctx *ctx, ot_submit_fn submit, void *user, int n, struct batch *b)
{
    uint64_t device_ns = lattn_ctx_stats(ctx).device_time_ns;
    double start = now();
    lattn_status st = submit(ctx, user, n);
    if (!st)
        st = lattn_sync(ctx);
    b->wall = (now() - start) / n;
    b->device = 1e-9 * (double) (lattn_ctx_stats(ctx).device_time_ns - device_ns) / n;
    if (b->device <= 0)  // no timestamps here
        b->device = b->wall;
    return st;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

// Sorts; the value at a share of the way through.
static double quantile(double *v, int n, double share)
{
    qsort(v, (size_t) n, sizeof *v, ascending);
    return v[(int) (share * (n - 1) + 0.5)];
}

lattn_status ot_measure(lattn_ctx *ctx, ot_apply_fn apply, void *user, double warm_up_s,
    double measure_s, struct ot_measurement *out)
{
    struct application a = { .apply = apply, .user = user };
    return ot_measure_steps(ctx, submit_one_step, &a, warm_up_s, measure_s, out);
}

lattn_status ot_measure_steps(lattn_ctx *ctx, ot_submit_fn submit, void *user, double warm_up_s,
    double measure_s, struct ot_measurement *out)
{
    struct batch b;
    int per_batch = 1, n = 0;
    double start = now();
    do {
        lattn_status st = run_batch(ctx, submit, user, per_batch, &b);
        if (st)
            return st;
        double wanted = BATCH_S / (b.wall > 1e-9 ? b.wall : 1e-9);
        per_batch = wanted < 1 ? 1 : wanted > MAX_PER_BATCH ? MAX_PER_BATCH : (int) wanted;
    } while (now() - start < warm_up_s);

    double device[MAX_BATCHES], wall[MAX_BATCHES];
    start = now();
    while (n < MAX_BATCHES && (n < MIN_BATCHES || now() - start < measure_s)) {
        lattn_status st = run_batch(ctx, submit, user, per_batch, &b);
        if (st)
            return st;
        device[n] = b.device;
        wall[n++] = b.wall;
    }
    out->seconds = quantile(device, n, 0.5);
    out->spread = (quantile(device, n, 0.75) - quantile(device, n, 0.25)) / out->seconds;
    out->wall_seconds = quantile(wall, n, 0.5);
    out->applications = (int64_t) n * per_batch;
    return LATTN_OK;
}
