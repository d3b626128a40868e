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
#include "lattn/ops_image.h"
#include "lattn/ops_position.h"
#include "lattn/ops_sequence.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- views and movement -------------------------------------------------------------------

/**
 * The same elements in the same row-major order with another shape.
 *
 * Shapes   x any  ->  dims [rank]; the same number of elements
 * Dtypes   any; kept
 * Args     dims  one size may be -1: what is left
 * Edge     a view of x where its strides allow it, else a copy
 * Grad     x. Keeps nothing
 * Errors   ERR_SHAPE if the numbers of elements differ; ERR_ARG for a rank outside [0, 8]
 */
LATTN_API lattn_tensor *lattn_reshape(
    lattn_ctx *ctx, lattn_tensor *x, int rank, const int64_t *dims);

/**
 * Two dimensions swapped, as a view.
 *
 * Shapes   x [..., m, ..., n, ...]  ->  [..., n, ..., m, ...]
 * Dtypes   any; kept
 * Args     a, b  the dimensions; negative counts from the last
 * Edge     a == b gives x itself
 * Grad     x. Keeps nothing
 * Errors   ERR_ARG if a or b is outside [-rank, rank)
 */
LATTN_API lattn_tensor *lattn_transpose(lattn_ctx *ctx, lattn_tensor *x, int a, int b);

/**
 * Dimensions in another order, as a view: dimension d of the result is dimension order[d] of x.
 *
 * Shapes   x [n0, n1, ...]  ->  [n_order[0], n_order[1], ...]
 * Dtypes   any; kept
 * Args     order  as many as x has dimensions, each once; negative counts from the last
 * Grad     x. Keeps nothing
 * Errors   ERR_ARG if order is no permutation
 */
LATTN_API lattn_tensor *lattn_permute(lattn_ctx *ctx, lattn_tensor *x, const int *order);

/**
 * Every step-th part of x along a dimension, as a view: Python's x[start:end:step].
 *
 * Shapes   x [..., n, ...]  ->  [..., ceil((end - start) / step), ...]
 * Dtypes   any; kept
 * Args     dim         negative counts from the last
 *          start, end  negative counts from n; what lies outside is cut off, so INT64_MAX is the
 *                      end. end is not included
 *          step        at least 1
 * Edge     start >= end gives size 0
 * Grad     x. Keeps nothing
 * Errors   ERR_ARG for a dim outside [-rank, rank) or a step below 1
 */
LATTN_API lattn_tensor *lattn_slice(
    lattn_ctx *ctx, lattn_tensor *x, int dim, int64_t start, int64_t end, int64_t step);

/**
 * One part of x along a dimension, which goes away.
 *
 * Shapes   x [..., n, ...]  ->  [..., ...], rank one less
 * Dtypes   any; kept
 * Args     dim, index  negative counts from the last
 * Grad     x. Keeps nothing
 * Errors   ERR_ARG for a dim outside [-rank, rank) or an index outside [-n, n)
 */
LATTN_API lattn_tensor *lattn_select(lattn_ctx *ctx, lattn_tensor *x, int dim, int64_t index);

/**
 * x repeated along dimensions of size 1 and along new leading ones, as a view without copies.
 *
 * Shapes   x broadcastable to dims  ->  dims [rank]
 * Dtypes   any; kept. The gradient is summed in f32
 * Args     dims  -1 keeps the size of x
 * Grad     x, the sum over what was repeated. Keeps nothing
 * Errors   ERR_SHAPE if x does not broadcast to dims; ERR_ARG for a rank outside [0, 8]
 */
LATTN_API lattn_tensor *lattn_expand(
    lattn_ctx *ctx, lattn_tensor *x, int rank, const int64_t *dims);

/**
 * The same values in row-major order without gaps: x itself if it is so already, else a copy.
 *
 * Shapes   x any  ->  the same
 * Dtypes   any; kept
 * Grad     x. Keeps nothing
 * Errors   none of its own
 */
LATTN_API lattn_tensor *lattn_contiguous(lattn_ctx *ctx, lattn_tensor *x);

/**
 * The same values in another dtype.
 *
 * Shapes   x any  ->  the same
 * Dtypes   any to any. Floats round to nearest even; floats become integers by cutting off the
 *          fraction
 * Edge     what does not fit: infinity in floats, the nearest value in integers; NaN becomes 0 in
 *          integers. The own dtype gives x itself
 * Grad     x, cast back; none through integers. Keeps nothing
 * Errors   ERR_DTYPE if the device cannot store dtype
 */
LATTN_API lattn_tensor *lattn_cast(lattn_ctx *ctx, lattn_tensor *x, lattn_dtype dtype);

/**
 * Tensors one after the other along a dimension.
 *
 * Shapes   xs[i] [..., k_i, ...], all else equal  ->  [..., sum of k_i, ...]
 * Dtypes   any, the same for all; kept
 * Args     xs   n of them, at least 1
 *          dim  negative counts from the last
 * Grad     every xs[i], its part of the gradient. Keeps nothing
 * Errors   ERR_SHAPE if ranks, dtypes or other sizes differ; ERR_ARG for a dim outside [-rank,
 *          rank) or n < 1
 */
