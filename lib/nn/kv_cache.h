// SPDX-License-Identifier: MIT
//
// Between kv_cache.c, attention and the stacks.
#ifndef LAT_KV_CACHE_H
#define LAT_KV_CACHE_H
#include "lattn/nn.h"

// Layer i of a stack is about to run. NULL is fine.
void lat_kv_cache_layer(lattn_kv_cache *cache, int layer);
// The stack has run on n more tokens. NULL is fine.
void lat_kv_cache_advance(lattn_kv_cache *cache, int64_t n);

// Puts k and v [B, Hk, T, D] behind what the layer holds and makes them views of all of it,
// [B, Hk, held + T, D]. False: error kept in ctx.
bool lat_kv_cache_append(lattn_ctx *ctx, lattn_kv_cache *cache, lattn_tensor **k, lattn_tensor **v);

// Keys and values of the memory that this layer attends to, when they were kept.
bool lat_kv_cache_memory(const lattn_kv_cache *cache, lattn_tensor **k, lattn_tensor **v);
bool lat_kv_cache_keep_memory(
    lattn_ctx *ctx, lattn_kv_cache *cache, lattn_tensor *k, lattn_tensor *v);

#endif
