// SPDX-License-Identifier: MIT
//
// Telling a sequence model where its tokens are. A part of lattn/ops.h, which includes it, with the same
// rules. Learnt positions are lattn_embedding; distances that cost (alibi), windows and learnt biases are
// arguments of lattn_attention.
#ifndef LATTN_OPS_POSITION_H
#define LATTN_OPS_POSITION_H
#include "lattn/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The fixed encoding of the Transformer, computed in double precision.
 *
 *     out[p, 2 i]     = sin(p / 10000^(2 i / dim))
 *     out[p, 2 i + 1] = cos(p / 10000^(2 i / dim))
 *
 * Shapes   out [n, dim], f32
 * Edge     an odd dim ends with a sine
 * Errors   ERR_ARG for n or dim below 1; ERR_STATE while a step is captured
 * Source   Vaswani et al. 2017, arXiv:1706.03762, section 3.5
 */
LATTN_API lattn_tensor *lattn_sinusoidal_positions(lattn_ctx *ctx, int64_t n, int64_t dim);

/**
 * Sines and cosines of coordinates at doubling frequencies, for coordinates of any number of dimensions.
 *
 *     out[..., 2 k] = sin(2^k pi x)      out[..., 2 k + 1] = cos(2^k pi x)      k = 0 .. n_waves - 1
 *
 * Shapes   x [..., d]  ->  [..., d * 2 * n_waves]: all waves of the first coordinate, then of the next
 * Dtypes   f32, f16, bf16
 * Args     n_waves  1 to 64
 * Edge     accurate however large 2^k x is, as far as x itself is; infinite or NaN coordinates give NaN
 * Grad     x. Keeps x
 * Errors   ERR_DTYPE, ERR_ARG (n_waves), ERR_SHAPE for a scalar
 * Source   Mildenhall et al. 2020, "NeRF", arXiv:2003.08934, equation 4; Tancik et al. 2020, "Fourier
 *          features", arXiv:2006.10739
 */
LATTN_API lattn_tensor *lattn_fourier_features(lattn_ctx *ctx, lattn_tensor *x, int n_waves);

// How the angles of a rotary table are stretched for texts longer than those of the training.
typedef enum lattn_rotary_scaling {
    LATTN_ROTARY_NONE,
    LATTN_ROTARY_LINEAR,  // every angle / factor: positional interpolation
    LATTN_ROTARY_NTK,  // base * factor^(dim / (dim - 2)): slow waves are stretched, fast ones stay
} lattn_rotary_scaling;

typedef struct lattn_rotary_params {
    int64_t n_positions;
    int64_t dim;  // elements of a head that turn; even
    double base;  // 0 = 10000
    lattn_rotary_scaling scaling;
    double factor;  // of scaling, >= 1; 0 = 1
} lattn_rotary_params;

/**
 * Cosines and sines for lattn_rotary, computed in double precision.
 *
 *     angle[p, i] = p / base^(2 i / dim)        out[p] = (cos angle[p, :], sin angle[p, :])
 *
 * Shapes   out [n_positions, dim], f32
 * Errors   ERR_ARG (sizes below 1, an odd dim, a base or factor out of range); ERR_STATE while a step is
 *          captured
 * Source   Su et al. 2021, "RoFormer", arXiv:2104.09864, equation 15; Chen et al. 2023, "Extending
 *          context window of large language models via positional interpolation", arXiv:2306.15595
 */
LATTN_API lattn_tensor *lattn_rotary_table(lattn_ctx *ctx, const lattn_rotary_params *params);

/**
 * Rotary position embedding: turns pairs of elements of queries or keys by an angle that grows with the
 * position, so that their products depend on distances only.
 *
 *     y_a = x_a cos - x_b sin        y_b = x_a sin + x_b cos
 *
 * Shapes   x [B, T, H, D], as a projection lies in memory; table [P, R] with R <= D; positions [T] or
 *          [B, T]  ->  [B, T, H, D]
 * Dtypes   x f32, f16, bf16; table f32; positions i32
 * Args     positions    NULL = 0 .. T - 1 in every sequence
 *          interleaved  pairs are (2 i, 2 i + 1), as in RoFormer and GPT-J; otherwise (i, i + R / 2), as
 *                       in GPT-NeoX and Llama. Elements from R on stay
 * Edge     a position outside [0, P) makes what turns of its token NaN
 * Grad     x: turned back. Keeps table and positions
 * Errors   ERR_SHAPE, ERR_DTYPE
 * Source   Su et al. 2021, arXiv:2104.09864, equation 34
 */
LATTN_API lattn_tensor *lattn_rotary(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *table,
    lattn_tensor *positions, bool interleaved);

