// SPDX-License-Identifier: MIT
//
// Views as differentiable ops: reshape, permute, slice, expand, and what is made from them
// (transpose, select). Forward copies nothing, except a reshape whose strides do not allow a view.
//
//     reshape, permute   backward is the inverse view of the gradient
//     slice              zeros, with the gradient copied into the slice
//     expand             the sum over what was repeated

#include "autograd/op.h"
#include "lattn/ops.h"
#include "ops/internal.h"

extern const struct lat_op lat_op_reshape, lat_op_permute, lat_op_slice, lat_op_expand;

struct shape_attr {
    int rank;
    int64_t dim[LATTN_MAX_RANK];
};

struct order_attr {
    int order[LATTN_MAX_RANK];
};

struct slice_attr {
    int dim;
    int64_t start, count, step;
};

// A view made by infer; its error, if any, is kept.
static lattn_status view_out(struct lat_call *c, lattn_tensor *view)
{
    c->out[0] = view;
    return view ? LATTN_OK : c->ctx->error;
}

// dim counted from the front, or -1 with the error kept.
static int find_dim(lattn_ctx *ctx, const char *op, const lattn_tensor *x, int dim)
{
    if (dim >= -x->rank && dim < x->rank)
        return dim < 0 ? dim + x->rank : dim;
    lat_fail(ctx, LATTN_ERR_ARG, "%s: dim %d is outside [%d, %d)", op, dim, -x->rank, x->rank);
    return -1;
}

static bool check_rank(lattn_ctx *ctx, const char *op, int rank)
{
    if (rank >= 0 && rank <= LATTN_MAX_RANK)
        return true;
    lat_fail(ctx, LATTN_ERR_ARG, "%s: rank %d is outside [0, %d]", op, rank, LATTN_MAX_RANK);
    return false;
}

// ---- reshape ----------------------------------------------------------------------------------

// t with another shape: a view, or a copy where a view is impossible.
static lattn_tensor *reshaped(lattn_tensor *t, int rank, const int64_t *dims)
{
    lattn_tensor *v = lat_view_reshape(t, rank, dims);
    if (v || t->ctx->error)
        return v;
    t = lat_prim_contiguous(t);
    return t ? lat_view_reshape(t, rank, dims) : NULL;
}

static lattn_status reshape_infer(struct lat_call *c)
{
    const struct shape_attr *a = c->attr;
    return view_out(c, reshaped(c->in[0], a->rank, a->dim));
}

static lattn_tensor *reshape_pass_grad(struct lat_call *c, int i)
{
    return reshaped(c->grad_out[0], c->in[i]->rank, c->in[i]->dim);
}

const struct lat_op lat_op_reshape = {
    .name = "reshape",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct shape_attr),
    .is_view = true,
    .infer = reshape_infer,
    .pass_grad = reshape_pass_grad,
};

// Replaces a size of -1 by what is left; false with the error kept when it does not come out even.
static bool fill_in(
    lattn_ctx *ctx, const lattn_tensor *x, struct shape_attr *a, const int64_t *dims)
{
    int64_t known = 1, n = lat_numel(x);
    int open = -1;
    for (int d = 0; d < a->rank; d++) {
        a->dim[d] = dims[d];
        if (dims[d] == -1 && open < 0)
            open = d;
        else if (dims[d] < 0 || (dims[d] > 0 && known > INT64_MAX / dims[d]))
            known = -1;
        else if (known >= 0)
            known *= dims[d];
    }
    if (open >= 0 && known > 0 && n % known == 0) {
        a->dim[open] = n / known;
        return true;
    }
    if (open < 0 && known == n)
        return true;
    char text[LAT_SHAPE_TEXT];
    lat_fail(ctx, LATTN_ERR_SHAPE, "reshape: %s has %lld elements and cannot become %s",
        LAT_SHAPE(x), (long long) n, lat_shape_text(text, a->rank, dims));
    return false;
}

lattn_tensor *lattn_reshape(lattn_ctx *ctx, lattn_tensor *x, int rank, const int64_t *dims)
{
    LAT_NEED_ARRAY(ctx, dims, rank);
    if (!x)
        return NULL;
    struct shape_attr a = { .rank = rank };
    if (!check_rank(ctx, "reshape", rank) || !fill_in(ctx, x, &a, dims))
        return NULL;
    return lat_apply(ctx, &lat_op_reshape, &x, 1, &a);
}

// ---- permute ----------------------------------------------------------------------------------

static lattn_status permute_infer(struct lat_call *c)
{
    const struct order_attr *a = c->attr;
    return view_out(c, lat_view_permute(c->in[0], a->order));
}

static lattn_tensor *permute_pass_grad(struct lat_call *c, int i)
{
    const struct order_attr *a = c->attr;
    int inverse[LATTN_MAX_RANK];
    for (int d = 0; d < c->in[i]->rank; d++)
        inverse[a->order[d]] = d;
    return lat_view_permute(c->grad_out[0], inverse);
}

const struct lat_op lat_op_permute = {
    .name = "permute",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct order_attr),
    .is_view = true,
    .infer = permute_infer,
    .pass_grad = permute_pass_grad,
};

lattn_tensor *lattn_permute(lattn_ctx *ctx, lattn_tensor *x, const int *order)
{
    LAT_NEED_ARG(ctx, order);
    if (!x)
        return NULL;
    struct order_attr a = { 0 };
    unsigned seen = 0;
    for (int d = 0; d < x->rank; d++) {
        a.order[d] = find_dim(ctx, "permute", x, order[d]);
        if (a.order[d] < 0)
            return NULL;
        seen |= 1u << a.order[d];
    }
    if (seen != (1u << x->rank) - 1)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "permute: the order names a dimension of %s twice", LAT_SHAPE(x));
    return lat_apply(ctx, &lat_op_permute, &x, 1, &a);
}

