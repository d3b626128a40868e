// SPDX-License-Identifier: MIT
//
// Vision transformers with the parameter names and layouts of torchvision: patches as tokens, a class token
// in front, pre-norm encoder layers, the head on the class token.
//
//     x = [class_token, conv_proj(image) as rows] + pos_embedding
//     x = x + self_attention(ln_1(x));   x = x + mlp(ln_2(x))       for every layer
//     logits = head(ln(x)[0])
//
// The last product of each part adds x itself, and the first of mlp does GELU, unless an observer wants the
// result of every module.
//
// An image whose sides are no multiples of the patch gets black rows below and columns on the right.
// Sources: Dosovitskiy et al. 2020, arXiv:2010.11929; sizes: Touvron et al. 2020, arXiv:2012.12877, table 1.

#include "models/vit.h"
#include <math.h>
#include <stdio.h>
#include "nn/transformer.h"
#include "tensor/tensor.h"

static const float norm_eps = 1e-6f;

struct vit {
    int64_t patch;
    lattn_tensor *class_token;  // [1, 1, C]
    lattn_module *conv_proj, *encoder, *heads;
};

struct encoder {
    lattn_tensor *pos_embedding;  // [1, 1 + patches, C]
    lattn_module *layers, *ln;
};

struct layer {
    lattn_module *ln_1, *self_attention, *ln_2, *mlp;
    lattn_module *up, *down;  // of mlp
};

// ---- forward --------------------------------------------------------------------------------------

// [N, C, H, W] -> [N, H W, C], a view.
static lattn_tensor *rows_of(lattn_ctx *ctx, lattn_tensor *x)
{
    if (!x)
        return NULL;
    int64_t dims[] = { lat_dim(x, 0), lat_dim(x, 1), lat_dim(x, 2) * lat_dim(x, 3) };
    return lattn_transpose(ctx, lattn_reshape(ctx, x, 3, dims), 1, 2);
}

static lattn_tensor *to_whole_patches(lattn_ctx *ctx, lattn_tensor *x, int64_t patch)
{
    int64_t over[] = { lat_dim(x, 2) % patch, lat_dim(x, 3) % patch };
    lattn_pad2d_args args = { .after = {
                                  over[0] ? patch - over[0] : 0, over[1] ? patch - over[1] : 0 } };
    return over[0] || over[1] ? lattn_pad2d(ctx, x, &args) : x;
}

static lattn_tensor *vit_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct vit *v = m->data;
    if (!x)
        return NULL;
    int64_t n = lat_dim(x, 0), width = lat_dim(v->class_token, 2);
    x = to_whole_patches(ctx, x, v->patch);
    x = rows_of(ctx, lattn_module_forward(ctx, v->conv_proj, x));
    lattn_tensor *first = lattn_expand(ctx, v->class_token, 3, (int64_t[]){ n, 1, width });
    x = lattn_concat(ctx, (lattn_tensor *[]){ first, x }, 2, 1);
    x = lattn_module_forward(ctx, v->encoder, x);
    return lattn_module_forward(ctx, v->heads, lattn_select(ctx, x, 1, 0));
}

static lattn_tensor *encoder_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct encoder *e = m->data;
    x = lattn_add(ctx, x, e->pos_embedding);
    return lattn_module_forward(ctx, e->ln, lattn_module_forward(ctx, e->layers, x));
}

static lattn_tensor *layer_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct layer *l = m->data;
    bool apart = lat_module_is_observed(m);
    lattn_tensor *a = lattn_module_forward(ctx, l->ln_1, x);
    x = apart ? lattn_add(ctx, x, lattn_module_forward(ctx, l->self_attention, a))
              : lat_attention_residual_forward(ctx, l->self_attention, a, NULL, NULL, x);
    lattn_tensor *h = lattn_module_forward(ctx, l->ln_2, x);
    if (apart)
        return lattn_add(ctx, x, lattn_module_forward(ctx, l->mlp, h));
    h = lattn_linear_forward(ctx, l->up, h, LATTN_EPILOGUE_GELU);
    return lattn_linear_residual_forward(ctx, l->down, h, x);
}

static lattn_tensor *attend(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return lattn_multihead_attention_forward(ctx, m, x, NULL, NULL);
}

// ---- building -------------------------------------------------------------------------------------

static lattn_status add_norm(
    lattn_module *parent, const char *name, int64_t width, lattn_module **out)
{
    lattn_layer_norm_params params = { .size = width, .eps = norm_eps };
    LAT_ADOPT(parent, name, lattn_layer_norm_create(parent->ctx, &params, out), *out);
    return LATTN_OK;
}

static lattn_status add_mlp(lattn_module *parent, int64_t width, struct layer *l)
{
    lattn_linear_params params = {
        .in_features = width,
        .out_features = 4 * width,
        .init = { LATTN_INIT_XAVIER_UNIFORM, 0 },
        .has_init = true,
    };
    lattn_module *m = NULL;
    LAT_ADOPT(parent, "mlp", lattn_sequential_create(parent->ctx, &l->mlp), l->mlp);
    LAT_ADOPT(l->mlp, "0", lattn_linear_create(parent->ctx, &params, &l->up), l->up);
    LAT_ADOPT(l->mlp, "1", lattn_activation_create(parent->ctx, LATTN_ACTIVATION_GELU, &m), m);
    params.in_features = 4 * width;
    params.out_features = width;
    LAT_ADOPT(l->mlp, "3", lattn_linear_create(parent->ctx, &params, &l->down), l->down);
    return LATTN_OK;
}

