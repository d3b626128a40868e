// SPDX-License-Identifier: MIT
//
// softmax and log_softmax along one dimension.
//
//   softmax       y = exp(x - max x) / sum exp(x - max x)      dx = y (dy - sum(dy y))
//   log_softmax   y = x - max x - log sum exp(x - max x)       dx = dy - exp(y) sum(dy)
//
// Backward needs only y, so x can be freed as soon as forward has run. The kernels work on rows of a
// contiguous matrix. Any other dimension is moved last with lattn_transpose, a view that lat_apply
// copies only if it must.

#include "ops/row.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "norm/softmax.abi.h"
#include "lat_shaders.h"

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[0]));
    LAT_TRY(lat_check_count(c->op_name, c->in[0]));
    return lat_out_like(c, 0, c->in[0]);
}

static lattn_status run(struct lat_call *c, const struct lat_rows *shaders, struct lat_kernel *k)
{
    struct lat_rows rows = *shaders;
    rows.op = c->op_name;
    rows.n_rows = lat_row_count(c->out[0]);
    rows.n_cols = lat_row_length(c->out[0]);
    struct softmax_push push = { .n_rows = (uint32_t) rows.n_rows, .n_cols = rows.n_cols };
    uint32_t spec[LAT_ROW_SPEC];
    k->t = (int) c->out[0]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    for (int i = 0; i < k->n_read + k->n_write; i++)
        k->split.row_elements[i] = rows.n_cols;
    k->split.push_row0 = LAT_NO_OFFSET;
    lat_rows_plan(c->ctx, &rows, k, spec);
    return lat_kernel_run(c->ctx, k);
}

static lattn_status run_forward(struct lat_call *c, const struct lat_rows *shaders)
{
    struct lat_kernel kernel = {
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .n_write = 1,
    };
    return run(c, shaders, &kernel);
}

static lattn_status run_backward(struct lat_call *c, const struct lat_rows *shaders)
{
    if (!c->grad_in[0] || lat_numel(c->grad_in[0]) == 0)
        return LATTN_OK;
    struct lat_kernel kernel = {
        .read = { c->out[0], c->grad_out[0] },
        .n_read = 2,
        .write = { c->grad_in[0] },
        .n_write = 1,
    };
    return run(c, shaders, &kernel);
}

static lattn_status softmax_forward(struct lat_call *c)
{
    return run_forward(c, &(struct lat_rows){ .base = &lat_shader_softmax_fwd,
                              .subgroup = &lat_shader_softmax_fwd_subgroup,
                              .n_kept = 1 });
}

static lattn_status softmax_backward(struct lat_call *c)
{
    return run_backward(c, &(struct lat_rows){ .base = &lat_shader_softmax_bwd,
                               .subgroup = &lat_shader_softmax_bwd_subgroup,
                               .n_kept = 2 });
}

static lattn_status log_softmax_forward(struct lat_call *c)
{
    return run_forward(c, &(struct lat_rows){ .base = &lat_shader_log_softmax_fwd,
                              .subgroup = &lat_shader_log_softmax_fwd_subgroup,
                              .n_kept = 1 });
}

static lattn_status log_softmax_backward(struct lat_call *c)
{
    return run_backward(c, &(struct lat_rows){ .base = &lat_shader_log_softmax_bwd,
                               .subgroup = &lat_shader_log_softmax_bwd_subgroup,
                               .n_kept = 2 });
}

// clang-format off
#define SOFTMAX_OP(name_)                            \
    const struct lat_op lat_op_##name_ = {           \
        .name = #name_,                              \
        .n_inputs = 1,                               \
        .n_outputs = 1,                              \
        .keep_out = 1,                               \
        .infer = infer,                              \
        .forward = name_##_forward,                  \
        .backward = name_##_backward,                \
        .strategies = lat_row_strategies,            \
        .n_strategies = LAT_ROW_STRATEGIES,          \
    }
// clang-format on
SOFTMAX_OP(softmax);
SOFTMAX_OP(log_softmax);

static lattn_tensor *apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x, int dim)
{
    if (!x)
        return NULL;  // an earlier error; ctx has it
    int rank = lat_rank(x), last = rank ? rank : 1;
    if (dim < -last || dim >= last)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "%s: dim %d is outside [%d, %d)", op->name, dim, -last, last);
    if (dim == -1 || dim == last - 1)
        return lat_apply(ctx, op, &x, 1, NULL);
    lattn_tensor *rows = lattn_transpose(ctx, x, dim, -1);
    lattn_tensor *y = lat_apply(ctx, op, &rows, 1, NULL);
    return lattn_transpose(ctx, y, dim, -1);
}

lattn_tensor *lattn_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim)
{
    return apply(ctx, &lat_op_softmax, x, dim);
}

lattn_tensor *lattn_log_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim)
{
    return apply(ctx, &lat_op_log_softmax, x, dim);
}