lattn_tensor *lattn_transpose(lattn_ctx *ctx, lattn_tensor *x, int a, int b)
{
    if (!x)
        return NULL;
    int first = find_dim(ctx, "transpose", x, a), second = find_dim(ctx, "transpose", x, b);
    if (first < 0 || second < 0)
        return NULL;
    if (first == second)
        return x;
    struct order_attr attr;
    for (int d = 0; d < LATTN_MAX_RANK; d++)
        attr.order[d] = d == first ? second : d == second ? first : d;
    return lat_apply(ctx, &lat_op_permute, &x, 1, &attr);
}

// ---- slice ------------------------------------------------------------------------------------

static lattn_status slice_infer(struct lat_call *c)
{
    const struct slice_attr *a = c->attr;
    return view_out(c, lat_view_slice(c->in[0], a->dim, a->start, a->count, a->step));
}

static lattn_status slice_backward(struct lat_call *c)
{
    const struct slice_attr *a = c->attr;
    lattn_tensor *g = c->grad_out[0], *dx = c->grad_in[0];
    lattn_tensor *part = lat_view_slice(dx, a->dim, a->start, a->count, a->step);
    if (!part)
        return c->ctx->error;
    if (!(c->accumulate & 1)) {
        LAT_TRY(lat_prim_fill(dx, 0));
        return lat_prim_copy(part, g);
    }
    if (lat_numel(part) == 0)
        return LATTN_OK;
    lattn_tensor *sum = lat_tensor_new(c->ctx, g->dtype, g->rank, g->dim);
    if (!sum)
        return c->ctx->error;
    LAT_TRY(lat_prim_copy(sum, part));
    LAT_TRY(lat_prim_accumulate(sum, g));
    return lat_prim_copy(part, sum);
}

const struct lat_op lat_op_slice = {
    .name = "slice",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct slice_attr),
    .can_accumulate = 1u << 0,
    .is_view = true,
    .infer = slice_infer,
    .backward = slice_backward,
};

// Python's rule: negative counts from the end, what is outside is cut off.
static int64_t clamp_index(int64_t i, int64_t size)
{
    if (i < 0)
        i = i < -size ? 0 : i + size;
    return LAT_MIN(i, size);
}

lattn_tensor *lattn_slice(
    lattn_ctx *ctx, lattn_tensor *x, int dim, int64_t start, int64_t end, int64_t step)
{
    if (!x)
        return NULL;
    int d = find_dim(ctx, "slice", x, dim);
    if (d < 0)
        return NULL;
    if (step < 1)
        return lat_fail(ctx, LATTN_ERR_ARG, "slice: step %lld must be >= 1", (long long) step);
    int64_t size = x->dim[d], first = clamp_index(start, size), last = clamp_index(end, size);
    int64_t length = last > first ? last - first : 0;
    struct slice_attr a = {
        .dim = d,
        .start = first,
        .count = length / step + (length % step > 0),
        .step = LAT_MIN(step, LAT_MAX(size, 1)),
    };
    return lat_apply(ctx, &lat_op_slice, &x, 1, &a);
}

lattn_tensor *lattn_select(lattn_ctx *ctx, lattn_tensor *x, int dim, int64_t index)
{
    if (!x)
        return NULL;
    int d = find_dim(ctx, "select", x, dim);
    if (d < 0)
        return NULL;
    int64_t size = x->dim[d];
    if (index < -size || index >= size)
        return lat_fail(ctx, LATTN_ERR_ARG, "select: index %lld is outside [%lld, %lld)",
            (long long) index, (long long) -size, (long long) size);
    struct slice_attr a = { d, index < 0 ? index + size : index, 1, 1 };
    x = lat_apply(ctx, &lat_op_slice, &x, 1, &a);
    if (!x)
        return NULL;
    struct shape_attr shape = { .rank = x->rank - 1 };
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = x->dim[i < d ? i : i + 1];
    return lat_apply(ctx, &lat_op_reshape, &x, 1, &shape);
}

// ---- expand -----------------------------------------------------------------------------------

static lattn_status expand_infer(struct lat_call *c)
{
    const struct shape_attr *a = c->attr;
    return view_out(c, lat_view_expand(c->in[0], a->rank, a->dim));
}

static lattn_status expand_backward(struct lat_call *c)
{
    return lat_sum_to(c->ctx, c->grad_out[0], c->grad_in[0], c->accumulate & 1);
}

const struct lat_op lat_op_expand = {
    .name = "expand",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct shape_attr),
    .can_accumulate = 1u << 0,
    .is_view = true,
    .infer = expand_infer,
    .backward = expand_backward,
};

lattn_tensor *lattn_expand(lattn_ctx *ctx, lattn_tensor *x, int rank, const int64_t *dims)
{
    LAT_NEED_ARRAY(ctx, dims, rank);
    if (!x || !check_rank(ctx, "expand", rank))
        return NULL;
    char text[LAT_SHAPE_TEXT];
    struct shape_attr a = { .rank = rank };
    int added = rank - x->rank;
    bool ok = added >= 0;
    for (int d = 0; d < rank && ok; d++) {
        int64_t size = d < added ? 1 : x->dim[d - added];
        a.dim[d] = dims[d] == -1 && d >= added ? size : dims[d];
        ok = a.dim[d] >= 0 && (size == a.dim[d] || size == 1);
    }
    if (!ok || lat_numel_of(rank, a.dim) < 0)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "expand: %s does not broadcast to %s", LAT_SHAPE(x),
            lat_shape_text(text, rank, dims));
    return lat_apply(ctx, &lat_op_expand, &x, 1, &a);
}