LATTN_API lattn_tensor *lattn_concat(lattn_ctx *ctx, lattn_tensor *const *xs, int n, int dim);

/**
 * Picks elements along one dimension, as torch.gather.
 *
 *     out[..., j, ...] = x[..., index[..., j, ...], ...]        j at dimension dim
 *
 * Shapes   x, index of one rank, index no larger than x in every dimension but dim;
 *          out has the shape of index
 * Dtypes   x f32, f16, bf16; index i32; out has the dtype of x, bit for bit
 * Args     dim  negative counts from the last
 * Edge     an index outside x gives NaN: a device cannot report an error without a
 *          wait, and NaN stays visible
 * Grad     x, summed in f32 in the order of j, without atomics; keeps index
 * Errors   ERR_ARG if dim is outside [-rank, rank); ERR_SHAPE, ERR_DTYPE
 */
LATTN_API lattn_tensor *lattn_gather(lattn_ctx *ctx, lattn_tensor *x, int dim, lattn_tensor *index);

// ---- element by element, with broadcasting ------------------------------------------------

/**
 * Sum of two tensors, element by element.
 *
 *     out = a + b
 *
 * Shapes   a, b any two that broadcast: aligned at the last dimension, sizes equal or 1;
 *          out the broadcast shape
 * Dtypes   f32, f16, bf16, the same for both; kept. Computes in f32
 * Grad     a, b; summed in f32 over the dimensions in which the operand was broadcast.
 *          Keeps nothing
 * Errors   ERR_SHAPE if they do not broadcast; ERR_DTYPE if they differ or are no floats;
 *          ERR_UNSUPPORTED from 2^32 elements on
 */
LATTN_API lattn_tensor *lattn_add(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);

/**
 * Difference of two tensors, element by element.
 *
 *     out = a - b
 *
 * Shapes   as lattn_add
 * Dtypes   as lattn_add
 * Grad     a, b, as lattn_add. Keeps nothing
 * Errors   as lattn_add
 */
LATTN_API lattn_tensor *lattn_sub(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);

/**
 * Product of two tensors, element by element.
 *
 *     out = a b
 *
 * Shapes   as lattn_add
 * Dtypes   as lattn_add
 * Grad     a, b, as lattn_add. Keeps a and b
 * Errors   as lattn_add
 */
LATTN_API lattn_tensor *lattn_mul(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);

/**
 * Quotient of two tensors, element by element.
 *
 *     out = a / b
 *
 * Shapes   as lattn_add
 * Dtypes   as lattn_add
 * Edge     a / 0 is an infinity, 0 / 0 is NaN
 * Grad     a, b, as lattn_add. Keeps a and b
 * Errors   as lattn_add
 */
LATTN_API lattn_tensor *lattn_div(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);

/**
 * Power, element by element.
 *
 *     out = a ^ b
 *
 * Shapes   as lattn_add
 * Dtypes   as lattn_add
 * Edge     as IEEE 754's pow: x ^ 0 is 1 for every x; a negative base with an exponent that is
 *          not whole gives NaN
 * Grad     a, b, as lattn_add; that of a is 0 where b is 0, that of b is 0 where a is 0 and
 *          b >= 0. Keeps a and b
 * Errors   as lattn_add
 */
LATTN_API lattn_tensor *lattn_pow(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);

/**
 * A multiple of a tensor plus a number.
 *
 *     out = factor x + offset
 *
 * Shapes   x any  ->  the same
 * Dtypes   f32, f16, bf16; kept. Computes in f32
 * Grad     x. Keeps nothing
 * Errors   ERR_DTYPE if x is no float; ERR_UNSUPPORTED from 2^32 elements on
 */
LATTN_API lattn_tensor *lattn_scale(lattn_ctx *ctx, lattn_tensor *x, float factor, float offset);

/**
 * A power with one exponent for all elements.
 *
 *     out = x ^ exponent
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     as lattn_pow
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_pow_scalar(lattn_ctx *ctx, lattn_tensor *x, float exponent);

/**
 * Chooses between two tensors, element by element.
 *
 *     out = cond != 0 ? a : b
 *
 * Shapes   cond, a, b any three that broadcast; out the broadcast shape
 * Dtypes   cond u8, or i32 for devices that do not store u8; a and b f32, f16, bf16, the same
 *          for both; kept, bit for bit
 * Edge     NaN in what is not chosen does not show, nor in the gradient
 * Grad     a, b, as lattn_add. Keeps cond
 * Errors   ERR_SHAPE if they do not broadcast; ERR_DTYPE; ERR_UNSUPPORTED from 2^32 elements on
 */
LATTN_API lattn_tensor *lattn_where(
    lattn_ctx *ctx, lattn_tensor *cond, lattn_tensor *a, lattn_tensor *b);

