// SPDX-License-Identifier: MIT
//
// Update rules as kernels over flat arenas: global gradient norm, AdamW, SGD. They work in place,
// have no gradient and never wait; lib/optim owns the arenas and calls them.
//
// Nothing that changes between steps is an argument: rates are read from hyper, which the host writes
// before a step, and what the device found out (norm, clipping, finite or not, loss scale, bias
// corrections) from report, which grad_norm writes. So a captured step can be replayed as it is.
#ifndef LAT_OPTIM_KERNELS_H
#define LAT_OPTIM_KERNELS_H
#include "autograd/op.h"
#include "optim/optim_layout.h"

// hyper: f32 [LAT_HYPER_COUNT], indices in shaders/optim/optim_layout.h.
// groups: f32 [n_groups, LAT_GROUP_COUNT].
// report: f32 [LAT_REPORT_COUNT].
// carry: f32 [LAT_CARRY_COUNT].

struct lat_grad_norm {
    lattn_tensor *const *grads;  // arenas, each contiguous, of any float dtype
    int n_grads;                 // 0 reports norm 0, clip factor 1, finite
    lattn_tensor *hyper;
    lattn_tensor *report;  // out
    lattn_tensor *carry;   // in place
};

// report = (norm of all gradients without the loss scale, min(1, max_norm / (norm + 1e-6)), 1 if finite,
// ...); carry counts the update or the skip. The same order of additions in every run.
lattn_status lat_grad_norm_run(lattn_ctx *ctx, const struct lat_grad_norm *n);

// One arena. All contiguous with the same number of elements, which need not be whole chunks.
struct lat_update {
    lattn_tensor *grad;         // f32, f16 or bf16
    lattn_tensor *param;        // f32, in place
    lattn_tensor *moment1;      // f32, in place: AdamW's m, SGD's velocity (NULL = no momentum)
    lattn_tensor *moment2;      // f32, in place: AdamW's v; NULL for SGD
    lattn_tensor *copy;         // NULL, or of grad's dtype: receives param rounded to it
    lattn_tensor *chunk_group;  // i32 [ceil(n / LAT_OPTIM_CHUNK)]: the group of each chunk
    lattn_tensor *groups;
    lattn_tensor *hyper;
    lattn_tensor *report;  // written by lat_grad_norm_run before
};

// g = grad / loss scale * clip factor; nothing is changed when report says not finite.
//     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
//     p = p (1 - lr wd) - lr / bias1 * m / (sqrt(v) / sqrt(bias2) + eps)
// Source: Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2.
lattn_status lat_adamw_run(lattn_ctx *ctx, const struct lat_update *u);

//     g = share (g + wd p);   b = momentum b + g;   p = p - lr (nesterov ? g + momentum b : b)
// With the rate inside, lr stands in the first formula and not in the last.
lattn_status lat_sgd_run(lattn_ctx *ctx, const struct lat_update *u);

#endif
