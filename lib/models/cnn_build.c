// SPDX-License-Identifier: MIT
//
// Text of layers to a tree of modules. The shape of a sample is followed along the way, so that linear
// layers know their width and errors name the layer that does not fit.

#include "models/cnn_build.h"
#include <math.h>
#include <stdio.h>

struct builder {
    lattn_ctx *ctx;
    lattn_module *seq;
    struct lat_cnn_shape *shape;
    int number;         // of the layer, for errors
    int next;           // number of the next child
    bool relu_follows;  // behind this bn
};

// ---- convolution and norm -------------------------------------------------------------------------

lattn_status lat_cnn_conv_create(
    lattn_ctx *ctx, const struct lat_cnn_conv *conv, lattn_module **out)
{
    int64_t pad = (conv->kernel - 1) / 2, stride = conv->stride ? conv->stride : 1;
    lattn_conv2d_layer_params params = {
        .in_channels = conv->in,
        .out_channels = conv->out,
        .kernel_size = { conv->kernel },
        .conv = { .stride = { stride, stride }, .padding = { pad, pad }, .groups = conv->groups },
        .no_bias = true,
        // sqrt(2 / fan_out): torchvision's kaiming_normal_(mode="fan_out").
        .init = { LATTN_INIT_NORMAL, sqrtf(2.0f * (float) LAT_MAX(conv->groups, 1) /
                                           (float) (conv->out * conv->kernel * conv->kernel)) },
        .has_init = true,
    };
    return lattn_conv2d_create(ctx, &params, out);
}

lattn_status lat_cnn_bn_create(lattn_ctx *ctx, const struct lat_cnn_conv *conv, lattn_module **out)
{
    lattn_batch_norm_params params = { .num_features = conv->out, .relu = conv->relu };
    return lattn_batch_norm_create(ctx, &params, out);
}

// ---- residual blocks ------------------------------------------------------------------------------

struct residual {
    lattn_module *body, *shortcut;
};

static lattn_tensor *residual_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct residual *r = m->data;
    lattn_tensor *y = lattn_module_forward(ctx, r->body, x);
    return lattn_add(ctx, y, r->shortcut ? lattn_module_forward(ctx, r->shortcut, x) : x);
}

lattn_status lat_cnn_residual_create(lattn_module *body, lattn_module *shortcut, lattn_module **out)
{
    lattn_status st = lat_module_new(body->ctx, "residual", sizeof(struct residual), out);
    if (st) {
        lattn_module_destroy(&body);
        lattn_module_destroy(&shortcut);
        return st;
    }
    *(struct residual *) (*out)->data = (struct residual){ body, shortcut };
    (*out)->forward = residual_forward;
    st = lattn_module_add(*out, "body", body);
    if (!shortcut)
        return st;
    lattn_status second = lattn_module_add(*out, "shortcut", shortcut);
    return st ? st : second;
}

// ---- layers of text -------------------------------------------------------------------------------

static lattn_status give(struct builder *b, lattn_module *child)
{
    char name[16];
    snprintf(name, sizeof name, "%d", b->next++);
    return lattn_module_add(b->seq, name, child);
}

static lattn_status needs_image(const struct builder *b, const struct lat_cnn_layer *layer)
{
    return lat_err(LATTN_ERR_FORMAT, "layers: layer %d: %s needs an image, here it is flat (%lld)",
        b->number, lat_cnn_word(layer->kind), (long long) b->shape->C);
}

static lattn_status does_not_fit(
    const struct builder *b, const struct lat_cnn_layer *layer, const int64_t pad[2])
{
    const struct lat_cnn_shape *s = b->shape;
    int side = s->H - layer->kernel[0] + 2 * pad[0] < 0 ? 0 : 1;
    return lat_err(LATTN_ERR_FORMAT,
        "layers: layer %d: %s of kernel %lldx%lld does not fit %lldx%lld: (H1 - F + 2P)/S + 1 with "
        "H1 = %lld, F = %lld, P = %lld, S = %lld is less than 1",
        b->number, lat_cnn_word(layer->kind), (long long) layer->kernel[0],
        (long long) layer->kernel[1], (long long) s->H, (long long) s->W,
        (long long) (side ? s->W : s->H), (long long) layer->kernel[side], (long long) pad[side],
        (long long) layer->stride);
}

