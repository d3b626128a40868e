// SPDX-License-Identifier: MIT
//
// Linear layer with its epilogue in one kernel.
//
//   forward    pre = x W^T + b (+ residual), y = gelu(pre) or pre
//   backward   g = dy gelu'(pre), dx = g W, dW = g^T x, db = sum of the rows of g
//
// Without GELU backward needs x and W only. With it the value before GELU is kept, because y does
// not determine it. g and the sums that make db come from one pass over dy, or on GPUs, where g is dy, the sums come
// with dW, whose product reads dy anyway; dx, dW and db can be added
// to what is there, so neither gradient accumulation nor an x with several uses costs a further pass. The
// gradient of the residual is dy itself. Where the only use of y = gelu(pre) is another linear layer's x, that
// layer's product for dx multiplies by gelu'(pre), and g is what arrives here.

#include "ops/gemm.h"
#include <string.h>
#include "lattn/ops.h"
#include "lat_shaders.h"
#include "matmul/bias_bwd.abi.h"
#include "matmul/bias_bwd_sum.abi.h"

enum { X, WEIGHT, BIAS, RESIDUAL };  // inputs
enum { Y, PRE };                     // outputs
enum { GROUP = 64, ROWS_OF_A_RUN = LAT_BIAS_RUN };

struct linear_attr {
    lattn_epilogue epilogue;
};

static bool has_gelu(const struct lat_call *c)
{
    return ((const struct linear_attr *) c->attr)->epilogue == LATTN_EPILOGUE_GELU;
}

static lattn_status refuse(struct lat_call *c, const char *what)
{
    const lattn_tensor *bias = c->in[BIAS];
    lat_fail(c->ctx, LATTN_ERR_SHAPE, "linear: x %s, weight %s, bias %s: %s", LAT_SHAPE(c->in[X]),
        LAT_SHAPE(c->in[WEIGHT]), bias ? LAT_SHAPE(bias) : "none", what);
    return c->ctx->error;
}

