// SPDX-License-Identifier: MIT
//
// Models that write sequences: GPT-2, and the choice of the next token. A part of lattn/models.h, which
// includes it.
#ifndef LATTN_MODELS_SEQUENCE_H
#define LATTN_MODELS_SEQUENCE_H
#include "lattn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- GPT-2 --------------------------------------------------------------------------------

// config.json of Hugging Face. Zero means the value of gpt2 (124 million parameters).
typedef struct lattn_gpt2_config {
    int64_t vocab_size;   // 50257
    int64_t n_positions;  // 1024
    int64_t n_embd;       // 768
    int n_layer;          // 12
    int n_head;           // 12, divides n_embd
    int64_t n_inner;      // 4 * n_embd
    double resid_pdrop;   // 0.1 when has_dropout is false, as the two below
    double embd_pdrop;
    double attn_pdrop;
    bool has_dropout;           // the three above are meant as they are
    double layer_norm_epsilon;  // 1e-5
    double initializer_range;   // 0.02
    int64_t eos_token_id;       // vocab_size - 1; -1 = none
} lattn_gpt2_config;

typedef struct lattn_gpt2 lattn_gpt2;

/**
 * Reads and checks config.json of a model folder.
 *
 * Errors   ERR_IO; ERR_FORMAT naming file, field, value and allowed range; ERR_UNSUPPORTED for another
 *          architecture or activation, or scaled attention by layer
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gpt2_config_load(
    const char *path, lattn_gpt2_config *out);
/**
 * Writes it as transformers reads it.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gpt2_config_save(
    const lattn_gpt2_config *config, const char *path);

/**
 * Makes a GPT-2 with new weights: normal(0, initializer_range), the two projections in front of a residual
 * by another 1 / sqrt(2 n_layer), biases 0. Pre-norm, tanh form of GELU, learnt positions, the head shares
 * the weight of the embedding.
 *
 * Owner    the caller; lattn_gpt2_destroy. config is copied
 * Errors   ERR_ARG for sizes that do not fit together; ERR_GPU_MEMORY
 * Source   Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gpt2_create(
    lattn_ctx *ctx, const lattn_gpt2_config *config, lattn_gpt2 **out);
/**
 * Loads a Hugging Face folder: config.json and model.safetensors (or its shards), with and without
 * "transformer." in front of the names.
 *
 * Errors   as lattn_gpt2_config_load; ERR_FORMAT naming what is missing; ERR_SHAPE, ERR_IO
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gpt2_load(
    lattn_ctx *ctx, const char *dir, lattn_gpt2 **out);
/**
 * Writes config.json and model.safetensors as transformers reads them.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gpt2_save(lattn_gpt2 *gpt2, const char *dir);
/** Frees it and sets the pointer to NULL; NULL is fine. */
LATTN_API void lattn_gpt2_destroy(lattn_gpt2 **gpt2);

/** The module tree: wte, wpe, h.layers.0, ..., h.norm. Lent. */
LATTN_API lattn_module *lattn_gpt2_module(lattn_gpt2 *gpt2);
/** Lent. */
LATTN_API const lattn_gpt2_config *lattn_gpt2_get_config(const lattn_gpt2 *gpt2);

/**
 * Logits of the next token at every place: ids i32 [B, T] -> [B, T, vocab_size].
 *
 * Args     cache  NULL, or one from lattn_gpt2_cache: ids follow what it holds
 * Errors   ERR_SHAPE when more than n_positions tokens come together; as lattn_multihead_attention_forward
 */
LATTN_API lattn_tensor *lattn_gpt2_logits(
    lattn_ctx *ctx, lattn_gpt2 *gpt2, lattn_tensor *ids, lattn_kv_cache *cache);
/**
 * A cache for batch sequences of up to capacity tokens.
 *
 * Owner    the caller; lattn_kv_cache_destroy
 * Errors   ERR_ARG for a capacity above n_positions; as lattn_kv_cache_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gpt2_cache(
    lattn_gpt2 *gpt2, int64_t batch, int64_t capacity, lattn_kv_cache **out);

// ---- the next token -----------------------------------------------------------------------

// How a token is chosen. All zero = the likeliest.
typedef struct lattn_sampling {
    float temperature;         // logits are divided by it; 0 = the likeliest token (greedy)
    int top_k;                 // only the k likeliest; 0 = all
    float top_p;               // only the likeliest that together have this probability; 0 = all
    float repetition_penalty;  // > 1: tokens that were there become less likely; 0 = 1
    uint64_t seed;
} lattn_sampling;

/**
 * Chooses a token from its logits, on the host: penalty, temperature, top-k, top-p, in the order of
 * transformers, then one draw. The same seed and step give the same token.
 *
 * Args     logits    [n]; left as they are
 *          previous  the n_previous tokens so far, for the penalty; may be NULL
 *          step      number of the token, counted by the caller
 *          token     out
 * Edge     of equals the lowest token counts as the likelier. NaN is never chosen
 * Errors   ERR_ARG (n below 1, a value out of range: temperature >= 0, top_k >= 0, top_p in [0, 1],
 *          penalty > 0); ERR_NOT_FINITE when no logit is a number; ERR_HOST_MEMORY
 * Source   Holtzman et al. 2019, arXiv:1904.09751 (top-p); Keskar et al. 2019, arXiv:1909.05858
 *          (penalty)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_sample_token(const float *logits, int64_t n,
    const lattn_sampling *how, const int32_t *previous, int64_t n_previous, int64_t step,
    int32_t *token);

#ifdef __cplusplus
}
#endif
#endif