typedef struct lattn_bucket_params {
    int n_buckets;         // 0 = 32
    int64_t max_distance;  // 0 = 128; what is farther shares the last bucket
    bool causal;           // all buckets for what lies before; otherwise half of them on each side
} lattn_bucket_params;

/**
 * Buckets of distances: near ones have their own, far ones share them by their logarithm. An embedding
 * of them, [buckets, heads], is T5's bias of attention.
 *
 * Shapes   out [T, S], i32, of query t and key s; the last query stands at the last key
 * Errors   ERR_ARG (sizes below 1, fewer than 2 buckets, or 4 where they are halved; max_distance not
 *          above what has buckets of its own); ERR_STATE while a step is captured
 * Source   Raffel et al. 2019, "T5", arXiv:1910.10683, section 2.1 and its code
 */
LATTN_API lattn_tensor *lattn_relative_buckets(
    lattn_ctx *ctx, int64_t n_queries, int64_t n_keys, const lattn_bucket_params *params);

typedef struct lattn_relative_args {
    float scale;   // 0 = 1 / sqrt(D)
    bool of_keys;  // the second product as well
} lattn_relative_args;

/**
 * What learnt embeddings of distances add to the scores of attention: a mask for lattn_attention, which
 * gives it a gradient.
 *
 *     out[t, s] = scale * (q[t] . table[d] + k[s] . table[d])        d = t + (S - T) - s + P - 1
 *
 * Shapes   q [B, H, T, D], k [B, H, S, D], table [2 P - 1, D], with T and S from 1 to P  ->  [B, H, T, S].
 *          The last query stands at the last key. Without of_keys k may have other heads
 * Dtypes   f32, f16, bf16, the same for all three; out f32
 * Args     args  NULL = all zeros: the first product alone
 * Grad     q, k, table. Keeps copies of q and, with of_keys, k. In memory stand T S floats per head, which
 *          attention keeps and gives another T S of gradient; the products, T (T + S) elements per head and as
 *          many for keys, live until they are picked from, and once more in backward
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for a scale that is not finite
 * Source   Shaw, Uszkoreit & Vaswani 2018, arXiv:1803.02155, equation 5 (one table for all heads); of_keys:
 *          Huang et al. 2020, "Improve transformer models with better relative position embeddings",
 *          arXiv:2009.13658, method 4
 */
LATTN_API lattn_tensor *lattn_relative_scores(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k,
    lattn_tensor *table, const lattn_relative_args *args);

typedef struct lattn_embed_layer_norm_args {
    lattn_tensor
        *position;        // [P, C], P >= T: row t is added to token t of each sequence; NULL = none
    lattn_tensor *type;   // [K, C]; NULL = none
    lattn_tensor *types;  // i32 like ids: which row of type; NULL = row 0 for all
    lattn_tensor *weight, *bias;  // [C], of the layer norm; NULL = 1, 0
    float eps;                    // as for lattn_layer_norm
    float p;                      // probability in [0, 1) to drop an element of the result
    bool has_padding_idx;
    int64_t padding_idx;  // row of word that gets no gradient
} lattn_embed_layer_norm_args;

/**
 * How a transformer like BERT begins, in one kernel: rows of the tables of words, types and positions, their
 * sum normalised, then dropout.
 *
 *     v = word[ids] + type[types] + position[0 .. T-1]
 *     out = dropout((v - mean(v)) / sqrt(var(v) + eps) * weight + bias, p)
 *
 * Shapes   word [V, C], ids [..., T]  ->  out [..., T, C]
 * Dtypes   tables, weight and bias f32, f16, bf16, one for all; ids and types i32; arithmetic in f32
 * Args     p  in evaluation, or with 0, no random numbers are drawn; else the same as
 *             lattn_dropout would draw
 * Edge     an id or a type outside its table makes the token's row NaN, as lattn_embedding
 *          does. A table that is longer than the device lets a shader see: the same from
 *          lattn_embedding, lattn_add, lattn_layer_norm and lattn_dropout
 * Grad     word, position, type, weight, bias, each in a fixed order of additions. Keeps
 *          ids, types, weight, the normalised v and two f32 per token; the mask is drawn
 *          again
 * Errors   ERR_ARG for p, eps, padding_idx, or types without type; ERR_SHAPE, ERR_DTYPE
 */
LATTN_API lattn_tensor *lattn_embed_layer_norm(
    lattn_ctx *ctx, lattn_tensor *word, lattn_tensor *ids, const lattn_embed_layer_norm_args *args);

#ifdef __cplusplus
}
#endif
#endif