static lattn_status check(struct lat_call *c)
{
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    LAT_TRY(lat_check_float(c, x));
    if (w->dtype != x->dtype || (b && b->dtype != x->dtype)) {
        lat_fail(c->ctx, LATTN_ERR_DTYPE,
            "linear: dtypes of x, weight and bias (%s, %s, %s) differ", lattn_dtype_name(x->dtype),
            lattn_dtype_name(w->dtype), b ? lattn_dtype_name(b->dtype) : "none");
        return c->ctx->error;
    }
    if (x->rank < 1 || w->rank != 2)
        return refuse(c, "x needs a dimension and weight two");
    if (lat_dim(x, -1) != w->dim[1])
        return refuse(c, "the last dimensions of x and weight differ");
    if (b && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return refuse(c, "bias is not [out]");
    return LATTN_OK;
}

static lattn_status check_residual(struct lat_call *c)
{
    const lattn_tensor *residual = c->in[RESIDUAL], *out = c->out[Y];
    if (residual->dtype != out->dtype)
        lat_fail(c->ctx, LATTN_ERR_DTYPE, "linear: dtypes of x and residual (%s, %s) differ",
            lattn_dtype_name(out->dtype), lattn_dtype_name(residual->dtype));
    else if (!lat_same_shape(residual, out))
        lat_fail(c->ctx, LATTN_ERR_SHAPE, "linear: residual %s is not of the result's shape %s",
            LAT_SHAPE(residual), LAT_SHAPE(out));
    return c->ctx->error;
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(check(c));
    const lattn_tensor *x = c->in[X];
    int64_t dims[LATTN_MAX_RANK];
    memcpy(dims, x->dim, sizeof dims);
    dims[x->rank - 1] = c->in[WEIGHT]->dim[0];
    LAT_TRY(lat_out(c, Y, x->dtype, x->rank, dims));
    if (c->in[RESIDUAL])
        return check_residual(c);
    return has_gelu(c) && c->grad_wanted ? lat_out(c, PRE, x->dtype, x->rank, dims) : LATTN_OK;
}

// [..., C] as [1, rows, C], copied when the strides do not allow a view.
static lattn_tensor *matrix(lattn_tensor *t)
{
    int64_t columns = lat_dim(t, -1), rows = 1;
    for (int d = 0; d < t->rank - 1; d++)
        rows *= t->dim[d];
    int64_t dims[] = { 1, rows, columns };
    lattn_tensor *view = lat_view_reshape(t, 3, dims);
    if (view || t->ctx->error)
        return view;
    lattn_tensor *copy = lat_prim_contiguous(t);
    return copy ? lat_view_reshape(copy, 3, dims) : NULL;
}

static lattn_tensor *transposed(lattn_tensor *matrix)
{
    return matrix ? lat_view_permute(matrix, (int[]){ 0, 2, 1 }) : NULL;
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_gemm gemm = {
        .a = matrix(c->in[X]),
        .b = transposed(matrix(c->in[WEIGHT])),
        .out = matrix(c->out[Y]),
        .residual = c->in[RESIDUAL] ? matrix(c->in[RESIDUAL]) : NULL,
        .pre = c->out[PRE] ? matrix(c->out[PRE]) : NULL,
        .bias = c->in[BIAS],
        .gelu = has_gelu(c),
    };
    if (!gemm.a || !gemm.b || !gemm.out || (c->in[RESIDUAL] && !gemm.residual) ||
        (c->out[PRE] && !gemm.pre))
        return c->ctx->error;
    return lat_gemm_run(c->ctx, &gemm);
}

// ---- backward of the epilogue -------------------------------------------------------------------

// One dispatch over rows that are whole runs: g and their column sums. g NULL: no GELU.
static lattn_status epilogue_rows(lattn_ctx *ctx, lattn_tensor *const t[4])
{
    lattn_tensor *dy = t[0], *pre = t[1], *g = t[2], *partial = t[3];
    struct bias_bwd_push push = {
        .m = (uint32_t) lat_dim(dy, -2), .n = (uint32_t) lat_dim(dy, -1), .n_rows = ROWS_OF_A_RUN
    };
    uint32_t lanes = lat_caps(ctx)->subgroup_size, wide_strip = LAT_BIAS_BWD_VECTORS * lanes;
    bool cpu = lat_wide_chosen(ctx, "linear", dy->dtype, push.n >= wide_strip);
    uint32_t strip = cpu ? wide_strip : GROUP;
    uint32_t spec[] = { cpu ? lanes : GROUP,
        (g ? LAT_BIAS_BWD_GELU : 0) | (partial ? LAT_BIAS_BWD_SUM : 0), lanes,
        push.m % ROWS_OF_A_RUN != 0, push.n % 2 == 0 };
    uint64_t strips = (push.n + strip - 1) / strip;
    struct lat_kernel kernel = {
        .shader = cpu ? &lat_shader_bias_bwd_cpu : &lat_shader_bias_bwd,
        .t = (int) dy->dtype,
        .u = LAT_NO_DTYPE,
        .read = { dy, pre },
        .n_read = 2,
        .write = { g, partial },
        .n_write = 2,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = cpu ? 5 : 2,
        .groups = strips * ((push.m + ROWS_OF_A_RUN - 1) / ROWS_OF_A_RUN),
    };
    if (cpu) {
        lat_wide_subgroups(ctx, &kernel);
        kernel.push_address[0] = offsetof(struct bias_bwd_push, dy_address);
        kernel.push_address[1] = offsetof(struct bias_bwd_push, pre_address);
    }
    return lat_kernel_run(ctx, &kernel);
}

static lattn_tensor *rows_of(lattn_tensor *matrix, int64_t start, int64_t count)
{
    return matrix ? lat_view_slice(matrix, matrix->rank - 2, start, count, 1) : NULL;
}

// In pieces of whole runs when dy is longer than the device lets a binding be.
static lattn_status epilogue_backward(lattn_ctx *ctx, lattn_tensor *const t[4])
{
    int64_t m = lat_dim(t[0], -2), n = lat_dim(t[0], -1);
    const struct lat_caps *caps = lat_caps(ctx);
    int64_t row_bytes = n * (int64_t) lattn_dtype_bytes(t[0]->dtype);
    int64_t fit = (int64_t) (caps->max_binding_bytes - caps->buffer_alignment) / row_bytes;
    int64_t count = fit / ROWS_OF_A_RUN * ROWS_OF_A_RUN;
    if (count < ROWS_OF_A_RUN)
        count = ROWS_OF_A_RUN;
    if (count >= m)
        return epilogue_rows(ctx, t);
    for (int64_t start = 0; start < m; start += count) {
        int64_t rows = m - start < count ? m - start : count;
        lattn_tensor *part[4] = { rows_of(t[0], start, rows), rows_of(t[1], start, rows),
            rows_of(t[2], start, rows),
            rows_of(t[3], start / ROWS_OF_A_RUN, (rows + ROWS_OF_A_RUN - 1) / ROWS_OF_A_RUN) };
        for (int i = 0; i < 4; i++)
            if (t[i] && !part[i])
                return ctx->error;
        LAT_TRY(epilogue_rows(ctx, part));
    }
    return LATTN_OK;
}

lattn_status lat_bias_runs(lattn_ctx *ctx, lattn_tensor *g, lattn_tensor *partial)
{
    return epilogue_backward(ctx, (lattn_tensor *[4]){ g, NULL, NULL, partial });
}

lattn_status lat_bias_sum(
    lattn_ctx *ctx, lattn_tensor *partial, lattn_tensor *grad, bool accumulate)
{
    struct bias_bwd_sum_push push = { .n_runs = (uint32_t) partial->dim[0],
        .n = (uint32_t) partial->dim[1],
        .accumulate = accumulate };
    uint32_t spec[] = { GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_bias_bwd_sum,
        .t = (int) grad->dtype,
        .u = LAT_NO_DTYPE,
        .read = { partial },
        .n_read = 1,
        .write = { grad },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = 1,
        .groups = (push.n + GROUP - 1) / GROUP,
    };
    return lat_kernel_run(ctx, &kernel);
}

static bool makes_g(const struct lat_call *c)
{
    return has_gelu(c) && !c->gelu_grad_done;
}

// Whether the product for dW sums dy too, which it reads anyway. A CPU has dy in its caches, and a kernel of its own
// takes 5 % of backward at most; where g is made, its sums come with it.
static bool sums_with_weight(const struct lat_call *c)
{
    return c->grad_in[BIAS] && c->grad_in[WEIGHT] && !makes_g(c) && !lat_caps(c->ctx)->is_cpu;
}

// Makes the bias gradient and *g, the gradient of pre, which is dy itself without GELU.
static lattn_status through_epilogue(struct lat_call *c, lattn_tensor *dy, lattn_tensor **g)
{
    lattn_ctx *ctx = c->ctx;
    lattn_tensor *grad_bias = sums_with_weight(c) ? NULL : c->grad_in[BIAS];
    lattn_tensor *pre = NULL, *partial = NULL;
    int64_t rows = lat_dim(dy, -2), columns = lat_dim(dy, -1);
    *g = dy;
    if (makes_g(c)) {
        pre = matrix(c->out[PRE]);
        *g = lat_tensor_new(ctx, dy->dtype, dy->rank, dy->dim);
        if (!pre || !*g)
            return ctx->error;
    }
    if (grad_bias) {
        int64_t dims[] = { (rows + ROWS_OF_A_RUN - 1) / ROWS_OF_A_RUN, columns };
        partial = lat_tensor_new(ctx, LATTN_DTYPE_F32, 2, dims);
        if (!partial)
            return ctx->error;
    }
    if (pre || partial) {
        lattn_tensor *t[4] = { dy, pre, pre ? *g : NULL, partial };
        LAT_TRY(epilogue_backward(ctx, t));
    }
    return partial ? lat_bias_sum(ctx, partial, grad_bias, c->accumulate & 1u << BIAS) : LATTN_OK;
}

// No rows, or no columns: sums over nothing.
static lattn_status zero_gradients(struct lat_call *c)
{
    for (int i = X; i <= BIAS; i++)
        if (c->grad_in[i] && !(c->accumulate & 1u << i))
            LAT_TRY(lat_prim_fill(c->grad_in[i], 0));
    return LATTN_OK;
}

static lattn_status backward(struct lat_call *c)
{
    if (lat_numel(c->grad_out[0]) == 0)
        return zero_gradients(c);
    lattn_tensor *contiguous = lat_prim_contiguous(c->grad_out[0]), *g;
    lattn_tensor *dy = contiguous ? matrix(contiguous) : NULL;
    if (!dy)
        return c->ctx->error;
    LAT_TRY(through_epilogue(c, dy, &g));

    if (c->grad_in[X]) {
        struct lat_gemm dx = {
            .a = g,
            .b = matrix(c->in[WEIGHT]),
            .out = matrix(c->grad_in[X]),
            .gelu_of = c->gelu_of[X] ? matrix(c->gelu_of[X]) : NULL,
            .accumulate = c->accumulate & 1u << X,
        };
        if (c->gelu_of[X] && !dx.gelu_of)
            return c->ctx->error;
        LAT_TRY(dx.b && dx.out ? lat_gemm_run(c->ctx, &dx) : c->ctx->error);
    }
    if (c->grad_in[WEIGHT]) {
        struct lat_gemm dw = {
            .a = transposed(g),
            .b = matrix(c->in[X]),
            .out = matrix(c->grad_in[WEIGHT]),
            .row_sums = sums_with_weight(c) ? c->grad_in[BIAS] : NULL,
            .add_row_sums = sums_with_weight(c) && c->accumulate & 1u << BIAS,
            .accumulate = c->accumulate & 1u << WEIGHT,
        };
        LAT_TRY(dw.a && dw.b && dw.out ? lat_gemm_run(c->ctx, &dw) : c->ctx->error);
    }
    return LATTN_OK;
}

static lattn_tensor *pass_grad(struct lat_call *c, int i)
{
    return i == RESIDUAL ? c->grad_out[0] : NULL;
}

const struct lat_op lat_op_linear = {
    .name = "linear",
    .n_inputs = 4,
    .n_outputs = 2,
    .attr_bytes = sizeof(struct linear_attr),
    .keep_in = 1u << X | 1u << WEIGHT,
    .keep_out = 1u << PRE,
    .strided_in = 1u << X | 1u << WEIGHT,
    .can_accumulate = 1u << X | 1u << WEIGHT | 1u << BIAS,
    .gelu_pre = PRE,
    .can_gelu_grad = 1u << X,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .pass_grad = pass_grad,
    .strategies = lat_gemm_strategies,
    .n_strategies = LAT_GEMM_STRATEGIES,
    .typical = { 1, 12 * 128, 768, 768, LAT_GEMM_A_ALONG_K | LAT_GEMM_A_UNIT },
};

lattn_tensor *lattn_linear(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, lattn_epilogue epilogue)
{
    if (!x || !weight)
        return NULL;  // an earlier error; ctx has it
    if (epilogue != LATTN_EPILOGUE_NONE && epilogue != LATTN_EPILOGUE_GELU)
        return lat_fail(ctx, LATTN_ERR_ARG, "linear: no epilogue %d", (int) epilogue);
    struct linear_attr attr = { epilogue };
    lattn_tensor *in[] = { x, weight, bias };
    return lat_apply(ctx, &lat_op_linear, in, 3, &attr);
}

lattn_tensor *lattn_linear_add(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, lattn_tensor *residual)
{
    if (!x || !weight || !residual)
        return NULL;
    struct linear_attr attr = { LATTN_EPILOGUE_NONE };
    lattn_tensor *in[] = { x, weight, bias, residual };
    return lat_apply(ctx, &lat_op_linear, in, 4, &attr);
}