static lattn_status fill_layer(lattn_module *m, int64_t width, int n_heads)
{
    struct layer *l = m->data;
    lattn_attention_params attention = {
        .embed_dim = width, .n_heads = n_heads, .names = LATTN_NAMES_TORCH_PACKED
    };
    LAT_TRY(add_norm(m, "ln_1", width, &l->ln_1));
    LAT_ADOPT(m, "self_attention",
        lattn_multihead_attention_create(m->ctx, &attention, &l->self_attention),
        l->self_attention);
    l->self_attention->forward = attend;
    LAT_TRY(add_norm(m, "ln_2", width, &l->ln_2));
    return add_mlp(m, width, l);
}

static lattn_status fill_encoder(
    lattn_module *m, const struct lat_cnn_variant *v, int64_t n_patches)
{
    struct encoder *e = m->data;
    lattn_parameter_params positions = {
        .rank = 3,
        .dims = (int64_t[]){ 1, 1 + n_patches, v->depths[LAT_VIT_WIDTH] },
        .init = { LATTN_INIT_NORMAL, 0.02f },
        .no_decay = true,
    };
    LAT_TRY(lattn_module_add_parameter(m, "pos_embedding", &positions, &e->pos_embedding));
    LAT_ADOPT(m, "layers", lattn_sequential_create(m->ctx, &e->layers), e->layers);
    for (int i = 0; i < v->depths[LAT_VIT_LAYERS]; i++) {
        lattn_module *layer = NULL;
        char name[32];
        snprintf(name, sizeof name, "encoder_layer_%d", i);
        LAT_ADOPT(e->layers, name,
            lat_module_new(m->ctx, "vit_layer", sizeof(struct layer), &layer), layer);
        layer->forward = layer_forward;
        LAT_TRY(fill_layer(layer, v->depths[LAT_VIT_WIDTH], v->depths[LAT_VIT_HEADS]));
    }
    return add_norm(m, "ln", v->depths[LAT_VIT_WIDTH], &e->ln);
}

static lattn_status add_patches(lattn_module *root, int64_t channels, int64_t width)
{
    struct vit *v = root->data;
    double fan_in = (double) (channels * v->patch * v->patch);
    lattn_conv2d_layer_params conv = {
        .in_channels = channels,
        .out_channels = width,
        .kernel_size = { v->patch },
        .conv.stride = { v->patch, v->patch },
        .init = { LATTN_INIT_TRUNC_NORMAL, (float) sqrt(1 / fan_in) },
        .has_init = true,
    };
    lattn_parameter_params token = {
        .rank = 3, .dims = (int64_t[]){ 1, 1, width }, .no_decay = true
    };
    LAT_TRY(lattn_module_add_parameter(root, "class_token", &token, &v->class_token));
    LAT_ADOPT(
        root, "conv_proj", lattn_conv2d_create(root->ctx, &conv, &v->conv_proj), v->conv_proj);
    return LATTN_OK;
}

int64_t lat_vit_patches(const lattn_module *root, int64_t side)
{
    int64_t patch = ((const struct vit *) root->data)->patch;
    return (side + patch - 1) / patch;
}

// torchvision starts the head at zero.
static lattn_status add_head(lattn_module *root, int64_t width, int64_t num_classes)
{
    struct vit *v = root->data;
    lattn_linear_params head = {
        .in_features = width, .out_features = num_classes, .has_init = true
    };
    lattn_module *m = NULL;
    LAT_ADOPT(root, "heads", lattn_sequential_create(root->ctx, &v->heads), v->heads);
    LAT_ADOPT(v->heads, "head", lattn_linear_create(root->ctx, &head, &m), m);
    return LATTN_OK;
}

lattn_status lat_vit_build(
    lattn_module *root, const struct lat_cnn_variant *variant, const lattn_cnn_config *c)
{
    int64_t width = variant->depths[LAT_VIT_WIDTH];
    struct vit *v = LAT_NEW(struct vit);
    if (!v)
        return LATTN_ERR_HOST_MEMORY;
    v->patch = variant->depths[LAT_VIT_PATCH];
    root->data = v;  // freed with the root
    root->kind = "vit";
    root->forward = vit_forward;
    LAT_TRY(add_patches(root, c->channels, width));
    LAT_ADOPT(root, "encoder",
        lat_module_new(root->ctx, "vit_encoder", sizeof(struct encoder), &v->encoder), v->encoder);
    v->encoder->forward = encoder_forward;
    LAT_TRY(fill_encoder(
        v->encoder, variant, lat_vit_patches(root, c->height) * lat_vit_patches(root, c->width)));
    return add_head(root, width, c->num_classes);
}
