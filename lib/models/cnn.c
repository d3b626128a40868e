// SPDX-License-Identifier: MIT
//
// Networks for images: a sequential root whose children an architecture or a text of layers gives.
//
// Sources of the small ones: LeCun et al. 1998, "Gradient-based learning applied to document
// recognition" (lenet, with ReLU and maximum pooling).

#include "models/cnn.h"
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/str.h"
#include "models/cnn_config.h"
#include "models/cnn_zoo.h"
#include "models/vit.h"
#include "tensor/tensor.h"

// clang-format off
static const struct lat_cnn_variant table[] = {
    { .name = "linear", .layers = "flatten" },
    { .name = "mlp", .layers = "fc 512, relu, dropout 0.2, fc 256, relu, dropout 0.2" },
    { .name = "lenet", .layers =
        "conv 6 5x5, relu, maxpool 2, conv 16 5x5 pad=0, relu, maxpool 2, fc 120, relu, fc 84, relu" },
    { .name = "small", .layers =
        "conv 32 3x3, bn, relu, conv 32 3x3, bn, relu, maxpool 2, dropout 0.1, "
        "conv 64 3x3, bn, relu, conv 64 3x3, bn, relu, maxpool 2, dropout 0.2, "
        "conv 128 3x3, bn, relu, globalpool, dropout 0.3" },
    { .name = "vgg11", .build = lat_vgg_build, .depths = { 1, 1, 2, 2, 2 } },
    { .name = "vgg13", .build = lat_vgg_build, .depths = { 2, 2, 2, 2, 2 } },
    { .name = "vgg16", .build = lat_vgg_build, .depths = { 2, 2, 3, 3, 3 } },
    { .name = "vgg19", .build = lat_vgg_build, .depths = { 2, 2, 4, 4, 4 } },
    { .name = "vgg11_bn", .build = lat_vgg_build, .depths = { 1, 1, 2, 2, 2 }, .batch_norm = true },
    { .name = "vgg13_bn", .build = lat_vgg_build, .depths = { 2, 2, 2, 2, 2 }, .batch_norm = true },
    { .name = "vgg16_bn", .build = lat_vgg_build, .depths = { 2, 2, 3, 3, 3 }, .batch_norm = true },
    { .name = "vgg19_bn", .build = lat_vgg_build, .depths = { 2, 2, 4, 4, 4 }, .batch_norm = true },
    { .name = "googlenet", .build = lat_googlenet_build },
    { .name = "resnet18", .build = lat_resnet_build, .depths = { 2, 2, 2, 2 } },
    { .name = "resnet34", .build = lat_resnet_build, .depths = { 3, 4, 6, 3 } },
    { .name = "resnet50", .build = lat_resnet_build, .depths = { 3, 4, 6, 3 }, .bottleneck = true },
    { .name = "resnet101", .build = lat_resnet_build, .depths = { 3, 4, 23, 3 }, .bottleneck = true },
    { .name = "mobilenet_v2", .build = lat_mobilenet_build },
    // patch, width, layers, heads
    { .name = "vit_ti_4", .build = lat_vit_build, .depths = { 4, 192, 12, 3 } },
    { .name = "vit_ti_16", .build = lat_vit_build, .depths = { 16, 192, 12, 3 } },
    { .name = "vit_s_16", .build = lat_vit_build, .depths = { 16, 384, 12, 6 } },
    { .name = "vit_b_16", .build = lat_vit_build, .depths = { 16, 768, 12, 12 } },
    { .name = "vit_b_32", .build = lat_vit_build, .depths = { 32, 768, 12, 12 } },
    { .name = "vit_l_16", .build = lat_vit_build, .depths = { 16, 1024, 24, 16 } },
};
// clang-format on

const char *lattn_cnn_architecture(int i)
{
    return i >= 0 && (size_t) i < LAT_COUNT(table) ? table[i].name : NULL;
}

