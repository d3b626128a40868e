// SPDX-License-Identifier: MIT
//
// cross_entropy of logits [N, V] against labels [N]: log-softmax and loss in one pass.
//
//   row loss   (1 - e) w[t] (lse - x[t]) + e / V sum_c w[c] (lse - x[c])      lse = log sum exp(x)
//   mean       sum of row losses / sum of w[t], over rows whose label is not ignored
//
// e is the label smoothing, w the class weights (1 without): PyTorch's normalisation, also where
// smoothing and weights meet. The probabilities are never stored: forward keeps the maximum and
// the log-sum of each row, backward makes them again from the logits. Where all labels are ignored
// the mean is 0 with zero gradient, not PyTorch's NaN: a batch of padding then changes nothing.

#include "ops/internal.h"
#include "ops/loss.h"
#include "ops/pointwise.h"
#include "ops/row.h"
#include "loss/cross_entropy.abi.h"
#include "lat_shaders.h"

enum { LOGITS, LABELS, WEIGHTS };
enum { LOSS, LSE, DIVISOR };
enum { DEFAULT_IGNORE = -100 };  // PyTorch's

struct cross_entropy_attr {
    float smoothing;
    int32_t ignore_index;
    lattn_reduction reduction;
};

static lattn_status check_labels(const struct lat_call *c)
{
    const lattn_tensor *x = c->in[LOGITS], *labels = c->in[LABELS], *weights = c->in[WEIGHTS];
    if (x->rank != 2)
        return lat_err(LATTN_ERR_SHAPE, "%s: logits %s are not [N, V]", c->op_name, LAT_SHAPE(x));
    if (labels->dtype != LATTN_DTYPE_I32)
        return lat_err(LATTN_ERR_DTYPE, "%s: labels are %s, not i32", c->op_name,
            lattn_dtype_name(labels->dtype));
    if (labels->rank != 1 || labels->dim[0] != x->dim[0])
        return lat_err(LATTN_ERR_SHAPE, "%s: labels are %s, logits %s need [%lld]", c->op_name,
            LAT_SHAPE(labels), LAT_SHAPE(x), (long long) x->dim[0]);
    if (!weights)
        return LATTN_OK;
    if (weights->dtype != LATTN_DTYPE_F32)
        return lat_err(LATTN_ERR_DTYPE, "%s: class weights are %s, not f32", c->op_name,
            lattn_dtype_name(weights->dtype));
    if (weights->rank != 1 || weights->dim[0] != x->dim[1])
        return lat_err(LATTN_ERR_SHAPE, "%s: class weights are %s, logits %s need [%lld]",
            c->op_name, LAT_SHAPE(weights), LAT_SHAPE(x), (long long) x->dim[1]);
    return LATTN_OK;
}

static lattn_status infer(struct lat_call *c)
{
    const struct cross_entropy_attr *attr = c->attr;
    const lattn_tensor *x = c->in[LOGITS];
    LAT_TRY(lat_check_float(c, x));
    LAT_TRY(check_labels(c));
    LAT_TRY(lat_check_count(c->op_name, x));
    if (x->dim[1] == 0)
        return lat_err(LATTN_ERR_SHAPE, "%s: logits %s have no class", c->op_name, LAT_SHAPE(x));
    bool each = attr->reduction == LATTN_REDUCTION_NONE;
    LAT_TRY(lat_out(c, LOSS, LATTN_DTYPE_F32, each ? 1 : 0, x->dim));
    if (!c->grad_wanted)
        return LATTN_OK;
    LAT_TRY(lat_out(c, LSE, LATTN_DTYPE_F32, 2, (int64_t[]){ x->dim[0], 2 }));
    return lat_out(c, DIVISOR, LATTN_DTYPE_F32, 0, NULL);
}

static lattn_status run_rows(
    struct lat_call *c, struct lat_kernel *k, struct lat_rows *rows, uint32_t flags)
{
    const struct cross_entropy_attr *attr = c->attr;
    const lattn_tensor *x = c->in[LOGITS];
    rows->op = c->op_name;
    rows->n_rows = (uint64_t) x->dim[0];
    rows->n_cols = (uint32_t) x->dim[1];
    struct cross_entropy_push push = {
        .n_rows = (uint32_t) rows->n_rows,
        .n_cols = rows->n_cols,
        .ignore_index = attr->ignore_index,
        .flags = flags | (c->in[WEIGHTS] ? LAT_CE_WEIGHTS : 0) |
                 (attr->reduction == LATTN_REDUCTION_NONE ? LAT_CE_PER_ROW : 0) |
                 (attr->reduction == LATTN_REDUCTION_MEAN ? LAT_CE_MEAN : 0),
        .smoothing = attr->smoothing,
    };
    uint32_t spec[LAT_ROW_SPEC];
    k->t = (int) x->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->split.push_row0 = LAT_NO_OFFSET;
    lat_rows_plan(c->ctx, rows, k, spec);
    return lat_kernel_run(c->ctx, k);
}

