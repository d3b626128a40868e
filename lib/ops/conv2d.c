// SPDX-License-Identifier: MIT
//
// Convolution in two and three dimensions, as networks mean it: a correlation.
//
//   forward    y = relu(x * weight + bias) or without relu
//   backward   g = dy where y > 0, dx, dw of conv.c, db = sum of g over images and positions
//
// Backward keeps x and the weight, and with ReLU y. conv1d is conv2d with one row.

#include "lattn/ops.h"
#include "ops/conv.h"

enum { X, WEIGHT, BIAS };  // inputs

// Zeros stand for defaults no more. The first dimension is LAT_DEPTH or LAT_HEIGHT.
struct conv_attr {
    struct lat_conv_numbers n;
    int first_dim;
    bool same, relu;
};

static lattn_status refuse(struct lat_call *c, const char *what)
{
    const lattn_tensor *bias = c->in[BIAS];
    lat_fail(c->ctx, LATTN_ERR_SHAPE, "%s: x %s, weight %s, bias %s, groups %lld: %s", c->op_name,
        LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), bias ? LAT_SHAPE(bias) : "none",
        (long long) ((const struct conv_attr *) c->attr)->n.groups, what);
    return c->ctx->error;
}

static lattn_status check(struct lat_call *c)
{
    const struct conv_attr *a = c->attr;
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    int rank = 2 + LAT_CONV_DIMS - a->first_dim;
    LAT_TRY(lat_conv_check_dtypes(c));
    if (x->rank != rank || w->rank != rank)
        return refuse(c,
            rank == 4 ? "x and weight need four dimensions" : "x and weight need five dimensions");
    if (w->dim[0] % a->n.groups != 0)
        return refuse(c, "groups do not divide the channels of the result");
    if (x->dim[1] != w->dim[1] * a->n.groups)
        return refuse(c, "channels of x are not groups times those of weight");
    for (int d = 2; d < rank; d++)
        if (w->dim[d] < 1)
            return refuse(c, "the kernel is empty");
    if (b && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return refuse(c, "bias is not [channels of the result]");
    return LATTN_OK;
}

static struct lat_conv geometry(const struct lat_call *c)
{
    const struct conv_attr *a = c->attr;
    const int64_t *x = c->in[X]->dim, *w = c->in[WEIGHT]->dim;
    struct lat_conv cv = {
        .images = x[0],
        .groups = a->n.groups,
        .x_channels = x[1],
        .y_channels = w[0],
    };
    for (int d = 0; d < LAT_CONV_DIMS; d++) {
        int at = 2 + d - a->first_dim;
        cv.x_size[d] = d < a->first_dim ? 1 : x[at];
        cv.kernel[d] = d < a->first_dim ? 1 : w[at];
        cv.stride[d] = a->n.stride[d];
        cv.dilation[d] = a->n.dilation[d];
        int64_t reach = cv.dilation[d] * (cv.kernel[d] - 1);
        cv.padding[d] = a->same ? reach / 2 : a->n.padding[d];
        int64_t room = cv.x_size[d] - reach - 1 + (a->same ? reach : 2 * cv.padding[d]);
        cv.y_size[d] = room < 0 ? 0 : room / cv.stride[d] + 1;
    }
    return cv;
}

static lattn_status infer(struct lat_call *c)
{
    const struct conv_attr *a = c->attr;
    LAT_TRY(check(c));
    struct lat_conv cv = geometry(c);
    int64_t dims[2 + LAT_CONV_DIMS] = { cv.images, cv.y_channels };
    for (int d = a->first_dim; d < LAT_CONV_DIMS; d++) {
        dims[2 + d - a->first_dim] = cv.y_size[d];
        if (cv.y_size[d] > 0)
            continue;
        long long h1 = cv.x_size[d], dil = cv.dilation[d], f = cv.kernel[d], p = cv.padding[d],
                  s = cv.stride[d];
        lat_fail(c->ctx, LATTN_ERR_SHAPE,
            "%s: x %s, weight %s: the kernel is longer than the padded %s: H2 = (H1 - D (F - "
            "1) "
            "- 1 + 2P)/S + 1 = (%lld - %lld (%lld - 1) - 1 + 2 * %lld)/%lld + 1 is below 1",
            c->op_name, LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), lat_conv_dim_names[d], h1,
            dil, f, p, s);
        return c->ctx->error;
    }
    return lat_out(c, 0, c->in[X]->dtype, c->in[X]->rank, dims);
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_conv cv = geometry(c);
    struct lat_conv_out y = {
        .t = c->out[0],
        .bias = c->in[BIAS],
        .relu = ((const struct conv_attr *) c->attr)->relu,
    };
    return lat_conv_forward(c->ctx, &cv, c->in[X], c->in[WEIGHT], &y);
}

static lattn_status backward(struct lat_call *c)
{
    struct lat_conv cv = geometry(c);
    return lat_conv_backward(c, &cv, ((const struct conv_attr *) c->attr)->relu, false);
}

