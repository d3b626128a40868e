// SPDX-License-Identifier: MIT
//
// GPT-2: token and position embeddings, a stack of pre-norm layers that see what lies before, and the
// token embedding again as head.
//
//   x      = dropout(wte[ids] + wpe[place ..])          [B, T, C]
//   h      = norm(layers(x)), causal                    [B, T, C]
//   logits = h wte^T                                    [B, T, V]
//
// Files are read and written in gpt2_state.c, whose layout differs.
//
// Source: Radford et al. 2019, "Language models are unsupervised multitask learners".

#include "models/gpt2.h"
#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "tensor/tensor.h"

static lattn_status add_table(
    lattn_gpt2 *g, lattn_ctx *ctx, const char *name, int64_t rows, lattn_module **out)
{
    lattn_embedding_params params = {
        .num_embeddings = rows,
        .embedding_dim = g->config.n_embd,
        .init = { LATTN_INIT_NORMAL, (float) g->config.initializer_range },
        .has_init = true,
    };
    lattn_module *m = NULL;
    LAT_TRY(lattn_embedding_create(ctx, &params, &m));
    *out = m;
    return lattn_module_add(g->root, name, m);
}

static lattn_status add_layers(lattn_gpt2 *g, lattn_ctx *ctx)
{
    const lattn_gpt2_config *c = &g->config;
    lattn_encoder_params params = {
        .n_layers = c->n_layer,
        .embed_dim = c->n_embd,
        .n_heads = c->n_head,
        .feedforward_dim = c->n_inner,
        .dropout = (float) c->resid_pdrop,
        .attention_dropout = (float) c->attn_pdrop,
        .layer_norm_eps = (float) c->layer_norm_epsilon,
        .norm_first = true,
        .final_norm = true,
        .feed_forward = LATTN_FEED_FORWARD_GELU_TANH,
        .init = { LATTN_INIT_NORMAL, (float) c->initializer_range },
        .has_init = true,
    };
    lattn_module *m = NULL;
    LAT_TRY(lattn_encoder_create(ctx, &params, &m));
    g->layers = m;
    return lattn_module_add(g->root, "h", m);
}

// What residuals add up grows with the number of layers; GPT-2 starts their projections smaller.
static lattn_status scale_residuals(lattn_gpt2 *g)
{
    int n = lattn_module_n_parameters(g->layers);
    lattn_parameter *list = lat_calloc((size_t) n + 1, sizeof *list);
    lattn_status st =
        list ? lattn_module_parameters(g->layers, list, n, &n) : LATTN_ERR_HOST_MEMORY;
    double deviation = g->config.initializer_range / sqrt(2.0 * (double) g->config.n_layer);
    lattn_init init = { LATTN_INIT_NORMAL, (float) deviation };
    for (int i = 0; i < n && !st; i++)
        if (strstr(list[i].name, "out_proj.weight") || strstr(list[i].name, "linear2.weight"))
            st = lattn_init_(list[i].tensor, init);
    lat_free(list);
    return st;
}

static lattn_status build(lattn_gpt2 *g, lattn_ctx *ctx)
{
    LAT_TRY(lattn_module_create(ctx, "gpt2", &g->root));
    LAT_TRY(add_table(g, ctx, "wte", g->config.vocab_size, &g->wte));
    LAT_TRY(add_table(g, ctx, "wpe", g->config.n_positions, &g->wpe));
    LAT_TRY(add_layers(g, ctx));
    return scale_residuals(g);
}

lattn_status lattn_gpt2_create(lattn_ctx *ctx, const lattn_gpt2_config *config, lattn_gpt2 **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(config);
    lattn_gpt2_config full = *config;
    lat_gpt2_config_defaults(&full);
    if (lat_gpt2_config_check("gpt2", &full))
        return LATTN_ERR_ARG;
    lattn_gpt2 *g = LAT_NEW(lattn_gpt2);
    if (!g)
        return LATTN_ERR_HOST_MEMORY;
    g->config = full;
    lattn_status st = build(g, ctx);
    if (st)
        lattn_gpt2_destroy(&g);
    *out = g;
    return st;
}

void lattn_gpt2_destroy(lattn_gpt2 **gpt2)
{
    if (!gpt2 || !*gpt2)
        return;
    lattn_module_destroy(&(*gpt2)->root);
    lat_free(*gpt2);
    *gpt2 = NULL;
}

lattn_module *lattn_gpt2_module(lattn_gpt2 *gpt2)
{
    if (!gpt2)
        return NULL;
    return gpt2->root;
}

const lattn_gpt2_config *lattn_gpt2_get_config(const lattn_gpt2 *gpt2)
{
    if (!gpt2)
        return NULL;
    return &gpt2->config;
}

lattn_status lattn_gpt2_cache(
    lattn_gpt2 *gpt2, int64_t batch, int64_t capacity, lattn_kv_cache **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(gpt2);
    const lattn_gpt2_config *c = &gpt2->config;
    if (capacity > c->n_positions)
        return lat_err(LATTN_ERR_ARG, "gpt2: a cache of %lld tokens, n_positions is %lld",
            (long long) capacity, (long long) c->n_positions);
    lattn_kv_cache_params params = {
        .n_layers = c->n_layer,
        .batch = batch,
        .n_kv_heads = c->n_head,
        .head_dim = c->n_embd / c->n_head,
        .capacity = capacity,
        .dtype = lattn_module_dtype(gpt2->root),
    };
    return lattn_kv_cache_create(gpt2->root->ctx, &params, out);
}

lattn_tensor *lattn_gpt2_logits(
    lattn_ctx *ctx, lattn_gpt2 *gpt2, lattn_tensor *ids, lattn_kv_cache *cache)
{
    LAT_NEED_ARG(ctx, gpt2);
    if (!ids)
        return NULL;
    int64_t first = cache ? lattn_kv_cache_length(cache) : 0;
    if (ids->dtype != LATTN_DTYPE_I32 || ids->rank != 2)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "gpt2: ids %s %s are not i32 [B, T]",
            lattn_dtype_name(ids->dtype), LAT_SHAPE(ids));
    int64_t end = first + ids->dim[1];
    if (end > gpt2->config.n_positions)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "gpt2: %lld tokens, n_positions is %lld",
            (long long) end, (long long) gpt2->config.n_positions);
    size_t outer = lat_path_push(ctx, "gpt2");
    lattn_tensor *wte = lattn_module_parameter(gpt2->wte, "weight");
    lattn_tensor *places =
        lattn_slice(ctx, lattn_module_parameter(gpt2->wpe, "weight"), 0, first, end, 1);
    lattn_tensor *x = lattn_add(ctx, lattn_embedding_forward(ctx, gpt2->wte, ids), places);
    x = lattn_dropout(ctx, x, (float) gpt2->config.embd_pdrop);
    lattn_attention_inputs inputs = { .causal = true, .cache = cache };
    x = lattn_encoder_forward(ctx, gpt2->layers, x, &inputs);
    x = lattn_linear(ctx, x, wte, NULL, LATTN_EPILOGUE_NONE);
    lat_path_pop(ctx, outer);
    return x;
}
