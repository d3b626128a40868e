// SPDX-License-Identifier: MIT
//
// ResNet 18, 34, 50 and 101 with the parameter names of torchvision. The 3x3 of a bottleneck has the
// stride, as there ("v1.5").
//
//     basic        relu(bn2(conv3x3(relu(bn1(conv3x3(x))))) + shortcut)
//     bottleneck   relu(bn3(conv1x1(relu(bn2(conv3x3(relu(bn1(conv1x1(x)))))))) + shortcut)
//
// The last norm of a block starts with weight 0, so that a new network begins as its shortcuts.
// Sources: He et al. 2015, arXiv:1512.03385; Goyal et al. 2017, arXiv:1706.02677, section 5.1.

#include "models/cnn_zoo.h"
#include <stdio.h>

enum { MAX_CONVS = 3, EXPANSION = 4 };

struct block {
    lattn_module *conv[MAX_CONVS], *bn[MAX_CONVS];
    lattn_module *downsample;  // NULL = the identity
    int n_convs;
};

struct block_shape {
    int64_t in, width, out, stride;
    bool bottleneck;
};

static lattn_tensor *block_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct block *b = m->data;
    lattn_tensor *shortcut = b->downsample ? lattn_module_forward(ctx, b->downsample, x) : x;
    int last = b->n_convs - 1;
    for (int i = 0; i <= last; i++) {
        x = lattn_module_forward(ctx, b->conv[i], x);
        x = lattn_batch_norm_relu_forward(ctx, b->bn[i], x, i == last ? shortcut : NULL);
    }
    return x;
}

static lattn_status add_pair(lattn_module *m, int i, const struct lat_cnn_conv *conv)
{
    struct block *b = m->data;
    char name[16];
    snprintf(name, sizeof name, "conv%d", i + 1);
    LAT_ADOPT(m, name, lat_cnn_conv_create(m->ctx, conv, &b->conv[i]), b->conv[i]);
    snprintf(name, sizeof name, "bn%d", i + 1);
    LAT_ADOPT(m, name, lat_cnn_bn_create(m->ctx, conv, &b->bn[i]), b->bn[i]);
    return LATTN_OK;
}

static lattn_status add_downsample(lattn_module *m, const struct block_shape *s)
{
    struct block *b = m->data;
    struct lat_cnn_conv conv = { .in = s->in, .out = s->out, .kernel = 1, .stride = s->stride };
    if (s->in == s->out && s->stride == 1)
        return LATTN_OK;
    lattn_module *child = NULL;
    LAT_ADOPT(m, "downsample", lattn_sequential_create(m->ctx, &b->downsample), b->downsample);
    LAT_ADOPT(b->downsample, "0", lat_cnn_conv_create(m->ctx, &conv, &child), child);
    child = NULL;
    LAT_ADOPT(b->downsample, "1", lat_cnn_bn_create(m->ctx, &conv, &child), child);
    return LATTN_OK;
}

static lattn_status fill_block(lattn_module *m, const struct block_shape *s)
{
    struct block *b = m->data;
    const struct lat_cnn_conv basic[] = {
        { .in = s->in, .out = s->width, .kernel = 3, .stride = s->stride },
        { .in = s->width, .out = s->out, .kernel = 3 },
    };
    const struct lat_cnn_conv bottleneck[] = {
        { .in = s->in, .out = s->width, .kernel = 1 },
        { .in = s->width, .out = s->width, .kernel = 3, .stride = s->stride },
        { .in = s->width, .out = s->out, .kernel = 1 },
    };
    b->n_convs = s->bottleneck ? 3 : 2;
    for (int i = 0; i < b->n_convs; i++)
        LAT_TRY(add_pair(m, i, s->bottleneck ? &bottleneck[i] : &basic[i]));
    lattn_tensor *last = lattn_module_parameter(b->bn[b->n_convs - 1], "weight");
    LAT_TRY(lattn_init_(last, (lattn_init){ LATTN_INIT_ZEROS, 0 }));
    return add_downsample(m, s);
}

static lattn_status block_create(lattn_ctx *ctx, const struct block_shape *s, lattn_module **out)
{
    LAT_TRY(lat_module_new(
        ctx, s->bottleneck ? "bottleneck" : "basic_block", sizeof(struct block), out));
    (*out)->forward = block_forward;
    lattn_status st = fill_block(*out, s);
    if (st)
        lattn_module_destroy(out);
    return st;
}

static lattn_status add_stem(lattn_module *root, int64_t channels)
{
    struct lat_cnn_conv conv = {
        .in = channels, .out = 64, .kernel = 7, .stride = 2, .relu = true
    };
    lattn_pool2d_args pool = { .kernel = { 3 }, .stride = { 2 }, .padding = { 1, 1 } };
    lattn_module *m = NULL;
    LAT_ADOPT(root, "conv1", lat_cnn_conv_create(root->ctx, &conv, &m), m);
    LAT_ADOPT(root, "bn1", lat_cnn_bn_create(root->ctx, &conv, &m), m);
    LAT_ADOPT(root, "maxpool", lattn_max_pool2d_create(root->ctx, &pool, &m), m);
    return LATTN_OK;
}

static lattn_status add_stage(
    lattn_module *root, const struct lat_cnn_variant *v, int stage, int64_t *channels)
{
    char name[16];
    lattn_module *layers = NULL;
    snprintf(name, sizeof name, "layer%d", stage + 1);
    LAT_ADOPT(root, name, lattn_sequential_create(root->ctx, &layers), layers);
    for (int i = 0; i < v->depths[stage]; i++) {
        int64_t width = 64 << stage;
        struct block_shape s = {
            .in = *channels,
            .width = width,
            .out = v->bottleneck ? EXPANSION * width : width,
            .stride = stage > 0 && i == 0 ? 2 : 1,
            .bottleneck = v->bottleneck,
        };
        lattn_module *block = NULL;
        LAT_TRY(block_create(root->ctx, &s, &block));
        LAT_TRY(lattn_sequential_append(layers, block));
        *channels = s.out;
    }
    return LATTN_OK;
}

lattn_status lat_resnet_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c)
{
    int64_t channels = 64;
    LAT_TRY(add_stem(root, c->channels));
    for (int stage = 0; stage < 4; stage++)
        LAT_TRY(add_stage(root, v, stage, &channels));
    return lat_cnn_add_head(root, "fc", channels, c->num_classes);
}