/**
 * Exponential.
 *
 *     out = e ^ x
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     -inf gives 0, +inf and what overflows +inf, NaN stays
 * Grad     x. Keeps out
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_exp(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Natural logarithm.
 *
 *     out = ln x
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     0 gives -inf, negative numbers NaN; denormals count as what they are
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_log(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Square root.
 *
 *     out = sqrt(x)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     negative numbers give NaN; at 0 the gradient is infinite
 * Grad     x. Keeps out
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_sqrt(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Absolute value.
 *
 *     out = |x|
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     the gradient at 0 is 0
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_abs(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Sign: -1, 0 or 1.
 *
 *     out = (x > 0) - (x < 0)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     NaN stays NaN
 * Grad     x, zero everywhere. Keeps nothing
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_sign(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Holds every element to an interval.
 *
 *     out = min(max(x, lo), hi)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Args     lo, hi  may be infinite
 * Edge     NaN stays NaN
 * Grad     x, passed on where lo <= x <= hi, else 0. Keeps x
 * Errors   as lattn_scale; ERR_ARG unless lo <= hi
 */
LATTN_API lattn_tensor *lattn_clamp(lattn_ctx *ctx, lattn_tensor *x, float lo, float hi);

/**
 * Hyperbolic tangent.
 *
 *     out = (e^x - e^-x) / (e^x + e^-x)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps out
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_tanh(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Logistic function.
 *
 *     out = 1 / (1 + e^-x)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps out
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_sigmoid(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Rectified linear unit.
 *
 *     out = max(x, 0)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     NaN stays NaN; the gradient at 0 is 0
 * Grad     x. Keeps out
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_relu(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Gaussian error linear unit, the erf form that BERT uses.
 *
 *     out = x (1 + erf(x / sqrt(2))) / 2
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Hendrycks & Gimpel 2016, arXiv:1606.08415
 */
