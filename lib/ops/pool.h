// SPDX-License-Identifier: MIT
//
// Ops over the planes of [N, C, H, W] or [C, H, W]: pooling, pad2d, upsample2d. One push block and one plan
// of workgroups serve all of them.
#ifndef LAT_POOL_H
#define LAT_POOL_H
#include "autograd/op.h"
#include "pool/pool.abi.h"

enum { LAT_POOL_MAX_SIZE = 1 << 24 };  // of a plane, a window and their distances

// Sizes of the window are 1 for ops that have none.
struct lat_pool_attr {
    uint32_t out[2];  // rows, columns of y
    uint32_t kernel[2], stride[2], padding[2], dilation[2];
    uint32_t flags;
    float divisor;
};

// One pass of an op.
struct lat_pool_pass {
    const struct lat_shader *base, *cpu;
    const lattn_tensor *out;  // invocations of base have its elements
    uint32_t of_y;            // bit i: binding i has planes like y, else like x
    uint32_t flags;           // besides those of the op
    bool backward;
    uint16_t address[LAT_MAX_BINDINGS];  // where cpu gets those of the bindings
};
lattn_status lat_pool_run(
    struct lat_call *c, struct lat_kernel *k, const struct lat_pool_pass *pass);

// out[0] like in[0] with planes of attr->out.
lattn_status lat_pool_infer(struct lat_call *c);
// Whether backward has nothing to write, and the flag that says whether it adds.
bool lat_pool_no_gradient(const struct lat_call *c);
uint32_t lat_pool_accumulate(const struct lat_call *c);
// Rank 3 or 4 and planes of at least one element; else ERR_SHAPE kept in ctx.
bool lat_pool_check(lattn_ctx *ctx, const char *op, const lattn_tensor *x);

#endif
