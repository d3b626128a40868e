// SPDX-License-Identifier: MIT
//
// Multi-head attention: three projections, of their own or packed into one weight, the fused attention op,
// the output projection.
//
//   q, k, v  [B, T, C] -> views [B, H, T, D], read in place by the op (strided)
//   k, v     with a cache: behind those of earlier tokens
//   mask     with learnt distances: their scores, and what the caller adds
//   out      [B, H, T, D] -> [B, T, C]
//
// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.

#include "nn/kv_cache.h"
#include "nn/module.h"
#include "nn/transformer.h"
#include "tensor/tensor.h"

static const char kind[] = "multihead_attention";

enum { QUERY, KEY, VALUE, OUT, N_PROJECTIONS };

static const char *const child_names[][N_PROJECTIONS] = {
    [LATTN_NAMES_TORCH] = { "q_proj", "k_proj", "v_proj", "out_proj" },
    [LATTN_NAMES_BERT] = { "self.query", "self.key", "self.value", "output.dense" },
    [LATTN_NAMES_TORCH_PACKED] = { NULL, NULL, NULL, "out_proj" },
};

struct attention {
    lattn_module *projection[N_PROJECTIONS];  // NULL where they are packed
    lattn_tensor *in_proj_weight, *in_proj_bias;
    lattn_tensor *distances;  // [2 max_positions - 1, head_dim]; NULL = none
    lattn_relative relative;
    int n_heads, n_kv_heads;
    int64_t head_dim;
    float dropout;
};

static lattn_status check(const lattn_attention_params *p, int n_kv_heads)
{
    if (p->embed_dim < 1 || p->n_heads < 1 || p->embed_dim % p->n_heads != 0)
        return lat_err(LATTN_ERR_ARG, "attention: n_heads %d does not divide embed_dim %lld",
            p->n_heads, (long long) p->embed_dim);
    if (n_kv_heads < 1 || p->n_heads % n_kv_heads != 0)
        return lat_err(LATTN_ERR_ARG, "attention: n_kv_heads %d does not divide n_heads %d",
            n_kv_heads, p->n_heads);
    if ((unsigned) p->names >= LAT_COUNT(child_names))
        return lat_err(LATTN_ERR_ARG, "attention: there are no names %d", (int) p->names);
    if (!(p->dropout >= 0 && p->dropout < 1))
        return lat_err(
            LATTN_ERR_ARG, "attention: dropout %g is outside [0, 1)", (double) p->dropout);
    if ((unsigned) p->relative > LATTN_RELATIVE_KEY_QUERY)
        return lat_err(LATTN_ERR_ARG, "attention: there is no relative %d", (int) p->relative);
    if (p->relative && p->max_positions < 1)
        return lat_err(LATTN_ERR_ARG, "attention: relative needs max_positions, it is %lld",
            (long long) p->max_positions);
    if (p->relative == LATTN_RELATIVE_KEY_QUERY && n_kv_heads != p->n_heads)
        return lat_err(LATTN_ERR_ARG,
            "attention: relative of key and query needs as many heads of both, not %d and %d",
            n_kv_heads, p->n_heads);
    return LATTN_OK;
}

// Rows of a projection.
static int64_t rows_of(const struct attention *a, int projection)
{
    bool is_kv = projection == KEY || projection == VALUE;
    return (is_kv ? a->n_kv_heads : a->n_heads) * a->head_dim;
}

// Query, key and value as one weight, started as torch.nn.MultiheadAttention does.
static lattn_status add_packed(lattn_module *m, const lattn_attention_params *p)
{
    struct attention *a = m->data;
    int64_t rows = rows_of(a, QUERY) + rows_of(a, KEY) + rows_of(a, VALUE);
    lattn_parameter_params weight = {
        .dtype = p->dtype,
        .rank = 2,
        .dims = (int64_t[]){ rows, p->embed_dim },
        .init = p->has_init ? p->init : (lattn_init){ LATTN_INIT_XAVIER_UNIFORM, 0 },
    };
    lattn_parameter_params bias = { .dtype = p->dtype, .rank = 1, .dims = &rows, .no_decay = true };
    LAT_TRY(lattn_module_add_parameter(m, "in_proj_weight", &weight, &a->in_proj_weight));
    if (p->no_bias)
        return LATTN_OK;
    return lattn_module_add_parameter(m, "in_proj_bias", &bias, &a->in_proj_bias);
}

