// SPDX-License-Identifier: MIT
//
// sum, mean, max and norm over any dimensions, and lat_sum_to.
//
//     sum    dx = dy                      mean   dx = dy / n
//     norm   dx = dy x / y, 0 at y = 0    max    dx = dy / (number of ties), at the ties
//
// How a reduction runs is reduction.c's business. All gradients spread the gradient of a result over
// the elements that went into it: one kernel, reduce_bwd.comp.

#include "ops/reduce.h"
#include "ops/internal.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "reduce/reduce_bwd.abi.h"
#include "lat_shaders.h"
#include <math.h>

struct reduce_attr {
    uint32_t kind;
    uint32_t reduced;  // bit d: dimension d goes
    bool keepdim, mean;
};

// ---- gradients -----------------------------------------------------------------------------------

// dx (+)= part(x, y, g, count), where y, g and count have one element per kept position of x.
struct spread {
    uint32_t kind;  // LAT_REDUCE_BWD_*
    float scale;
    lattn_tensor *x, *y, *g, *count, *dx;
    uint32_t reduced;
    bool accumulate;
};

static lattn_status run_spread(lattn_ctx *ctx, const struct spread *s)
{
    int64_t dims[LATTN_MAX_RANK], strides[1][LATTN_MAX_RANK];
    int64_t stride = 1;
    for (int d = s->dx->rank - 1; d >= 0; d--) {
        bool goes = s->reduced >> d & 1;
        dims[d] = s->dx->dim[d];
        strides[0][d] = goes ? 0 : stride;
        stride *= goes ? 1 : dims[d];
    }
    int rank = lat_collapse(s->dx->rank, dims, 1, strides);
    struct reduce_bwd_push push = {
        .n = (uint32_t) lat_numel(s->dx),
        .rank = (uint32_t) rank,
        .scale = s->scale,
    };
    for (int d = 0; d < rank; d++) {
        push.dims[d] = (uint32_t) dims[d];
        push.stride[d] = (uint32_t) strides[0][d];
    }
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, s->kind, s->accumulate };
    struct lat_kernel kernel = {
        .shader = &lat_shader_reduce_bwd,
        .t = (int) s->dx->dtype,
        .u = LAT_NO_DTYPE,
        .read = { s->x, s->y, s->g, s->count },
        .n_read = 4,
        .write = { s->dx },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push.n, LAT_POINTWISE_GROUP * LAT_REDUCE_BWD_PER_THREAD),
    };
    return lat_kernel_run(ctx, &kernel);
}

