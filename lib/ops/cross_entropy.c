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

#include "ops/cross_entropy.h"
#include "ops/internal.h"
#include "ops/pointwise.h"
#include "ops/row.h"
#include "loss/cross_entropy.abi.h"
#include "lat_shaders.h"

enum { LOGITS, LABELS, WEIGHTS };
enum { LOSS, LSE, DIVISOR };
enum { DEFAULT_IGNORE = -100 };  // PyTorch's

// ---- checks -------------------------------------------------------------------------------------

lattn_status lat_cross_entropy_check(
    const struct lat_call *c, const struct lat_cross_entropy_shape *s)
{
    const lattn_tensor *labels = s->labels, *weights = s->class_weights;
    if (labels->dtype != LATTN_DTYPE_I32)
        return lat_err(LATTN_ERR_DTYPE, "%s: labels are %s, not i32", c->op_name,
            lattn_dtype_name(labels->dtype));
    if (labels->rank != 1 || labels->dim[0] != s->n_rows)
        return lat_err(LATTN_ERR_SHAPE, "%s: labels are %s, %s %s need [%lld]", c->op_name,
            LAT_SHAPE(labels), s->rows_name, LAT_SHAPE(s->rows_of), (long long) s->n_rows);
    if (s->n_classes == 0)
        return lat_err(LATTN_ERR_SHAPE, "%s: %s %s have no class", c->op_name, s->classes_name,
            LAT_SHAPE(s->classes_of));
    if (!weights)
        return LATTN_OK;
    if (weights->dtype != LATTN_DTYPE_F32)
        return lat_err(LATTN_ERR_DTYPE, "%s: class weights are %s, not f32", c->op_name,
            lattn_dtype_name(weights->dtype));
    if (weights->rank != 1 || weights->dim[0] != s->n_classes)
        return lat_err(LATTN_ERR_SHAPE, "%s: class weights are %s, %s %s need [%lld]", c->op_name,
            LAT_SHAPE(weights), s->classes_name, LAT_SHAPE(s->classes_of),
            (long long) s->n_classes);
    return LATTN_OK;
}

bool lat_cross_entropy_attr_of(lattn_ctx *ctx, const char *op, const lattn_cross_entropy_args *args,
    struct lat_cross_entropy_attr *out)
{
    const lattn_cross_entropy_args none = { 0 };
    if (!args)
        args = &none;
    if (!lat_reduction_ok(ctx, op, args->reduction))
        return false;
    if (!(args->label_smoothing >= 0.0f && args->label_smoothing < 1.0f)) {
        lat_fail(ctx, LATTN_ERR_ARG, "%s: label_smoothing = %g is outside [0, 1)", op,
            (double) args->label_smoothing);
        return false;
    }
    *out = (struct lat_cross_entropy_attr){
        .smoothing = args->label_smoothing,
        .ignore_index = args->has_ignore_index ? args->ignore_index : DEFAULT_IGNORE,
        .reduction = args->reduction,
    };
    return true;
}

// ---- kernels over rows --------------------------------------------------------------------------

static lattn_status run_rows(lattn_ctx *ctx, const struct lat_cross_entropy *r,
    struct lat_kernel *k, struct lat_rows *rows, uint32_t flags)
{
    const lattn_tensor *x = r->logits;
    rows->op = r->op;
    rows->n_rows = (uint64_t) x->dim[0];
    rows->n_cols = (uint32_t) x->dim[1];
    struct cross_entropy_push push = {
        .n_rows = (uint32_t) rows->n_rows,
        .n_cols = rows->n_cols,
        .ignore_index = r->attr->ignore_index,
        .flags = flags | (r->class_weights ? LAT_CE_WEIGHTS : 0) |
                 (r->attr->reduction == LATTN_REDUCTION_NONE ? LAT_CE_PER_ROW : 0) |
                 (r->attr->reduction == LATTN_REDUCTION_MEAN ? LAT_CE_MEAN : 0),
        .smoothing = r->attr->smoothing,
    };
    uint32_t spec[LAT_ROW_SPEC];
    k->t = (int) x->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->split.push_row0 = LAT_NO_OFFSET;
    lat_rows_plan(ctx, rows, k, spec);
    return lat_kernel_run(ctx, k);
}

lattn_status lat_cross_entropy_forward(
    lattn_ctx *ctx, const struct lat_cross_entropy *r, lattn_tensor *losses, lattn_tensor *shares)
{
    struct lat_kernel kernel = {
        .read = { r->logits, r->labels, r->class_weights },
        .n_read = 3,
        .write = { losses, shares, r->lse },
        .n_write = 3,
        .split.row_elements = { (uint64_t) r->logits->dim[1], 1, 0, 1, 1, 2 },
    };
    struct lat_rows rows = {
        .base = &lat_shader_cross_entropy_fwd,
        .subgroup = &lat_shader_cross_entropy_fwd_subgroup,
    };
    return run_rows(ctx, r, &kernel, &rows, r->lse ? LAT_CE_KEEP : 0);
}

lattn_status lat_cross_entropy_sum(lattn_ctx *ctx, const struct lat_cross_entropy_attr *attr,
    int64_t n_rows, lattn_tensor *result, struct lat_loss_sum *out)
{
    *out = (struct lat_loss_sum){ .losses = result, .result = result, .factor = 1 };
    if (attr->reduction != LATTN_REDUCTION_NONE)
        out->losses = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, &n_rows);
    bool mean = attr->reduction == LATTN_REDUCTION_MEAN;
    if (mean)
        out->shares = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, &n_rows);
    return out->losses && (!mean || out->shares) ? LATTN_OK : ctx->error;
}

