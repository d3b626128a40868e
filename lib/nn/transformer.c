// SPDX-License-Identifier: MIT
//
// Transformer encoder: layers and stacks.
//
//   post-norm   x = norm1(x + dropout(attention(x)));  x = norm2(x + dropout(ffn(x)))
//   pre-norm    x = x + dropout(attention(norm1(x)));  x = x + dropout(ffn(norm2(x)))
//   ffn(x) = linear2(gelu(linear1(x)))
//
// Sources: Vaswani et al. 2017, arXiv:1706.03762, section 3.1; Xiong et al. 2020,
// arXiv:2002.04745 (pre-norm).

#include <stdio.h>
#include <string.h>
#include "nn/module.h"

static const char layer_kind[] = "encoder_layer";
static const char stack_kind[] = "encoder";

enum { ATTENTION, NORM1, LINEAR1, LINEAR2, NORM2, N_PARTS };

static const char *const child_names[][N_PARTS] = {
    [LATTN_NAMES_TORCH] = { "self_attn", "norm1", "linear1", "linear2", "norm2" },
    [LATTN_NAMES_BERT] = { "attention", "attention.output.LayerNorm", "intermediate.dense",
        "output.dense", "output.LayerNorm" },
};

struct layer {
    lattn_module *part[N_PARTS];
    float dropout;
    bool norm_first, gelu_tanh;
};

static lattn_status build_attention(lattn_module *m, const lattn_encoder_params *p)
{
    struct layer *l = m->data;
    lattn_attention_params attention = {
        .embed_dim = p->embed_dim,
        .n_heads = p->n_heads,
        .dropout = p->attention_dropout,
        .names = p->names,
        .dtype = p->dtype,
        .init = p->init,
        .has_init = p->has_init,
    };
    LAT_ADOPT(m, child_names[p->names][ATTENTION],
        lattn_multihead_attention_create(m->ctx, &attention, &l->part[ATTENTION]),
        l->part[ATTENTION]);
    return LATTN_OK;
}

static lattn_status build_norm(lattn_module *m, const lattn_encoder_params *p, int part)
{
    struct layer *l = m->data;
    lattn_layer_norm_params norm = {
        .size = p->embed_dim,
        .eps = p->layer_norm_eps,
        .dtype = p->dtype,
    };
    LAT_ADOPT(m, child_names[p->names][part],
        lattn_layer_norm_create(m->ctx, &norm, &l->part[part]), l->part[part]);
    return LATTN_OK;
}

static lattn_status build_linear(lattn_module *m, const lattn_encoder_params *p, int part)
{
    struct layer *l = m->data;
    lattn_linear_params linear = {
        .in_features = part == LINEAR1 ? p->embed_dim : p->feedforward_dim,
        .out_features = part == LINEAR1 ? p->feedforward_dim : p->embed_dim,
        .dtype = p->dtype,
        .init = p->init,
        .has_init = p->has_init,
    };
    LAT_ADOPT(m, child_names[p->names][part], lattn_linear_create(m->ctx, &linear, &l->part[part]),
        l->part[part]);
    return LATTN_OK;
}

static lattn_status build_layer(lattn_module *m, const lattn_encoder_params *p)
{
    LAT_TRY(build_attention(m, p));
    LAT_TRY(build_norm(m, p, NORM1));
    LAT_TRY(build_linear(m, p, LINEAR1));
    LAT_TRY(build_linear(m, p, LINEAR2));
    return build_norm(m, p, NORM2);
}

lattn_status lattn_encoder_layer_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out)
{
    *out = NULL;
    if (!(params->dropout >= 0 && params->dropout < 1))
        return lat_err(
            LATTN_ERR_ARG, "encoder_layer: dropout %g is outside [0, 1)", (double) params->dropout);
    LAT_TRY(lat_module_new(ctx, layer_kind, sizeof(struct layer), out));
    struct layer *l = (*out)->data;
    l->dropout = params->dropout;
    l->norm_first = params->norm_first;
    l->gelu_tanh = params->gelu_tanh;
    lattn_status st = build_layer(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

// x [B, T, C] -> [B, T, C]
static lattn_tensor *feed_forward(lattn_ctx *ctx, const struct layer *l, lattn_tensor *x)
{
    lattn_epilogue epilogue = l->gelu_tanh ? LATTN_EPILOGUE_NONE : LATTN_EPILOGUE_GELU;
    lattn_tensor *h = lattn_linear_forward(ctx, l->part[LINEAR1], x, epilogue);
    if (l->gelu_tanh)
        h = lattn_gelu_tanh(ctx, h);
    return lattn_linear_forward(ctx, l->part[LINEAR2], h, LATTN_EPILOGUE_NONE);
}

lattn_tensor *lattn_encoder_layer_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, const lattn_attention_inputs *inputs)
{
    const struct layer *l = lat_module_data(ctx, m, layer_kind);
    if (!l)
        return NULL;
    lattn_module *attention = l->part[ATTENTION], *norm1 = l->part[NORM1], *norm2 = l->part[NORM2];

    if (l->norm_first) {
        lattn_tensor *a = lattn_layer_norm_forward(ctx, norm1, x);
        a = lattn_multihead_attention_forward(ctx, attention, a, NULL, inputs);
        x = lattn_add(ctx, x, lattn_dropout(ctx, a, l->dropout));
        lattn_tensor *h = feed_forward(ctx, l, lattn_layer_norm_forward(ctx, norm2, x));
        return lattn_add(ctx, x, lattn_dropout(ctx, h, l->dropout));
    }
    lattn_tensor *a = lattn_multihead_attention_forward(ctx, attention, x, NULL, inputs);
    x = lattn_layer_norm_residual_forward(ctx, norm1, a, x, l->dropout);
    lattn_tensor *h = feed_forward(ctx, l, x);
    return lattn_layer_norm_residual_forward(ctx, norm2, h, x, l->dropout);
}

// ---- stack ----------------------------------------------------------------------------------------

static lattn_status build_stack(lattn_module *m, const lattn_encoder_params *p)
{
    for (int i = 0; i < p->n_layers; i++) {
        char name[32];
        snprintf(name, sizeof name, p->names == LATTN_NAMES_BERT ? "layer.%d" : "layers.%d", i);
        lattn_module *layer = NULL;
        LAT_ADOPT(m, name, lattn_encoder_layer_create(m->ctx, p, &layer), layer);
    }
    return LATTN_OK;
}

lattn_status lattn_encoder_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out)
{
    *out = NULL;
    if (params->n_layers < 0)
        return lat_err(LATTN_ERR_ARG, "encoder: n_layers %d must be >= 0", params->n_layers);
    LAT_TRY(lat_module_new(ctx, stack_kind, 0, out));
    lattn_status st = build_stack(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_tensor *lattn_encoder_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, const lattn_attention_inputs *inputs)
{
    if (!m || strcmp(m->kind, stack_kind) != 0)
        return lat_fail(ctx, LATTN_ERR_ARG, "encoder: the module is %s", m ? m->kind : "NULL");
    size_t outer = lat_path_push(ctx, stack_kind);
    for (size_t i = 0; i < m->children.n; i++) {
        size_t inner = lat_path_push(ctx, m->children.items[i]->name);
        x = lattn_encoder_layer_forward(ctx, m->children.items[i], x, inputs);
        lat_path_pop(ctx, inner);
    }
    lat_path_pop(ctx, outer);
    return x;
}
