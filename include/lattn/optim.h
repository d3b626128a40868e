// SPDX-License-Identifier: MIT
//
// Optimisers over the parameters of a module, learning-rate schedules, gradient clipping.
//
// Creating an optimiser moves the parameters into flat arenas, with their gradients and its own
// state beside them, so that one step is a handful of dispatches however many tensors there are.
// All numbers that change from step to step (rate, step number, clipping, loss scale) are read from small
// buffers, so a step can be captured once and replayed.
//
// Mixed precision: a module in 16 bits (lattn_module_to_dtype) is trained through the f32 values behind its
// parameters, which together with the moments stay f32; its gradients have 16 bits. With f16 the loss is
// scaled up, so that small gradients are not lost, and an update whose gradients overflow is skipped.
//
//     lattn_module_to_dtype(module, LATTN_DTYPE_F16);     then lattn_adamw_create or lattn_sgd_create
//     lattn_optim_backward(optim, loss, 1);               instead of lattn_backward
#ifndef LATTN_OPTIM_H
#define LATTN_OPTIM_H
#include "lattn/io.h"
#include "lattn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lattn_optim lattn_optim;

// How the loss of f16 parameters is scaled, as by PyTorch's GradScaler. 0 = what stands in brackets.
typedef struct lattn_loss_scale {
    float init_scale;      // at first [65536]
    float growth_factor;   // it is multiplied by this after growth_interval good updates [2]
    float backoff_factor;  // and by this after an update with a gradient that is not finite [0.5]
    int growth_interval;   // good updates in a row [2000]
} lattn_loss_scale;

// What every optimiser has. Rates may be changed later with lattn_optim_set_lr.
typedef struct lattn_optim_params {
    float lr;
    float weight_decay;           // not applied to parameters marked no_decay
    float max_grad_norm;          // clip the global L2 norm of all gradients; 0 = do not clip
    lattn_loss_scale loss_scale;  // of f16 parameters; others have none
} lattn_optim_params;

typedef struct lattn_adamw_params {
    lattn_optim_params common;
    float beta1, beta2;  // 0.9, 0.999 when has_betas is false
    float eps;           // 0 = 1e-8; outside the square root
    bool has_betas;      // the two betas are meant as they are: 0 = no memory
} lattn_adamw_params;

/**
 * AdamW: decoupled weight decay, bias correction, f32 state.
 *
 *     m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
 *     p = p - lr wd p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
 *
 * A step whose gradients are not all finite changes nothing, t included; lattn_optim_report tells.
 *
 * Args     module  its trainable parameters, all of one dtype; must outlive the optimiser
 * Owner    the caller; lattn_optim_destroy, before the module. A parameter has one optimiser at a time:
 *          its weights and gradient move into the arenas of this one
 * Errors   ERR_ARG (a rate, beta, eps or number of the loss scale out of range, betas without has_betas;
 *          nothing to train), ERR_DTYPE (parameters that were made in 16 bits, not converted; several
 *          dtypes), ERR_STATE (another optimiser trains one of them),
 *          ERR_GPU_MEMORY
 * Source   Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_adamw_create(
    lattn_ctx *ctx, lattn_module *module, const lattn_adamw_params *params, lattn_optim **out);

// How the velocity v, zero at first, is made of gradients. With a constant rate the first two are the
// same; the third is the first at lr (1 - momentum).
typedef enum lattn_momentum {
    LATTN_MOMENTUM_RATE_OUTSIDE,  // v = momentum v + g;       p = p - lr v: PyTorch
    LATTN_MOMENTUM_RATE_INSIDE,  // v = momentum v + lr g;    p = p - v: a rate that falls leaves the
                                 // speed that was gained
    LATTN_MOMENTUM_AVERAGE,      // v = momentum v + (1 - momentum) g;  p = p - lr v: a mean of
                                 // gradients
} lattn_momentum;

typedef struct lattn_sgd_params {
    lattn_optim_params common;
    float momentum;  // 0 = none
    float dampening;
    bool nesterov;
    lattn_momentum form;
} lattn_sgd_params;

/**
 * Stochastic gradient descent with momentum, as in PyTorch unless another form is asked for.
 *
 *     g = g + wd p;   v = momentum v + (1 - dampening) g  (v = g in the first step)
 *     p = p - lr v            or, with Nesterov,  p = p - lr (g + momentum v)
 *
 * Nesterov adds momentum v and what the gradient has just added to v, in every form.
 *
 * Args     as lattn_adamw_create
 * Owner    as lattn_adamw_create
 * Errors   as lattn_adamw_create; ERR_ARG for Nesterov without momentum or with dampening, for dampening
 *          in another form than PyTorch's
 * Source   Polyak 1964; Sutskever et al. 2013, "On the importance of initialization and momentum"
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_sgd_create(
    lattn_ctx *ctx, lattn_module *module, const lattn_sgd_params *params, lattn_optim **out);

/** Frees the optimiser; the parameters keep their values and places. Accepts NULL. */
LATTN_API void lattn_optim_destroy(lattn_optim **optim);

