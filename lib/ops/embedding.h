// SPDX-License-Identifier: MIT
//
// Gradient of an embedding (embedding_grad.c).
#ifndef LAT_EMBEDDING_H
#define LAT_EMBEDDING_H
#include "autograd/op.h"

struct lat_embedding_grad {
    lattn_tensor *index;  // i32, any shape, contiguous
    lattn_tensor *dy;     // [..., C], contiguous
    lattn_tensor *dw;     // [V, C]
    int64_t padding_idx;  // rows of dw that get nothing; < 0 none
    bool accumulate;      // add to dw instead of writing it
};
lattn_status lat_embedding_grad_run(lattn_ctx *ctx, const struct lat_embedding_grad *g);

// Rows of a [rows, cols] matrix that one binding can hold, at most rows; 0 = not even one.
uint64_t lat_rows_in_binding(const lattn_ctx *ctx, const lattn_tensor *matrix);

// The cpu forms cut rows of n_cols into strips of this many times four vectors, at most most; 0 = rows are no
// whole number of those.
uint32_t lat_strip_quads(const lattn_ctx *ctx, uint32_t n_cols, uint32_t most);

#endif