static lattn_status forward(struct lat_call *c)
{
    const struct cross_entropy_attr *attr = c->attr;
    int64_t n = c->in[LOGITS]->dim[0], v = c->in[LOGITS]->dim[1];
    bool mean = attr->reduction == LATTN_REDUCTION_MEAN;
    if (n == 0)  // only reductions get here
        return lat_prim_fill(c->out[LOSS], 0);

    lattn_tensor *losses = c->out[LOSS], *shares = NULL;
    if (attr->reduction != LATTN_REDUCTION_NONE)
        losses = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 1, &n);
    if (mean)
        shares = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 1, &n);
    if (!losses || (mean && !shares))
        return c->ctx->error;

    struct lat_kernel kernel = {
        .read = { c->in[LOGITS], c->in[LABELS], c->in[WEIGHTS] },
        .n_read = 3,
        .write = { losses, shares, c->out[LSE] },
        .n_write = 3,
        .split.row_elements = { (uint64_t) v, 1, 0, 1, 1, 2 },
    };
    struct lat_rows rows = {
        .base = &lat_shader_cross_entropy_fwd,
        .subgroup = &lat_shader_cross_entropy_fwd_subgroup,
    };
    LAT_TRY(run_rows(c, &kernel, &rows, c->out[LSE] ? LAT_CE_KEEP : 0));
    if (attr->reduction == LATTN_REDUCTION_NONE)
        return LATTN_OK;
    struct lat_loss_sum sum = {
        .losses = losses,
        .shares = shares,
        .result = c->out[LOSS],
        .divisor = c->out[DIVISOR],
        .factor = 1,
    };
    return lat_loss_sum_run(c->ctx, &sum);
}

static lattn_status backward(struct lat_call *c)
{
    const struct cross_entropy_attr *attr = c->attr;
    lattn_tensor *dx = c->grad_in[LOGITS], *weight_sum = NULL;
    if (!dx || lat_numel(dx) == 0)
        return LATTN_OK;
    if (c->in[WEIGHTS] && attr->smoothing != 0) {
        weight_sum = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 1 });
        if (!weight_sum)
            return c->ctx->error;
        LAT_TRY(lat_sum_to(c->ctx, c->in[WEIGHTS], weight_sum, false));
    }
    uint64_t v = (uint64_t) dx->dim[1], each = attr->reduction == LATTN_REDUCTION_NONE;
    struct lat_kernel kernel = {
        .read = { c->in[LOGITS], c->in[LABELS], c->in[WEIGHTS], c->out[LSE], c->out[DIVISOR],
            weight_sum, c->grad_out[LOSS] },
        .n_read = 7,
        .write = { dx },
        .n_write = 1,
        .split.row_elements = { v, 1, 0, 2, 0, 0, each, v },
    };
    struct lat_rows rows = {
        .base = &lat_shader_cross_entropy_bwd,
        .subgroup = &lat_shader_cross_entropy_bwd_subgroup,
    };
    return run_rows(c, &kernel, &rows, 0);
}

const struct lat_op lat_op_cross_entropy = {
    .name = "cross_entropy",
    .n_inputs = 3,
    .n_outputs = 3,
    .attr_bytes = sizeof(struct cross_entropy_attr),
    .keep_in = 1u << LOGITS | 1u << LABELS | 1u << WEIGHTS,
    .keep_out = 1u << LSE | 1u << DIVISOR,
    .no_grad_in = 1u << LABELS | 1u << WEIGHTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .strategies = lat_row_strategies,
    .n_strategies = LAT_ROW_STRATEGIES,
};

lattn_tensor *lattn_cross_entropy(lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *labels,
    const lattn_cross_entropy_args *args)
{
    const lattn_cross_entropy_args none = { 0 };
    if (!args)
        args = &none;
    if (!logits || !labels || !lat_reduction_ok(ctx, "cross_entropy", args->reduction))
        return NULL;
    if (!(args->label_smoothing >= 0.0f && args->label_smoothing < 1.0f))
        return lat_fail(ctx, LATTN_ERR_ARG, "cross_entropy: label_smoothing = %g is outside [0, 1)",
            (double) args->label_smoothing);
    const struct cross_entropy_attr attr = {
        .smoothing = args->label_smoothing,
        .ignore_index = args->has_ignore_index ? args->ignore_index : DEFAULT_IGNORE,
        .reduction = args->reduction,
    };
    lattn_tensor *in[] = { logits, labels, args->class_weights };
    return lat_apply(ctx, &lat_op_cross_entropy, in, LAT_COUNT(in), &attr);
}
