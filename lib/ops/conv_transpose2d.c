// SPDX-License-Identifier: MIT
//
// Transposed convolution: what conv2d's backward makes of its gradient, as a layer.
//
//   forward    y = relu(input gradient of a conv2d at x + bias) or without relu
//   backward   g = dy where y > 0, dx = g * weight (a conv2d), dw = weight gradient at source g and
//              gradient x, db = sum of g over images and positions
//
// So the kernels are those of conv.c, where the result here is called x and x is called y. Backward
// keeps x and the weight, and with ReLU y.

#include "lattn/ops.h"
#include "ops/conv.h"

enum { X, WEIGHT, BIAS };  // inputs

struct transpose_attr {
    struct lat_conv_numbers n;
    int64_t output_padding[2];
    bool relu;
};

static lattn_status refuse(struct lat_call *c, const char *what)
{
    const lattn_tensor *bias = c->in[BIAS];
    lat_fail(c->ctx, LATTN_ERR_SHAPE, "conv_transpose2d: x %s, weight %s, bias %s, groups %lld: %s",
        LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), bias ? LAT_SHAPE(bias) : "none",
        (long long) ((const struct transpose_attr *) c->attr)->n.groups, what);
    return c->ctx->error;
}

static lattn_status check(struct lat_call *c)
{
    const struct transpose_attr *a = c->attr;
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    LAT_TRY(lat_conv_check_dtypes(c));
    if (x->rank != 4 || w->rank != 4)
        return refuse(c, "x and weight need four dimensions");
    if (x->dim[1] != w->dim[0])
        return refuse(c, "channels of x and weight differ");
    if (x->dim[1] % a->n.groups != 0)
        return refuse(c, "groups do not divide the channels of x");
    if (w->dim[2] < 1 || w->dim[3] < 1)
        return refuse(c, "the kernel is empty");
    if (b && (b->rank != 1 || b->dim[0] != w->dim[1] * a->n.groups))
        return refuse(c, "bias is not [channels of the result]");
    return LATTN_OK;
}

static struct lat_conv geometry(const struct lat_call *c)
{
    const struct transpose_attr *a = c->attr;
    const int64_t *x = c->in[X]->dim, *w = c->in[WEIGHT]->dim;
    struct lat_conv cv = {
        .images = x[0],
        .groups = a->n.groups,
        .x_channels = w[1] * a->n.groups,
        .y_channels = x[1],
    };
    cv.y_size[LAT_DEPTH] = cv.x_size[LAT_DEPTH] = cv.kernel[LAT_DEPTH] = 1;
    cv.stride[LAT_DEPTH] = cv.dilation[LAT_DEPTH] = 1;
    for (int d = LAT_HEIGHT; d < LAT_CONV_DIMS; d++) {
        cv.y_size[d] = x[1 + d];
        cv.kernel[d] = w[1 + d];
        cv.stride[d] = a->n.stride[d];
        cv.dilation[d] = a->n.dilation[d];
        cv.padding[d] = a->n.padding[d];
        cv.x_size[d] = (cv.y_size[d] - 1) * cv.stride[d] - 2 * cv.padding[d] +
                       cv.dilation[d] * (cv.kernel[d] - 1) + a->output_padding[d - 1] + 1;
    }
    return cv;
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(check(c));
    struct lat_conv cv = geometry(c);
    for (int d = LAT_HEIGHT; d < LAT_CONV_DIMS; d++) {
        if (cv.x_size[d] > 0 && cv.y_size[d] > 0)
            continue;
        long long h1 = cv.y_size[d], s = cv.stride[d], p = cv.padding[d], dil = cv.dilation[d],
                  f = cv.kernel[d],
                  more = ((const struct transpose_attr *) c->attr)->output_padding[d - 1];
        lat_fail(c->ctx, LATTN_ERR_SHAPE,
            "conv_transpose2d: x %s, weight %s: the %s is H2 = (H1 - 1) S - 2P + D (F - 1) + "
            "output_padding + 1 = (%lld - 1) %lld - 2 * %lld + %lld (%lld - 1) + %lld + 1; H1 and "
            "H2 "
            "must be at least 1",
            LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), lat_conv_dim_names[d], h1, s, p, dil, f,
            more);
        return c->ctx->error;
    }
    int64_t dims[] = { cv.images, cv.x_channels, cv.x_size[LAT_HEIGHT], cv.x_size[LAT_WIDTH] };
    return lat_out(c, 0, c->in[X]->dtype, 4, dims);
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_conv cv = geometry(c);
    struct lat_conv_out y = {
        .t = c->out[0],
        .bias = c->in[BIAS],
        .relu = ((const struct transpose_attr *) c->attr)->relu,
    };
    return lat_conv_input(c->ctx, &cv, c->in[X], c->in[WEIGHT], &y);
}