// The gradient of a maximum is shared evenly by its ties.
static lattn_status max_backward(struct lat_call *c, uint32_t reduced)
{
    lattn_ctx *ctx = c->ctx;
    lattn_tensor *x = c->in[0];
    int64_t kept[LATTN_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        kept[d] = reduced >> d & 1 ? 1 : x->dim[d];
    lattn_tensor *ties = lat_tensor_new(ctx, x->dtype, x->rank, x->dim);
    lattn_tensor *count = lat_tensor_new(ctx, LATTN_DTYPE_F32, x->rank, kept);
    if (!ties || !count)
        return ctx->error;

    struct spread s = {
        .kind = LAT_REDUCE_BWD_TIES,
        .x = x,
        .y = c->out[0],
        .dx = ties,
        .reduced = reduced,
    };
    LAT_TRY(run_spread(ctx, &s));
    LAT_TRY(lat_sum_to(ctx, ties, count, false));
    s = (struct spread){
        .kind = LAT_REDUCE_BWD_MAX,
        .x = ties,
        .g = c->grad_out[0],
        .count = count,
        .dx = c->grad_in[0],
        .reduced = reduced,
        .accumulate = c->accumulate & 1,
    };
    return run_spread(ctx, &s);
}

// ---- sum_to --------------------------------------------------------------------------------------

// The dimensions of src that dst, aligned at the last one, does not have or has as 1.
static uint32_t missing_dims(const lattn_tensor *src, const lattn_tensor *dst)
{
    uint32_t reduced = 0;
    int missing = src->rank - dst->rank;
    for (int d = 0; d < src->rank; d++)
        if (d < missing || dst->dim[d - missing] != src->dim[d])
            reduced |= 1u << d;
    return reduced;
}

lattn_status lat_sum_to_scaled(
    lattn_ctx *ctx, lattn_tensor *src, lattn_tensor *dst, float scale, bool accumulate)
{
    if (lat_numel(dst) == 0)
        return LATTN_OK;
    if (lat_numel(src) == 0)
        return accumulate ? LATTN_OK : lat_prim_fill(dst, 0);
    if (lat_same_shape(src, dst) && scale == 1.0f && src->dtype == dst->dtype) {
        if (!accumulate)
            return lat_prim_copy(dst, src);
        lattn_tensor *from = lat_prim_contiguous(src);
        return from ? lat_prim_accumulate(dst, from) : ctx->error;
    }
    struct lat_reduction r = {
        .kind = LAT_REDUCE_SUM,
        .src = src,
        .reduced = missing_dims(src, dst),
        .dst = dst,
        .scale = scale,
        .accumulate = accumulate,
    };
    return lat_reduction_run(ctx, &r);
}

lattn_status lat_sum_to(lattn_ctx *ctx, lattn_tensor *src, lattn_tensor *dst, bool accumulate)
{
    return lat_sum_to_scaled(ctx, src, dst, 1, accumulate);
}

// ---- the ops -------------------------------------------------------------------------------------

// How many elements go into one result.
static int64_t run_length(const lattn_tensor *x, uint32_t reduced)
{
    int64_t n = 1;
    for (int d = 0; d < x->rank; d++)
        if (reduced >> d & 1)
            n *= x->dim[d];
    return n;
}

static lattn_status infer(struct lat_call *c)
{
    const struct reduce_attr *attr = c->attr;
    const lattn_tensor *x = c->in[0];
    LAT_TRY(lat_check_float(c, x));
    LAT_TRY(lat_check_count(c->op_name, x));
    int rank = 0;
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < x->rank; d++) {
        bool goes = attr->reduced >> d & 1;
        if (!goes || attr->keepdim)
            dims[rank++] = goes ? 1 : x->dim[d];
    }
    if (attr->kind == LAT_REDUCE_MAX && run_length(x, attr->reduced) == 0 &&
        lat_numel_of(rank, dims) > 0)
        return lat_err(
            LATTN_ERR_SHAPE, "%s: %s has no element to choose from", c->op_name, LAT_SHAPE(x));
    return lat_out(c, 0, x->dtype, rank, dims);
}

static lattn_status forward(struct lat_call *c)
{
    const struct reduce_attr *attr = c->attr;
    int64_t n = run_length(c->in[0], attr->reduced);
    if (n == 0)
        return lat_prim_fill(c->out[0], attr->mean ? NAN : 0);
    struct lat_reduction r = {
        .kind = attr->kind,
        .src = c->in[0],
        .reduced = attr->reduced,
        .dst = c->out[0],
        .scale = attr->mean ? 1.0f / (float) n : 1.0f,
        .root = attr->kind == LAT_REDUCE_SQUARES,
    };
    return lat_reduction_run(c->ctx, &r);
}

static lattn_status backward(struct lat_call *c)
{
    const struct reduce_attr *attr = c->attr;
    if (!c->grad_in[0] || lat_numel(c->grad_in[0]) == 0)
        return LATTN_OK;
    if (attr->kind == LAT_REDUCE_MAX)
        return max_backward(c, attr->reduced);
    bool norm = attr->kind == LAT_REDUCE_SQUARES;
    struct spread s = {
        .kind = norm ? LAT_REDUCE_BWD_NORM : LAT_REDUCE_BWD_SPREAD,
        .scale = attr->mean ? 1.0f / (float) run_length(c->grad_in[0], attr->reduced) : 1.0f,
        .x = norm ? c->in[0] : NULL,
        .y = norm ? c->out[0] : NULL,
        .g = c->grad_out[0],
        .dx = c->grad_in[0],
        .reduced = attr->reduced,
        .accumulate = c->accumulate & 1,
    };
    return run_spread(c->ctx, &s);
}

