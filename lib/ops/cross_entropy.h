// SPDX-License-Identifier: MIT
//
// What cross_entropy and linear_cross_entropy share: checks, and the kernels over rows of logits.
#ifndef LAT_CROSS_ENTROPY_H
#define LAT_CROSS_ENTROPY_H
#include "ops/loss.h"

struct lat_cross_entropy_attr {
    float smoothing;
    int32_t ignore_index;
    lattn_reduction reduction;
};

// Attributes of public arguments, NULL = all zeros; false with an error kept in ctx.
bool lat_cross_entropy_attr_of(lattn_ctx *ctx, const char *op, const lattn_cross_entropy_args *args,
    struct lat_cross_entropy_attr *out);

// Labels and class weights against what they belong to.
struct lat_cross_entropy_shape {
    const char *rows_name, *classes_name;  // for sentences: "logits"
    const lattn_tensor *rows_of, *classes_of;
    int64_t n_rows, n_classes;
    const lattn_tensor *labels, *class_weights;
};
lattn_status lat_cross_entropy_check(
    const struct lat_call *c, const struct lat_cross_entropy_shape *s);

// Rows of logits [n, V], with labels [n]. All tensors are contiguous.
struct lat_cross_entropy {
    const char *op;
    const struct lat_cross_entropy_attr *attr;
    lattn_tensor *logits, *labels, *class_weights;
    lattn_tensor *lse;  // f32 [n, 2]: the maximum and the log-sum above it
};
// Makes losses f32 [n], for a mean shares f32 [n] of the divisor, and lse where it is not NULL.
lattn_status lat_cross_entropy_forward(lattn_ctx *ctx, const struct lat_cross_entropy *rows,
    lattn_tensor *losses, lattn_tensor *shares);
// Losses and shares of n_rows rows on their way to result, which without reduction are the losses.
lattn_status lat_cross_entropy_sum(lattn_ctx *ctx, const struct lat_cross_entropy_attr *attr,
    int64_t n_rows, lattn_tensor *result, struct lat_loss_sum *out);
lattn_status lat_cross_entropy_reduce(
    lattn_ctx *ctx, const struct lat_cross_entropy_attr *attr, const struct lat_loss_sum *sum);

struct lat_cross_entropy_grad {
    lattn_tensor *divisor;     // of a mean
    lattn_tensor *weight_sum;  // of class weights with smoothing, else NULL
    lattn_tensor *dy;          // one element, or [n] without reduction
    lattn_tensor *dx;          // receives the gradient; may be the logits themselves
};
lattn_status lat_cross_entropy_backward(lattn_ctx *ctx, const struct lat_cross_entropy *rows,
    const struct lat_cross_entropy_grad *grad);
// The sum of class weights where the gradient needs it, else NULL.
lattn_status lat_cross_entropy_weight_sum(lattn_ctx *ctx, const struct lat_cross_entropy_attr *attr,
    lattn_tensor *class_weights, lattn_tensor **out);

#endif
