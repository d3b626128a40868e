// SPDX-License-Identifier: MIT
//
// Keys and values of earlier tokens: two tensors [B, Hk, capacity, D] for each layer, of which attention
// sees the part that is filled, in place. Keys and values of a memory (cross-attention) never change and
// are kept whole.

#include "nn/kv_cache.h"
#include "base/alloc.h"
#include "nn/module.h"
#include "tensor/tensor.h"

struct held {
    lattn_tensor *k, *v;
    lattn_tensor *memory_k, *memory_v;  // NULL until first seen
};

struct lattn_kv_cache {
    lattn_ctx *ctx;
    lattn_kv_cache_params params;
    struct held *layers;
    int layer;  // whose turn it is
    int64_t length;
};

static lattn_status create_layers(lattn_kv_cache *c)
{
    const lattn_kv_cache_params *p = &c->params;
    int64_t dims[] = { p->batch, p->n_kv_heads, p->capacity, p->head_dim };
    for (int i = 0; i < p->n_layers; i++) {
        LAT_TRY(lat_tensor_kept(c->ctx, p->dtype, 4, dims, &c->layers[i].k));
        LAT_TRY(lat_tensor_kept(c->ctx, p->dtype, 4, dims, &c->layers[i].v));
    }
    return LATTN_OK;
}

lattn_status lattn_kv_cache_create(
    lattn_ctx *ctx, const lattn_kv_cache_params *p, lattn_kv_cache **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(p);
    if (p->n_layers < 1 || p->batch < 1 || p->n_kv_heads < 1 || p->head_dim < 1 || p->capacity < 1)
        return lat_err(LATTN_ERR_ARG,
            "kv_cache: %d layers, batch %lld, %d heads of %lld, capacity %lld: all must be >= 1",
            p->n_layers, (long long) p->batch, p->n_kv_heads, (long long) p->head_dim,
            (long long) p->capacity);
    lattn_kv_cache *c = LAT_NEW(lattn_kv_cache);
    if (!c)
        return LATTN_ERR_HOST_MEMORY;
    c->ctx = ctx;
    c->params = *p;
    c->layers = lat_calloc((size_t) p->n_layers, sizeof *c->layers);
    lattn_status st = c->layers ? create_layers(c) : LATTN_ERR_HOST_MEMORY;
    if (st)
        lattn_kv_cache_destroy(&c);
    *out = c;
    return st;
}

static void forget_memory(struct held *h)
{
    lattn_tensor_release(&h->memory_k);
    lattn_tensor_release(&h->memory_v);
}

void lattn_kv_cache_destroy(lattn_kv_cache **cache)
{
    lattn_kv_cache *c = cache ? *cache : NULL;
    if (!c)
        return;
    *cache = NULL;
    for (int i = 0; c->layers && i < c->params.n_layers; i++) {
        forget_memory(&c->layers[i]);
        lattn_tensor_release(&c->layers[i].k);
        lattn_tensor_release(&c->layers[i].v);
    }
    lat_free(c->layers);
    lat_free(c);
}

int64_t lattn_kv_cache_length(const lattn_kv_cache *cache)
{
    return cache ? cache->length : 0;
}

lattn_status lattn_kv_cache_truncate(lattn_kv_cache *cache, int64_t length)
{
    LAT_CHECK_ARG(cache);
    if (length < 0 || length > cache->length)
        return lat_err(LATTN_ERR_ARG, "kv_cache: length %lld is outside [0, %lld]",
            (long long) length, (long long) cache->length);
    cache->length = length;
    for (int i = 0; length == 0 && i < cache->params.n_layers; i++)
        forget_memory(&cache->layers[i]);
    return LATTN_OK;
}

// ---- for attention and stacks -----------------------------------------------------------------------

void lat_kv_cache_layer(lattn_kv_cache *cache, int layer)
{
    if (cache)
        cache->layer = layer;
}

void lat_kv_cache_advance(lattn_kv_cache *cache, int64_t n)
{
    if (cache)
        cache->length += n;
}

// The layer whose turn it is, when the call fits it; NULL: error kept.
static struct held *layer_for(
    lattn_ctx *ctx, const lattn_kv_cache *c, const lattn_tensor *k, bool grows)
{
    const lattn_kv_cache_params *p = &c->params;
    if (lattn_grad_enabled(ctx))
        return lat_fail(ctx, LATTN_ERR_STATE,
            "kv_cache: gradients are recorded; use it between lattn_no_grad_begin and _end");
    if (c->layer >= p->n_layers || k->dim[0] != p->batch || k->dim[1] != p->n_kv_heads ||
        k->dim[3] != p->head_dim || k->dtype != p->dtype)
        return lat_fail(ctx, LATTN_ERR_ARG,
            "kv_cache: layer %d with keys %s (%s) does not fit %d layers of [%lld, %d, ., %lld] "
            "(%s)",
            c->layer, LAT_SHAPE(k), lattn_dtype_name(k->dtype), p->n_layers, (long long) p->batch,
            p->n_kv_heads, (long long) p->head_dim, lattn_dtype_name(p->dtype));
    if (grows && c->length + k->dim[2] > p->capacity)
        return lat_fail(ctx, LATTN_ERR_ARG,
            "kv_cache: %lld more tokens after %lld pass its capacity %lld", (long long) k->dim[2],
            (long long) c->length, (long long) p->capacity);
    return &c->layers[c->layer];
}

// Writes added behind what all holds; the filled part of all.
static lattn_tensor *append(lattn_ctx *ctx, lattn_tensor *all, lattn_tensor *added, int64_t held)
{
    lattn_tensor *place = lat_view_slice(all, 2, held, added->dim[2], 1);
    if (!place)
        return NULL;
    lattn_status st = lat_prim_copy(place, added);
    if (st)
        return lat_fail_status(ctx, st);
    return lat_view_slice(all, 2, 0, held + added->dim[2], 1);
}

bool lat_kv_cache_append(lattn_ctx *ctx, lattn_kv_cache *cache, lattn_tensor **k, lattn_tensor **v)
{
    struct held *h = *k && *v ? layer_for(ctx, cache, *k, true) : NULL;
    if (!h)
        return false;
    *k = append(ctx, h->k, *k, cache->length);
    *v = append(ctx, h->v, *v, cache->length);
    return *k && *v;
}

bool lat_kv_cache_memory(const lattn_kv_cache *cache, lattn_tensor **k, lattn_tensor **v)
{
    if (!cache || cache->layer >= cache->params.n_layers || !cache->layers[cache->layer].memory_k)
        return false;
    *k = cache->layers[cache->layer].memory_k;
    *v = cache->layers[cache->layer].memory_v;
    return true;
}

bool lat_kv_cache_keep_memory(
    lattn_ctx *ctx, lattn_kv_cache *cache, lattn_tensor *k, lattn_tensor *v)
{
    struct held *h = k && v ? layer_for(ctx, cache, k, false) : NULL;
    if (!h)
        return false;
    h->memory_k = lattn_tensor_retain(k);
    h->memory_v = lattn_tensor_retain(v);
    return true;
}
