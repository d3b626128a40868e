// SPDX-License-Identifier: MIT
//
// What networks of images need besides convolution: activations, dropout of channels, pooling, sizes, norms.
// A part of lattn/ops.h, which includes it, with the same rules.
//
// Letters: N images, C channels, H1 W1 height and width of x, H2 W2 of the result, F size of a window, S
// stride, P padding, D dilation.
#ifndef LATTN_OPS_IMAGE_H
#define LATTN_OPS_IMAGE_H
#include "lattn/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- activations --------------------------------------------------------------------------

/**
 * Rectified linear unit that lets something of what is negative through.
 *
 *     out = x > 0 ? x : slope x
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x; at 0 it is slope. Keeps x
 * Errors   as lattn_scale
 * Source   Maas, Hannun & Ng 2013
 */
LATTN_API lattn_tensor *lattn_leaky_relu(lattn_ctx *ctx, lattn_tensor *x, float slope);

/**
 * Exponential linear unit.
 *
 *     out = x > 0 ? x : alpha (e^x - 1)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Clevert, Unterthiner & Hochreiter 2015, arXiv:1511.07289
 */
LATTN_API lattn_tensor *lattn_elu(lattn_ctx *ctx, lattn_tensor *x, float alpha);

/**
 * Scaled exponential linear unit, which keeps mean 0 and variance 1 from layer to layer.
 *
 *     out = 1.0507009873554805 elu(x, 1.6732632423543772)
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Klambauer et al. 2017, arXiv:1706.02515
 */
LATTN_API lattn_tensor *lattn_selu(lattn_ctx *ctx, lattn_tensor *x);

/**
 * A smooth rectified linear unit.
 *
 *     out = beta x > threshold ? x : ln(1 + e^(beta x)) / beta
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Args     beta, threshold  PyTorch's defaults are 1 and 20
 * Edge     no overflow; accurate in the negative tail too
 * Grad     x. Keeps x
 * Errors   as lattn_scale; ERR_ARG unless beta is positive
 */
LATTN_API lattn_tensor *lattn_softplus(
    lattn_ctx *ctx, lattn_tensor *x, float beta, float threshold);

/**
 * Logistic function from straight lines.
 *
 *     out = min(max(x + 3, 0), 6) / 6
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Grad     x; 0 from -3 down and from 3 up. Keeps x
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_hardsigmoid(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Swish with hardsigmoid.
 *
 *     out = x min(max(x + 3, 0), 6) / 6
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     -inf gives NaN, as 0 times infinity
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Howard et al. 2019, arXiv:1905.02244
 */