static lattn_status backward(struct lat_call *c)
{
    struct lat_conv cv = geometry(c);
    return lat_conv_backward(c, &cv, ((const struct transpose_attr *) c->attr)->relu, true);
}

// As in conv2d.c: what differs is what the tape keeps.
#define TRANSPOSE(name_, keep_out_)                                                                \
    const struct lat_op name_ = {                                                                  \
        .name = "conv_transpose2d",                                                                \
        .n_inputs = 3,                                                                             \
        .n_outputs = 1,                                                                            \
        .attr_bytes = sizeof(struct transpose_attr),                                               \
        .keep_in = 1u << X | 1u << WEIGHT,                                                         \
        .keep_out = keep_out_,                                                                     \
        .can_accumulate = 1u << X | 1u << WEIGHT | 1u << BIAS,                                     \
        .infer = infer,                                                                            \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
        .strategies = lat_conv_strategies,                                                         \
        .n_strategies = LAT_CONV_STRATEGIES,                                                       \
        .typical = LAT_CONV_TYPICAL,                                                               \
    }
TRANSPOSE(lat_op_conv_transpose2d, 0);
static TRANSPOSE(transpose_relu, 1);

lattn_tensor *lattn_conv_transpose2d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv_transpose2d_params *params)
{
    static const lattn_conv_transpose2d_params none = { .groups = 1 };
    const lattn_conv_transpose2d_params *p = params ? params : &none;
    if (!x || !weight)
        return NULL;  // an earlier error; ctx has it
    struct transpose_attr attr = {
        .n = {
            .stride = { 1, p->stride[0], p->stride[1] },
            .padding = { 0, p->padding[0], p->padding[1] },
            .dilation = { 1, p->dilation[0], p->dilation[1] },
            .groups = p->groups,
        },
        .output_padding = { p->output_padding[0], p->output_padding[1] },
        .relu = p->epilogue == LATTN_EPILOGUE_RELU,
    };
    if (!lat_conv_defaults(ctx, "conv_transpose2d", &attr.n))
        return NULL;
    for (int d = 0; d < 2; d++)
        if (p->output_padding[d] < 0 ||
            p->output_padding[d] >= LAT_MAX(attr.n.stride[d + 1], attr.n.dilation[d + 1]))
            return lat_fail(ctx, LATTN_ERR_ARG,
                "conv_transpose2d: output_padding %lld is not below stride %lld or dilation %lld",
                (long long) p->output_padding[d], (long long) attr.n.stride[d + 1],
                (long long) attr.n.dilation[d + 1]);
    if (p->epilogue != LATTN_EPILOGUE_NONE && p->epilogue != LATTN_EPILOGUE_RELU)
        return lat_fail(ctx, LATTN_ERR_ARG, "conv_transpose2d: no epilogue %d", (int) p->epilogue);
    lattn_tensor *in[] = { x, weight, bias };
    return lat_apply(ctx, attr.relu ? &transpose_relu : &lat_op_conv_transpose2d, in, 3, &attr);
}
