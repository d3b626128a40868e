// SPDX-License-Identifier: MIT
//
// Convolution layers: the ops with a weight and a bias, named, laid out and started as PyTorch's: both
// uniform in 1/sqrt(fan_in), which is its kaiming_uniform with a = sqrt(5).

#include <math.h>
#include <stdio.h>
#include "nn/module.h"

static const char conv1d_kind[] = "conv1d", conv2d_kind[] = "conv2d", conv3d_kind[] = "conv3d",
                  transpose_kind[] = "conv_transpose2d";

struct conv {
    lattn_tensor *weight, *bias;  // lent by the tree
    lattn_conv1d_params one;      // of the kind that it is
    lattn_conv2d_params two;
    lattn_conv3d_params three;
    lattn_conv_transpose2d_params transpose;
};

// What the kinds have in common: a weight of rank dimensions and a bias.
struct shape {
    const char *kind;
    int rank;
    int64_t dims[5];
    int64_t out_channels;
    bool no_bias;
    lattn_dtype dtype;
    const lattn_init *init;  // NULL = PyTorch's
};

static lattn_status add_parameters(lattn_module *m, const struct shape *s)
{
    struct conv *conv = m->data;
    double fan_in = 1;
    for (int d = 1; d < s->rank; d++)
        fan_in *= (double) s->dims[d];
    lattn_init uniform = { LATTN_INIT_UNIFORM, (float) (1.0 / sqrt(fan_in)) };
    lattn_init zeros = { LATTN_INIT_ZEROS, 0 };
    lattn_parameter_params weight = {
        .dtype = s->dtype,
        .rank = s->rank,
        .dims = s->dims,
        .init = s->init ? *s->init : uniform,
    };
    lattn_parameter_params bias = {
        .dtype = s->dtype,
        .rank = 1,
        .dims = &s->out_channels,
        .init = s->init ? zeros : uniform,
        .no_decay = true,
    };
    LAT_TRY(lattn_module_add_parameter(m, "weight", &weight, &conv->weight));
    return s->no_bias ? LATTN_OK : lattn_module_add_parameter(m, "bias", &bias, &conv->bias);
}

static lattn_status create(lattn_ctx *ctx, const struct shape *s, lattn_module **out)
{
    LAT_TRY(lat_module_new(ctx, s->kind, sizeof(struct conv), out));
    lattn_status st = add_parameters(*out, s);
    if (st)
        lattn_module_destroy(out);
    return st;
}

// groups: 0 has become 1. depth: of the kernel, 1 for all but volumes.
static lattn_status check(const char *kind, int64_t in, int64_t out, int64_t groups, int64_t depth,
    const int64_t kernel[2])
{
    if (in < 1 || out < 1 || depth < 1 || kernel[0] < 1 || kernel[1] < 1) {
        char of_depth[32] = "";
        if (kind == conv3d_kind)
            snprintf(of_depth, sizeof of_depth, "%lld x ", (long long) depth);
        return lat_err(LATTN_ERR_ARG,
            "%s: in_channels %lld, out_channels %lld and kernel size %s%lld x %lld must be >= 1",
            kind, (long long) in, (long long) out, of_depth, (long long) kernel[0],
            (long long) kernel[1]);
    }
    if (groups < 1 || in % groups != 0 || out % groups != 0)
        return lat_err(LATTN_ERR_ARG,
            "%s: groups %lld do not divide in_channels %lld and out_channels %lld", kind,
            (long long) groups, (long long) in, (long long) out);
    return LATTN_OK;
}

static int64_t or_1(int64_t v)
{
    return v ? v : 1;
}

lattn_status lattn_conv2d_create(
    lattn_ctx *ctx, const lattn_conv2d_layer_params *p, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(p);
    int64_t groups = or_1(p->conv.groups);
    int64_t kernel[] = { p->kernel_size[0],
        p->kernel_size[1] ? p->kernel_size[1] : p->kernel_size[0] };
    LAT_TRY(check(conv2d_kind, p->in_channels, p->out_channels, groups, 1, kernel));
    struct shape shape = {
        .kind = conv2d_kind,
        .rank = 4,
        .dims = { p->out_channels, p->in_channels / groups, kernel[0], kernel[1] },
        .out_channels = p->out_channels,
        .no_bias = p->no_bias,
        .dtype = p->dtype,
        .init = p->has_init ? &p->init : NULL,
    };
    LAT_TRY(create(ctx, &shape, out));
    ((struct conv *) (*out)->data)->two = p->conv;
    (*out)->forward = lattn_conv2d_forward;
    return LATTN_OK;
}

