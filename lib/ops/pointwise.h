// SPDX-License-Identifier: MIT
//
// What the element-by-element ops share: broadcasting as strides, and how many workgroups.
#ifndef LAT_POINTWISE_H
#define LAT_POINTWISE_H
#include "autograd/op.h"

enum { LAT_POINTWISE_GROUP = 256 };  // invocations of a workgroup: the floor's limit

// Operands of an op whose result is contiguous, as strides along the result's dimensions: 0 where
// an operand is broadcast. Dimensions are joined where every operand allows it.
enum { LAT_MAX_OPERANDS = 3 };
struct lat_operands {
    int n, rank;
    int64_t dim[LATTN_MAX_RANK];
    int64_t stride[LAT_MAX_OPERANDS][LATTN_MAX_RANK];
};
void lat_operands(struct lat_operands *o, const lattn_tensor *out, lattn_tensor *const *in, int n);

// Strides of t along the dimensions of a shape that it broadcasts to.
void lat_broadcast_strides(
    const lattn_tensor *t, int rank, const int64_t *dims, int64_t strides[LATTN_MAX_RANK]);

// Kernels count elements in 32 bits. ERR_UNSUPPORTED past that.
lattn_status lat_check_count(const char *op, const lattn_tensor *t);

// Checks that a and b have one float dtype.
lattn_status lat_check_pair(struct lat_call *c, const lattn_tensor *a, const lattn_tensor *b);

// Makes out[0] with the shape that the first n inputs broadcast to, in the dtype of like.
lattn_status lat_out_broadcast(struct lat_call *c, int n, const lattn_tensor *like);

static inline uint64_t lat_ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

// Whether a kernel can read t in place as quads: contiguous from a start that the device can bind.
bool lat_is_flat(const lattn_tensor *t);

// ---- functions of one tensor (unary.c) -----------------------------------------------------------

struct lat_unary_attr {
    uint32_t kind;  // LAT_UNARY_* of shaders/pointwise/unary.abi.h
    float c, d;
};
lattn_status lat_unary_infer(struct lat_call *c);
lattn_status lat_unary_forward(struct lat_call *c);
lattn_status lat_unary_backward(struct lat_call *c);
lattn_tensor *lat_unary_apply(
    lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x, struct lat_unary_attr attr);

// A row of the op table: saves x, y or nothing for backward.
#define LAT_UNARY_OP(name_, keep_in_, keep_out_)                                                   \
    const struct lat_op lat_op_##name_ = {                                                         \
        .name = #name_,                                                                            \
        .n_inputs = 1,                                                                             \
        .n_outputs = 1,                                                                            \
        .attr_bytes = sizeof(struct lat_unary_attr),                                               \
        .keep_in = keep_in_,                                                                       \
        .keep_out = keep_out_,                                                                     \
        .can_accumulate = 1,                                                                       \
        .infer = lat_unary_infer,                                                                  \
        .forward = lat_unary_forward,                                                              \
        .backward = lat_unary_backward,                                                            \
        .strategies = lat_wide_strategies,                                                         \
        .n_strategies = LAT_WIDE_STRATEGIES,                                                       \
    }

#endif