static const struct lat_cnn_variant *find(const char *name)
{
    for (size_t i = 0; i < LAT_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    char known[512] = "", quoted[64];
    for (size_t i = 0; i < LAT_COUNT(table); i++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", table[i].name);
    }
    lat_err(LATTN_ERR_FORMAT, "there is no architecture \"%s\"; there are %s",
        lat_quoted(name, quoted, sizeof quoted), known);
    return NULL;
}

// ---- building -------------------------------------------------------------------------------------

lattn_status lat_cnn_add_pool(lattn_module *root)
{
    lattn_module *m = NULL;
    LAT_ADOPT(root, "avgpool", lattn_adaptive_avg_pool2d_create(root->ctx, 1, 1, &m), m);
    LAT_ADOPT(root, "flatten", lattn_flatten_create(root->ctx, &m), m);
    return LATTN_OK;
}

lattn_status lat_cnn_add_linear(
    lattn_module *m, const char *name, int64_t in_features, int64_t num_classes)
{
    lattn_linear_params params = { .in_features = in_features, .out_features = num_classes };
    lattn_module *child = NULL;
    LAT_ADOPT(m, name, lattn_linear_create(m->ctx, &params, &child), child);
    return LATTN_OK;
}

lattn_status lat_cnn_add_head(
    lattn_module *root, const char *name, int64_t in_features, int64_t num_classes)
{
    LAT_TRY(lat_cnn_add_pool(root));
    return lat_cnn_add_linear(root, name, in_features, num_classes);
}

static lattn_status build_layers(lattn_module *root, const char *text, const lattn_cnn_config *c)
{
    struct lat_cnn_shape shape = { .C = c->channels, .H = c->height, .W = c->width };
    struct lat_cnn_layers layers = { 0 };
    LAT_TRY(lat_cnn_parse(text, &layers));
    struct lat_cnn_layer head = { .kind = LAT_CNN_FC, .channels = c->num_classes };
    lattn_status st = LAT_PUSH(&layers, head);
    if (!st)
        st = lat_cnn_add_layers(root, &layers, &shape);
    lat_cnn_layers_free(&layers);
    return st;
}

static lattn_status build(lattn_cnn *cnn)
{
    const lattn_cnn_config *c = &cnn->config;
    if (c->layers)
        return build_layers(cnn->root, c->layers, c);
    const struct lat_cnn_variant *v = find(c->architecture);
    if (!v)
        return LATTN_ERR_FORMAT;
    return v->build ? v->build(cnn->root, v, c) : build_layers(cnn->root, v->layers, c);
}

static lattn_status fill(lattn_ctx *ctx, const lattn_cnn_config *config, lattn_cnn *cnn)
{
    lattn_cnn_config full = *config;
    lat_cnn_config_defaults(&full);
    if (lat_cnn_config_check("lattn_cnn_create", &full))
        return LATTN_ERR_ARG;
    LAT_TRY(lat_cnn_config_copy(&full, &cnn->config));
    LAT_TRY(lattn_sequential_create(ctx, &cnn->root));
    return build(cnn);
}

lattn_status lattn_cnn_create(lattn_ctx *ctx, const lattn_cnn_config *config, lattn_cnn **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(config);
    *out = LAT_NEW(lattn_cnn);
    if (!*out)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = fill(ctx, config, *out);
    if (st)
        lattn_cnn_destroy(out);
    return st;
}

void lattn_cnn_destroy(lattn_cnn **cnn)
{
    if (!cnn || !*cnn)
        return;
    lattn_module_destroy(&(*cnn)->root);
    lattn_cnn_config_free(&(*cnn)->config);
    lat_free(*cnn);
    *cnn = NULL;
}

lattn_module *lattn_cnn_module(lattn_cnn *cnn)
{
    if (!cnn)
        return NULL;
    return cnn->root;
}

const lattn_cnn_config *lattn_cnn_get_config(const lattn_cnn *cnn)
{
    if (!cnn)
        return NULL;
    return &cnn->config;
}

// The last child of the last child, and so on.
lattn_module *lattn_cnn_head(lattn_cnn *cnn)
{
    if (!cnn)
        return NULL;
    lattn_module *m = cnn->root;
    while (m->children.n)
        m = m->children.items[m->children.n - 1];
    return m;
}

lattn_tensor *lattn_cnn_forward(lattn_ctx *ctx, lattn_cnn *cnn, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, cnn);
    const lattn_cnn_config *c = &cnn->config;
    if (!x)
        return NULL;
    if (lat_rank(x) != 4 || lat_dim(x, 1) != c->channels || lat_dim(x, 2) != c->height ||
        lat_dim(x, 3) != c->width)
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "cnn: images are %s, the network takes [N, %lld, %lld, %lld]", LAT_SHAPE(x),
            (long long) c->channels, (long long) c->height, (long long) c->width);
    // Pictures come in f32 whatever the network computes with.
    return lattn_module_forward(ctx, cnn->root, lattn_cast(ctx, x, lattn_module_dtype(cnn->root)));
}

