// SPDX-License-Identifier: MIT
//
// Mode time: forward, and backward by itself, again and again over the history of one forward. Inputs keep
// their place; results are planned and freed as in a training step.

#define LATTN_EXPERIMENTAL
#include "lattn/introspect.h"
#include "ops/engine.h"
#include "ops/stopwatch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct timed {
    struct ot_session session;
    lattn_tensor *in[OT_MAX_INPUTS];
    lattn_tensor *out;       // with its history; NULL = forward is what is timed
    lattn_tensor *grad_out;  // its values do not matter for the time
};

static lattn_status forward(lattn_ctx *ctx, void *user)
{
    struct timed *t = user;
    return t->session.op->build(ctx, t->in, t->session.c) ? LATTN_OK : lattn_ctx_status(ctx);
}

static lattn_status backward(lattn_ctx *ctx, void *user)
{
    struct timed *t = user;
    lattn_tensor *inputs[OT_MAX_INPUTS], *grads[OT_MAX_INPUTS];
    int n = 0;
    for (int i = 0; i < OT_MAX_INPUTS; i++)
        if (t->in[i] && lattn_tensor_requires_grad(t->in[i]))
            inputs[n++] = t->in[i];
    return lattn_grad(ctx, &t->out, &t->grad_out, 1, inputs, n, true, grads);
}

static lattn_status require_grads(struct timed *t)
{
    for (int i = 0; i < t->session.op->n_inputs; i++)
        if (t->in[i] && ot_wants_grad(&t->session, i))
            LAT_TRY(lattn_tensor_set_requires_grad(t->in[i], true));
    return LATTN_OK;
}

static lattn_status run_forward_once(struct timed *t)
{
    lattn_ctx *ctx = t->session.ctx;
    LAT_TRY(require_grads(t));
    LAT_TRY(lattn_step_begin(ctx));
    lattn_tensor *out = t->session.op->build(ctx, t->in, t->session.c);
    lattn_status st = out ? LATTN_OK : lattn_ctx_status(ctx);
    if (!st)
        st = lattn_tensor_create(ctx, out->dtype, out->rank, out->dim, &t->grad_out);
    if (!st)
        st = lattn_fill_(t->grad_out, 1);
    if (!st)
        t->out = lattn_tensor_retain(out);
    lattn_status end = lattn_step_end(ctx);
    return st ? st : end;
}

static bool has_gradient(const struct ot_session *s)
{
    bool any = false;
    for (int i = 0; i < s->op->n_inputs; i++)
        any |= ot_wants_grad(s, i);
    return any && !(s->op->no_grad || s->op->exact || (s->c->flags & OT_NO_GRAD));
}

static struct ot_work work_of(const struct timed *t)
{
    const struct ot_op *op = t->session.op;
    const struct ot_case *c = t->session.c;
    size_t element = lattn_dtype_bytes(t->session.dtype);
    struct ot_work forward = {
        .bytes = op->bytes ? op->bytes(c, element) : 0,
        .flops = op->flops ? op->flops(c) : 0,
    };
    if (!t->out)
        return forward;
    return op->backward ? op->backward(c, element, forward) : (struct ot_work){ 0, 0 };
}

static void report(
    const struct timed *t, const struct ot_measurement *m, const struct ot_time_options *o)
{
    const struct ot_session *s = &t->session;
    struct ot_timing timing = {
        .op = s->op,
        .c = s->c,
        .dtype = s->dtype,
        .strategy = s->strategy,
        .backward = t->out != NULL,
        .seconds = m->seconds,
        .spread = m->spread,
        .wall_seconds = m->wall_seconds,
        .applications = m->applications,
    };
    const char *detail, *kind = lattn_strategy_last(s->ctx, &detail);
    if (kind && lat_strategy_taken(s->ctx))
        snprintf(timing.form, sizeof timing.form, "%s%s%s", kind, *detail ? " " : "", detail);
    timing.work = work_of(t);
    if (o->done)
        o->done(o->user, &timing);
}

