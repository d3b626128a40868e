// SPDX-License-Identifier: MIT
//
// dropout2d and drop_path: dropout of whole channels and of whole samples. Rows are the runs of elements
// that stay or go together; row r has the random word that dropout has for element r. Nothing is stored:
// backward draws the same words again.

#include "ops/internal.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "pointwise/dropout_rows.abi.h"
#include "lat_shaders.h"

enum { PER_GROUP = 4 * LAT_POINTWISE_GROUP };

struct rows_attr {
    uint32_t op, threshold, row;  // elements of a row
    float scale;
};

static lattn_status run(struct lat_call *c, lattn_tensor *from, lattn_tensor *to, bool accumulate)
{
    const struct rows_attr *attr = c->attr;
    struct lat_divisor by_row = lat_divisor(attr->row);
    struct dropout_rows_push push = {
        .n = (uint32_t) lat_numel(to),
        .row_magic = by_row.magic,
        .row_shift = by_row.shift,
        .op = attr->op,
        .threshold = attr->threshold,
        .scale = attr->scale,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, accumulate, attr->row % 4 == 0 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_dropout_rows,
        .t = (int) to->dtype,
        .u = LAT_NO_DTYPE,
        .read = { from, c->in[1] },
        .n_read = 2,
        .write = { to },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push.n, PER_GROUP),
        .split = {
            .n_rows = push.n,
            .rows_per_group = PER_GROUP,
            .row_elements = { 1, 0, 1 },
            .push_n_rows = offsetof(struct dropout_rows_push, n),
            .push_row0 = offsetof(struct dropout_rows_push, element0),
        },
    };
    return lat_kernel_run(c->ctx, &kernel);
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[0]));
    LAT_TRY(lat_check_count(c->op_name, c->in[0]));
    return lat_out_like(c, 0, c->in[0]);
}

static lattn_status forward(struct lat_call *c)
{
    return run(c, c->in[0], c->out[0], false);
}

static lattn_status backward(struct lat_call *c)
{
    if (!c->grad_in[0] || lat_numel(c->grad_in[0]) == 0)
        return LATTN_OK;
    return run(c, c->grad_out[0], c->grad_in[0], c->accumulate & 1);
}

// clang-format off
#define ROWS_OP(name_)                          \
    const struct lat_op lat_op_##name_ = {      \
        .name = #name_,                         \
        .n_inputs = 2,                          \
        .n_outputs = 1,                         \
        .attr_bytes = sizeof(struct rows_attr), \
        .keep_in = 2,                           \
        .no_grad_in = 2,                        \
        .can_accumulate = 1,                    \
        .infer = infer,                         \
        .forward = forward,                     \
        .backward = backward,                   \
    }
// clang-format on
ROWS_OP(dropout2d);
ROWS_OP(drop_path);

// Rows are numbered along the first n_dims dimensions.
static lattn_tensor *apply(
    lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x, int n_dims, float p)
{
    if (!x)
        return NULL;
    if (!(p >= 0.0f && p < 1.0f))
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: p = %g is outside [0, 1)", op->name, (double) p);
    if (x->rank < n_dims)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "%s: x is %s, it must have %d dimensions or more",
            op->name, LAT_SHAPE(x), n_dims);
    if (p == 0.0f || !lattn_is_training(ctx))
        return x;
    int64_t row = 1;
    for (int d = n_dims; d < x->rank; d++)
        row *= x->dim[d];
    struct rows_attr attr = {
        .threshold = lat_dropout_threshold(p),
        .row = (uint32_t) LAT_MAX(row, 1),
        .scale = 1.0f / (1.0f - p),
    };
    lattn_tensor *rng = lat_rng_tensor(ctx, &attr.op);
    if (!rng)
        return NULL;
    return lat_apply(ctx, op, (lattn_tensor *[]){ x, rng }, 2, &attr);
}

lattn_tensor *lattn_dropout2d(lattn_ctx *ctx, lattn_tensor *x, float p)
{
    return apply(ctx, &lat_op_dropout2d, x, 2, p);
}

lattn_tensor *lattn_drop_path(lattn_ctx *ctx, lattn_tensor *x, float p)
{
    return apply(ctx, &lat_op_drop_path, x, 1, p);
}
