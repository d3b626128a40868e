// SPDX-License-Identifier: MIT
//
// The parts that layer_norm, dropout_add_layer_norm and embed_layer_norm share.
#ifndef LAT_LAYER_NORM_H
#define LAT_LAYER_NORM_H
#include "autograd/op.h"
#include "norm/layer_norm.abi.h"

// Gradients from dy. Those of weight and bias are sums over rows, in a fixed order.
struct lat_norm_backward {
    const char *op;
    lattn_tensor *v;      // [..., n_cols]: what was normalised, or the result of that (normalised)
    lattn_tensor *stats;  // f32 [rows, 2]: mean, rstd
    bool normalised;
    bool rms;
    lattn_tensor *weight;  // may be NULL
    lattn_tensor *dy;
    lattn_tensor *dx, *dweight, *dbias;              // NULL = not wanted
    lattn_tensor *dresidual;                         // of dropout_add_layer_norm (normalised)
    bool add_x, add_weight, add_bias, add_residual;  // add to what is there

    // The dropout before dx (normalised); drop_below 0 = none.
    lattn_tensor *random;
    uint32_t drop_below, random_op;
    float keep_scale;
};
lattn_status lat_norm_backward(lattn_ctx *ctx, const struct lat_norm_backward *b);

// Checks weight and bias (each may be NULL) against x: one dtype, shape [last dimension of x], which
// must not be 0. eps must be positive or 0 and finite.
lattn_status lat_norm_check(struct lat_call *c, const lattn_tensor *x, const lattn_tensor *weight,
    const lattn_tensor *bias);
bool lat_norm_eps_ok(float eps);

// Makes out[0] like x, and out[1] for the statistics if a backward may follow.
lattn_status lat_norm_outputs(struct lat_call *c, const lattn_tensor *x);

// The selection table of all three.
enum { LAT_NORM_STRATEGIES = 3 };
extern const struct lat_strategy lat_norm_strategies[LAT_NORM_STRATEGIES];

// layer_norm on raw tensors: in is x, weight, bias; out is y and the statistics, which may be NULL.
lattn_status lat_layer_norm_forward(
    lattn_ctx *ctx, lattn_tensor *const in[3], float eps, lattn_tensor *const out[2]);

enum { LAT_NORM_NO_BINDING = 255 };

// Runs a row kernel of any of them: fills push.n_rows and n_cols, and what lat_rows_plan does.
struct lat_norm_shaders {
    const struct lat_shader *base, *subgroup, *cpu;  // cpu may be NULL
    uint8_t address[LAT_NORM_ADDRESSES];             // which binding's each of push.address is
    uint32_t n_kept;
    uint32_t whole;  // bit i: binding i is not cut by rows (weight, bias, random state)
    int stats;       // binding of the statistics
};
lattn_status lat_norm_rows_run(lattn_ctx *ctx, const char *op, const lattn_tensor *x,
    const struct lat_norm_shaders *s, struct layer_norm_push *push, struct lat_kernel *k);

#endif
