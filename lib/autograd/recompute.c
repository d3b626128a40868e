// SPDX-License-Identifier: MIT
//
// Recomputing: a function whose inner results are not kept. Forward runs it off the tape; backward runs it
// again, on the tape this time, and walks that piece of tape at once, inside the outer walk.
//
// The second run must be the first one over again: the random stream goes back to where it was, training
// mode and module path as well. Its tensors live in a step of their own, so the memory of each is free
// again before the next one begins.
//
// Source: Chen et al. 2016, "Training deep nets with sublinear memory cost", arXiv:1604.06174.

#include "autograd/tape.h"
#include <string.h>

struct recompute {
    lattn_recompute_fn fn;
    void *user;  // a copy
    lattn_rng_state rng;
    bool training;
};

static void free_attr(void *attr)
{
    struct recompute *a = attr;
    lat_free(a->user);
}

// ---- backward ---------------------------------------------------------------------------------

// The inputs as leaves, whose gradients land where the outer walk wants them.
static lattn_status make_leaves(const struct lat_call *c, lattn_tensor *in[LAT_MAX_INPUTS])
{
    for (int i = 0; i < c->n_inputs; i++) {
        const lattn_tensor *t = c->in[i];
        in[i] = NULL;
        if (!t)
            continue;
        in[i] = lat_tensor_view(c->in[i], t->rank, t->dim, t->stride, t->offset);
        if (!in[i])
            return c->ctx->error;
        in[i]->requires_grad = c->grad_in[i] != NULL;
        in[i]->grad = c->grad_in[i];
    }
    return LATTN_OK;
}

static lattn_status run_again(const struct lat_call *c, lattn_tensor *const in[LAT_MAX_INPUTS])
{
    const struct recompute *a = c->attr;
    lattn_ctx *ctx = c->ctx;
    const lattn_rng_state rng = ctx->rng;
    const int no_grad_depth = ctx->no_grad_depth;
    const bool training = ctx->training;
    ctx->no_grad_depth = 0;
    ctx->training = a->training;
    lattn_rng_set(ctx, a->rng);
    lattn_tensor *y = a->fn(ctx, a->user, in);
    lattn_status st = y ? LATTN_OK : ctx->error;
    const struct lat_walk walk = {
        .ctx = ctx,
        .outputs = &y,
        .grad_outputs = &c->grad_out[0],
        .n_outputs = 1,
        .nested = true,
    };
    if (y && !lat_same_shape(y, c->grad_out[0]))
        st = lat_err(LATTN_ERR_STATE, "recompute: run again its function gives %s, it gave %s",
            LAT_SHAPE(y), LAT_SHAPE(c->grad_out[0]));
    else if (y && y->requires_grad)
        st = lat_walk_run(&walk);
    lattn_rng_set(ctx, rng);
    ctx->training = training;
    ctx->no_grad_depth = no_grad_depth;
    return st;
}

static lattn_status backward(struct lat_call *c)
{
    lattn_ctx *ctx = c->ctx;
    lattn_tensor *in[LAT_MAX_INPUTS] = { NULL };
    if (lat_autograd_of(ctx)->has_targets)
        return lat_err(
            LATTN_ERR_STATE, "recompute: lattn_grad does not pass through it, lattn_backward does");
    LAT_TRY(LAT_PUSH(&ctx->marks, ctx->step.n));
    lattn_status st = make_leaves(c, in);
    if (!st)
        st = run_again(c, in);
    for (int i = 0; i < c->n_inputs; i++) {
        if (!in[i])
            continue;
        if (!st && in[i]->grad && !in[i]->grad_ready)
            st = lat_prim_fill(in[i]->grad, 0);
        in[i]->grad = NULL;  // it was lent
    }
    lat_step_drop(ctx);
    return st;
}

static const struct lat_op recompute_op = {
    .name = "recompute",
    .n_inputs = LATTN_RECOMPUTE_MAX_INPUTS,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct recompute),
    .keep_in = (1u << LATTN_RECOMPUTE_MAX_INPUTS) - 1,
    .has_leaves = true,
    .backward = backward,
    .free_attr = free_attr,
};

// ---- forward ----------------------------------------------------------------------------------

// The result as a tensor of its own: the function may have returned an input.
static lattn_tensor *record(lattn_ctx *ctx, const struct recompute *a, lattn_tensor *y,
    lattn_tensor *const *in, int n_inputs)
{
    struct lat_call c = {
        .ctx = ctx, .op_name = recompute_op.name, .attr = a, .n_inputs = n_inputs
    };
    c.out[0] = lat_tensor_view(y, y->rank, y->dim, y->stride, y->offset);
    if (!c.out[0])
        return NULL;
    for (int i = 0; i < n_inputs; i++)
        c.in[i] = in[i];
    lattn_status st = lat_tape_record(&c, &recompute_op, in);
    return st ? lat_fail_status(ctx, st) : c.out[0];
}

lattn_tensor *lattn_recompute(lattn_ctx *ctx, lattn_recompute_fn fn, const void *user,
    size_t user_bytes, lattn_tensor *const *in, int n_inputs)
{
    LAT_NEED_ARG(ctx, fn);
    LAT_NEED_ARRAY(ctx, in, n_inputs);
    if (ctx->error)
        return NULL;
    if (n_inputs < 0 || n_inputs > LATTN_RECOMPUTE_MAX_INPUTS)
        return lat_fail(ctx, LATTN_ERR_ARG, "recompute: %d inputs, must be 0 to %d", n_inputs,
            LATTN_RECOMPUTE_MAX_INPUTS);
    struct recompute a = { .fn = fn, .rng = ctx->rng, .training = ctx->training };
    a.user = user_bytes ? lat_memdup(user, user_bytes) : NULL;
    if (user_bytes && !a.user)
        return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);

    bool on_tape = ctx->no_grad_depth == 0;
    ctx->no_grad_depth++;
    lattn_tensor *y = fn(ctx, a.user, in);
    ctx->no_grad_depth--;
    if (y && on_tape && !lat_is_float(y->dtype))
        y = lat_fail(ctx, LATTN_ERR_DTYPE, "recompute: its function gives %s, not f32, f16 or bf16",
            lattn_dtype_name(y->dtype));
    lattn_tensor *out = y && on_tape ? record(ctx, &a, y, in, n_inputs) : y;
    // On the tape the node's copy of the attributes owns the data.
    if (!out || !on_tape)
        lat_free(a.user);
    return out;
}