// What a window does to height and width.
static lattn_status slide(
    struct builder *b, const struct lat_cnn_layer *layer, const int64_t pad[2])
{
    struct lat_cnn_shape *s = b->shape;
    int64_t h = s->H - layer->kernel[0] + 2 * pad[0], w = s->W - layer->kernel[1] + 2 * pad[1];
    if (s->flat)
        return needs_image(b, layer);
    if (h < 0 || w < 0)
        return does_not_fit(b, layer, pad);
    s->H = h / layer->stride + 1;
    s->W = w / layer->stride + 1;
    return LATTN_OK;
}

static lattn_status add_conv(struct builder *b, const struct lat_cnn_layer *layer)
{
    int64_t pad[2] = { layer->padding, layer->padding };
    for (int i = 0; i < 2; i++)
        if (pad[i] < 0)
            pad[i] = (layer->kernel[i] - 1) / 2;
    lattn_conv2d_layer_params params = {
        .in_channels = b->shape->C,
        .out_channels = layer->channels,
        .kernel_size = { layer->kernel[0], layer->kernel[1] },
        .conv = { .stride = { layer->stride, layer->stride },
            .padding = { pad[0], pad[1] },
            .groups = layer->groups },
        .no_bias = layer->no_bias,
    };
    lattn_module *m = NULL;
    LAT_TRY(slide(b, layer, pad));
    if (b->shape->C % layer->groups || layer->channels % layer->groups)
        return lat_err(LATTN_ERR_FORMAT,
            "layers: layer %d: groups=%lld do not divide %lld channels in and %lld out", b->number,
            (long long) layer->groups, (long long) b->shape->C, (long long) layer->channels);
    b->shape->C = layer->channels;
    LAT_TRY(lattn_conv2d_create(b->ctx, &params, &m));
    return give(b, m);
}

static lattn_status add_pool(struct builder *b, const struct lat_cnn_layer *layer)
{
    int64_t pad[2] = { layer->padding, layer->padding };
    lattn_pool2d_args args = {
        .kernel = { layer->kernel[0], layer->kernel[1] },
        .stride = { layer->stride, layer->stride },
        .padding = { pad[0], pad[1] },
    };
    lattn_module *m = NULL;
    LAT_TRY(slide(b, layer, pad));
    LAT_TRY(layer->kind == LAT_CNN_MAXPOOL ? lattn_max_pool2d_create(b->ctx, &args, &m)
                                           : lattn_avg_pool2d_create(b->ctx, &args, &m));
    return give(b, m);
}

static lattn_status add_globalpool(struct builder *b, const struct lat_cnn_layer *layer)
{
    lattn_module *m = NULL;
    if (b->shape->flat)
        return needs_image(b, layer);
    b->shape->H = b->shape->W = 1;
    LAT_TRY(lattn_adaptive_avg_pool2d_create(b->ctx, 1, 1, &m));
    return give(b, m);
}

static lattn_status add_flatten(struct builder *b, const struct lat_cnn_layer *layer)
{
    (void) layer;
    struct lat_cnn_shape *s = b->shape;
    lattn_module *m = NULL;
    if (s->flat)
        return LATTN_OK;
    s->C *= s->H * s->W;
    s->H = s->W = 1;
    s->flat = true;
    LAT_TRY(lattn_flatten_create(b->ctx, &m));
    return give(b, m);
}

static lattn_status add_fc(struct builder *b, const struct lat_cnn_layer *layer)
{
    lattn_module *m = NULL;
    LAT_TRY(add_flatten(b, layer));
    lattn_linear_params params = {
        .in_features = b->shape->C,
        .out_features = layer->channels,
        .no_bias = layer->no_bias,
    };
    b->shape->C = layer->channels;
    LAT_TRY(lattn_linear_create(b->ctx, &params, &m));
    return give(b, m);
}

// With a ReLU behind it that takes no further pass; its number is left out.
static lattn_status add_bn(struct builder *b, const struct lat_cnn_layer *layer)
{
    (void) layer;
    lattn_batch_norm_params params = { .num_features = b->shape->C, .relu = b->relu_follows };
    lattn_module *m = NULL;
    LAT_TRY(lattn_batch_norm_create(b->ctx, &params, &m));
    LAT_TRY(give(b, m));
    b->next += b->relu_follows;
    return LATTN_OK;
}

static lattn_status fill_shortcut(lattn_module *seq, const struct lat_cnn_conv *conv)
{
    lattn_module *m = NULL;
    LAT_ADOPT(seq, "0", lat_cnn_conv_create(seq->ctx, conv, &m), m);
    LAT_ADOPT(seq, "1", lat_cnn_bn_create(seq->ctx, conv, &m), m);
    return LATTN_OK;
}