LATTN_API lattn_tensor *lattn_gelu(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Gaussian error linear unit, the form with tanh.
 *
 *     out = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Hendrycks & Gimpel 2016, arXiv:1606.08415
 */
LATTN_API lattn_tensor *lattn_gelu_tanh(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Sigmoid linear unit (swish).
 *
 *     out = x / (1 + e^-x)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Elfwing et al. 2017, arXiv:1702.03118
 */
LATTN_API lattn_tensor *lattn_silu(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Zeroes each element with probability p while training, and scales the others so that the
 * mean stays.
 *
 *     out = keep ? x / (1 - p) : 0
 *
 * Shapes   x any  ->  the same
 * Dtypes   f32, f16, bf16; kept. Computes in f32
 * Args     p  in [0, 1)
 * Edge     in eval mode, and for p = 0, gives x itself. The mask is a function of seed, step,
 *          the number of the random op in the step, and the element: the same on every device
 * Grad     x. Keeps nothing of x's size: the mask is drawn again
 * Errors   ERR_ARG for p outside [0, 1); ERR_DTYPE; ERR_UNSUPPORTED from 2^32 elements on
 * Source   Srivastava et al. 2014, JMLR 15
 */
LATTN_API lattn_tensor *lattn_dropout(lattn_ctx *ctx, lattn_tensor *x, float p);

// ---- reductions ---------------------------------------------------------------------------

/**
 * Sum over some dimensions.
 *
 *     out[kept] = sum over the others of x
 *
 * Shapes   x any  ->  without the dimensions given, or with size 1 there (keepdim)
 * Dtypes   f32, f16, bf16; kept. Sums in f32
 * Args     dims     n_dims different ones, negative counts from the last; NULL or 0 = all
 *          keepdim  keep reduced dimensions with size 1
 * Edge     over no elements 0. The order of additions depends on the shape only, never on
 *          timing
 * Grad     x, a view of the gradient of out. Keeps nothing
 * Errors   ERR_ARG for a dimension outside [-rank, rank) or given twice; ERR_DTYPE;
 *          ERR_UNSUPPORTED from 2^32 elements on
 */
LATTN_API lattn_tensor *lattn_sum(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);

/**
 * Mean over some dimensions.
 *
 *     out[kept] = sum over the others of x / how many there are
 *
 * Shapes   as lattn_sum
 * Dtypes   as lattn_sum
 * Args     as lattn_sum
 * Edge     over no elements NaN
 * Grad     x. Keeps nothing
 * Errors   as lattn_sum
 */
LATTN_API lattn_tensor *lattn_mean(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);

/**
 * Largest element over some dimensions.
 *
 *     out[kept] = max over the others of x
 *
 * Shapes   as lattn_sum
 * Dtypes   f32, f16, bf16; kept
 * Args     as lattn_sum
 * Edge     a NaN counts as the largest
 * Grad     x: shared evenly among the elements that are the largest, as torch.amax does.
 *          Keeps x and out
 * Errors   as lattn_sum; ERR_SHAPE where there is no element to choose from
 */
LATTN_API lattn_tensor *lattn_max(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);

/**
 * Euclidean norm over some dimensions.
 *
 *     out[kept] = sqrt(sum over the others of x^2)
 *
 * Shapes   as lattn_sum
 * Dtypes   as lattn_sum
 * Args     as lattn_sum
 * Edge     over no elements 0; squares that overflow f32 give infinity
 * Grad     x, dout x / out, 0 where out is 0. Keeps x and out
 * Errors   as lattn_sum
 */
LATTN_API lattn_tensor *lattn_norm(
    lattn_ctx *ctx, lattn_tensor *x, const int *dims, int n_dims, bool keepdim);

/**
 * Index of the largest element along one dimension.
 *
 *     out[kept] = the first k with the largest x[..., k, ...]
 *
 * Shapes   x [..., n, ...]  ->  without that dimension, or with size 1 there (keepdim)
 * Dtypes   x f32, f16, bf16; out i32
 * Args     dim  negative counts from the last
 * Edge     of several the first; a NaN counts as the largest
 * Grad     none
 * Errors   ERR_ARG for a dim outside [-rank, rank); ERR_SHAPE for n = 0; ERR_DTYPE
 */
LATTN_API lattn_tensor *lattn_argmax(lattn_ctx *ctx, lattn_tensor *x, int dim, bool keepdim);

// ---- normalisation ------------------------------------------------------------------------

/**
 * Softmax along one dimension.
 *
 *     out[i] = exp(x[i] - max(x)) / sum_j exp(x[j] - max(x))
 *
 * Shapes   x [..., n, ...]  ->  out, same shape as x
 * Dtypes   f32, f16, bf16; out has the dtype of x; sums accumulate in f32
 * Args     dim  dimension of length n; negative counts from the last
 * Edge     -inf gives 0; a slice that is entirely -inf gives zeros, not NaN; NaN or
 *          +inf in a slice makes all of it NaN
 * Grad     x. Keeps out until backward; does not keep x
 * Errors   ERR_ARG if dim is outside [-rank, rank); ERR_DTYPE
 * Source   Milakov & Gimelshein 2018, arXiv:1805.02867
 */
LATTN_API lattn_tensor *lattn_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim);

/**
 * Logarithm of the softmax along one dimension, without the detour over the softmax.
 *
 *     out[i] = x[i] - max(x) - log(sum_j exp(x[j] - max(x)))
 *
 * Shapes   x [..., n, ...]  ->  out, same shape as x
 * Dtypes   f32, f16, bf16; out has the dtype of x; sums accumulate in f32
 * Args     dim  dimension of length n; negative counts from the last
 * Edge     a slice that is entirely -inf gives -inf, whose exponential is the zeros
 *          that lattn_softmax gives (PyTorch: NaN); NaN or +inf in a slice makes all
 *          of it NaN
 * Grad     x. Keeps out until backward; does not keep x
 * Errors   ERR_ARG if dim is outside [-rank, rank); ERR_DTYPE
 */
LATTN_API lattn_tensor *lattn_log_softmax(lattn_ctx *ctx, lattn_tensor *x, int dim);

/**
 * Normalises the last dimension to mean 0 and variance 1, then scales and shifts.
 *
 *     out = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias
 *
 * Shapes   x [..., C], weight [C], bias [C]  ->  out, same shape as x
 * Dtypes   f32, f16, bf16, one for all; arithmetic in f32
 * Args     weight, bias  NULL = 1, 0
 *          eps  inside the root; finite and not negative; the variance divides by C
 * Edge     NaN or infinity in a row makes all of it NaN
 * Grad     x, weight, bias, in a fixed order of additions. Keeps x, weight and two
 *          f32 per row
 * Errors   ERR_SHAPE, ERR_DTYPE, ERR_ARG for eps
 * Source   Ba, Kiros & Hinton 2016, arXiv:1607.06450
 */
LATTN_API lattn_tensor *lattn_layer_norm(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, lattn_tensor *bias, float eps);

/**
 * layer_norm(residual + dropout(x, p)), what a post-norm transformer does after each
 * sublayer, in one kernel.
 *
 *     v = residual + mask x / (1 - p)
 *     out = (v - mean(v)) / sqrt(var(v) + eps) * weight + bias
 *
 * Shapes   x, residual [..., C], weight [C], bias [C]  ->  out, same shape as x
 * Dtypes   f32, f16, bf16, one for all; arithmetic in f32
 * Args     weight, bias  NULL = 1, 0
 *          p  probability in [0, 1) to drop an element; in evaluation, or with 0, no
 *             random numbers are drawn
 *          eps  as for lattn_layer_norm
 * Edge     a dropped NaN is 0, a kept one makes its row NaN
 * Grad     x, residual, weight, bias. Keeps weight, the normalised v and two f32 per
 *          row; the mask is drawn again
 * Errors   ERR_SHAPE, ERR_DTYPE, ERR_ARG for p or eps
 */
LATTN_API lattn_tensor *lattn_dropout_add_layer_norm(lattn_ctx *ctx, lattn_tensor *x,
    lattn_tensor *residual, lattn_tensor *weight, lattn_tensor *bias, float p, float eps);

// ---- matrix product -----------------------------------------------------------------------

typedef enum lattn_epilogue {
    LATTN_EPILOGUE_NONE,
    LATTN_EPILOGUE_GELU,  // erf form, after the bias; linear
    LATTN_EPILOGUE_RELU,  // after the bias; convolutions
} lattn_epilogue;

/**
 * Matrix product over the last two dimensions.
 *
 *     out[..., m, n] = sum_k a[..., m, k] b[..., k, n]
 *
 * Shapes   a [..., M, K], b [..., K, N]  ->  out [..., M, N]; the leading dimensions
 *          broadcast. A vector counts as a row on the left and as a column on the
 *          right, and the dimension it was given is dropped again
 * Dtypes   f32, f16, bf16, the same for both; out has it too; sums accumulate in f32,
 *          and f32 is never rounded to less
 * Edge     K = 0 gives zeros; NaN and infinities as in the sum of products
 * Grad     a and b, summed over broadcast dimensions. Keeps both. Transposed and
 *          broadcast operands are read in place, forward and backward
 * Errors   ERR_SHAPE if the inner dimensions differ, the leading ones do not broadcast,
 *          or an operand has no dimension; ERR_DTYPE
 */
LATTN_API lattn_tensor *lattn_matmul(lattn_ctx *ctx, lattn_tensor *a, lattn_tensor *b);

/**
 * Linear layer: product with a weight, bias and activation in one kernel.
 *
 *     out = x weight^T + bias            or  gelu(x weight^T + bias)
 *
 * Shapes   x [..., in], weight [out, in], bias [out]  ->  out [..., out]
 * Dtypes   f32, f16, bf16, the same for all; sums accumulate in f32
 * Args     bias  NULL = none; epilogue  what is done to the sum, before it is rounded
 * Edge     in = 0 gives the bias; NaN and infinities as in the formula
 * Grad     x, weight, bias; each is added in place to what has been accumulated.
 *          Keeps x, weight and, with GELU, the value before it
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for an unknown epilogue
 */
LATTN_API lattn_tensor *lattn_linear(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, lattn_epilogue epilogue);

/**
 * Linear layer and what goes past it: product, bias and residual in one kernel.
 *
 *     out = x weight^T + bias + residual
 *
 * Shapes   x [..., in], weight [out, in], bias [out], residual [..., out]  ->  out [..., out]
 * Dtypes   f32, f16, bf16, the same for all; the sum is rounded once
 * Args     bias  NULL = none
 * Edge     in = 0 gives bias + residual; NaN and infinities as in the formula
 * Grad     x, weight, bias as lattn_linear; that of residual is that of out, not a copy. Keeps x and weight
 * Errors   as lattn_linear; ERR_SHAPE, ERR_DTYPE if residual is not like out
 */
LATTN_API lattn_tensor *lattn_linear_add(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, lattn_tensor *residual);

// ---- convolution --------------------------------------------------------------------------

// Pairs are vertical, horizontal.
typedef struct lattn_conv2d_params {
    int64_t stride[2];        // 0 = 1
    int64_t padding[2];       // zeros before the first and after the last row and column
    int64_t dilation[2];      // 0 = 1
    int64_t groups;           // 0 = 1
    bool same;                // as many zeros as keep the size, an odd one after; stride 1
    lattn_epilogue epilogue;  // none or ReLU
} lattn_conv2d_params;

/**
 * Convolution of images, as networks mean it: the kernel is not turned round.
 *
 *     out[n, o, h, w] = bias[o] + sum_{c, i, j} weight[o, c, i, j]
 *                       x[n, c', h S - P + i D, w S - P + j D]         c' = c in o's group
 *
 * Shapes   x [N, C, H, W], weight [O, C / groups, F_h, F_w], bias [O]  ->  out [N, O, H2, W2],
 *          H2 = (H1 - D (F - 1) - 1 + 2P)/S + 1, rounded down; S stride, P padding, D dilation
 * Dtypes   f32, f16, bf16, the same for all; sums accumulate in f32
 * Args     bias  NULL = none; params  NULL = stride 1, no padding, dilation 1, one group
 * Edge     outside of x are zeros; N = 0 gives an empty result, C = 0 the bias. Where a 3x3 kernel with
 *          stride 1 runs as Winograd's products, an infinity in x or weight gives NaN, forward and in
 *          the gradient of x; f32 then has errors of the products of all elements that a result sees
 *          with all weights, not only of those that meet
 * Grad     x, weight, bias; all add to an accumulated gradient in place. Keeps x, weight and,
 *          with ReLU, out
 * Errors   ERR_SHAPE, with the rule for H2 if it gives less than 1; ERR_DTYPE; ERR_ARG for a
 *          negative number, an epilogue that is not there, same with a stride or padding;
 *          ERR_UNSUPPORTED if one image or the weight is more than a shader may see
 */
LATTN_API lattn_tensor *lattn_conv2d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv2d_params *params);

typedef struct lattn_conv1d_params {
    int64_t stride, padding, dilation, groups;  // as in lattn_conv2d_params
    bool same;
    lattn_epilogue epilogue;
} lattn_conv1d_params;

/**
 * Convolution of sequences: lattn_conv2d with images of one row.
 *
 * Shapes   x [N, C, L], weight [O, C / groups, F], bias [O]  ->  out [N, O, L2], L2 by the rule
 *          of lattn_conv2d
 * Dtypes   as lattn_conv2d
 * Args     as lattn_conv2d
 * Grad     as lattn_conv2d
 * Errors   as lattn_conv2d, whose sentences show x and weight with that row
 */
LATTN_API lattn_tensor *lattn_conv1d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv1d_params *params);

