// SPDX-License-Identifier: MIT
//
// What ops offer to each other and to layers above, besides the public functions.
#ifndef LAT_OPS_INTERNAL_H
#define LAT_OPS_INTERNAL_H
#include "autograd/op.h"

// registry.c: every op of ops.def, by row.
struct lat_op_row {
    const char *name;
    const char *kind;          // folder of its shaders
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

// matmul.c: out[b] (+)= op(a[b]) op(b[b]) on raw tensors of rank 3 [batch, rows, cols] with any
// strides in which one of the last two dimensions is contiguous; used by linear, attention and
// their gradients. No tape.
struct lat_gemm {
    lattn_tensor *a, *b, *out;  // [batch, M, K], [batch, K, N], [batch, M, N] contiguous
    lattn_tensor *bias;         // [N] or NULL
    lattn_tensor *pre;          // [batch, M, N] or NULL: receives the value before GELU
    bool gelu;
    bool accumulate;            // out += instead of out =
    float scale;                // 0 means 1
};
lattn_status lat_gemm_run(lattn_ctx *ctx, const struct lat_gemm *g);

// dropout.c: keep threshold and 1 / (1 - p) as the shaders take them.
uint32_t lat_dropout_threshold(float p);

#endif
