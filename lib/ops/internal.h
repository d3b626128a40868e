// SPDX-License-Identifier: MIT
//
// What ops offer to each other and to layers above, besides the public functions.
#ifndef LAT_OPS_INTERNAL_H
#define LAT_OPS_INTERNAL_H
#include "autograd/op.h"

// registry.c: every op of ops.def, by row.
struct lat_op_row {
    const char *name;
    const char *kind;  // folder of its shaders
    const struct lat_op *op;
};
extern const struct lat_op_row lat_op_table[];
extern const int lat_op_count;

// reduce.c: dst = sum of src over the dimensions in which dst (broadcast to src) is smaller; what
// the gradient of a broadcast operand needs. accumulate adds to dst instead. Any strides of src.
lattn_status lat_sum_to(lattn_ctx *ctx, lattn_tensor *src, lattn_tensor *dst, bool accumulate);
// The same times scale.
lattn_status lat_sum_to_scaled(
    lattn_ctx *ctx, lattn_tensor *src, lattn_tensor *dst, float scale, bool accumulate);

// gemm.c: out (+)= epilogue(scale * a b + bias + residual) on raw tensors, for products that are part of other
// ops and for their gradients. No tape. Rank 2 to 4: up to two batch dimensions before rows and
// columns, of the same size in all (stride 0 = broadcast). a and b may have any strides, a product
// reads transposed views in place; out and pre are contiguous. k = 0 gives zeros plus bias.
struct lat_gemm {
    // [..., M, K], [..., K, N], [..., M, N] of one dtype. out may be f32 where a and b are not, to go on
    // adding before anything is rounded: then b's rows are contiguous, scale is 1 and there is no
    // bias, nor what follows it.
    lattn_tensor *a, *b, *out;
    lattn_tensor *bias;      // [N] or NULL
    bool bias_rows;          // bias is [M]
    lattn_tensor *residual;  // [..., M, N] or NULL, contiguous; not with pre
    lattn_tensor *gelu_of;   // the same: the sum is multiplied by GELU's derivative there; alone
    lattn_tensor *pre;       // [..., M, N] or NULL: receives the value before GELU
    bool gelu;               // erf form, after bias
    bool relu;               // after bias
    // [M] or NULL: receives the sums of a's rows, for a matrix that is [K, M] and contiguous, and out of its
    // dtype; not with residual, gelu_of or pre.
    lattn_tensor *row_sums;
    bool add_row_sums;  // to what row_sums holds
    bool accumulate;    // add what out holds, before GELU or ReLU
    float scale;        // 0 means 1
};
lattn_status lat_gemm_run(lattn_ctx *ctx, const struct lat_gemm *g);

// linear.c: the gradient of a bias, in two steps, so that rows may come in several pieces. Sums over each run of
// LAT_BIAS_RUN rows of g [M, N] into partial f32 [ceil(M / LAT_BIAS_RUN), N]; and those added up.
enum { LAT_BIAS_RUN = 64 };
lattn_status lat_bias_runs(lattn_ctx *ctx, lattn_tensor *g, lattn_tensor *partial);
lattn_status lat_bias_sum(
    lattn_ctx *ctx, lattn_tensor *partial, lattn_tensor *grad, bool accumulate);

// dropout.c: keep threshold and 1 / (1 - p) as the shaders take them.
uint32_t lat_dropout_threshold(float p);
// Forward and backward on raw tensors: to (+)= mask from scale.
struct lat_dropout {
    lattn_tensor *from, *to, *random;
    uint32_t op, threshold;
    float scale;
    bool accumulate;
};
lattn_status lat_dropout_run(lattn_ctx *ctx, const struct lat_dropout *d);

#endif
