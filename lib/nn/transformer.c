// SPDX-License-Identifier: MIT
//
// One layer of a transformer: self-attention, in decoders attention to a memory, feed-forward.
//
//   post-norm   x = norm(x + dropout(part(x)))      for each part in turn
//   pre-norm    x = x + dropout(part(norm(x)))
//   feed-forward(x) = linear2(f(linear1(x))), or linear2(f(gate(x)) linear1(x))
//
// Where no dropout is between a part and its sum, the part's last product adds x itself; where layer norm
// follows the sum, both are one kernel with the dropout.
// Sources: Vaswani et al. 2017, arXiv:1706.03762, section 3.1; Xiong et al. 2020,
// arXiv:2002.04745 (pre-norm); Shazeer 2020, "GLU variants improve transformer", arXiv:2002.05202.

#include "nn/transformer.h"
#include "nn/module.h"

static const char kind[] = "transformer_layer";

enum { ATTENTION, NORM1, CROSS, NORM_CROSS, LINEAR1, GATE, LINEAR2, NORM2, N_PARTS };

// [1]: of layers with attention to a memory.
static const char *const child_names[][2][N_PARTS] = {
    [LATTN_NAMES_TORCH] = {
        { "self_attn", "norm1", NULL, NULL, "linear1", "gate", "linear2", "norm2" },
        { "self_attn", "norm1", "multihead_attn", "norm2", "linear1", "gate", "linear2", "norm3" },
    },
    [LATTN_NAMES_TORCH_PACKED] = {
        { "self_attn", "norm1", NULL, NULL, "linear1", "gate", "linear2", "norm2" },
        { "self_attn", "norm1", "multihead_attn", "norm2", "linear1", "gate", "linear2", "norm3" },
    },
    [LATTN_NAMES_BERT] = {
        { "attention", "attention.output.LayerNorm", NULL, NULL, "intermediate.dense",
            "intermediate.gate", "output.dense", "output.LayerNorm" },
        { "attention", "attention.output.LayerNorm", "crossattention",
            "crossattention.output.LayerNorm", "intermediate.dense", "intermediate.gate",
            "output.dense", "output.LayerNorm" },
    },
};

struct layer {
    lattn_module *part[N_PARTS];  // CROSS, NORM_CROSS, GATE: NULL where it has none
    float dropout;
    bool norm_first;
    lattn_feed_forward feed_forward;
};

static bool is_gated(lattn_feed_forward f)
{
    return f == LATTN_FEED_FORWARD_SWIGLU || f == LATTN_FEED_FORWARD_GEGLU;
}

// ---- building -----------------------------------------------------------------------------------

static const char *name_of(const lattn_encoder_params *p, bool cross, int part)
{
    return child_names[p->names][cross][part];
}

static lattn_status build_attention(
    lattn_module *m, const lattn_encoder_params *p, bool cross, int part)
{
    struct layer *l = m->data;
    lattn_attention_params attention = {
        .embed_dim = p->embed_dim,
        .n_heads = p->n_heads,
        .n_kv_heads = p->n_kv_heads,
        .dropout = p->attention_dropout,
        .no_bias = p->no_bias,
        .relative = part == ATTENTION ? p->relative : LATTN_RELATIVE_NONE,
        .max_positions = p->max_positions,
        .names = p->names,
        .dtype = p->dtype,
        .init = p->init,
        .has_init = p->has_init,
    };
    LAT_ADOPT(m, name_of(p, cross, part),
        lattn_multihead_attention_create(m->ctx, &attention, &l->part[part]), l->part[part]);
    return LATTN_OK;
}

static lattn_status build_norm(lattn_module *m, const lattn_encoder_params *p, bool cross, int part)
{
    struct layer *l = m->data;
    LAT_ADOPT(
        m, name_of(p, cross, part), lat_transformer_norm(m->ctx, p, &l->part[part]), l->part[part]);
    return LATTN_OK;
}