static lattn_status add_projections(lattn_module *m, const lattn_attention_params *p)
{
    struct attention *a = m->data;
    for (int i = 0; i < N_PROJECTIONS; i++) {
        lattn_linear_params linear = {
            .in_features = p->embed_dim,
            .out_features = rows_of(a, i),
            .no_bias = p->no_bias,
            .dtype = p->dtype,
            .init = p->init,
            .has_init = p->has_init,
        };
        const char *name = child_names[p->names][i];
        if (name)
            LAT_ADOPT(
                m, name, lattn_linear_create(m->ctx, &linear, &a->projection[i]), a->projection[i]);
    }
    return LATTN_OK;
}

static lattn_status add_distances(lattn_module *m, const lattn_attention_params *p)
{
    struct attention *a = m->data;
    lattn_embedding_params params = {
        .num_embeddings = 2 * p->max_positions - 1,
        .embedding_dim = a->head_dim,
        .dtype = p->dtype,
        .init = p->init,
        .has_init = p->has_init,
    };
    const char *name =
        p->names == LATTN_NAMES_BERT ? "self.distance_embedding" : "distance_embedding";
    lattn_module *table = NULL;
    a->relative = p->relative;
    LAT_ADOPT(m, name, lattn_embedding_create(m->ctx, &params, &table), table);
    a->distances = lattn_module_parameter(table, "weight");
    return LATTN_OK;
}

static lattn_status build(lattn_module *m, const lattn_attention_params *p)
{
    if (p->relative)
        LAT_TRY(add_distances(m, p));
    bool packed = p->names == LATTN_NAMES_TORCH_PACKED;
    if (packed)
        LAT_TRY(add_packed(m, p));
    LAT_TRY(add_projections(m, p));
    lattn_tensor *bias = lattn_module_parameter(m, "out_proj.bias");
    return packed && bias ? lattn_fill_(bias, 0) : LATTN_OK;
}