lattn_tensor *lattn_conv2d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct conv *c = lat_module_data(ctx, m, conv2d_kind);
    return c ? lattn_conv2d(ctx, x, c->weight, c->bias, &c->two) : NULL;
}

lattn_status lattn_conv1d_create(
    lattn_ctx *ctx, const lattn_conv1d_layer_params *p, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(p);
    int64_t groups = or_1(p->conv.groups);
    LAT_TRY(check(
        conv1d_kind, p->in_channels, p->out_channels, groups, 1, (int64_t[]){ 1, p->kernel_size }));
    struct shape shape = {
        .kind = conv1d_kind,
        .rank = 3,
        .dims = { p->out_channels, p->in_channels / groups, p->kernel_size },
        .out_channels = p->out_channels,
        .no_bias = p->no_bias,
        .dtype = p->dtype,
        .init = p->has_init ? &p->init : NULL,
    };
    LAT_TRY(create(ctx, &shape, out));
    ((struct conv *) (*out)->data)->one = p->conv;
    (*out)->forward = lattn_conv1d_forward;
    return LATTN_OK;
}

lattn_tensor *lattn_conv1d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct conv *c = lat_module_data(ctx, m, conv1d_kind);
    return c ? lattn_conv1d(ctx, x, c->weight, c->bias, &c->one) : NULL;
}

lattn_status lattn_conv3d_create(
    lattn_ctx *ctx, const lattn_conv3d_layer_params *p, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(p);
    int64_t groups = or_1(p->conv.groups), depth = p->kernel_size[0];
    bool cube = p->kernel_size[1] == 0 && p->kernel_size[2] == 0;
    int64_t kernel[] = { cube ? depth : p->kernel_size[1], cube ? depth : p->kernel_size[2] };
    LAT_TRY(check(conv3d_kind, p->in_channels, p->out_channels, groups, depth, kernel));
    struct shape shape = {
        .kind = conv3d_kind,
        .rank = 5,
        .dims = { p->out_channels, p->in_channels / groups, depth, kernel[0], kernel[1] },
        .out_channels = p->out_channels,
        .no_bias = p->no_bias,
        .dtype = p->dtype,
        .init = p->has_init ? &p->init : NULL,
    };
    LAT_TRY(create(ctx, &shape, out));
    ((struct conv *) (*out)->data)->three = p->conv;
    (*out)->forward = lattn_conv3d_forward;
    return LATTN_OK;
}

lattn_tensor *lattn_conv3d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct conv *c = lat_module_data(ctx, m, conv3d_kind);
    return c ? lattn_conv3d(ctx, x, c->weight, c->bias, &c->three) : NULL;
}

lattn_status lattn_conv_transpose2d_create(
    lattn_ctx *ctx, const lattn_conv_transpose2d_layer_params *p, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(p);
    int64_t groups = or_1(p->conv.groups);
    int64_t kernel[] = { p->kernel_size[0],
        p->kernel_size[1] ? p->kernel_size[1] : p->kernel_size[0] };
    LAT_TRY(check(transpose_kind, p->in_channels, p->out_channels, groups, 1, kernel));
    struct shape shape = {
        .kind = transpose_kind,
        .rank = 4,
        .dims = { p->in_channels, p->out_channels / groups, kernel[0], kernel[1] },
        .out_channels = p->out_channels,
        .no_bias = p->no_bias,
        .dtype = p->dtype,
        .init = p->has_init ? &p->init : NULL,
    };
    LAT_TRY(create(ctx, &shape, out));
    ((struct conv *) (*out)->data)->transpose = p->conv;
    (*out)->forward = lattn_conv_transpose2d_forward;
    return LATTN_OK;
}

lattn_tensor *lattn_conv_transpose2d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct conv *c = lat_module_data(ctx, m, transpose_kind);
    return c ? lattn_conv_transpose2d(ctx, x, c->weight, c->bias, &c->transpose) : NULL;
}