// One row of the op table for each name: what differs besides is what the tape keeps, because with ReLU
// backward needs y. The input gradient of a volume is put together from images and cannot add up.
#define CONV(op_, name_, keep_out_, accumulate_)                                                   \
    const struct lat_op op_ = {                                                                    \
        .name = name_,                                                                             \
        .n_inputs = 3,                                                                             \
        .n_outputs = 1,                                                                            \
        .attr_bytes = sizeof(struct conv_attr),                                                    \
        .keep_in = 1u << X | 1u << WEIGHT,                                                         \
        .keep_out = keep_out_,                                                                     \
        .can_accumulate = accumulate_,                                                             \
        .infer = infer,                                                                            \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
        .strategies = lat_conv_strategies,                                                         \
        .n_strategies = LAT_CONV_STRATEGIES,                                                       \
        .typical = LAT_CONV_TYPICAL,                                                               \
    }
CONV(lat_op_conv2d, "conv2d", 0, 1u << X | 1u << WEIGHT | 1u << BIAS);
static CONV(conv2d_relu, "conv2d", 1, 1u << X | 1u << WEIGHT | 1u << BIAS);
CONV(lat_op_conv3d, "conv3d", 0, 1u << WEIGHT | 1u << BIAS);
static CONV(conv3d_relu, "conv3d", 1, 1u << WEIGHT | 1u << BIAS);

// ---- arguments --------------------------------------------------------------------------------------

// op[1] is the one with ReLU.
static lattn_tensor *apply(lattn_ctx *ctx, const struct lat_op *const op[2],
    lattn_tensor *const in[3], struct conv_attr *attr, lattn_epilogue epilogue)
{
    const char *name = op[0]->name;
    struct lat_conv_numbers *n = &attr->n;
    if (!in[X] || !in[WEIGHT])
        return NULL;  // an earlier error; ctx has it
    if (!lat_conv_defaults(ctx, name, n))
        return NULL;
    for (int d = attr->first_dim; d < LAT_CONV_DIMS && attr->same; d++)
        if (n->stride[d] != 1 || n->padding[d] != 0)
            return lat_fail(ctx, LATTN_ERR_ARG,
                "%s: same is for stride 1 and no padding besides, not stride %lld and padding %lld "
                "of the %s",
                name, (long long) n->stride[d], (long long) n->padding[d], lat_conv_dim_names[d]);
    if (epilogue != LATTN_EPILOGUE_NONE && epilogue != LATTN_EPILOGUE_RELU)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: no epilogue %d", name, (int) epilogue);
    attr->relu = epilogue == LATTN_EPILOGUE_RELU;
    return lat_apply(ctx, op[attr->relu], in, 3, attr);
}

lattn_tensor *lattn_conv2d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv2d_params *params)
{
    static const struct lat_op *const ops[] = { &lat_op_conv2d, &conv2d_relu };
    static const lattn_conv2d_params none = { .groups = 1 };
    const lattn_conv2d_params *p = params ? params : &none;
    struct conv_attr attr = {
        .n = {
            .stride = { 1, p->stride[0], p->stride[1] },
            .padding = { 0, p->padding[0], p->padding[1] },
            .dilation = { 1, p->dilation[0], p->dilation[1] },
            .groups = p->groups,
        },
        .first_dim = LAT_HEIGHT,
        .same = p->same,
    };
    lattn_tensor *in[] = { x, weight, bias };
    return apply(ctx, ops, in, &attr, p->epilogue);
}

lattn_tensor *lattn_conv3d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv3d_params *params)
{
    static const struct lat_op *const ops[] = { &lat_op_conv3d, &conv3d_relu };
    static const lattn_conv3d_params none = { .groups = 1 };
    const lattn_conv3d_params *p = params ? params : &none;
    struct conv_attr attr = {
        .n = {
            .stride = { p->stride[0], p->stride[1], p->stride[2] },
            .padding = { p->padding[0], p->padding[1], p->padding[2] },
            .dilation = { p->dilation[0], p->dilation[1], p->dilation[2] },
            .groups = p->groups,
        },
        .first_dim = LAT_DEPTH,
        .same = p->same,
    };
    lattn_tensor *in[] = { x, weight, bias };
    return apply(ctx, ops, in, &attr, p->epilogue);
}

// ---- one dimension ----------------------------------------------------------------------------------

static lattn_tensor *with_a_row(lattn_ctx *ctx, lattn_tensor *t)
{
    return lattn_reshape(ctx, t, 4, (int64_t[]){ t->dim[0], t->dim[1], 1, t->dim[2] });
}

lattn_tensor *lattn_conv1d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv1d_params *params)
{
    static const lattn_conv1d_params none = { .groups = 1 };
    const lattn_conv1d_params *p = params ? params : &none;
    if (!x || !weight)
        return NULL;  // an earlier error; ctx has it
    if (x->rank != 3 || weight->rank != 3)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "conv1d: x %s and weight %s need three dimensions",
            LAT_SHAPE(x), LAT_SHAPE(weight));
    lattn_conv2d_params flat = {
        .stride = { 1, p->stride },
        .padding = { 0, p->padding },
        .dilation = { 1, p->dilation },
        .groups = p->groups,
        .same = p->same,
        .epilogue = p->epilogue,
    };
    lattn_tensor *y = lattn_conv2d(ctx, with_a_row(ctx, x), with_a_row(ctx, weight), bias, &flat);
    return y ? lattn_reshape(ctx, y, 3, (int64_t[]){ y->dim[0], y->dim[1], y->dim[3] }) : NULL;
}