// The gradient of a sum is that of the result, seen with stride 0 along the dimensions that went.
static lattn_tensor *pass_sum(struct lat_call *c, int i)
{
    const struct reduce_attr *attr = c->attr;
    const lattn_tensor *x = c->in[i];
    lattn_tensor *g = c->grad_out[0];
    int64_t strides[LATTN_MAX_RANK];
    for (int d = 0, at = 0; d < x->rank; d++) {
        bool goes = attr->reduced >> d & 1;
        strides[d] = goes ? 0 : g->stride[at];
        at += !goes || attr->keepdim;
    }
    return lat_tensor_view(g, x->rank, x->dim, strides, g->offset);
}

// clang-format off
#define REDUCE_OP(name_, keep_, pass_)               \
    const struct lat_op lat_op_##name_ = {           \
        .name = #name_,                              \
        .n_inputs = 1,                               \
        .n_outputs = 1,                              \
        .attr_bytes = sizeof(struct reduce_attr),    \
        .keep_in = keep_,                            \
        .keep_out = keep_,                           \
        .can_accumulate = 1,                         \
        .infer = infer,                              \
        .forward = forward,                          \
        .backward = backward,                        \
        .pass_grad = pass_,                          \
        .strategies = lat_reduction_strategies,      \
        .n_strategies = LAT_N_REDUCTION_STRATEGIES,  \
    }
// clang-format on
REDUCE_OP(sum, 0, pass_sum);
REDUCE_OP(mean, 0, NULL);
REDUCE_OP(max, 1, NULL);
REDUCE_OP(norm, 1, NULL);

// The set of dimensions as bits; NULL and 0 mean all. false = error kept.
static bool dims_to_bits(lattn_ctx *ctx, const char *op, const lattn_tensor *x, const int *dims,
    int n_dims, uint32_t *bits)
{
    *bits = 0;
    if (!dims || n_dims == 0) {
        *bits = (1u << x->rank) - 1;
        return true;
    }
    for (int i = 0; i < n_dims; i++) {
        int d = dims[i] < 0 ? dims[i] + x->rank : dims[i];
        if (d < 0 || d >= x->rank) {
            lat_fail(ctx, LATTN_ERR_ARG, "%s: dim %d is outside [%d, %d)", op, dims[i], -x->rank,
                x->rank);
            return false;
        }
        if (*bits >> d & 1) {
            lat_fail(ctx, LATTN_ERR_ARG, "%s: dim %d is given twice", op, dims[i]);
            return false;
        }
        *bits |= 1u << d;
    }
    return true;
}

struct dims {
    const int *dims;
    int n;
    bool keepdim;
};

static lattn_tensor *apply(lattn_ctx *ctx, const struct lat_op *op, uint32_t kind, lattn_tensor *x,
    const struct dims *dims)
{
    if (!x)
        return NULL;
    struct reduce_attr attr = {
        .kind = kind,
        .keepdim = dims->keepdim,
        .mean = op == &lat_op_mean,
    };
    if (!dims_to_bits(ctx, op->name, x, dims->dims, dims->n, &attr.reduced))
        return NULL;
    return lat_apply(ctx, op, &x, 1, &attr);
}

lattn_tensor *lattn_sum(lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim)
{
    return apply(ctx, &lat_op_sum, LAT_REDUCE_SUM, x, &(struct dims){ dims, n_dims, keepdim });
}

lattn_tensor *lattn_mean(lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim)
{
    return apply(ctx, &lat_op_mean, LAT_REDUCE_SUM, x, &(struct dims){ dims, n_dims, keepdim });
}

lattn_tensor *lattn_max(lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim)
{
    return apply(ctx, &lat_op_max, LAT_REDUCE_MAX, x, &(struct dims){ dims, n_dims, keepdim });
}

lattn_tensor *lattn_norm(lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim)
{
    return apply(ctx, &lat_op_norm, LAT_REDUCE_SQUARES, x, &(struct dims){ dims, n_dims, keepdim });
}