LATTN_API lattn_tensor *lattn_hardswish(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Mish.
 *
 *     out = x tanh(ln(1 + e^x))
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     -inf gives NaN, as 0 times infinity
 * Grad     x. Keeps x
 * Errors   as lattn_scale
 * Source   Misra 2019, arXiv:1908.08681
 */
LATTN_API lattn_tensor *lattn_mish(lattn_ctx *ctx, lattn_tensor *x);

/**
 * Replaces what does not exceed a threshold.
 *
 *     out = x > threshold ? x : value
 *
 * Shapes   x any  ->  the same
 * Dtypes   as lattn_scale
 * Edge     NaN stays NaN
 * Grad     x, passed on where x > threshold, else 0. Keeps x
 * Errors   as lattn_scale
 */
LATTN_API lattn_tensor *lattn_threshold(
    lattn_ctx *ctx, lattn_tensor *x, float threshold, float value);

/**
 * Leaky ReLU with a learnt slope, one for all or one for each channel.
 *
 *     out = x > 0 ? x : weight[c] x
 *
 * Shapes   x [N, C, ...] with weight [C], or x any with weight [1]  ->  same shape as x
 * Dtypes   f32, f16, bf16, the same for both; kept. The gradient of weight is summed in f32
 * Grad     x, weight; in a fixed order of additions. Keeps both
 * Errors   ERR_SHAPE if weight is neither [1] nor [C]; ERR_DTYPE; ERR_UNSUPPORTED from 2^32 elements
 *          on
 * Source   He et al. 2015, arXiv:1502.01852
 */
LATTN_API lattn_tensor *lattn_prelu(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight);

/**
 * The largest of each k neighbouring channels.
 *
 *     out[n, c, ...] = max over i < k of x[n, c k + i, ...]
 *
 * Shapes   x [N, C, ...]  ->  [N, C / k, ...]
 * Dtypes   f32, f16, bf16; kept
 * Edge     a NaN counts as the largest
 * Grad     x, as lattn_max. Keeps x and out
 * Errors   ERR_SHAPE if x has no channels or k does not divide them; ERR_ARG for k < 1; ERR_DTYPE
 * Source   Goodfellow et al. 2013, arXiv:1302.4389
 */
LATTN_API lattn_tensor *lattn_maxout(lattn_ctx *ctx, lattn_tensor *x, int64_t k);

// ---- dropout ------------------------------------------------------------------------------

/**
 * Dropout of whole channels.
 *
 *     out[n, c, ...] = keep[n, c] ? x[n, c, ...] / (1 - p) : 0
 *
 * Shapes   x [N, C, ...]  ->  the same
 * Dtypes   as lattn_dropout
 * Args     p  in [0, 1)
 * Edge     as lattn_dropout, with a random number for each channel of each image
 * Grad     x. Keeps nothing of x's size
 * Errors   as lattn_dropout; ERR_SHAPE if x has no channels
 * Source   Tompson et al. 2014, arXiv:1411.4280
 */
LATTN_API lattn_tensor *lattn_dropout2d(lattn_ctx *ctx, lattn_tensor *x, float p);

/**
 * Dropout of whole samples: what is left of a residual branch in a network of stochastic depth.
 *
 *     out[n, ...] = keep[n] ? x[n, ...] / (1 - p) : 0
 *
 * Shapes   x [N, ...]  ->  the same
 * Dtypes   as lattn_dropout
 * Args     p  in [0, 1)
 * Edge     as lattn_dropout, with a random number for each sample
 * Grad     x. Keeps nothing of x's size
 * Errors   as lattn_dropout; ERR_SHAPE for a scalar
 * Source   Huang et al. 2016, arXiv:1603.09382
 */
LATTN_API lattn_tensor *lattn_drop_path(lattn_ctx *ctx, lattn_tensor *x, float p);

// ---- pooling ------------------------------------------------------------------------------

// Height, width. A width of 0 is the height's: { .kernel = { 2 } } is 2x2.
typedef struct lattn_pool2d_args {
    int64_t kernel[2];
    int64_t stride[2];    // 0 = kernel
    int64_t padding[2];   // on each side, at most half the kernel; taken as it is: 0 is none
    int64_t dilation[2];  // max_pool2d: distance between elements of a window; 0 = 1
    bool ceil_mode;       // sizes are rounded up: a last window may stick out
    bool exclude_pad;     // avg_pool2d: padding does not count as elements
    float divisor;        // avg_pool2d: divides the sums instead of the count; 0 = the count
} lattn_pool2d_args;

/**
 * Largest element of each window.
 *
 *     out[n, c, i, j] = max over a, b < F of x[n, c, i S - P + a D, j S - P + b D]
 *     H2 = (H1 + 2P - D(F - 1) - 1)/S + 1, which is (H1 - F + 2P)/S + 1 without dilation
 *
 * Shapes   x [N, C, H1, W1] or [C, H1, W1]  ->  the same with H2, W2
 * Dtypes   f32, f16, bf16; kept
 * Args     args  the window; kernel must be given
 * Edge     padding is never the largest. A NaN counts as the largest
 * Grad     x: to the first of several largest elements, as PyTorch does. Keeps one i32 per
 *          window, not x; without atomics
 * Errors   ERR_SHAPE, with the rule, if a window does not fit or x has another rank;
 *          ERR_ARG for sizes below 1 or padding above half the kernel; ERR_DTYPE;
 *          ERR_UNSUPPORTED from 2^32 elements on
 */
LATTN_API lattn_tensor *lattn_max_pool2d(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_pool2d_args *args);

/**
 * Mean of each window.
 *
 *     out[n, c, i, j] = sum over a, b < F of x[n, c, i S - P + a, j S - P + b] / count
 *     H2 = (H1 - F + 2P)/S + 1
 *
 * Shapes   as lattn_max_pool2d
 * Dtypes   f32, f16, bf16; kept. Sums in f32
 * Args     args  the window; dilation must be 1 or 0
 * Edge     padding is 0 and counts, as in PyTorch, unless exclude_pad is set; what
 *          ceil_mode lets stick out beyond the padding never counts
 * Grad     x, summed in f32 in a fixed order. Keeps nothing
 * Errors   as lattn_max_pool2d
 */
LATTN_API lattn_tensor *lattn_avg_pool2d(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_pool2d_args *args);

/**
 * Means of as many windows as are asked for, of sizes that differ by one at most. 1 x 1 is global
 * average pooling.
 *
 *     window i of H2 has rows floor(i H1 / H2) to ceil((i + 1) H1 / H2) - 1
 *
 * Shapes   x [N, C, H1, W1] or [C, H1, W1]  ->  the same with height, width
 * Dtypes   f32, f16, bf16; kept. Sums in f32
 * Args     height, width  of the result; may be larger than those of x
 * Grad     x, summed in f32 in a fixed order. Keeps nothing
 * Errors   ERR_SHAPE if x has another rank or no elements in its planes; ERR_ARG for sizes below
 *          1; ERR_DTYPE; ERR_UNSUPPORTED from 2^32 elements on, or where H1 H2 reaches that
 */
LATTN_API lattn_tensor *lattn_adaptive_avg_pool2d(
    lattn_ctx *ctx, lattn_tensor *x, int64_t height, int64_t width);

// ---- size ---------------------------------------------------------------------------------

typedef enum lattn_pad_mode {
    LATTN_PAD_CONSTANT,
    LATTN_PAD_REFLECT,    // the mirror image, without the edge itself
    LATTN_PAD_REPLICATE,  // the edge
} lattn_pad_mode;

typedef struct lattn_pad2d_args {
    int64_t before[2], after[2];  // height, width: rows above and below, columns left and right
    lattn_pad_mode mode;
    float value;  // LATTN_PAD_CONSTANT
} lattn_pad2d_args;

/**
 * Images with a border.
 *
 * Shapes   x [N, C, H1, W1] or [C, H1, W1]  ->  the same with H1 + before + after, W1 + ...
 * Dtypes   f32, f16, bf16; kept
 * Args     args  a mirror image must be smaller than the plane
 * Grad     x, summed in f32 in a fixed order. Keeps nothing
 * Errors   ERR_SHAPE if x has another rank or no elements in its planes; ERR_ARG for mode or
 *          padding; ERR_DTYPE; ERR_UNSUPPORTED from 2^32 elements on
 */
LATTN_API lattn_tensor *lattn_pad2d(lattn_ctx *ctx, lattn_tensor *x, const lattn_pad2d_args *args);

typedef struct lattn_upsample2d_args {
    int64_t height, width;  // of the result
    bool bilinear;          // else the nearest element
    bool align_corners;     // bilinear: the corners stay where they are
} lattn_upsample2d_args;

/**
 * Images at another size.
 *
 *     nearest    out[i] = x[floor(i H1 / H2)]
 *     bilinear   x at (i + 1/2) H1 / H2 - 1/2, or with align_corners at i (H1 - 1) / (H2 - 1)
 *
 * Shapes   x [N, C, H1, W1] or [C, H1, W1]  ->  the same with height, width
 * Dtypes   f32, f16, bf16; kept. Computes in f32
 * Args     args  the size may be smaller, too; then elements are left out
 * Grad     x, summed in f32 in a fixed order. Keeps nothing
 * Errors   as lattn_pad2d; ERR_ARG for sizes below 1
 */
LATTN_API lattn_tensor *lattn_upsample2d(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_upsample2d_args *args);

/**
 * Channels become places: factor x factor of them, next to each other.
 *
 *     out[n, c, h factor + i, w factor + j] = x[n, (c factor + i) factor + j, h, w]
 *
 * Shapes   x [N, C factor^2, H, W]  ->  [N, C, H factor, W factor]
 * Dtypes   any; kept
 * Grad     x. Keeps nothing
 * Errors   ERR_SHAPE if x has another rank or other channels; ERR_ARG for factor below 1
 * Source   Shi et al. 2016, arXiv:1609.05158
 */
LATTN_API lattn_tensor *lattn_pixel_shuffle(lattn_ctx *ctx, lattn_tensor *x, int64_t factor);

// ---- normalisation ------------------------------------------------------------------------

typedef struct lattn_batch_norm_args {
    lattn_tensor *running_mean, *running_var;  // f32 [C], both or neither
    lattn_tensor *num_batches_tracked;         // i32, one element; or NULL
    float momentum;                            // share of the new value; 0 = 0.1
    float eps;                                 // inside the root; 0 = 1e-5
    lattn_tensor *residual;                    // added behind bias; like x, or NULL
    bool relu;                                 // then negative elements become 0
    bool frozen;                               // running statistics while training, too
} lattn_batch_norm_args;

/**
 * Normalises each channel to mean 0 and variance 1, then scales and shifts; a residual and a ReLU
 * in the same pass.
 *
 *     out = relu((x - mean) / sqrt(var + eps) * weight + bias + residual)
 *     running = (1 - momentum) running + momentum batch       (the unbiased variance)
 *
 * Shapes   x [N, C, ...], weight [C], bias [C]  ->  out, same shape as x
 * Dtypes   x, weight, bias, residual f32, f16, bf16, one for all; running statistics f32;
 *          arithmetic in f32
 * Args     weight, bias  NULL = 1, 0
 *          args  NULL = all zeros. While training (lattn_set_training) the batch's mean and
 *                variance are used, which divides by N times the rest, and the running ones are
 *                changed in place, on the device, in captured steps too; in evaluation the running
 *                ones are used. Without running ones it is always the batch's
 * Edge     NaN or infinity in a channel makes all of it NaN, but leaves its running statistics as they
 *          were, unlike PyTorch's: what skips the update then has lost nothing. An empty x changes nothing
 * Grad     x, weight, bias, residual, in a fixed order of additions. Keeps x, four f32 per channel,
 *          and out with relu
 * Errors   ERR_SHAPE, also for one value per channel while training; ERR_DTYPE; ERR_ARG for eps,
 *          momentum, or running statistics that are not complete; ERR_UNSUPPORTED from 2^32
 *          elements on
 * Source   Ioffe & Szegedy 2015, arXiv:1502.03167
 */
LATTN_API lattn_tensor *lattn_batch_norm(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *bias, const lattn_batch_norm_args *args);

/**
 * Divides the last dimension by its root mean square, then scales.
 *
 *     out = x / sqrt(mean(x^2) + eps) * weight
 *
 * Shapes   x [..., C], weight [C]  ->  out, same shape as x
 * Dtypes   f32, f16, bf16, one for both; arithmetic in f32
 * Args     weight  NULL = 1; eps  inside the root; finite and not negative
 * Edge     NaN or infinity in a row makes all of it NaN
 * Grad     x, weight, in a fixed order of additions. Keeps x, weight and two f32 per row
 * Errors   ERR_SHAPE, ERR_DTYPE, ERR_ARG for eps
 * Source   Zhang & Sennrich 2019, arXiv:1910.07467
 */
LATTN_API lattn_tensor *lattn_rms_norm(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, float eps);

/**
 * Normalises groups of neighbouring channels of each image, then scales and shifts each channel.
 *
 *     out = (x - mean) / sqrt(var + eps) * weight[c] + bias[c], of the group's elements
 *
 * Shapes   x [N, C, ...], weight [C], bias [C]  ->  out, same shape as x
 * Dtypes   f32, f16, bf16, one for all; statistics in f32
 * Args     n_groups  divides C; weight, bias  NULL = 1, 0; eps  finite and not negative
 * Edge     NaN or infinity in a group makes all of it NaN
 * Grad     x, weight, bias. Keeps x, what was normalised, and two f32 per group
 * Errors   ERR_SHAPE, also if n_groups does not divide C; ERR_DTYPE; ERR_ARG for eps
 * Source   Wu & He 2018, arXiv:1803.08494
 */
LATTN_API lattn_tensor *lattn_group_norm(lattn_ctx *ctx, lattn_tensor *x, int64_t n_groups,
    lattn_tensor *weight, lattn_tensor *bias, float eps);

/**
 * Normalises each channel of each image, then scales and shifts it: as many groups as channels.
 *
 * Shapes   x [N, C, ...] of rank 3 or more, weight [C], bias [C]  ->  out, same shape as x
 * Dtypes   as lattn_group_norm
 * Args     as lattn_group_norm
 * Grad     as lattn_group_norm
 * Errors   ERR_SHAPE, ERR_DTYPE, ERR_ARG for eps
 * Source   Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022
 */
LATTN_API lattn_tensor *lattn_instance_norm(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight, lattn_tensor *bias, float eps);

typedef struct lattn_local_response_args {
    int64_t size;  // n, of neighbouring channels
    float alpha;   // 0 = 1e-4
    float beta;    // 0 = 0.75
    float k;       // 0 = 1
} lattn_local_response_args;

/**
 * Damps elements whose neighbours along the channels are large.
 *
 *     out[c] = x[c] (k + alpha / n * sum of x[j]^2, j from c - n/2 to c + (n - 1)/2)^-beta
 *
 * Shapes   x [N, C, ...]  ->  same shape
 * Dtypes   f32, f16, bf16; kept
 * Args     args  size must be given
 * Grad     x. Keeps x and what was made of it on the way
 * Errors   ERR_SHAPE, ERR_DTYPE; ERR_ARG for size below 1
 * Source   Krizhevsky, Sutskever & Hinton 2012, section 3.3
 */
LATTN_API lattn_tensor *lattn_local_response_norm(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_local_response_args *args);

#ifdef __cplusplus
}
#endif
#endif