// Triples are depth, vertical, horizontal.
typedef struct lattn_conv3d_params {
    int64_t stride[3], padding[3], dilation[3], groups;  // as in lattn_conv2d_params
    bool same;
    lattn_epilogue epilogue;
} lattn_conv3d_params;

/**
 * Convolution of volumes: films, or pictures in layers.
 *
 *     out[n, o, d, h, w] = bias[o] + sum_{c, k, i, j} weight[o, c, k, i, j]
 *                          x[n, c', d S - P + k D, h S - P + i D, w S - P + j D]
 *
 * Shapes   x [N, C, Z, H, W], weight [O, C / groups, F_z, F_h, F_w], bias [O]
 *          ->  out [N, O, Z2, H2, W2], each by the rule of lattn_conv2d
 * Dtypes   as lattn_conv2d
 * Args     as lattn_conv2d
 * Edge     as lattn_conv2d. It runs as a lattn_conv2d whose channels are those that a slice of the
 *          result sees, copied some slices at a time: 32 MiB at most, or one slice
 * Grad     as lattn_conv2d, but x's is not added up in place
 * Errors   as lattn_conv2d
 */
LATTN_API lattn_tensor *lattn_conv3d(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_conv3d_params *params);

typedef struct lattn_conv_transpose2d_params {
    int64_t stride[2];          // 0 = 1
    int64_t padding[2];         // rows and columns that are cut off at both ends
    int64_t output_padding[2];  // and made at the last end; below stride or dilation
    int64_t dilation[2];        // 0 = 1
    int64_t groups;             // 0 = 1
    lattn_epilogue epilogue;    // none or ReLU
} lattn_conv_transpose2d_params;