static lattn_status build_linear(
    lattn_module *m, const lattn_encoder_params *p, bool cross, int part)
{
    struct layer *l = m->data;
    lattn_linear_params linear = {
        .in_features = part == LINEAR2 ? p->feedforward_dim : p->embed_dim,
        .out_features = part == LINEAR2 ? p->embed_dim : p->feedforward_dim,
        .no_bias = p->no_bias,
        .dtype = p->dtype,
        .init = p->init,
        .has_init = p->has_init,
    };
    LAT_ADOPT(m, name_of(p, cross, part), lattn_linear_create(m->ctx, &linear, &l->part[part]),
        l->part[part]);
    return LATTN_OK;
}

static lattn_status build(lattn_module *m, const lattn_encoder_params *p, bool cross)
{
    LAT_TRY(build_attention(m, p, cross, ATTENTION));
    LAT_TRY(build_norm(m, p, cross, NORM1));
    if (cross) {
        LAT_TRY(build_attention(m, p, cross, CROSS));
        LAT_TRY(build_norm(m, p, cross, NORM_CROSS));
    }
    LAT_TRY(build_linear(m, p, cross, LINEAR1));
    if (is_gated(p->feed_forward))
        LAT_TRY(build_linear(m, p, cross, GATE));
    LAT_TRY(build_linear(m, p, cross, LINEAR2));
    return build_norm(m, p, cross, NORM2);
}

lattn_status lat_transformer_norm(lattn_ctx *ctx, const lattn_encoder_params *p, lattn_module **out)
{
    lattn_layer_norm_params norm = {
        .size = p->embed_dim, .eps = p->layer_norm_eps, .dtype = p->dtype
    };
    lattn_rms_norm_params rms = {
        .size = p->embed_dim, .eps = p->layer_norm_eps, .dtype = p->dtype
    };
    return p->rms_norm ? lattn_rms_norm_create(ctx, &rms, out)
                       : lattn_layer_norm_create(ctx, &norm, out);
}

static lattn_status create(
    lattn_ctx *ctx, const lattn_encoder_params *params, bool cross, lattn_module **out)
{
    if ((unsigned) params->names > LATTN_NAMES_BERT)
        return lat_err(
            LATTN_ERR_ARG, "transformer layer: there are no names %d", (int) params->names);
    if (!(params->dropout >= 0 && params->dropout < 1))
        return lat_err(LATTN_ERR_ARG, "transformer layer: dropout %g is outside [0, 1)",
            (double) params->dropout);
    if ((int) params->feed_forward < 0 || params->feed_forward > LATTN_FEED_FORWARD_GEGLU)
        return lat_err(LATTN_ERR_ARG, "transformer layer: there is no feed_forward %d",
            (int) params->feed_forward);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct layer), out));
    struct layer *l = (*out)->data;
    l->dropout = params->dropout;
    l->norm_first = params->norm_first;
    l->feed_forward = params->feed_forward;
    lattn_status st = build(*out, params, cross);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_status lattn_encoder_layer_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, params, false, out);
}

lattn_status lattn_decoder_layer_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, params, true, out);
}

// ---- running ------------------------------------------------------------------------------------

// f(linear(x)); the erf form of GELU is part of the product's kernel.
static lattn_tensor *activated(
    lattn_ctx *ctx, const struct layer *l, lattn_module *linear, lattn_tensor *x)
{
    switch (l->feed_forward) {
    case LATTN_FEED_FORWARD_GELU_TANH:
        return lattn_gelu_tanh(ctx, lattn_linear_forward(ctx, linear, x, LATTN_EPILOGUE_NONE));
    case LATTN_FEED_FORWARD_RELU:
        return lattn_relu(ctx, lattn_linear_forward(ctx, linear, x, LATTN_EPILOGUE_NONE));
    case LATTN_FEED_FORWARD_SILU:
    case LATTN_FEED_FORWARD_SWIGLU:
        return lattn_silu(ctx, lattn_linear_forward(ctx, linear, x, LATTN_EPILOGUE_NONE));
    default:
        return lattn_linear_forward(ctx, linear, x, LATTN_EPILOGUE_GELU);
    }
}