// ---- files ----------------------------------------------------------------------------------------

struct head_fit {
    const char *prefix;  // "fc."
    bool fits;
    const lattn_cnn *cnn;
};

// The auxiliary heads of torchvision's GoogLeNet.
static bool ignore(void *user, const char *name)
{
    (void) user;
    return strncmp(name, "aux", 3) == 0;
}

static bool skip_head(void *user, const char *name)
{
    const struct head_fit *h = user;
    return !h->fits && strncmp(name, h->prefix, strlen(h->prefix)) == 0;
}

static bool positions_fit(void *user, const char *name, const lattn_safetensors_entry *entry)
{
    return lat_vit_positions_fit(((const struct head_fit *) user)->cnn->root, name, entry);
}

static lattn_status adapt_positions(void *user, lattn_safetensors *file, size_t i, lattn_tensor *t)
{
    const lattn_cnn *cnn = ((const struct head_fit *) user)->cnn;
    return lat_vit_load_positions(cnn->root, &cnn->config, file, i, t);
}

// Published vision transformers call mlp.0 and mlp.3 by the names that torchvision had first.
static const char *alias(void *user, const char *name, int attempt, char *buffer, size_t bytes)
{
    const char *mlp = strstr(name, ".mlp.");
    (void) user;
    if (attempt || !mlp || (mlp[5] != '0' && mlp[5] != '3'))
        return NULL;
    snprintf(buffer, bytes, "%.*s.mlp.linear_%d%s", (int) (mlp - name), name, mlp[5] == '0' ? 1 : 2,
        mlp + 6);
    return buffer;
}

static lattn_status load_weights(lattn_cnn *cnn, lattn_safetensors *file, lattn_load_report *report)
{
    lattn_safetensors_entry entry;
    char prefix[256], name[272];
    lattn_module_path(lattn_cnn_head(cnn), prefix, sizeof prefix - 1);
    strcat(prefix, ".");
    snprintf(name, sizeof name, "%sweight", prefix);
    int64_t at = lattn_safetensors_find(file, name);
    bool other = at >= 0 && !lattn_safetensors_get(file, (size_t) at, &entry) && entry.rank == 2 &&
                 entry.dim[0] != cnn->config.num_classes;
    struct head_fit head = { .prefix = prefix, .fits = !other, .cnn = cnn };
    lattn_load_params params = {
        .skip = skip_head,
        .ignore = ignore,
        .alias = alias,
        .fits = positions_fit,
        .adapt = adapt_positions,
        .user = &head,
    };
    return lattn_module_load(cnn->root, file, &params, report);
}

lattn_status lattn_cnn_load_weights(lattn_cnn *cnn, const char *path, lattn_load_report *report)
{
    LAT_CHECK_ARG(cnn);
    LAT_CHECK_ARG(path);
    lattn_safetensors *file = NULL;
    LAT_TRY(lattn_safetensors_open(path, NULL, &file));
    lattn_status st = load_weights(cnn, file, report);
    lattn_safetensors_close(&file);
    return st;
}

static lattn_status load(lattn_ctx *ctx, const char *dir, lattn_cnn **out)
{
    lattn_cnn_config config = { 0 };
    char *path = lat_path_join(dir, "config.json");
    lattn_status st = path ? lattn_cnn_config_load(path, &config) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    LAT_TRY(st);
    st = lattn_cnn_create(ctx, &config, out);
    lattn_cnn_config_free(&config);
    return st ? st : lattn_cnn_load_weights(*out, dir, NULL);
}

lattn_status lattn_cnn_load(lattn_ctx *ctx, const char *dir, lattn_cnn **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(dir);
    lattn_status st = load(ctx, dir, out);
    if (st)
        lattn_cnn_destroy(out);
    return st;
}

lattn_status lattn_cnn_save(lattn_cnn *cnn, const char *dir)
{
    LAT_CHECK_ARG(cnn);
    LAT_CHECK_ARG(dir);
    LAT_TRY(lat_dir_create(dir));
    char *config = lat_path_join(dir, "config.json");
    char *weights = lat_path_join(dir, "model.safetensors");
    lattn_status st = config && weights ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lattn_module_save(cnn->root, weights);
    if (!st)
        st = lattn_cnn_config_save(&cnn->config, config);
    lat_free(config);
    lat_free(weights);
    return st;
}