/**
 * Transposed convolution: the input gradient of lattn_conv2d as a layer, which makes images larger.
 *
 *     out[n, o, h, w] = bias[o] + sum of x[n, c, y, x] weight[c, o, i, j] over all c of o's group,
 *                       and y, x, i, j with y S - P + i D = h and x S - P + j D = w
 *
 * Shapes   x [N, C, H1, W1], weight [C, O / groups, F_h, F_w], bias [O]  ->  out [N, O, H2, W2],
 *          H2 = (H1 - 1) S - 2P + D (F - 1) + output_padding + 1
 * Dtypes   as lattn_conv2d
 * Args     bias  NULL = none; params  NULL = stride 1, no padding, dilation 1, one group
 * Edge     elements that no x reaches are the bias; N = 0 gives an empty result
 * Grad     as lattn_conv2d
 * Errors   as lattn_conv2d; ERR_ARG for an output_padding that is not below stride or dilation
 */
LATTN_API lattn_tensor *lattn_conv_transpose2d(lattn_ctx *ctx, lattn_tensor *x,
    lattn_tensor *weight, lattn_tensor *bias, const lattn_conv_transpose2d_params *params);

// ---- indices ------------------------------------------------------------------------------

/**
 * Looks up rows of a table.
 *
 *     out[..., :] = weight[index[...], :]
 *
 * Shapes   weight [V, C], index [...]  ->  out [..., C]
 * Dtypes   weight f32, f16, bf16; index i32; out has the dtype of weight, bit for bit
 * Args     padding_idx  the row that gets no gradient; negative = none
 * Edge     an index outside [0, V) gives a row of NaN: a device cannot report an
 *          error without a wait, and NaN stays visible. Its gradient goes nowhere
 * Grad     weight: rows that no index names get 0. The rows of each index are added
 *          up in the order of their positions, in f32, without atomics; the work is
 *          that of the indices, not of the table. Keeps index
 * Errors   ERR_ARG if padding_idx >= V; ERR_SHAPE, ERR_DTYPE
 */
LATTN_API lattn_tensor *lattn_embedding(
    lattn_ctx *ctx, lattn_tensor *weight, lattn_tensor *index, int64_t padding_idx);

// ---- attention ----------------------------------------------------------------------------

typedef struct lattn_attention_args {
    lattn_tensor *mask;         // added to the scores; [B|1, H|1, T|1, S], f32; NULL = none
    lattn_tensor *key_lengths;  // i32 [B]: keys s >= key_lengths[b] are padding; NULL = none
    float scale;                // 0 = 1 / sqrt(D)
    float dropout;              // probability in [0, 1); ignored in eval mode; 0 = off
    bool causal;                // query t sees keys 0 .. t + (S - T)
    bool alibi;                 // a step of distance costs 2^(-8 (h + 1) / H) in head h
    int64_t window;             // only keys nearer than this to t + (S - T) are seen; 0 = all
} lattn_attention_args;

