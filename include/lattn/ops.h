// SPDX-License-Identifier: MIT
//
// Every differentiable function. Functions here describe mathematics: they record
// work and return a tensor of the current step. NULL in gives NULL out, and the first
// error stays in the context until the next call that returns a status.
//
// Letters: B batch, T and S query and key length, C channels (model width), H heads,
// D head size, V vocabulary, M N K a matrix product.
#ifndef LATTN_OPS_H
#define LATTN_OPS_H
#include "lattn/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- views and movement -------------------------------------------------------------------

LATTN_API lattn_tensor *lattn_reshape(lattn_ctx *ctx, lattn_tensor *x, int rank, const int64_t *dims);
LATTN_API lattn_tensor *lattn_transpose(lattn_ctx *ctx, lattn_tensor *x, int a, int b);
LATTN_API lattn_tensor *lattn_permute(lattn_ctx *ctx, lattn_tensor *x, const int *order);
LATTN_API lattn_tensor *lattn_slice(
    lattn_ctx *ctx, lattn_tensor *x, int dim, int64_t start, int64_t end, int64_t step);
LATTN_API lattn_tensor *lattn_select(lattn_ctx *ctx, lattn_tensor *x, int dim, int64_t index);
LATTN_API lattn_tensor *lattn_expand(lattn_ctx *ctx, lattn_tensor *x, int rank, const int64_t *dims);
LATTN_API lattn_tensor *lattn_contiguous(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_cast(lattn_ctx *ctx, lattn_tensor *x, lattn_dtype dtype);
LATTN_API lattn_tensor *lattn_concat(lattn_ctx *ctx, lattn_tensor *const *xs, int n, int dim);
LATTN_API lattn_tensor *lattn_gather(lattn_ctx *ctx, lattn_tensor *x, int dim, lattn_tensor *index);

// ---- element by element, with broadcasting ------------------------------------------------

LATTN_API lattn_tensor *lattn_add(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);
LATTN_API lattn_tensor *lattn_sub(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);
LATTN_API lattn_tensor *lattn_mul(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);
LATTN_API lattn_tensor *lattn_div(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);
LATTN_API lattn_tensor *lattn_pow(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);
LATTN_API lattn_tensor *lattn_scale(lattn_ctx *ctx, lattn_tensor *x, float factor, float offset);
LATTN_API lattn_tensor *lattn_pow_scalar(lattn_ctx *ctx, lattn_tensor *x, float exponent);
LATTN_API lattn_tensor *lattn_where(
    lattn_ctx *ctx, lattn_tensor *cond, lattn_tensor *a, lattn_tensor *b);

LATTN_API lattn_tensor *lattn_exp(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_log(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_sqrt(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_abs(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_sign(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_clamp(lattn_ctx *ctx, lattn_tensor *x, float lo, float hi);
LATTN_API lattn_tensor *lattn_tanh(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_sigmoid(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_relu(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_gelu(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_gelu_tanh(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_silu(lattn_ctx *ctx, lattn_tensor *x);
LATTN_API lattn_tensor *lattn_dropout(lattn_ctx *ctx, lattn_tensor *x, float p);

// ---- reductions ---------------------------------------------------------------------------

// dims: n_dims distinct dimensions, NULL and 0 = all of them. keepdim leaves size 1.
LATTN_API lattn_tensor *lattn_sum(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);
LATTN_API lattn_tensor *lattn_mean(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);
LATTN_API lattn_tensor *lattn_max(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);
LATTN_API lattn_tensor *lattn_norm(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);
LATTN_API lattn_tensor *lattn_argmax(lattn_ctx *ctx, lattn_tensor *x, int dim, bool keepdim);

// ---- normalisation ------------------------------------------------------------------------

LATTN_API lattn_tensor *lattn_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim);
LATTN_API lattn_tensor *lattn_log_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim);
LATTN_API lattn_tensor *lattn_layer_norm(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, lattn_tensor *bias, float eps);
// layer_norm(residual + dropout(x, p)); what a post-norm transformer does after each sublayer.
LATTN_API lattn_tensor *lattn_dropout_add_layer_norm(lattn_ctx *ctx, lattn_tensor *x,
    lattn_tensor *residual, lattn_tensor *weight, lattn_tensor *bias, float p, float eps);

// ---- matrix product -----------------------------------------------------------------------

typedef enum lattn_epilogue {
    LATTN_EPILOGUE_NONE,
    LATTN_EPILOGUE_GELU,  // erf form, after the bias
} lattn_epilogue;

// a [..., M, K], b [..., K, N]; leading dimensions broadcast. Transposed views are read in
// place (NN, NT, TN, TT).
LATTN_API lattn_tensor *lattn_matmul(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);
// y = epilogue(x weight^T + bias): x [..., in], weight [out, in], bias [out] or NULL.
LATTN_API lattn_tensor *lattn_linear(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, lattn_epilogue epilogue);

// ---- indices ------------------------------------------------------------------------------

// index i32 [...] -> [..., C]; weight [V, C]. padding_idx < 0: none.
LATTN_API lattn_tensor *lattn_embedding(
    lattn_ctx *ctx, lattn_tensor *weight, lattn_tensor *index, int64_t padding_idx);

// ---- attention ----------------------------------------------------------------------------

typedef struct lattn_attention_args {
    lattn_tensor *mask;         // added to the scores; [B|1, H|1, T|1, S], f32; NULL = none
    lattn_tensor *key_lengths;  // i32 [B]: keys s >= key_lengths[b] are padding; NULL = none
    float scale;                // 0 = 1 / sqrt(D)
    float dropout;              // probability in [0, 1); ignored in eval mode; 0 = off
    bool causal;                // query t sees keys 0 .. t + (S - T)
} lattn_attention_args;

LATTN_API lattn_tensor *lattn_attention(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k,
    lattn_tensor *v, const lattn_attention_args *args);
// The same from matmul, softmax and dropout; weights (may be NULL) receives [B, H, T, S].
LATTN_API lattn_tensor *lattn_attention_unfused(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k,
    lattn_tensor *v, const lattn_attention_args *args, lattn_tensor **weights);

// ---- losses -------------------------------------------------------------------------------

typedef enum lattn_reduction {
    LATTN_REDUCTION_MEAN,
    LATTN_REDUCTION_SUM,
    LATTN_REDUCTION_NONE,
} lattn_reduction;

typedef struct lattn_cross_entropy_args {
    lattn_tensor *class_weights;  // f32 [V], or NULL
    float label_smoothing;        // in [0, 1)
    int32_t ignore_index;         // used when has_ignore_index; else -100 as in PyTorch
    bool has_ignore_index;
    lattn_reduction reduction;
} lattn_cross_entropy_args;

// logits [N, V], labels i32 [N] -> f32 scalar, or [N] for LATTN_REDUCTION_NONE
LATTN_API lattn_tensor *lattn_cross_entropy(lattn_ctx *ctx, lattn_tensor *logits,
    lattn_tensor *labels, const lattn_cross_entropy_args *args);
LATTN_API lattn_tensor *lattn_mse_loss(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *target, lattn_reduction reduction);
LATTN_API lattn_tensor *lattn_bce_with_logits(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *target, lattn_reduction reduction);

#ifdef __cplusplus
}
#endif
#endif
