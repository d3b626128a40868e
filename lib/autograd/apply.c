// SPDX-License-Identifier: MIT
//
// Applying an op: infer, forward, and onto the tape when somebody may ask for a gradient.

#include "autograd/tape.h"

static bool any_wants_grad(
    const lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *const in[], int n)
{
    if (ctx->no_grad_depth > 0 || (!op->backward && !op->pass_grad))
        return false;
    for (int i = 0; i < n; i++)
        if (lat_wants_grad(in[i]) && !(op->no_grad_in >> i & 1))
            return true;
    return false;
}

// Memory of another context is another device's, or another arena's: no op can read it.
static lattn_status check_contexts(const struct lat_call *c, lattn_tensor *const in[])
{
    for (int i = 0; i < c->n_inputs; i++)
        if (in[i] && in[i]->ctx != c->ctx)
            return lat_err(LATTN_ERR_ARG, "%s: input %d of shape %s belongs to another context",
                c->op_name, i, LAT_SHAPE(in[i]));
    return LATTN_OK;
}

static lattn_status run(struct lat_call *c, const struct lat_op *op, lattn_tensor *const in[])
{
    LAT_TRY(check_contexts(c, in));
    for (int i = 0; i < c->n_inputs; i++) {
        bool as_it_is = op->is_view || (op->strided_in >> i & 1);
        c->in[i] = as_it_is ? in[i] : lat_prim_contiguous(in[i]);
        if (in[i] && !c->in[i])
            return c->ctx->error;
    }
    LAT_TRY(op->infer(c));
    if (c->ctx->error)
        return c->ctx->error;
    if (op->forward && lat_numel(c->out[0]) > 0) {
        lat_sched_op(c->ctx->sched, op->name, false);
        lattn_status st = op->forward(c);
        lat_sched_op(c->ctx->sched, NULL, false);
        LAT_TRY(st);
    }
    return c->grad_wanted ? lat_tape_record(c, op, in) : LATTN_OK;
}

lattn_tensor *lat_apply_all(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *const in[],
    int n_inputs, const void *attr, lattn_tensor *out[LAT_MAX_OUTPUTS])
{
    LAT_ASSERT(n_inputs <= op->n_inputs && n_inputs <= LAT_MAX_INPUTS);
    struct lat_call c = {
        .ctx = ctx,
        .op_name = op->name,
        .attr = attr,
        .n_inputs = n_inputs,
        .grad_wanted = any_wants_grad(ctx, op, in, n_inputs),
    };
    for (int i = 0; i < LAT_MAX_OUTPUTS; i++)
        out[i] = NULL;
    lattn_status st = ctx->error;
    bool ready = !st && (n_inputs == 0 || in[0]);
    if (ready)
        st = run(&c, op, in);
    // On the tape the node's copy of the attributes owns what they own.
    bool recorded = ready && !st && c.grad_wanted;
    if (op->free_attr && attr && !recorded)
        op->free_attr((void *) attr);
    if (st)
        lat_fail_status(ctx, st);
    if (st || !ready || ctx->error)
        return NULL;
    for (int i = 0; i < op->n_outputs; i++)
        out[i] = c.out[i];
    return out[0];
}

lattn_tensor *lat_apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *const in[],
    int n_inputs, const void *attr)
{
    lattn_tensor *out[LAT_MAX_OUTPUTS];
    return lat_apply_all(ctx, op, in, n_inputs, attr, out);
}

// ---- helpers for infer ------------------------------------------------------------------------

lattn_status lat_out(struct lat_call *c, int i, lattn_dtype dtype, int rank, const int64_t *dims)
{
    c->out[i] = lat_tensor_new(c->ctx, dtype, rank, dims);
    return c->out[i] ? LATTN_OK : c->ctx->error;
}

lattn_status lat_out_like(struct lat_call *c, int i, const lattn_tensor *like)
{
    return lat_out(c, i, like->dtype, like->rank, like->dim);
}

lattn_status lat_check_float(struct lat_call *c, const lattn_tensor *t)
{
    if (lat_is_float(t->dtype))
        return LATTN_OK;
    lat_fail(c->ctx, LATTN_ERR_DTYPE, "%s: dtype %s is not f32, f16 or bf16", c->op_name,
        lattn_dtype_name(t->dtype));
    return LATTN_ERR_DTYPE;
}
