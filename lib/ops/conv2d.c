// SPDX-License-Identifier: MIT
//
// Convolution in two dimensions, as networks mean it: a correlation.
//
//   forward    y = relu(x * weight + bias) or without relu
//   backward   g = dy where y > 0, dx, dw of conv.c, db = sum of g over images and positions
//
// Backward keeps x and the weight, and with ReLU y. conv1d is the same with one row.

#include "lattn/ops.h"
#include "ops/conv.h"

enum { X, WEIGHT, BIAS };  // inputs

// Zeros stand for defaults no more.
struct conv2d_attr {
    int64_t stride[2], padding[2], dilation[2], groups;
    bool same, relu;
};

static lattn_status refuse(struct lat_call *c, const char *what)
{
    const lattn_tensor *bias = c->in[BIAS];
    lat_fail(c->ctx, LATTN_ERR_SHAPE, "conv2d: x %s, weight %s, bias %s, groups %lld: %s",
        LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), bias ? LAT_SHAPE(bias) : "none",
        (long long) ((const struct conv2d_attr *) c->attr)->groups, what);
    return c->ctx->error;
}

static lattn_status check(struct lat_call *c)
{
    const struct conv2d_attr *a = c->attr;
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    LAT_TRY(lat_conv_check_dtypes(c));
    if (x->rank != 4 || w->rank != 4)
        return refuse(c, "x and weight need four dimensions");
    if (w->dim[0] % a->groups != 0)
        return refuse(c, "groups do not divide the channels of the result");
    if (x->dim[1] != w->dim[1] * a->groups)
        return refuse(c, "channels of x are not groups times those of weight");
    if (w->dim[2] < 1 || w->dim[3] < 1)
        return refuse(c, "the kernel is empty");
    if (b && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return refuse(c, "bias is not [channels of the result]");
    return LATTN_OK;
}

static struct lat_conv geometry(const struct lat_call *c)
{
    const struct conv2d_attr *a = c->attr;
    const int64_t *x = c->in[X]->dim, *w = c->in[WEIGHT]->dim;
    struct lat_conv cv = {
        .images = x[0],
        .groups = a->groups,
        .x_channels = x[1],
        .y_channels = w[0],
    };
    for (int d = 0; d < 2; d++) {
        int64_t reach = a->dilation[d] * (w[2 + d] - 1);
        cv.x_size[d] = x[2 + d];
        cv.kernel[d] = w[2 + d];
        cv.stride[d] = a->stride[d];
        cv.dilation[d] = a->dilation[d];
        cv.padding[d] = a->same ? reach / 2 : a->padding[d];
        int64_t room = cv.x_size[d] - reach - 1 + (a->same ? reach : 2 * a->padding[d]);
        cv.y_size[d] = room < 0 ? 0 : room / a->stride[d] + 1;
    }
    return cv;
}

static lattn_status infer(struct lat_call *c)
{
    static const char *const names[] = { "height", "width" };
    LAT_TRY(check(c));
    struct lat_conv cv = geometry(c);
    for (int d = 0; d < 2; d++) {
        if (cv.y_size[d] > 0)
            continue;
        long long h1 = cv.x_size[d], dil = cv.dilation[d], f = cv.kernel[d], p = cv.padding[d],
                  s = cv.stride[d];
        lat_fail(c->ctx, LATTN_ERR_SHAPE,
            "conv2d: x %s, weight %s: the kernel is longer than the padded %s: H2 = (H1 - D (F - "
            "1) "
            "- 1 + 2P)/S + 1 = (%lld - %lld (%lld - 1) - 1 + 2 * %lld)/%lld + 1 is below 1",
            LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), names[d], h1, dil, f, p, s);
        return c->ctx->error;
    }
    int64_t dims[] = { cv.images, cv.y_channels, cv.y_size[0], cv.y_size[1] };
    return lat_out(c, 0, c->in[X]->dtype, 4, dims);
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_conv cv = geometry(c);
    struct lat_conv_out y = {
        .t = c->out[0],
        .bias = c->in[BIAS],
        .relu = ((const struct conv2d_attr *) c->attr)->relu,
    };
    return lat_conv_forward(c->ctx, &cv, c->in[X], c->in[WEIGHT], &y);
}

static lattn_status backward(struct lat_call *c)
{
    struct lat_conv cv = geometry(c);
    return lat_conv_backward(c, &cv, ((const struct conv2d_attr *) c->attr)->relu, false);
}

// With ReLU backward needs y. One row of the op table: what differs is what the tape keeps.
#define CONV2D(name_, keep_out_)                                                                   \
    const struct lat_op name_ = {                                                                  \
        .name = "conv2d",                                                                          \
        .n_inputs = 3,                                                                             \
        .n_outputs = 1,                                                                            \
        .attr_bytes = sizeof(struct conv2d_attr),                                                  \
        .keep_in = 1u << X | 1u << WEIGHT,                                                         \
        .keep_out = keep_out_,                                                                     \
        .can_accumulate = 1u << X | 1u << WEIGHT | 1u << BIAS,                                     \
        .infer = infer,                                                                            \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
        .strategies = lat_wide_strategies,                                                         \
        .n_strategies = LAT_WIDE_STRATEGIES,                                                       \
    }
CONV2D(lat_op_conv2d, 0);
static CONV2D(conv2d_relu, 1);

// ---- arguments --------------------------------------------------------------------------------------

lattn_tensor *lattn_conv2d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv2d_params *params)
{
    static const lattn_conv2d_params none = { .groups = 1 };
    const lattn_conv2d_params *p = params ? params : &none;
    if (!x || !weight)
        return NULL;  // an earlier error; ctx has it
    struct lat_conv_numbers n = {
        .stride = { p->stride[0], p->stride[1] },
        .padding = { p->padding[0], p->padding[1] },
        .dilation = { p->dilation[0], p->dilation[1] },
        .groups = p->groups,
    };
    if (!lat_conv_defaults(ctx, "conv2d", &n))
        return NULL;
    if (p->same && (n.stride[0] != 1 || n.stride[1] != 1 || n.padding[0] || n.padding[1]))
        return lat_fail(ctx, LATTN_ERR_ARG,
            "conv2d: same is for stride 1 and no padding besides, not stride [%lld, %lld], padding "
            "[%lld, %lld]",
            (long long) n.stride[0], (long long) n.stride[1], (long long) n.padding[0],
            (long long) n.padding[1]);
    if (p->epilogue != LATTN_EPILOGUE_NONE && p->epilogue != LATTN_EPILOGUE_RELU)
        return lat_fail(ctx, LATTN_ERR_ARG, "conv2d: no epilogue %d", (int) p->epilogue);
    struct conv2d_attr attr = {
        .stride = { n.stride[0], n.stride[1] },
        .padding = { n.padding[0], n.padding[1] },
        .dilation = { n.dilation[0], n.dilation[1] },
        .groups = n.groups,
        .same = p->same,
        .relu = p->epilogue == LATTN_EPILOGUE_RELU,
    };
    lattn_tensor *in[] = { x, weight, bias };
    return lat_apply(ctx, attr.relu ? &conv2d_relu : &lat_op_conv2d, in, 3, &attr);
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