/**
 * Scaled dot-product attention, computed tile by tile: the [T, S] scores are not stored (on CPU devices
 * backward has room for those of up to 128 tokens), so memory grows with T + S and not with T * S.
 *
 *     out = dropout(softmax(scale * q k^T + mask - slope |distance|)) v
 *
 * Query t stands at key t + (S - T), the last query at the last key, and distance is from there
 * (alibi; H that is no power of two as in the paper's code). A window of 1 is the key itself; blocks of
 * keys that no query of a block sees are skipped, so work grows with the window.
 *
 * Shapes   q   [B, H,  T, D]     B batch, H query heads, T queries, D head size
 *          k   [B, Hk, S, D]     Hk key/value heads, S keys
 *          v   [B, Hk, S, D]
 *          out [B, H,  T, D]     a view of [B, T, H, D] memory, so that joining the
 *                                heads (transpose, reshape) copies nothing
 *          H must be a multiple of Hk (grouped-query attention when H > Hk)
 * Dtypes   f32, f16, bf16, the same for q, k and v; accumulates in f32; mask f32,
 *          key_lengths i32
 * Args     args  NULL = all zeros. q, k and v may have any strides as long as D is
 *          contiguous: projections [B, T, H * D] are read in place as views
 * Edge     a score that mask brings to -1e30 or below is masked, as are padding and
 *          what causal hides; a query that sees nothing gets zeros, and its gradients
 *          are zero. A padded key's values are not read. NaN in what a query sees
 *          makes its row NaN
 * Grad     q, k, v, mask (a learnt bias; summed along what it is broadcast to, without a [B, H, T, S]
 *          tensor). Keeps q, k, v, out and one f32 per query (the logarithm of its sum of
 *          exponentials). No atomics: the same bits in every run
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG if dropout is outside [0, 1), scale not finite or window
 *          negative; ERR_UNSUPPORTED if D > 256
 * Source   Dao 2023, "FlashAttention-2", arXiv:2307.08691, Algorithms 1 and 2; Press et al. 2021,
 *          "Train Short, Test Long", arXiv:2108.12409 (alibi); Beltagy et al. 2020, "Longformer",
 *          arXiv:2004.05150 (window)
 */
LATTN_API lattn_tensor *lattn_attention(lattn_ctx *ctx, lattn_tensor *q, lattn_tensor *k,
    lattn_tensor *v, const lattn_attention_args *args);

/**
 * The same function from matmul, softmax and dropout: its weights are in memory and can
 * be had, and any head size goes. Dropout drops other weights than the fused form does.
 *
 * Shapes   as lattn_attention; weights [B, H, T, S]
 * Dtypes   as lattn_attention; weights have the dtype of q
 * Args     weights  receives what v was multiplied with, dropout included; NULL = not
 *          wanted
 * Edge     as lattn_attention; here a masked key's values are read and weighted with 0
 * Grad     q, k, v, mask. Keeps the weights, before and after dropout
 * Owner    weights belong to the step
 * Errors   as lattn_attention, but any D goes
 */
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

/**
 * Cross-entropy of logits against class labels: log-softmax and loss in one kernel.
 *
 *     lse  = log sum_c exp(x[c])
 *     row  = (1 - e) w[t] (lse - x[t]) + e / V sum_c w[c] (lse - x[c])
 *     mean = sum of rows / sum of w[t], over rows that are not ignored
 *
 * Shapes   logits [N, V], labels [N], class_weights w [V]
 *          ->  out scalar, or [N] for LATTN_REDUCTION_NONE
 * Dtypes   logits f32, f16, bf16; labels i32; class_weights f32; out f32
 * Args     args  NULL = all zeros: mean, no weights, no smoothing, ignore -100
 * Edge     rows with an ignored label give 0 and no gradient; if all are ignored the
 *          mean is 0 with zero gradient (PyTorch: NaN). A label that is neither a
 *          class nor ignored gives NaN, as does a row with NaN or +inf, or of -inf
 *          alone; a -inf logit under the label gives inf
 * Grad     logits. Keeps logits and two f32 per row; the probabilities are made again
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for label_smoothing or reduction
 * Source   Szegedy et al. 2015, arXiv:1512.00567, section 7 (label smoothing)
 */
LATTN_API lattn_tensor *lattn_cross_entropy(lattn_ctx *ctx, lattn_tensor *logits,
    lattn_tensor *labels, const lattn_cross_entropy_args *args);

typedef struct lattn_linear_cross_entropy_args {
    lattn_tensor *bias;  // [V], or NULL
    lattn_cross_entropy_args loss;
    int64_t chunk_bytes;  // of logits at a time; 0 = 128 MiB
} lattn_linear_cross_entropy_args;

