// SPDX-License-Identifier: MIT
//
// What a dispatch costs besides its work: chains of copies of sixteen floats, recorded or replayed, each to a place of
// its own or each behind a barrier because it reads what the one before wrote.

#include "base/thread.h"
#include "ops/engine.h"
#include "bench/bench.abi.h"
#include "lat_shaders.h"
#include <stdlib.h>

enum { N_TENSORS = 256, MAX_RUNS = 512, MIN_RUNS = 9, FLOATS = 16 };

struct chain {
    lattn_ctx *ctx;
    lattn_tensor *t[N_TENSORS];
    int n;           // dispatches
    bool dependent;  // each reads what the one before wrote
    lattn_graph *graph;
};

static lattn_status copy(lattn_ctx *ctx, lattn_tensor *from, lattn_tensor *to)
{
    struct bench_push push = { FLOATS / 4 };
    const uint32_t spec[] = { 32 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_bench_copy,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .read = { from },
        .n_read = 1,
        .write = { to },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = 1,
        .groups = 1,
    };
    return lat_kernel_run(ctx, &kernel);
}

// The first tensor is only read; independent copies come back to a place after all others have been written.
static lattn_status record(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct chain *c = user;
    (void) outputs;
    for (int i = 0; i < c->n; i++) {
        lattn_tensor *to = c->t[1 + i % (N_TENSORS - 1)];
        lattn_tensor *from = c->dependent && i ? c->t[1 + (i - 1) % (N_TENSORS - 1)] : c->t[0];
        LAT_TRY(copy(ctx, from, to));
    }
    return LATTN_OK;
}

static lattn_status submit(struct chain *c)
{
    if (c->graph)
        return lattn_graph_run(c->graph);
    LAT_TRY(lattn_step_begin(c->ctx));
    lattn_status st = record(c->ctx, c, NULL), end = lattn_step_end(c->ctx);
    return st ? st : end;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t) n, sizeof *v, ascending);
    return v[n / 2];
}

static lattn_status measure(struct chain *c, double seconds, struct ot_cost *out)
{
    double host[MAX_RUNS], device[MAX_RUNS], wall[MAX_RUNS];
    uint64_t end = lat_now_ns() + (uint64_t) (1e9 * seconds);
    bool has_clock = true;
    int n = 0;
    LAT_TRY(submit(c));
    LAT_TRY(lattn_sync(c->ctx));
    while (n < MAX_RUNS && (n < MIN_RUNS || lat_now_ns() < end)) {
        uint64_t before = lattn_ctx_stats(c->ctx).device_time_ns, start = lat_now_ns();
        LAT_TRY(submit(c));
        host[n] = 1e-9 * (double) (lat_now_ns() - start);
        LAT_TRY(lattn_sync(c->ctx));
        wall[n] = 1e-9 * (double) (lat_now_ns() - start);
        device[n] = 1e-9 * (double) (lattn_ctx_stats(c->ctx).device_time_ns - before);
        has_clock = has_clock && device[n] > 0;
        n++;
    }
    double dispatches = LAT_MAX(c->n, 1);
    out->host_s = median(host, n) / dispatches;
    out->wall_s = median(wall, n) / dispatches;
    out->device_s = has_clock ? median(device, n) / dispatches : 0;
    return LATTN_OK;
}

static lattn_status measure_chain(struct chain *c, const struct ot_chain *how, double seconds)
{
    lattn_graph_params graph = { .fn = record, .user = c };
    c->n = how->n;
    c->dependent = how->dependent;
    if (how->replayed)
        LAT_TRY(lattn_graph_create(c->ctx, &graph, &c->graph));
    lattn_status st = measure(c, seconds, how->out);
    lattn_graph_destroy(&c->graph);
    return st;
}

lattn_status ot_measure_costs(
    lattn_ctx *ctx, const struct ot_chain *chains, int n_chains, double seconds)
{
    static const int64_t dims[] = { FLOATS };
    struct chain c = { .ctx = ctx };
    lattn_status st = LATTN_OK;
    for (int i = 0; i < N_TENSORS && !st; i++) {
        st = lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, dims, &c.t[i]);
        if (!st)
            st = lattn_fill_(c.t[i], 1);
    }
    for (int i = 0; i < n_chains && !st; i++)
        st = measure_chain(&c, &chains[i], seconds);
    for (int i = 0; i < N_TENSORS; i++)
        lattn_tensor_release(&c.t[i]);
    return st;
}
