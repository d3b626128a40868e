// SPDX-License-Identifier: MIT
//
// Step graphs: a step is recorded once by calling the user's function, then replayed.
//
// The function runs inside a step of its own, so everything it makes is planned; what it retains or
// returns has memory of its own. The random state is one more input, written before every run, so
// replayed dropout draws fresh numbers. When the function fails, what it recorded is dropped and the
// context is as before.

#include "tensor/tensor.h"
#include "base/rng.h"
#include <string.h>

struct lattn_graph {
    lattn_ctx *ctx;
    struct lat_replay *replay;
    lattn_tensor **inputs;  // one reference each
    int n_inputs;
    bool random;  // the random state is input n_inputs
};

// ---- capture ----------------------------------------------------------------------------------

// What a capture puts back, whatever happened in it.
struct before {
    uint32_t rng_op;
    int no_grad_depth;
    bool training;
    char path[sizeof(((lattn_ctx *) 0)->path)];
    size_t n_marks;
};

static lattn_status begin(lattn_ctx *ctx, struct before *b)
{
    *b = (struct before){ ctx->rng.op, ctx->no_grad_depth, ctx->training, "", ctx->marks.n };
    memcpy(b->path, ctx->path, sizeof b->path);
    LAT_TRY(LAT_PUSH(&ctx->marks, ctx->step.n));
    lattn_status st = lat_capture_begin(ctx->sched);
    if (st) {
        lat_step_drop(ctx);
        return st;
    }
    ctx->capturing = true;
    ctx->capture_marks = ctx->marks.n;
    ctx->rng.op = 0;
    return LATTN_OK;
}

static void put_back(lattn_ctx *ctx, const struct before *b)
{
    while (ctx->marks.n > b->n_marks)
        lat_step_drop(ctx);
    ctx->capturing = false;
    ctx->rng.op = b->rng_op;
    ctx->no_grad_depth = b->no_grad_depth;
    ctx->training = b->training;
    lat_path_set(ctx, b->path);
}

static void tell_extensions(lattn_ctx *ctx, bool aborted)
{
    for (int i = 0; i < LAT_EXT_SLOTS; i++)
        if (ctx->ext[i] && ctx->ext[i]->capture_done)
            ctx->ext[i]->capture_done(ctx, ctx->ext[i], aborted);
}

static lattn_status call(lattn_ctx *ctx, const lattn_graph_params *p, lattn_tensor **outputs)
{
    unsigned count = lat_err_count();
    lattn_status st = p->fn(ctx, p->user, outputs);
    if (ctx->error)
        return lat_take_error(ctx);
    LAT_TRY(lat_err_given(st, count, "lattn_graph_create: fn"));
    if (ctx->marks.n != ctx->capture_marks)
        return lat_err(LATTN_ERR_STATE, "lattn_graph_create: fn left a step open");
    for (int i = 0; i < p->n_outputs; i++) {
        if (!outputs[i] || lat_numel(outputs[i]) == 0)
            return lat_err(LATTN_ERR_ARG, "lattn_graph_create: fn left output %d %s", i,
                outputs[i] ? "empty" : "NULL");
        outputs[i] = lat_prim_contiguous(outputs[i]);
        if (!outputs[i])
            return lat_take_error(ctx);
    }
    return LATTN_OK;
}

static struct lat_range range_of(const lattn_tensor *t)
{
    return (struct lat_range){ t->storage->block, lat_tensor_start(t), lat_tensor_span(t) };
}

// Runs fn and keeps the outputs' memory; ranges has room for n_outputs.
static lattn_status record(
    lattn_graph *g, const lattn_graph_params *p, lattn_tensor **outputs, struct lat_range *ranges)
{
    struct before before;
    LAT_TRY(begin(g->ctx, &before));
    lattn_status st = call(g->ctx, p, outputs);
    g->random = g->ctx->rng.op > 0;
    for (int i = 0; i < p->n_outputs && !st; i++) {
        ranges[i] = range_of(outputs[i]);
        lat_block_retain(ranges[i].block);
    }
    put_back(g->ctx, &before);
    if (st)
        lat_capture_abort(g->ctx->sched);
    return st;
}

static lattn_status plan(lattn_graph *g, struct lat_range *outputs, int n_outputs)
{
    struct lat_range *inputs = lat_calloc((size_t) g->n_inputs + 1, sizeof *inputs);
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    if (inputs) {
        for (int i = 0; i < g->n_inputs; i++)
            inputs[i] = range_of(g->inputs[i]);
        inputs[g->n_inputs] = range_of(g->ctx->rng_state);
        struct lat_replay_params params = {
            .inputs = inputs,
            .n_inputs = (uint32_t) g->n_inputs + g->random,
            .outputs = outputs,
            .n_outputs = (uint32_t) n_outputs,
        };
        st = lat_capture_end(g->ctx->sched, &params, &g->replay);
    } else {
        lat_capture_abort(g->ctx->sched);
    }
    for (int i = 0; i < n_outputs; i++)
        lat_block_release(outputs[i].block);
    lat_free(inputs);
    return st;
}