/**
 * Cross-entropy of a linear layer's outputs, without ever holding all of them: the head of a language
 * model. lattn_cross_entropy of lattn_linear is the same loss.
 *
 *     logits = x weight^T + bias
 *     out    = cross_entropy(logits, labels)
 *
 * Rows are taken in chunks, and the logits of a chunk are made, used and overwritten. Backward makes them again:
 * one product more than the two ops take, for a few percent of their memory. Where one chunk holds
 * all rows they are kept, and nothing is made twice; so it is never worse to use this.
 *
 * Shapes   x [..., H], weight [V, H], bias [V], labels [N], class_weights [V], N = product(...)
 *          ->  out scalar, or [N] for LATTN_REDUCTION_NONE
 * Dtypes   x, weight, bias f32, f16, bf16, the same; labels i32; class_weights f32;
 *          out f32. Logits are rounded to the dtype of x
 * Args     args  NULL = all zeros: no bias, mean, no weights, no smoothing, ignore -100
 *          chunk_bytes  bound of the logits in memory; at least 64 rows are taken at a
 *                       time. Large chunks read weight and its gradient less often
 * Edge     as lattn_cross_entropy
 * Grad     x, weight, bias; the gradient of weight is added up in f32, in the order of
 *          the rows. Keeps x, weight, bias and two f32 per row; the logits where they are
 *          one chunk
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for label_smoothing, reduction or chunk_bytes;
 *          ERR_UNSUPPORTED when 64 rows have more than 2^32 logits
 * Source   Wijmans et al. 2024, arXiv:2411.09009, sections 3 and 4
 */
LATTN_API lattn_tensor *lattn_linear_cross_entropy(lattn_ctx *ctx, lattn_tensor *x,
    lattn_tensor *weight, lattn_tensor *labels, const lattn_linear_cross_entropy_args *args);

/**
 * Squared error.
 *
 *     out = (x - target)^2, their mean or their sum
 *
 * Shapes   x, target of one shape  ->  out scalar, or that shape for
 *          LATTN_REDUCTION_NONE
 * Dtypes   x, target f32, f16, bf16, the same; out f32
 * Edge     the mean of no elements is NaN, their sum 0
 * Grad     x and target. Keeps both
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for reduction
 */
LATTN_API lattn_tensor *lattn_mse_loss(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *target, lattn_reduction reduction);

/**
 * Binary cross-entropy of sigmoid(x) against target, from the logit itself.
 *
 *     out = max(x, 0) - x target + log(1 + exp(-|x|)), their mean or their sum
 *
 * Shapes   x, target of one shape  ->  out scalar, or that shape for
 *          LATTN_REDUCTION_NONE
 * Dtypes   x, target f32, f16, bf16, the same; out f32
 * Edge     no overflow for any finite x; the mean of no elements is NaN, their sum 0
 * Grad     x and target. Keeps both
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for reduction
 */
LATTN_API lattn_tensor *lattn_bce_with_logits(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *target, lattn_reduction reduction);

/**
 * Cross-entropy of logits against a distribution for each row: mixed or smoothed labels.
 *
 *     row = - sum_c target[c] log softmax(x)[c]
 *
 * Shapes   logits [N, V], target [N, V]  ->  out scalar, or [N] for LATTN_REDUCTION_NONE
 * Dtypes   logits, target f32, f16, bf16; out f32
 * Edge     0 times the logarithm of a probability of 0 is NaN; the mean of no rows is NaN
 * Grad     logits and target. Keeps the logarithms of the probabilities and target
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for reduction
 */
LATTN_API lattn_tensor *lattn_cross_entropy_soft(
    lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *target, lattn_reduction reduction);

/**
 * The loss of a linear SVM for several classes: every class that comes closer than margin to the right
 * one costs what it lacks.
 *
 *     row = sum over c != label of max(0, x[c] - x[label] + margin)
 *
 * Shapes   logits [N, V], labels [N]  ->  out scalar, or [N] for LATTN_REDUCTION_NONE
 * Dtypes   logits f32, f16, bf16; labels i32; out f32
 * Args     margin  positive; 1 is usual
 * Edge     a label that is no class makes its row NaN. PyTorch's multi_margin_loss divides by V, too
 * Grad     logits. Keeps what exceeds, and labels
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for margin or reduction
 * Source   Weston & Watkins 1999; the course notes of CS231n, "Linear classification"
 */
LATTN_API lattn_tensor *lattn_hinge_loss(lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *labels,
    float margin, lattn_reduction reduction);

/**
 * Binary cross-entropy with logits in which what is right already counts little.
 *
 *     out = alpha_t (1 - p_t)^gamma bce(x, t),  p_t = sigmoid(x) where t is 1, else 1 - sigmoid(x)
 *
 * Shapes   logits, target of one shape  ->  out scalar, or that shape for LATTN_REDUCTION_NONE
 * Dtypes   logits, target f32, f16, bf16; out f32
 * Args     alpha  weight of t = 1, of the others 1 - alpha; negative = none
 *          gamma  not negative; 2 and alpha 0.25 are those of the paper
 * Edge     with gamma below 1 the gradient is infinite where p_t is 1
 * Grad     logits and target. Keeps both and what was made of them on the way
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for alpha, gamma or reduction
 * Source   Lin et al. 2017, arXiv:1708.02002, equation 5
 */
LATTN_API lattn_tensor *lattn_focal_loss(lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *target,
    float alpha, float gamma, lattn_reduction reduction);

#ifdef __cplusplus
}
#endif
#endif