lattn_status lattn_multihead_attention_create(
    lattn_ctx *ctx, const lattn_attention_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    int n_kv_heads = params->n_kv_heads ? params->n_kv_heads : params->n_heads;
    LAT_TRY(check(params, n_kv_heads));
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct attention), out));

    struct attention *a = (*out)->data;
    a->n_heads = params->n_heads;
    a->n_kv_heads = n_kv_heads;
    a->head_dim = params->embed_dim / params->n_heads;
    a->dropout = params->dropout;
    lattn_status st = build(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

// [B, T, H * D] -> [B, T, H, D], a view.
static lattn_tensor *split_heads(lattn_ctx *ctx, lattn_tensor *x, int n_heads)
{
    if (!x)
        return NULL;
    int64_t dims[] = { lat_dim(x, 0), lat_dim(x, 1), n_heads, lat_dim(x, 2) / n_heads };
    return lattn_reshape(ctx, x, 4, dims);
}

// [B, H, T, D] -> [B, T, H * D].
static lattn_tensor *join_heads(lattn_ctx *ctx, lattn_tensor *x)
{
    if (!x)
        return NULL;
    int64_t dims[] = { lat_dim(x, 0), lat_dim(x, 2), lat_dim(x, 1) * lat_dim(x, 3) };
    return lattn_reshape(ctx, lattn_transpose(ctx, x, 1, 2), 3, dims);
}

static bool check_input(lattn_ctx *ctx, const lattn_tensor *x, const struct attention *a)
{
    int64_t embed_dim = a->n_heads * a->head_dim;
    if (lat_rank(x) == 3 && lat_dim(x, 2) == embed_dim)
        return true;
    lat_fail(ctx, LATTN_ERR_SHAPE, "attention: input %s is not [B, T, %lld]", LAT_SHAPE(x),
        (long long) embed_dim);
    return false;
}

// A packed weight is used in parts, views of its rows: what is added up in backward is as large as the
// weight, where parts of the result would be as large as the batch.
static lattn_tensor *linear_of(
    lattn_ctx *ctx, const struct attention *a, int which, lattn_tensor *x)
{
    if (a->projection[which])
        return lattn_linear_forward(ctx, a->projection[which], x, LATTN_EPILOGUE_NONE);
    int64_t first = 0, end;
    for (int i = QUERY; i < which; i++)
        first += rows_of(a, i);
    end = first + rows_of(a, which);
    lattn_tensor *weight = lattn_slice(ctx, a->in_proj_weight, 0, first, end, 1);
    lattn_tensor *bias =
        a->in_proj_bias ? lattn_slice(ctx, a->in_proj_bias, 0, first, end, 1) : NULL;
    return lattn_linear(ctx, x, weight, bias, LATTN_EPILOGUE_NONE);
}

// One of the three projections of x as heads, turned to its places where these are rotary: [B, H, T, D].
static lattn_tensor *project(lattn_ctx *ctx, const struct attention *a, int which, lattn_tensor *x,
    lattn_tensor *rotary, bool interleaved)
{
    int n_heads = which == QUERY ? a->n_heads : a->n_kv_heads;
    lattn_tensor *y = split_heads(ctx, linear_of(ctx, a, which, x), n_heads);
    if (rotary)
        y = lattn_rotary(ctx, y, rotary, NULL, interleaved);
    return lattn_transpose(ctx, y, 1, 2);
}

// The table from the place of the first token on.
static lattn_tensor *rotary_from(lattn_ctx *ctx, const lattn_attention_inputs *inputs)
{
    int64_t held = inputs->cache ? lattn_kv_cache_length(inputs->cache) : 0;
    if (!inputs->rotary || held == 0)
        return inputs->rotary;
    if (held >= lat_dim(inputs->rotary, 0))
        return lat_fail(ctx, LATTN_ERR_ARG, "attention: token %lld is past the rotary table %s",
            (long long) held, LAT_SHAPE(inputs->rotary));
    return lattn_slice(ctx, inputs->rotary, 0, held, INT64_MAX, 1);
}

// Keys and values, with those that the cache holds. False: error kept in ctx.
static bool keys_and_values(lattn_ctx *ctx, const struct attention *a, lattn_tensor *from,
    bool is_memory, const lattn_attention_inputs *inputs, lattn_tensor *rotary, lattn_tensor **k,
    lattn_tensor **v)
{
    if (is_memory && lat_kv_cache_memory(inputs->cache, k, v))
        return true;
    *k = project(ctx, a, KEY, from, rotary, inputs->rotary_interleaved);
    *v = project(ctx, a, VALUE, from, NULL, false);
    if (!inputs->cache)
        return *k && *v;
    return is_memory ? lat_kv_cache_keep_memory(ctx, inputs->cache, *k, *v)
                     : lat_kv_cache_append(ctx, inputs->cache, k, v);
}

// What is added to the scores; NULL with nothing to add, and where good becomes false.
static lattn_tensor *mask_of(lattn_ctx *ctx, const struct attention *a, lattn_tensor *q,
    lattn_tensor *k, const lattn_attention_inputs *inputs, bool *good)
{
    if (!a->distances)
        return inputs->mask;
    lattn_relative_args args = { .of_keys = a->relative == LATTN_RELATIVE_KEY_QUERY };
    lattn_tensor *scores = lattn_relative_scores(ctx, q, k, a->distances, &args);
    if (scores && inputs->mask)
        scores = lattn_add(ctx, scores, inputs->mask);
    *good = scores != NULL;
    return scores;
}

lattn_tensor *lat_attention_residual_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *query,
    lattn_tensor *key_value, const lattn_attention_inputs *inputs, lattn_tensor *residual)
{
    const lattn_attention_inputs none = { 0 };
    const struct attention *a = lat_module_data(ctx, m, kind);
    if (!a || !query)
        return NULL;
    bool is_memory = key_value && key_value != query;
    if (!is_memory)
        key_value = query;
    if (!inputs)
        inputs = &none;
    if (!check_input(ctx, query, a) || !check_input(ctx, key_value, a))
        return NULL;

    lattn_tensor *rotary = rotary_from(ctx, inputs), *k = NULL, *v = NULL;
    if (inputs->rotary && !rotary)
        return NULL;
    lattn_tensor *q = project(ctx, a, QUERY, query, rotary, inputs->rotary_interleaved);
    if (!keys_and_values(ctx, a, key_value, is_memory, inputs, rotary, &k, &v))
        return NULL;
    bool good = true;
    lattn_tensor *mask = mask_of(ctx, a, q, k, inputs, &good);
    if (!good)
        return NULL;
    lattn_attention_args args = {
        .mask = mask,
        .key_lengths = inputs->key_lengths,
        .dropout = a->dropout,
        .causal = inputs->causal,
        .alibi = inputs->alibi,
        .window = inputs->window,
    };
    lattn_tensor *y = inputs->weights
                          ? lattn_attention_unfused(ctx, q, k, v, &args, inputs->weights)
                          : lattn_attention(ctx, q, k, v, &args);
    y = join_heads(ctx, y);
    if (residual)
        return lattn_linear_residual_forward(ctx, a->projection[OUT], y, residual);
    return lattn_linear_forward(ctx, a->projection[OUT], y, LATTN_EPILOGUE_NONE);
}

lattn_tensor *lattn_multihead_attention_forward(lattn_ctx *ctx, lattn_module *m,
    lattn_tensor *query, lattn_tensor *key_value, const lattn_attention_inputs *inputs)
{
    LAT_NEED_ARG(ctx, m);
    return lat_attention_residual_forward(ctx, m, query, key_value, inputs, NULL);
}