lattn_status lat_cross_entropy_reduce(
    lattn_ctx *ctx, const struct lat_cross_entropy_attr *attr, const struct lat_loss_sum *sum)
{
    return attr->reduction == LATTN_REDUCTION_NONE ? LATTN_OK : lat_loss_sum_run(ctx, sum);
}

lattn_status lat_cross_entropy_weight_sum(lattn_ctx *ctx, const struct lat_cross_entropy_attr *attr,
    lattn_tensor *class_weights, lattn_tensor **out)
{
    *out = NULL;
    if (!class_weights || attr->smoothing == 0)
        return LATTN_OK;
    *out = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 1 });
    return *out ? lat_sum_to(ctx, class_weights, *out, false) : ctx->error;
}

lattn_status lat_cross_entropy_backward(
    lattn_ctx *ctx, const struct lat_cross_entropy *r, const struct lat_cross_entropy_grad *g)
{
    uint64_t v = (uint64_t) r->logits->dim[1], each = r->attr->reduction == LATTN_REDUCTION_NONE;
    struct lat_kernel kernel = {
        .read = { r->logits, r->labels, r->class_weights, r->lse, g->divisor, g->weight_sum,
            g->dy },
        .n_read = 7,
        .write = { g->dx },
        .n_write = 1,
        .split.row_elements = { v, 1, 0, 2, 0, 0, each, v },
    };
    struct lat_rows rows = {
        .base = &lat_shader_cross_entropy_bwd,
        .subgroup = &lat_shader_cross_entropy_bwd_subgroup,
    };
    return run_rows(ctx, r, &kernel, &rows, 0);
}

// ---- the op -------------------------------------------------------------------------------------

static lattn_status infer(struct lat_call *c)
{
    const struct lat_cross_entropy_attr *attr = c->attr;
    const lattn_tensor *x = c->in[LOGITS];
    LAT_TRY(lat_check_float(c, x));
    if (x->rank != 2)
        return lat_err(LATTN_ERR_SHAPE, "%s: logits %s are not [N, V]", c->op_name, LAT_SHAPE(x));
    const struct lat_cross_entropy_shape shape = {
        .rows_name = "logits",
        .classes_name = "logits",
        .rows_of = x,
        .classes_of = x,
        .n_rows = x->dim[0],
        .n_classes = x->dim[1],
        .labels = c->in[LABELS],
        .class_weights = c->in[WEIGHTS],
    };
    LAT_TRY(lat_cross_entropy_check(c, &shape));
    LAT_TRY(lat_check_count(c->op_name, x));
    bool each = attr->reduction == LATTN_REDUCTION_NONE;
    LAT_TRY(lat_out(c, LOSS, LATTN_DTYPE_F32, each ? 1 : 0, x->dim));
    if (!c->grad_wanted)
        return LATTN_OK;
    LAT_TRY(lat_out(c, LSE, LATTN_DTYPE_F32, 2, (int64_t[]){ x->dim[0], 2 }));
    return lat_out(c, DIVISOR, LATTN_DTYPE_F32, 0, NULL);
}

static struct lat_cross_entropy rows_of(const struct lat_call *c)
{
    return (struct lat_cross_entropy){
        .op = c->op_name,
        .attr = c->attr,
        .logits = c->in[LOGITS],
        .labels = c->in[LABELS],
        .class_weights = c->in[WEIGHTS],
        .lse = c->out[LSE],
    };
}

static lattn_status forward(struct lat_call *c)
{
    const struct lat_cross_entropy rows = rows_of(c);
    int64_t n = rows.logits->dim[0];
    if (n == 0)  // only reductions get here
        return lat_prim_fill(c->out[LOSS], 0);
    struct lat_loss_sum sum;
    LAT_TRY(lat_cross_entropy_sum(c->ctx, rows.attr, n, c->out[LOSS], &sum));
    sum.divisor = c->out[DIVISOR];
    LAT_TRY(lat_cross_entropy_forward(c->ctx, &rows, sum.losses, sum.shares));
    return lat_cross_entropy_reduce(c->ctx, rows.attr, &sum);
}

static lattn_status backward(struct lat_call *c)
{
    const struct lat_cross_entropy rows = rows_of(c);
    struct lat_cross_entropy_grad grad = {
        .divisor = c->out[DIVISOR],
        .dy = c->grad_out[LOSS],
        .dx = c->grad_in[LOGITS],
    };
    if (!grad.dx || lat_numel(grad.dx) == 0)
        return LATTN_OK;
    LAT_TRY(lat_cross_entropy_weight_sum(c->ctx, rows.attr, rows.class_weights, &grad.weight_sum));
    return lat_cross_entropy_backward(c->ctx, &rows, &grad);
}

const struct lat_op lat_op_cross_entropy = {
    .name = "cross_entropy",
    .n_inputs = 3,
    .n_outputs = 3,
    .attr_bytes = sizeof(struct lat_cross_entropy_attr),
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
    struct lat_cross_entropy_attr attr;
    if (!logits || !labels || !lat_cross_entropy_attr_of(ctx, "cross_entropy", args, &attr))
        return NULL;
    lattn_tensor *in[] = { logits, labels, args ? args->class_weights : NULL };
    return lat_apply(ctx, &lat_op_cross_entropy, in, LAT_COUNT(in), &attr);
}