static lattn_status time_both(struct timed *t, const struct ot_time_options *o)
{
    struct ot_session *s = &t->session;
    struct ot_measurement m;
    LAT_TRY(ot_measure(s->ctx, forward, t, o->warm_up_s, o->measure_s, &m));
    // Known only now: whether this strategy runs here at all.
    uint32_t taken = lat_strategy_taken(s->ctx);
    if (taken == 0)
        s->strategy = "-";
    else if (!s->strategy)
        s->strategy = lattn_strategy_last(s->ctx, NULL);
    else if (!(taken >> lat_strategy_kind_of(s->strategy) & 1))
        return LATTN_OK;
    report(t, &m, o);
    if (o->forward_only || !has_gradient(s))
        return LATTN_OK;

    LAT_TRY(run_forward_once(t));
    LAT_TRY(ot_measure(s->ctx, backward, t, o->warm_up_s, o->measure_s, &m));
    report(t, &m, o);
    return LATTN_OK;
}

// One case, dtype and strategy (-1 = the one that is chosen). *only: the op has none to choose from.
static lattn_status time_one(
    struct ot_session *proto, int kind, const struct ot_time_options *o, bool *only)
{
    struct timed *t = ot_alloc(sizeof *t);
    t->session = *proto;
    struct ot_session *s = &t->session;
    s->strategy = kind < 0 ? NULL : lat_strategy_name((enum lat_strategy_kind) kind);
    ot_make_arrays(s);
    lat_strategy_force(s->ctx, kind);
    lattn_status st = ot_make_tensors(s, true, t->in) ? LATTN_OK : lattn_ctx_status(s->ctx);
    if (!st)
        st = time_both(t, o);
    *only = kind < 0 || strcmp(s->strategy, "-") == 0;
    lat_strategy_force(s->ctx, -1);
    for (int i = 0; i < OT_MAX_INPUTS; i++)
        if (t->in[i])
            lattn_tensor_release(&t->in[i]);
    lattn_tensor_release(&t->out);
    lattn_tensor_release(&t->grad_out);
    ot_free_arrays(s);
    free(t);
    return st == LATTN_ERR_UNSUPPORTED ? LATTN_OK : st;
}

static bool wanted(lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c,
    const struct ot_time_options *o)
{
    bool cpu = lattn_ctx_device(ctx)->type == LATTN_DEVICE_TYPE_CPU;
    unsigned by_default = OT_BENCH | (cpu ? 0 : OT_LARGE);
    if (!op->build)
        return false;
    return o->case_name ? strcmp(o->case_name, c->name) == 0 : (c->flags & by_default) != 0;
}

static lattn_status time_strategies(struct ot_session *proto, const struct ot_time_options *o)
{
    lattn_status st = LATTN_OK;
    bool only = false;
    if (o->strategy == OT_CHOSEN)
        return time_one(proto, -1, o, &only);
    for (int kind = 0; kind < LAT_STRATEGY_KINDS && !st && !only; kind++)
        if (o->strategy < 0 || kind == o->strategy)
            st = time_one(proto, kind, o, &only);
    return st;
}

static lattn_status time_case(lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c,
    const struct ot_time_options *o)
{
    static const lattn_dtype dtypes[] = { LATTN_DTYPE_F32, LATTN_DTYPE_F16, LATTN_DTYPE_BF16 };
    lattn_status st = LATTN_OK;
    for (size_t d = 0; d < LAT_COUNT(dtypes) && !st; d++) {
        bool only_f32 = op->only_f32 || (c->flags & OT_ONLY_F32);
        bool f32 = dtypes[d] == LATTN_DTYPE_F32;
        if ((o->dtype >= 0 && (int) dtypes[d] != o->dtype) || (only_f32 && !f32) ||
            (!f32 && !lattn_ctx_device(ctx)->storage_f16))
            continue;
        struct ot_session *s = ot_alloc(sizeof *s);
        s->ctx = ctx;
        s->op = op;
        s->c = c;
        s->dtype = dtypes[d];
        st = time_strategies(s, o);
        free(s);
    }
    return st;
}

lattn_status ot_time_op(lattn_ctx *ctx, const struct ot_op *op, const struct ot_time_options *o)
{
    lattn_status st = LATTN_OK;
    if (o->shape)
        return time_case(ctx, op, o->shape, o);
    for (int k = 0; k < op->n_cases && !st; k++)
        if (wanted(ctx, op, &op->cases[k], o))
            st = time_case(ctx, op, &op->cases[k], o);
    return st;
}
