// SPDX-License-Identifier: MIT
//
// Stacks of transformer layers: encoder.layer.0, .1, ..., and a norm at the end where they ask for one.

#include <stdio.h>
#include <string.h>
#include "nn/kv_cache.h"
#include "nn/module.h"
#include "nn/transformer.h"
#include "tensor/tensor.h"

static const char encoder_kind[] = "encoder", decoder_kind[] = "decoder";

struct stack {
    int n_layers;
    bool recompute;
    lattn_module *norm;  // NULL = none
};

static lattn_status build(lattn_module *m, const lattn_encoder_params *p)
{
    struct stack *s = m->data;
    bool bert = p->names == LATTN_NAMES_BERT, cross = m->kind == decoder_kind;
    s->n_layers = p->n_layers;
    for (int i = 0; i < p->n_layers; i++) {
        char name[32];
        snprintf(name, sizeof name, bert ? "layer.%d" : "layers.%d", i);
        lattn_module *layer = NULL;
        LAT_ADOPT(m, name,
            cross ? lattn_decoder_layer_create(m->ctx, p, &layer)
                  : lattn_encoder_layer_create(m->ctx, p, &layer),
            layer);
    }
    if (p->final_norm)
        LAT_ADOPT(
            m, bert ? "LayerNorm" : "norm", lat_transformer_norm(m->ctx, p, &s->norm), s->norm);
    return LATTN_OK;
}

static lattn_status create(
    lattn_ctx *ctx, const char *kind, const lattn_encoder_params *params, lattn_module **out)
{
    if (params->n_layers < 0)
        return lat_err(LATTN_ERR_ARG, "%s: n_layers %d must be >= 0", kind, params->n_layers);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct stack), out));
    lattn_status st = build(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_status lattn_encoder_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, encoder_kind, params, out);
}

lattn_status lattn_decoder_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, decoder_kind, params, out);
}

// Inputs as layer i of a stack takes them: its place for weights is behind those of the layers before. NULL stays.
static const lattn_attention_inputs *of_layer(
    const lattn_attention_inputs *stack, int i, lattn_attention_inputs *layer)
{
    if (!stack || !stack->weights)
        return stack;
    *layer = *stack;
    layer->weights += i;
    return layer;
}

// ---- a layer whose inner results are not kept -------------------------------------------------------

// What it takes besides tensors, which lattn_recompute keeps for it.
struct layer_call {
    lattn_module *layer;
    lattn_attention_inputs self, cross;
    bool has_self, has_cross;
};
enum { X, MEMORY, SELF, CROSS = SELF + 3, N_TENSORS = CROSS + 3 };

static void take_tensors(lattn_tensor **to, const lattn_attention_inputs *from)
{
    if (!from)
        return;
    to[0] = from->key_lengths;
    to[1] = from->mask;
    to[2] = from->rotary;
}

static const lattn_attention_inputs *give_tensors(
    lattn_attention_inputs *to, bool there, lattn_tensor *const *from)
{
    to->key_lengths = from[0];
    to->mask = from[1];
    to->rotary = from[2];
    return there ? to : NULL;
}

static lattn_tensor *layer_forward(lattn_ctx *ctx, lattn_module *layer, lattn_tensor *x,
    lattn_tensor *memory, const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    return memory ? lattn_decoder_layer_forward(ctx, layer, x, memory, self, cross)
                  : lattn_encoder_layer_forward(ctx, layer, x, self);
}

static lattn_tensor *run_call(lattn_ctx *ctx, void *user, lattn_tensor *const *in)
{
    struct layer_call *call = user;
    const lattn_attention_inputs *self = give_tensors(&call->self, call->has_self, in + SELF);
    const lattn_attention_inputs *cross = give_tensors(&call->cross, call->has_cross, in + CROSS);
    return layer_forward(ctx, call->layer, in[X], in[MEMORY], self, cross);
}

static lattn_tensor *recomputed(lattn_ctx *ctx, lattn_module *layer, lattn_tensor *x,
    lattn_tensor *memory, const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    struct layer_call call = { .layer = layer, .has_self = self, .has_cross = cross };
    lattn_tensor *in[N_TENSORS] = { [X] = x, [MEMORY] = memory };
    take_tensors(in + SELF, self);
    take_tensors(in + CROSS, cross);
    if (self)
        call.self = *self;
    if (cross)
        call.cross = *cross;
    return lattn_recompute(ctx, run_call, &call, sizeof call, in, N_TENSORS);
}

void lattn_module_set_recompute(lattn_module *m, bool on)
{
    if (!m)
        return;
    if (m->kind == encoder_kind || m->kind == decoder_kind)
        ((struct stack *) m->data)->recompute = on;
    for (size_t i = 0; i < m->children.n; i++)
        lattn_module_set_recompute(m->children.items[i], on);
}

// ---- forward ------------------------------------------------------------------------------------------

// Caches and weights that are asked for are results beside the result: such layers run once.
static bool may_recompute(
    const struct stack *s, const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    return s->recompute && !(self && (self->cache || self->weights)) &&
           !(cross && (cross->cache || cross->weights));
}

// memory is NULL in encoders. A cache may be in self, and the same one in cross.
static lattn_tensor *run(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *memory,
    const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    const struct stack *s = m->data;
    lattn_kv_cache *cache = self ? self->cache : NULL;
    int64_t n_tokens = x ? lat_dim(x, 1) : 0;
    size_t outer = lat_path_push(ctx, m->kind);
    for (int i = 0; i < s->n_layers && x; i++) {
        lattn_module *layer = m->children.items[i];
        size_t inner = lat_path_push(ctx, layer->name);
        lat_kv_cache_layer(cache, i);
        lattn_attention_inputs a, b;
        const lattn_attention_inputs *own = of_layer(self, i, &a), *other = of_layer(cross, i, &b);
        x = (may_recompute(s, own, other) ? recomputed : layer_forward)(
            ctx, layer, x, memory, own, other);
        lat_path_pop(ctx, inner);
    }
    if (s->norm)
        x = lattn_module_forward(ctx, s->norm, x);
    if (x)
        lat_kv_cache_advance(cache, n_tokens);
    lat_path_pop(ctx, outer);
    return x;
}

static bool is_kind(lattn_ctx *ctx, const lattn_module *m, const char *kind)
{
    if (m->kind == kind)
        return true;
    lat_fail(ctx, LATTN_ERR_ARG, "%s: the module is a %s", kind, m->kind);
    return false;
}

lattn_tensor *lattn_encoder_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, const lattn_attention_inputs *inputs)
{
    LAT_NEED_ARG(ctx, m);
    return is_kind(ctx, m, encoder_kind) ? run(ctx, m, x, NULL, inputs, NULL) : NULL;
}

lattn_tensor *lattn_decoder_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    lattn_tensor *memory, const lattn_attention_inputs *self, const lattn_attention_inputs *cross)
{
    LAT_NEED_ARG(ctx, m);
    return memory && is_kind(ctx, m, decoder_kind) ? run(ctx, m, x, memory, self, cross) : NULL;
}
