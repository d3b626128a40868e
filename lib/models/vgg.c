// SPDX-License-Identifier: MIT
//
// VGG 11, 13, 16 and 19, with and without batch norm, with the parameter names of torchvision. The
// features are written as text of layers, made here from how many convolutions each size has.
//
// Source: Simonyan & Zisserman 2014, arXiv:1409.1556, table 1.

#include "models/cnn_zoo.h"
#include "base/str.h"

static void describe(const struct lat_cnn_variant *v, struct lat_str *text)
{
    static const int widths[] = { 64, 128, 256, 512, 512 };
    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < v->depths[stage]; i++)
            lat_str_addf(text, "conv %d 3x3, %srelu, ", widths[stage], v->batch_norm ? "bn, " : "");
        lat_str_addf(text, "maxpool 2%s", stage < 4 ? ", " : "");
    }
}

static lattn_status add_layers(
    lattn_module *root, const char *name, const char *text, struct lat_cnn_shape *shape)
{
    struct lat_cnn_layers layers = { 0 };
    lattn_module *seq = NULL;
    LAT_ADOPT(root, name, lattn_sequential_create(root->ctx, &seq), seq);
    LAT_TRY(lat_cnn_parse(text, &layers));
    lattn_status st = lat_cnn_add_layers(seq, &layers, shape);
    lat_cnn_layers_free(&layers);
    return st;
}

lattn_status lat_vgg_build(
    lattn_module *root, const struct lat_cnn_variant *v, const lattn_cnn_config *c)
{
    struct lat_cnn_shape shape = { .C = c->channels, .H = c->height, .W = c->width };
    struct lat_str text = { 0 };
    lattn_module *m = NULL;
    describe(v, &text);
    lattn_status st = text.status ? text.status : add_layers(root, "features", text.items, &shape);
    lat_str_free(&text);
    LAT_TRY(st);
    LAT_ADOPT(root, "avgpool", lattn_adaptive_avg_pool2d_create(root->ctx, 7, 7, &m), m);
    LAT_ADOPT(root, "flatten", lattn_flatten_create(root->ctx, &m), m);
    shape = (struct lat_cnn_shape){ .C = shape.C * 49, .H = 1, .W = 1, .flat = true };
    LAT_TRY(add_layers(
        root, "classifier", "fc 4096, relu, dropout 0.5, fc 4096, relu, dropout 0.5", &shape));
    return lat_cnn_add_linear(
        root->children.items[root->children.n - 1], "6", 4096, c->num_classes);
}
