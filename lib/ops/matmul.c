// SPDX-License-Identifier: MIT
//
// Matrix product with broadcast leading dimensions.
//
//   forward    C = A B
//   backward   dA = dC B^T, dB = A^T dC, summed over the dimensions in which an operand was
//              broadcast
//
// Operands are read with the strides they have. Leading dimensions are joined where memory allows;
// the kernels take two of them, so [B, H, T, D] views of [B, T, H, D] tensors need no copy. Only
// operands with more are copied first.

#include "ops/gemm.h"
#include <string.h>
#include "lattn/ops.h"

enum { MAX_KERNEL_BATCHES = 2 };

static int n_leading(const lattn_tensor *t)
{
    return t->rank - 2;
}

static lattn_tensor *transposed(lattn_tensor *t)
{
    int64_t dims[LATTN_MAX_RANK], strides[LATTN_MAX_RANK];
    memcpy(dims, t->dim, sizeof dims);
    memcpy(strides, t->stride, sizeof strides);
    int r = t->rank;
    dims[r - 1] = t->dim[r - 2];
    dims[r - 2] = t->dim[r - 1];
    strides[r - 1] = t->stride[r - 2];
    strides[r - 2] = t->stride[r - 1];
    return lat_tensor_view(t, r, dims, strides, t->offset);
}

// Views of the operands with rank 4 and the same two leading dimensions, those of out. False when
// their strides need more than two.
static bool kernel_views(lattn_tensor *const t[3], lattn_tensor *view[3])
{
    const lattn_tensor *out = t[2];
    int n = n_leading(out);
    int64_t dims[LATTN_MAX_RANK], strides[3][LATTN_MAX_RANK];
    memcpy(dims, out->dim, sizeof dims);
    for (int i = 0; i < 3; i++)
        for (int d = 0; d < n; d++) {
            int own = d - n + n_leading(t[i]);
            strides[i][d] = own < 0 || t[i]->dim[own] == 1 ? 0 : t[i]->stride[own];
        }
    n = lat_collapse(n, dims, 3, strides);
    if (n > MAX_KERNEL_BATCHES)
        return false;

    for (int i = 0; i < 3; i++) {
        int r = t[i]->rank;
        int64_t d[4] = { 1, 1, t[i]->dim[r - 2], t[i]->dim[r - 1] };
        int64_t s[4] = { 0, 0, t[i]->stride[r - 2], t[i]->stride[r - 1] };
        for (int j = 0; j < n; j++) {
            d[2 - n + j] = dims[j];
            s[2 - n + j] = strides[i][j];
        }
        view[i] = lat_tensor_view(t[i], 4, d, s, t[i]->offset);
    }
    return true;
}

static lattn_tensor *copied(lattn_tensor *t, const lattn_tensor *out)
{
    int64_t dims[LATTN_MAX_RANK];
    memcpy(dims, out->dim, sizeof dims);
    dims[out->rank - 2] = t->dim[t->rank - 2];
    dims[out->rank - 1] = t->dim[t->rank - 1];
    lattn_tensor *wide = lat_view_expand(t, out->rank, dims);
    return wide ? lat_prim_contiguous(wide) : NULL;
}

// out (+)= a b; the leading dimensions of out are those that a and b broadcast to.
static lattn_status product(
    lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b, lattn_tensor *out, bool accumulate)
{
    lattn_tensor *t[3] = { a, b, out }, *view[3];
    if (!a || !b || !out)
        return ctx->error;
    if (!kernel_views(t, view)) {
        t[0] = copied(a, out);
        t[1] = copied(b, out);
        if (!t[0] || !t[1])
            return ctx->error;
        kernel_views(t, view);
    }
    struct lat_gemm gemm = { .a = view[0], .b = view[1], .out = view[2], .accumulate = accumulate };
    return gemm.a && gemm.b && gemm.out ? lat_gemm_run(ctx, &gemm) : ctx->error;
}

// ---- op -------------------------------------------------------------------------------------------

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *a = c->in[0], *b = c->in[1];
    LAT_TRY(lat_check_float(c, a));
    if (a->dtype != b->dtype) {
        lat_fail(c->ctx, LATTN_ERR_DTYPE, "matmul: dtypes %s and %s differ",
            lattn_dtype_name(a->dtype), lattn_dtype_name(b->dtype));
        return c->ctx->error;
    }
    int64_t m = lat_dim(a, -2), k = lat_dim(a, -1), n = lat_dim(b, -1);
    if (k != lat_dim(b, -2)) {
        lat_fail(c->ctx, LATTN_ERR_SHAPE, "matmul: %s x %s: inner dimensions %lld and %lld differ",
            LAT_SHAPE(a), LAT_SHAPE(b), (long long) k, (long long) lat_dim(b, -2));
        return c->ctx->error;
    }
    int rank;
    int64_t dims[LATTN_MAX_RANK];
    if (!lat_broadcast(n_leading(a), a->dim, n_leading(b), b->dim, &rank, dims)) {
        lat_fail(c->ctx, LATTN_ERR_SHAPE, "matmul: %s x %s: leading dimensions do not broadcast",
            LAT_SHAPE(a), LAT_SHAPE(b));
        return c->ctx->error;
    }
    dims[rank] = m;
    dims[rank + 1] = n;
    return lat_out(c, 0, a->dtype, rank + 2, dims);
}