// A 1x1 convolution and a norm where the body changes the shape.
static lattn_status make_shortcut(
    struct builder *b, const struct lat_cnn_shape *from, lattn_module **out)
{
    const struct lat_cnn_shape *to = b->shape;
    *out = NULL;
    if (from->C == to->C && from->H == to->H && from->W == to->W)
        return LATTN_OK;
    int64_t stride = from->H / LAT_MAX(to->H, 1);
    struct lat_cnn_conv conv = { .in = from->C, .out = to->C, .kernel = 1, .stride = stride };
    if (from->flat || to->flat || stride < 1 || (from->H - 1) / stride + 1 != to->H ||
        (from->W - 1) / stride + 1 != to->W)
        return lat_err(LATTN_ERR_FORMAT,
            "layers: layer %d: res(...) makes [%lld, %lld, %lld] of [%lld, %lld, %lld], which no "
            "1x1 shortcut does",
            b->number, (long long) to->C, (long long) to->H, (long long) to->W, (long long) from->C,
            (long long) from->H, (long long) from->W);
    LAT_TRY(lattn_sequential_create(b->ctx, out));
    lattn_status st = fill_shortcut(*out, &conv);
    if (st)
        lattn_module_destroy(out);
    return st;
}

static lattn_status add_res(struct builder *b, const struct lat_cnn_layer *layer)
{
    struct lat_cnn_shape from = *b->shape;
    lattn_module *body = NULL, *shortcut = NULL, *m = NULL;
    LAT_TRY(lattn_sequential_create(b->ctx, &body));
    lattn_status st = lat_cnn_add_layers(body, &layer->body, b->shape);
    if (!st)
        st = make_shortcut(b, &from, &shortcut);
    if (st) {
        lattn_module_destroy(&body);
        return st;
    }
    LAT_TRY(lat_cnn_residual_create(body, shortcut, &m));
    return give(b, m);
}

static lattn_status add_simple(struct builder *b, const struct lat_cnn_layer *layer)
{
    static const lattn_activation activations[LAT_CNN_N_KINDS] = {
        [LAT_CNN_RELU] = LATTN_ACTIVATION_RELU,
        [LAT_CNN_GELU] = LATTN_ACTIVATION_GELU,
        [LAT_CNN_SILU] = LATTN_ACTIVATION_SILU,
        [LAT_CNN_TANH] = LATTN_ACTIVATION_TANH,
        [LAT_CNN_SIGMOID] = LATTN_ACTIVATION_SIGMOID,
    };
    lattn_module *m = NULL;
    LAT_TRY(layer->kind == LAT_CNN_DROPOUT
                ? lattn_dropout_create(b->ctx, (float) layer->p, &m)
                : lattn_activation_create(b->ctx, activations[layer->kind], &m));
    return give(b, m);
}

static lattn_status (*const adders[LAT_CNN_N_KINDS])(
    struct builder *b, const struct lat_cnn_layer *layer) = {
    [LAT_CNN_CONV] = add_conv,
    [LAT_CNN_FC] = add_fc,
    [LAT_CNN_BN] = add_bn,
    [LAT_CNN_MAXPOOL] = add_pool,
    [LAT_CNN_AVGPOOL] = add_pool,
    [LAT_CNN_GLOBALPOOL] = add_globalpool,
    [LAT_CNN_DROPOUT] = add_simple,
    [LAT_CNN_FLATTEN] = add_flatten,
    [LAT_CNN_RES] = add_res,
    [LAT_CNN_RELU] = add_simple,
    [LAT_CNN_GELU] = add_simple,
    [LAT_CNN_SILU] = add_simple,
    [LAT_CNN_TANH] = add_simple,
    [LAT_CNN_SIGMOID] = add_simple,
};

lattn_status lat_cnn_add_layers(
    lattn_module *seq, const struct lat_cnn_layers *layers, struct lat_cnn_shape *shape)
{
    struct builder b = { .ctx = seq->ctx, .seq = seq, .shape = shape };
    for (size_t i = 0; i < layers->n; i++) {
        const struct lat_cnn_layer *layer = &layers->items[i];
        b.relu_follows =
            layer->kind == LAT_CNN_BN && i + 1 < layers->n && layer[1].kind == LAT_CNN_RELU;
        b.number = (int) i + 1;
        LAT_TRY(adders[layer->kind](&b, layer));
        i += b.relu_follows;
    }
    return LATTN_OK;
}
