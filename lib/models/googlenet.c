// SPDX-License-Identifier: MIT
//
// GoogLeNet (Inception v1 with batch norm) with the parameter names of torchvision; the auxiliary heads,
// which serve training from nothing only, are left out.
//
// Source: Szegedy et al. 2014, arXiv:1409.4842, table 1; the 5x5 are 3x3 as in torchvision.

#include "models/cnn_zoo.h"
#include <stdio.h>

// conv, bn and ReLU; torchvision's BasicConv2d has eps 0.001.
static lattn_status fill_conv(lattn_module *seq, const struct lat_cnn_conv *conv)
{
    lattn_batch_norm_params norm = { .num_features = conv->out, .eps = 1e-3f, .relu = true };
    lattn_module *m = NULL;
    LAT_ADOPT(seq, "conv", lat_cnn_conv_create(seq->ctx, conv, &m), m);
    LAT_ADOPT(seq, "bn", lattn_batch_norm_create(seq->ctx, &norm, &m), m);
    return LATTN_OK;
}

static lattn_status conv_create(lattn_ctx *ctx, const struct lat_cnn_conv *conv, lattn_module **out)
{
    LAT_TRY(lattn_sequential_create(ctx, out));
    lattn_status st = fill_conv(*out, conv);
    if (st)
        lattn_module_destroy(out);
    return st;
}

static lattn_tensor *inception_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    lattn_tensor *branch[4] = { NULL };
    for (size_t i = 0; i < m->children.n; i++)
        branch[i] = lattn_module_forward(ctx, m->children.items[i], x);
    return lattn_concat(ctx, branch, 4, 1);
}

// Two steps in a row: a 1x1 convolution or a pool, then a convolution.
static lattn_status add_branch(lattn_module *m, const char *name, const struct lat_cnn_conv *first,
    const struct lat_cnn_conv *second)
{
    lattn_pool2d_args pool = {
        .kernel = { 3 }, .stride = { 1, 1 }, .padding = { 1, 1 }, .ceil_mode = true
    };
    lattn_module *seq = NULL, *child = NULL;
    LAT_ADOPT(m, name, lattn_sequential_create(m->ctx, &seq), seq);
    LAT_TRY(first ? conv_create(m->ctx, first, &child)
                  : lattn_max_pool2d_create(m->ctx, &pool, &child));
    LAT_TRY(lattn_sequential_append(seq, child));
    LAT_TRY(conv_create(m->ctx, second, &child));
    return lattn_sequential_append(seq, child);
}

// widths: of the 1x1 branch; before and of the two 3x3 branches; of the pooled branch.
static lattn_status add_inception(
    lattn_module *root, const char *name, int64_t in, const int widths[6])
{
    lattn_module *m = NULL, *child = NULL;
    struct lat_cnn_conv one = { .in = in, .out = widths[0], .kernel = 1 };
    struct lat_cnn_conv pooled = { .in = in, .out = widths[5], .kernel = 1 };
    LAT_TRY(lat_module_new(root->ctx, "inception", 0, &m));
    LAT_TRY(lattn_module_add(root, name, m));
    m->forward = inception_forward;
    LAT_ADOPT(m, "branch1", conv_create(m->ctx, &one, &child), child);
    for (int i = 0; i < 2; i++) {
        struct lat_cnn_conv narrow = { .in = in, .out = widths[1 + 2 * i], .kernel = 1 };
        struct lat_cnn_conv wide = {
            .in = widths[1 + 2 * i], .out = widths[2 + 2 * i], .kernel = 3
        };
        LAT_TRY(add_branch(m, i ? "branch3" : "branch2", &narrow, &wide));
    }
    return add_branch(m, "branch4", NULL, &pooled);
}

static lattn_status add_stem(lattn_module *root, int64_t channels)
{
    const struct lat_cnn_conv convs[] = {
        { .in = channels, .out = 64, .kernel = 7, .stride = 2 },
        { .in = 64, .out = 64, .kernel = 1 },
        { .in = 64, .out = 192, .kernel = 3 },
    };
    static const char *const pools[] = { "maxpool1", NULL, "maxpool2" };
    lattn_pool2d_args pool = { .kernel = { 3 }, .stride = { 2, 2 }, .ceil_mode = true };
    for (int i = 0; i < 3; i++) {
        char name[16];
        lattn_module *m = NULL;
        snprintf(name, sizeof name, "conv%d", i + 1);
        LAT_ADOPT(root, name, conv_create(root->ctx, &convs[i], &m), m);
        if (pools[i])
            LAT_ADOPT(root, pools[i], lattn_max_pool2d_create(root->ctx, &pool, &m), m);
    }
    return LATTN_OK;
}

lattn_status lat_googlenet_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c)
{
    static const struct {
        const char *name;  // NULL: a pool of this kernel
        int widths[6];
    } blocks[] = {
        { "inception3a", { 64, 96, 128, 16, 32, 32 } },
        { "inception3b", { 128, 128, 192, 32, 96, 64 } },
        { NULL, { 3 } },
        { "inception4a", { 192, 96, 208, 16, 48, 64 } },
        { "inception4b", { 160, 112, 224, 24, 64, 64 } },
        { "inception4c", { 128, 128, 256, 24, 64, 64 } },
        { "inception4d", { 112, 144, 288, 32, 64, 64 } },
        { "inception4e", { 256, 160, 320, 32, 128, 128 } },
        { NULL, { 2 } },
        { "inception5a", { 256, 160, 320, 32, 128, 128 } },
        { "inception5b", { 384, 192, 384, 48, 128, 128 } },
    };
    (void) v;
    int64_t channels = 192;
    int pools = 3;
    LAT_TRY(add_stem(root, c->channels));
    for (size_t i = 0; i < LAT_COUNT(blocks); i++) {
        const int *w = blocks[i].widths;
        if (blocks[i].name) {
            LAT_TRY(add_inception(root, blocks[i].name, channels, w));
            channels = w[0] + w[2] + w[4] + w[5];
            continue;
        }
        lattn_pool2d_args pool = { .kernel = { w[0] }, .stride = { 2, 2 }, .ceil_mode = true };
        char name[16];
        lattn_module *m = NULL;
        snprintf(name, sizeof name, "maxpool%d", pools++);
        LAT_ADOPT(root, name, lattn_max_pool2d_create(root->ctx, &pool, &m), m);
    }
    LAT_TRY(lat_cnn_add_pool(root));
    lattn_module *m = NULL;
    LAT_ADOPT(root, "dropout", lattn_dropout_create(root->ctx, 0.2f, &m), m);
    return lat_cnn_add_linear(root, "fc", channels, c->num_classes);
}
