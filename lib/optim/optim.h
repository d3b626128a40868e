// SPDX-License-Identifier: MIT
//
// What all optimisers share: the arenas, the groups, the small buffers of numbers. A rule says
// which moments it has, how it fills hyper, and which kernel runs over one buffer.
#ifndef LAT_OPTIM_H
#define LAT_OPTIM_H
#include "lattn/optim.h"
#include "ops/optim_kernels.h"
#include "tensor/flat.h"

enum { LAT_MAX_MOMENTS = 2 };

struct lat_rule {
    const char *name;
    const char *moment_names[LAT_MAX_MOMENTS];  // in the state file: "exp_avg"; NULL = none
    // Fills the rule's own members of hyper.
    void (*fill)(const lattn_optim *o, float hyper[LAT_HYPER_COUNT]);
    lattn_status (*run)(lattn_ctx *ctx, const struct lat_update *u);
};

struct lattn_optim {
    lattn_ctx *ctx;
    const struct lat_rule *rule;
    lattn_module *module;
    lattn_optim_params common;            // of the loss scale, what is meant by 0 is filled in
    float beta1, beta2, eps;              // AdamW
    float momentum, dampening, nesterov;  // SGD
    lattn_momentum form;
    float lr;  // of the next step
    int64_t n_steps;

    lattn_parameter *params;  // trainable ones
    int n_params, n_moved;    // n_moved of them are in the arenas: all, once it is made
    // weights: the f32 values; copies: what the modules compute with where that is 16 bits wide, else NULL.
    struct lat_flat *weights, *copies, *grads, *moments[LAT_MAX_MOMENTS];
    lattn_tensor *chunk_group[LAT_FLAT_MAX_BUFFERS];
    lattn_tensor *groups, *hyper, *report, *carry;
};

// Collects the trainable parameters, moves them into arenas and makes everything else. o has its
// settings already; on failure it is destroyed.
lattn_status lat_optim_open(lattn_ctx *ctx, lattn_module *module, const struct lat_rule *rule,
    lattn_optim *o, lattn_optim **out);

// Whether the loss has a scale that rises and falls: gradients are f16.
bool lat_optim_scales(const lattn_optim *o);

// Parameters that no backward has reached since zero_grad get a gradient of zeros, so that the
// arenas can be used as a whole.
lattn_status lat_optim_settle(lattn_optim *o);
// The gradients hold values already: what is captured next adds to them. For a capture that will
// be replayed behind another one, whose effect the host cannot see.
void lat_optim_keep_grads(lattn_optim *o);

#endif