static lattn_status forward(struct lat_call *c)
{
    return product(c->ctx, c->in[0], c->in[1], c->out[0], false);
}

// [..., R, C] as [rows, C]; NULL when the strides do not allow it.
static lattn_tensor *as_matrix(lattn_tensor *t)
{
    int64_t columns = lat_dim(t, -1);
    int64_t dims[] = { columns ? lat_numel(t) / columns : 0, columns };
    return columns ? lat_view_reshape(t, 2, dims) : NULL;
}

// The gradient of an operand that was broadcast: made for every batch, then summed.
static lattn_status summed_product(
    struct lat_call *c, lattn_tensor *a, lattn_tensor *b, lattn_tensor *grad, bool accumulate)
{
    lattn_tensor *dy = c->grad_out[0];
    int64_t dims[LATTN_MAX_RANK];
    memcpy(dims, dy->dim, sizeof dims);
    dims[dy->rank - 2] = lat_dim(grad, -2);
    dims[dy->rank - 1] = lat_dim(grad, -1);
    lattn_tensor *wide = lat_tensor_new(c->ctx, grad->dtype, dy->rank, dims);
    LAT_TRY(product(c->ctx, a, b, wide, false));
    return lat_sum_to(c->ctx, wide, grad, accumulate);
}

static bool was_broadcast(const lattn_tensor *operand, const lattn_tensor *dy)
{
    int64_t batches = 1, own = 1;
    for (int d = 0; d < n_leading(dy); d++)
        batches *= dy->dim[d];
    for (int d = 0; d < n_leading(operand); d++)
        own *= operand->dim[d];
    return own != batches;
}

static lattn_status grad_a(struct lat_call *c)
{
    lattn_tensor *grad = c->grad_in[0], *dy = c->grad_out[0], *bt = transposed(c->in[1]);
    bool accumulate = c->accumulate & 1;
    if (was_broadcast(grad, dy))
        return summed_product(c, dy, bt, grad, accumulate);
    return product(c->ctx, dy, bt, grad, accumulate);
}

static lattn_status grad_b(struct lat_call *c)
{
    lattn_tensor *grad = c->grad_in[1], *dy = c->grad_out[0], *a = c->in[0];
    bool accumulate = c->accumulate & 2;
    if (!was_broadcast(grad, dy))
        return product(c->ctx, transposed(a), dy, grad, accumulate);

    // One matrix for every batch, as weights are: the sum over batches is part of the product.
    lattn_tensor *rows = as_matrix(a), *dy_rows = as_matrix(dy);
    bool one = lat_numel(grad) == lat_dim(grad, -2) * lat_dim(grad, -1);
    if (one && rows && dy_rows && rows->dim[0] == dy_rows->dim[0])
        return product(c->ctx, transposed(rows), dy_rows, grad, accumulate);
    return summed_product(c, transposed(a), dy, grad, accumulate);
}

static lattn_status backward(struct lat_call *c)
{
    if (c->grad_in[0])
        LAT_TRY(grad_a(c));
    return c->grad_in[1] ? grad_b(c) : LATTN_OK;
}

const struct lat_op lat_op_matmul = {
    .name = "matmul",
    .n_inputs = 2,
    .n_outputs = 1,
    .keep_in = 1u << 0 | 1u << 1,
    .strided_in = 1u << 0 | 1u << 1,
    .can_accumulate = 1u << 0 | 1u << 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .strategies = lat_gemm_strategies,
    .n_strategies = LAT_GEMM_STRATEGIES,
    .typical = { 1, 12 * 128, 768, 768, LAT_GEMM_A_ALONG_K | LAT_GEMM_A_UNIT },
};

// A vector counts as a row on the left and as a column on the right, as in torch.matmul.
static lattn_tensor *as_operand(lattn_ctx *ctx, lattn_tensor *t, bool left)
{
    if (t->rank != 1)
        return t;
    int64_t dims[] = { left ? 1 : t->dim[0], left ? t->dim[0] : 1 };
    return lattn_reshape(ctx, t, 2, dims);
}

lattn_tensor *lattn_matmul(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b)
{
    if (!a || !b)
        return NULL;  // an earlier error; ctx has it
    if (a->rank < 1 || b->rank < 1)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "matmul: %s x %s: a number is no matrix",
            LAT_SHAPE(a), LAT_SHAPE(b));

    bool row = a->rank == 1, column = b->rank == 1;
    lattn_tensor *in[] = { as_operand(ctx, a, true), as_operand(ctx, b, false) };
    if (!in[0] || !in[1])
        return NULL;
    lattn_tensor *y = lat_apply(ctx, &lat_op_matmul, in, 2, NULL);
    if (!y || (!row && !column))
        return y;

    int64_t dims[LATTN_MAX_RANK];
    int rank = 0;
    for (int d = 0; d < y->rank; d++)
        if (!(row && d == y->rank - 2) && !(column && d == y->rank - 1))
            dims[rank++] = y->dim[d];
    return lattn_reshape(ctx, y, rank, dims);
}