// x [B, T, C] -> [B, T, C]; residual: added by the last product, NULL = none
static lattn_tensor *feed_forward(
    lattn_ctx *ctx, const struct layer *l, lattn_tensor *x, lattn_tensor *residual)
{
    bool gated = is_gated(l->feed_forward);
    lattn_tensor *h = activated(ctx, l, l->part[gated ? GATE : LINEAR1], x);
    if (gated)
        h = lattn_mul(ctx, h, lattn_linear_forward(ctx, l->part[LINEAR1], x, LATTN_EPILOGUE_NONE));
    if (residual)
        return lattn_linear_residual_forward(ctx, l->part[LINEAR2], h, residual);
    return lattn_linear_forward(ctx, l->part[LINEAR2], h, LATTN_EPILOGUE_NONE);
}

// What a part of the layer takes, and what becomes of what it gives.
static lattn_tensor *before(lattn_ctx *ctx, const struct layer *l, int norm, lattn_tensor *x)
{
    return l->norm_first ? lattn_module_forward(ctx, l->part[norm], x) : x;
}

// added: to x, by the part itself
static lattn_tensor *after(lattn_ctx *ctx, const struct layer *l, int norm, lattn_tensor *x,
    lattn_tensor *part, bool added)
{
    lattn_module *n = l->part[norm];
    if (!l->norm_first && lat_is_layer_norm(n))
        return lattn_layer_norm_residual_forward(ctx, n, part, x, l->dropout);
    x = added ? part : lattn_add(ctx, x, lattn_dropout(ctx, part, l->dropout));
    return l->norm_first ? x : lattn_module_forward(ctx, n, x);
}

static bool parts_add(lattn_ctx *ctx, const struct layer *l)
{
    bool fused_norm = !l->norm_first && lat_is_layer_norm(l->part[NORM1]);
    return !fused_norm && (l->dropout == 0 || !lattn_is_training(ctx));
}

static lattn_tensor *forward(lattn_ctx *ctx, const struct layer *l, lattn_tensor *x,
    lattn_tensor *memory, const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    bool add = parts_add(ctx, l);
    lattn_tensor *y = lat_attention_residual_forward(
        ctx, l->part[ATTENTION], before(ctx, l, NORM1, x), NULL, self, add ? x : NULL);
    x = after(ctx, l, NORM1, x, y, add);
    if (l->part[CROSS]) {
        y = lat_attention_residual_forward(
            ctx, l->part[CROSS], before(ctx, l, NORM_CROSS, x), memory, cross, add ? x : NULL);
        x = after(ctx, l, NORM_CROSS, x, y, add);
    }
    y = feed_forward(ctx, l, before(ctx, l, NORM2, x), add ? x : NULL);
    return after(ctx, l, NORM2, x, y, add);
}

lattn_tensor *lattn_encoder_layer_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, const lattn_attention_inputs *inputs)
{
    LAT_NEED_ARG(ctx, m);
    const struct layer *l = lat_module_data(ctx, m, kind);
    if (!l)
        return NULL;
    if (l->part[CROSS])
        return lat_fail(ctx, LATTN_ERR_ARG, "encoder_layer: %s is a decoder's, it needs a memory",
            m->name ? m->name : kind);
    return forward(ctx, l, x, NULL, inputs, NULL);
}

lattn_tensor *lattn_decoder_layer_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    lattn_tensor *memory, const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    LAT_NEED_ARG(ctx, m);
    const struct layer *l = lat_module_data(ctx, m, kind);
    if (!l || !memory)
        return NULL;
    lattn_attention_inputs causal = { 0 };
    if (self)
        causal = *self;
    causal.causal = true;
    if (!l->part[CROSS])
        return lat_fail(ctx, LATTN_ERR_ARG, "decoder_layer: %s is an encoder's, it takes no memory",
            m->name ? m->name : kind);
    return forward(ctx, l, x, memory, &causal, cross);
}