static lattn_status capture(lattn_graph *g, const lattn_graph_params *p)
{
    size_t n = (size_t) p->n_outputs + 1;
    lattn_tensor **outputs = lat_calloc(n, sizeof *outputs);
    struct lat_range *ranges = lat_calloc(n, sizeof *ranges);
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    if (outputs && ranges) {
        st = record(g, p, outputs, ranges);
        if (!st)
            st = plan(g, ranges, p->n_outputs);
        tell_extensions(g->ctx, st != LATTN_OK);
    }
    lat_free(outputs);
    lat_free(ranges);
    return st;
}

// ---- public -----------------------------------------------------------------------------------

static lattn_status take_inputs(lattn_graph *g, const lattn_graph_params *p)
{
    g->inputs = lat_calloc((size_t) p->n_inputs + 1, sizeof *g->inputs);
    if (!g->inputs)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < p->n_inputs; i++) {
        lattn_tensor *t = p->inputs[i];
        LAT_TRY(lat_check_ctx(g->ctx, t, "lattn_graph_create", "an input"));
        if (!t || lat_numel(t) == 0 || !lat_is_contiguous(t) || !t->storage->kept)
            return lat_err(LATTN_ERR_ARG,
                "lattn_graph_create: input %d is %s; inputs are made by lattn_tensor_create", i,
                !t                  ? "NULL"
                : lat_numel(t) == 0 ? "empty"
                : !t->storage->kept ? "a result of an op"
                                    : "not contiguous");
        g->inputs[g->n_inputs++] = lat_tensor_ref(t);
    }
    return LATTN_OK;
}

static lattn_status create(lattn_ctx *ctx, const lattn_graph_params *p, lattn_graph **out)
{
    LAT_TRY(lat_not_capturing(ctx, "lattn_graph_create"));
    if (!p->fn || p->n_inputs < 0 || p->n_outputs < 0)
        return lat_err(LATTN_ERR_ARG, "lattn_graph_create: fn is %s, %d inputs, %d outputs",
            p->fn ? "set" : "NULL", p->n_inputs, p->n_outputs);
    lattn_graph *g = LAT_NEW(lattn_graph);
    if (!g)
        return LATTN_ERR_HOST_MEMORY;
    g->ctx = ctx;
    lattn_status st = take_inputs(g, p);
    if (!st)
        st = capture(g, p);
    if (st) {
        lattn_graph_destroy(&g);
        return st;
    }
    *out = g;
    return LATTN_OK;
}

lattn_status lattn_graph_create(lattn_ctx *ctx, const lattn_graph_params *params, lattn_graph **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    LAT_CHECK_ARRAY(params->inputs, params->n_inputs);
    LAT_CHECK_ARG(params->fn);
    if (ctx->error)
        return lat_take_error(ctx);
    return lat_done(ctx, create(ctx, params, out));
}

void lattn_graph_destroy(lattn_graph **graph)
{
    lattn_graph *g = graph ? *graph : NULL;
    if (!g)
        return;
    *graph = NULL;
    lat_replay_destroy(&g->replay);
    for (int i = 0; i < g->n_inputs; i++)
        lat_tensor_unref(g->inputs[i]);
    lat_free(g->inputs);
    lat_free(g);
}

static lattn_status write_input(lattn_graph *g, int i, const void *data, size_t bytes)
{
    LAT_TRY(lat_not_capturing(g->ctx, "lattn_graph_write"));
    if (i < 0 || i >= g->n_inputs)
        return lat_err(LATTN_ERR_ARG, "lattn_graph_write: input %d, there are %d", i, g->n_inputs);
    lat_tensor_touch(g->inputs[i]);
    return lat_replay_write(g->replay, (uint32_t) i, data, bytes);
}

lattn_status lattn_graph_write(lattn_graph *graph, int i, const void *data, size_t bytes)
{
    LAT_CHECK_ARG(graph);
    LAT_CHECK_ARRAY(data, bytes);
    return lat_done(graph->ctx, write_input(graph, i, data, bytes));
}

static lattn_status run(lattn_graph *g)
{
    lattn_ctx *ctx = g->ctx;
    LAT_TRY(lat_not_capturing(ctx, "lattn_graph_run"));
    // Numbers that were drawn in this step so far must not be drawn again.
    if (ctx->rng.op > 0)
        ctx->rng.step++;
    ctx->rng.op = 0;
    if (g->random) {
        uint32_t words[4] = { 0 };
        lat_philox_key(ctx->rng.seed, ctx->rng.step, words);
        LAT_TRY(lat_replay_write(g->replay, (uint32_t) g->n_inputs, words, sizeof words));
    }
    LAT_TRY(lat_replay_run(g->replay));
    ctx->rng.step++;
    ctx->rng_stale = true;
    return LATTN_OK;
}

lattn_status lattn_graph_run(lattn_graph *graph)
{
    LAT_CHECK_ARG(graph);
    if (graph->ctx->error)
        return lat_take_error(graph->ctx);
    return lat_done(graph->ctx, run(graph));
}

lattn_status lattn_graph_read(lattn_graph *graph, int i, int age, void *data, size_t bytes)
{
    LAT_CHECK_ARG(graph);
    LAT_CHECK_ARRAY(data, bytes);
    lattn_status st = lat_not_capturing(graph->ctx, "lattn_graph_read");
    if (!st && i < 0)
        st = lat_err(LATTN_ERR_ARG, "lattn_graph_read: output %d", i);
    if (!st)
        st = lat_replay_read(graph->replay, (uint32_t) i, age, data, bytes);
    return lat_done(graph->ctx, st);
}