/**
 * lattn_backward of loss / n_batches times the loss scale, which the update takes out again. Only gradients
 * made this way, or all by lattn_backward of a module in f32 or bf16, are what lattn_optim_step expects.
 *
 * Shapes   loss of one element
 * Dtypes   loss f32, as all losses of lattn/ops.h are
 * Args     n_batches  that share an update: their gradients add up to those of the mean
 * Errors   as lattn_backward; ERR_ARG for n_batches below 1; ERR_SHAPE for another loss
 * Source   Micikevicius et al. 2017, arXiv:1710.03740, section 3.2
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_backward(
    lattn_optim *optim, lattn_tensor *loss, int n_batches);

/**
 * Records one update: gradient norm, clipping, the update itself. Parameters without a gradient
 * count as having a zero one. Inside a captured step the numbers come from the buffer of
 * lattn_optim_hyper at run time.
 *
 * Errors   the first error kept in the context
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_step(lattn_optim *optim);

/** Forgets all gradients: the next backward writes instead of adding. */
LATTN_API void lattn_optim_zero_grad(lattn_optim *optim);

/**
 * Sets the rate of the next step.
 *
 * Errors   ERR_ARG for a rate that is negative or not finite
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_set_lr(lattn_optim *optim, float lr);
/** Rate of the next step. */
LATTN_API float lattn_optim_lr(const lattn_optim *optim);

/**
 * Updates so far (replayed ones too, if announced by lattn_optim_advance), with those that the device
 * skipped: the host is not told at once. lattn_optim_report has their number.
 */
LATTN_API int64_t lattn_optim_steps(const lattn_optim *optim);

// ---- in a captured step -------------------------------------------------------------------

/**
 * The small tensor that a captured step reads its rate and step number from: give it to
 * lattn_graph_create as an input, and write it before every run:
 *
 *     lattn_optim_advance(optim, lr, hyper, sizeof hyper);
 *     lattn_graph_write(graph, i, hyper, sizeof hyper);
 */
LATTN_API lattn_tensor *lattn_optim_hyper(lattn_optim *optim);
enum { LATTN_OPTIM_HYPER_BYTES = 64 };
/**
 * Counts one more update and fills data with what that update must read.
 *
 * Args     bytes  LATTN_OPTIM_HYPER_BYTES
 * Errors   ERR_ARG for other bytes, or a rate that is negative or not finite
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_advance(
    lattn_optim *optim, float lr, void *data, size_t bytes);

/**
 * Tensor of the last step's report, f32 [LATTN_OPTIM_REPORT_FLOATS]: gradient norm before clipping and
 * without the loss scale, clip factor, 1 if all gradients were finite and 0 if the update was skipped, loss
 * scale of the next step (1 of parameters that are not f16), updates skipped so far, of these the last ones
 * without a good one between; the rest is of no use outside. Use it as an output of a graph, or read it.
 */
LATTN_API lattn_tensor *lattn_optim_report(lattn_optim *optim);
enum { LATTN_OPTIM_REPORT_FLOATS = 12 };

/**
 * Looks for the first parameter whose gradient has NaN or infinity.
 *
 * Waits    reads all gradients
 * Args     name  out: lent by the optimiser; NULL if all are finite
 * Errors   those of lattn_tensor_read
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_first_not_finite(
    lattn_optim *optim, const char **name);

// ---- state --------------------------------------------------------------------------------

/**
 * Writes moments, step number and loss scale, by parameter name, to one safetensors file.
 *
 * Errors   as lattn_safetensors_save
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_save(lattn_optim *optim, const char *path);
/**
 * Reads what lattn_optim_save wrote.
 *
 * Errors   ERR_FORMAT, ERR_SHAPE when the file is of other parameters; nothing is changed then. ERR_IO;
 *          those of lattn_safetensors_read_tensor
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_optim_load(lattn_optim *optim, const char *path);

// ---- schedules ----------------------------------------------------------------------------

typedef enum lattn_schedule_kind {
    LATTN_SCHEDULE_LINEAR,      // warm-up, then down to 0 at the last step
    LATTN_SCHEDULE_COSINE,      // warm-up, then half a cosine down to 0
    LATTN_SCHEDULE_CONSTANT,    // warm-up, then constant
    LATTN_SCHEDULE_POLYNOMIAL,  // warm-up, then (1 - progress)^power
    LATTN_SCHEDULE_STEP,        // times gamma every step_size updates: torch's StepLR
    LATTN_SCHEDULE_MULTISTEP,   // times gamma at each milestone: torch's MultiStepLR
} lattn_schedule_kind;

enum { LATTN_MAX_MILESTONES = 32 };

typedef struct lattn_schedule {
    lattn_schedule_kind kind;
    int64_t n_steps;                           // updates in all
    int64_t n_warmup;                          // of these, linear from 0 upwards
    float power;                               // of the polynomial; 0 = 1
    double gamma;                              // of step and multi-step; 0 = 0.1
    int64_t step_size;                         // of step; 0 = never
    int64_t milestones[LATTN_MAX_MILESTONES];  // of multi-step: updates, in any order
    int n_milestones;
} lattn_schedule;

/**
 * Factor on the rate for update number step, counted from 0; as transformers' schedules: update 0
 * has rate 0 under warm-up, and after the last update it would be 0. Steps and milestones count from
 * update 0, and a warm-up that reaches over them has their factors, too.
 */
LATTN_API double lattn_schedule_factor(const lattn_schedule *schedule, int64_t step);

#ifdef __cplusplus
}
#endif
#endif
