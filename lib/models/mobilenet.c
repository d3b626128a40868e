// SPDX-License-Identifier: MIT
//
// MobileNetV2 with the parameter names of torchvision: blocks that widen by a 1x1 convolution, filter
// each channel by itself, and narrow again without an activation.
//
// Source: Sandler et al. 2018, arXiv:1801.04381, table 2.

#include "models/cnn_zoo.h"

// A convolution, a norm, and ReLU6, as children 0, 1, 2 of a module that it makes.
static lattn_status add_conv(lattn_module *parent, const struct lat_cnn_conv *conv)
{
    lattn_ctx *ctx = parent->ctx;
    lattn_module *seq = NULL, *m = NULL;
    LAT_TRY(lattn_sequential_create(ctx, &seq));
    LAT_TRY(lattn_sequential_append(parent, seq));
    LAT_ADOPT(seq, "0", lat_cnn_conv_create(ctx, conv, &m), m);
    LAT_ADOPT(seq, "1", lat_cnn_bn_create(ctx, conv, &m), m);
    LAT_ADOPT(seq, "2", lattn_activation_create(ctx, LATTN_ACTIVATION_RELU6, &m), m);
    return LATTN_OK;
}

static lattn_status add_projection(lattn_module *parent, const struct lat_cnn_conv *conv)
{
    lattn_module *m = NULL;
    LAT_TRY(lat_cnn_conv_create(parent->ctx, conv, &m));
    LAT_TRY(lattn_sequential_append(parent, m));
    LAT_TRY(lat_cnn_bn_create(parent->ctx, conv, &m));
    return lattn_sequential_append(parent, m);
}

struct inverted {
    lattn_module *conv;
    bool add;  // the input: same shape
};

static lattn_tensor *inverted_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct inverted *b = m->data;
    lattn_tensor *y = lattn_module_forward(ctx, b->conv, x);
    return b->add ? lattn_add(ctx, y, x) : y;
}

static lattn_status add_block(
    lattn_module *features, int64_t in, int64_t out, int64_t stride, int64_t expand)
{
    lattn_ctx *ctx = features->ctx;
    int64_t wide = in * expand;
    lattn_module *block = NULL;
    LAT_TRY(lat_module_new(ctx, "inverted_residual", sizeof(struct inverted), &block));
    LAT_TRY(lattn_sequential_append(features, block));
    struct inverted *b = block->data;
    block->forward = inverted_forward;
    b->add = stride == 1 && in == out;
    LAT_ADOPT(block, "conv", lattn_sequential_create(ctx, &b->conv), b->conv);
    if (expand != 1)
        LAT_TRY(add_conv(b->conv, &(struct lat_cnn_conv){ .in = in, .out = wide, .kernel = 1 }));
    struct lat_cnn_conv each = {
        .in = wide, .out = wide, .kernel = 3, .stride = stride, .groups = wide
    };
    LAT_TRY(add_conv(b->conv, &each));
    return add_projection(b->conv, &(struct lat_cnn_conv){ .in = wide, .out = out, .kernel = 1 });
}

lattn_status lat_mobilenet_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c)
{
    static const struct {
        int expand, channels, n, stride;
    } stages[] = {
        { 1, 16, 1, 1 },
        { 6, 24, 2, 2 },
        { 6, 32, 3, 2 },
        { 6, 64, 4, 2 },
        { 6, 96, 3, 1 },
        { 6, 160, 3, 2 },
        { 6, 320, 1, 1 },
    };
    (void) v;
    lattn_ctx *ctx = root->ctx;
    lattn_module *features = NULL, *classifier = NULL, *m = NULL;
    int64_t channels = 32;
    LAT_ADOPT(root, "features", lattn_sequential_create(ctx, &features), features);
    LAT_TRY(add_conv(features,
        &(struct lat_cnn_conv){ .in = c->channels, .out = 32, .kernel = 3, .stride = 2 }));
    for (size_t s = 0; s < LAT_COUNT(stages); s++)
        for (int i = 0; i < stages[s].n; i++) {
            LAT_TRY(add_block(features, channels, stages[s].channels, i ? 1 : stages[s].stride,
                stages[s].expand));
            channels = stages[s].channels;
        }
    LAT_TRY(add_conv(features, &(struct lat_cnn_conv){ .in = channels, .out = 1280, .kernel = 1 }));
    LAT_TRY(lat_cnn_add_pool(root));
    LAT_ADOPT(root, "classifier", lattn_sequential_create(ctx, &classifier), classifier);
    LAT_ADOPT(classifier, "0", lattn_dropout_create(ctx, 0.2f, &m), m);
    return lat_cnn_add_linear(classifier, "1", 1280, c->num_classes);
}
