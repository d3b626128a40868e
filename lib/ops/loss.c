// SPDX-License-Identifier: MIT
//
// What the losses share: one number from many losses, and the frame of losses that are a function
// of an element and its target.

#include "ops/loss.h"
#include "ops/internal.h"
#include "ops/pointwise.h"
#include "loss/loss_reduce.abi.h"
#include "loss/pair_loss.abi.h"
#include "lat_shaders.h"
#include <math.h>

enum {
    REDUCE_GROUP = 256,
    REDUCE_MOST = 16384,
    PAIR_GROUP = 64,
    PAIR_BLOCK = PAIR_GROUP * LAT_PAIR_STEPS
};

bool lat_reduction_ok(lattn_ctx *ctx, const char *op, lattn_reduction reduction)
{
    if ((unsigned) reduction <= LATTN_REDUCTION_NONE)
        return true;
    lat_fail(ctx, LATTN_ERR_ARG, "%s: %d is no reduction", op, (int) reduction);
    return false;
}

// What is left for one workgroup: long lists are added up to one value first.
static lattn_status shorten(lattn_ctx *ctx, lattn_tensor **list)
{
    if (!*list || lat_numel(*list) <= REDUCE_MOST)
        return LATTN_OK;
    lattn_tensor *total = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 1 });
    if (!total)
        return ctx->error;
    LAT_TRY(lat_sum_to(ctx, *list, total, false));
    *list = total;
    return LATTN_OK;
}

lattn_status lat_loss_sum_run(lattn_ctx *ctx, const struct lat_loss_sum *s)
{
    lattn_tensor *losses = s->losses, *shares = s->shares;
    LAT_TRY(shorten(ctx, &losses));
    LAT_TRY(shorten(ctx, &shares));
    struct loss_reduce_push push = {
        .n_rows = 1,
        .n_cols = (uint32_t) lat_numel(losses),
        .has_shares = shares != NULL,
        .factor = s->factor,
    };
    const uint32_t spec[] = { REDUCE_GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_loss_reduce,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .read = { losses, shares },
        .n_read = 2,
        .write = { s->result, s->divisor },
        .n_write = 2,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = 1,
    };
    return lat_kernel_run(ctx, &kernel);
}

// ---- losses of pairs ------------------------------------------------------------------------------

lattn_status lat_pair_infer(struct lat_call *c)
{
    const struct lat_pair_attr *attr = c->attr;
    const lattn_tensor *x = c->in[0], *target = c->in[1];
    LAT_TRY(lat_check_pair(c, x, target));
    LAT_TRY(lat_check_count(c->op_name, x));
    if (!lat_same_shape(x, target))
        return lat_err(LATTN_ERR_SHAPE, "%s: x %s and target %s differ", c->op_name, LAT_SHAPE(x),
            LAT_SHAPE(target));
    bool each = attr->reduction == LATTN_REDUCTION_NONE;
    return lat_out(c, 0, LATTN_DTYPE_F32, each ? x->rank : 0, x->dim);
}

static struct pair_loss_push push_of(const struct lat_call *c)
{
    const struct lat_pair_attr *attr = c->attr;
    uint32_t n = (uint32_t) lat_numel(c->in[0]);
    return (struct pair_loss_push){
        .n_blocks = (uint32_t) lat_ceil_div(n, PAIR_BLOCK),
        .n = n,
        .flags = attr->reduction == LATTN_REDUCTION_NONE ? LAT_PAIR_EACH : 0,
        .scale = attr->reduction == LATTN_REDUCTION_MEAN ? 1.0f / (float) n : 1.0f,
    };
}

static void frame(struct lat_kernel *k, const struct lat_call *c, struct pair_loss_push *push)
{
    static const uint32_t spec[] = { PAIR_GROUP };
    k->t = (int) c->in[0]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = push;
    k->push_bytes = sizeof *push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->groups = push->n_blocks;
    k->split.n_rows = push->n_blocks;
    k->split.rows_per_group = 1;
    k->split.push_n_rows = offsetof(struct pair_loss_push, n_blocks);
    k->split.push_row0 = offsetof(struct pair_loss_push, block0);
}

lattn_status lat_pair_forward(struct lat_call *c)
{
    const struct lat_pair_attr *attr = c->attr;
    bool each = attr->reduction == LATTN_REDUCTION_NONE;
    struct pair_loss_push push = push_of(c);
    if (push.n == 0)  // only reductions get here: the sum of nothing, and 0 / 0 as in PyTorch
        return lat_prim_fill(c->out[0], attr->reduction == LATTN_REDUCTION_MEAN ? NAN : 0);
    lattn_tensor *losses = c->out[0];
    if (!each)
        losses = lat_tensor_new(
            c->ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ (int64_t) push.n_blocks * PAIR_GROUP });
    if (!losses)
        return c->ctx->error;
    struct lat_kernel kernel = {
        .shader = attr->loss->forward,
        .read = { c->in[0], c->in[1] },
        .n_read = 2,
        .write = { losses },
        .n_write = 1,
        .split.row_elements = { PAIR_BLOCK, PAIR_BLOCK, each ? PAIR_BLOCK : PAIR_GROUP },
    };
    frame(&kernel, c, &push);
    LAT_TRY(lat_kernel_run(c->ctx, &kernel));
    if (each)
        return LATTN_OK;
    struct lat_loss_sum sum = { .losses = losses, .result = c->out[0], .factor = push.scale };
    return lat_loss_sum_run(c->ctx, &sum);
}

lattn_status lat_pair_backward(struct lat_call *c)
{
    const struct lat_pair_attr *attr = c->attr;
    struct pair_loss_push push = push_of(c);
    push.want_dx = c->grad_in[0] != NULL;
    push.want_dt = c->grad_in[1] != NULL;
    if (push.n == 0 || (!push.want_dx && !push.want_dt))
        return LATTN_OK;
    bool each = attr->reduction == LATTN_REDUCTION_NONE;
    struct lat_kernel kernel = {
        .shader = attr->loss->backward,
        .read = { c->in[0], c->in[1], c->grad_out[0] },
        .n_read = 3,
        .write = { c->grad_in[0], c->grad_in[1] },
        .n_write = 2,
        .split.row_elements = { PAIR_BLOCK, PAIR_BLOCK, each ? PAIR_BLOCK : 0, PAIR_BLOCK,
            PAIR_BLOCK },
    };
    frame(&kernel, c, &push);
    return lat_kernel_run(c->ctx, &kernel);
}

lattn_tensor *lat_pair_apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x,
    lattn_tensor *target, const struct lat_pair_attr *attr)
{
    if (!x || !target || !lat_reduction_ok(ctx, op->name, attr->reduction))
        return NULL;
    return lat_apply(ctx, op, (lattn_tensor *[]){ x, target }, 2, attr);
}
