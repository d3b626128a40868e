// SPDX-License-Identifier: MIT
//
// Reverse-mode differentiation: which tensors need a gradient, backward, detach,
// and ops of the user's own.
#ifndef LATTN_AUTOGRAD_H
#define LATTN_AUTOGRAD_H
#include "lattn/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Marks a leaf (a tensor made by create or detach) as one whose gradient is wanted.
 *
 * Errors   the first error kept in its context; ERR_STATE for a result with a history; ERR_DTYPE for
 *          i32 and u8
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_set_requires_grad(lattn_tensor *t, bool on);
/** Whether a gradient of t is wanted, or passes through it: a marked leaf, or a result of one. */
LATTN_API bool lattn_tensor_requires_grad(const lattn_tensor *t);

/** Gradient accumulated in a leaf; NULL before the first backward and after zero_grad. Lent. */
LATTN_API lattn_tensor *lattn_tensor_grad(const lattn_tensor *t);
/** Forgets the gradient of one leaf: the next backward writes instead of adding. */
LATTN_API void lattn_tensor_zero_grad(lattn_tensor *t);

/** Ops between begin and end are not put on the tape. Nests. */
LATTN_API void lattn_no_grad_begin(lattn_ctx *ctx);
/** Ends the innermost lattn_no_grad_begin; ERR_STATE is kept in ctx when there is none. */
LATTN_API void lattn_no_grad_end(lattn_ctx *ctx);
/** Whether ops are put on the tape now. */
LATTN_API bool lattn_grad_enabled(const lattn_ctx *ctx);

/** Training mode of functions that behave differently in evaluation (dropout). Default true. */
LATTN_API void lattn_set_training(lattn_ctx *ctx, bool on);
/** Whether ctx is in training mode. */
LATTN_API bool lattn_is_training(const lattn_ctx *ctx);

/** Same values, same memory, no history. */
LATTN_API lattn_tensor *lattn_detach(lattn_ctx *ctx, lattn_tensor *t);

typedef struct lattn_backward_args {
    lattn_tensor *grad_output;  // NULL = 1, for a loss of one element
    bool retain_graph;          // keep the tape so that backward can run again
} lattn_backward_args;

/**
 * Walks the tape from output to the leaves and adds to their gradients.
 *
 * Args     args  NULL = all zeros
 * Edge     an output that is a leaf gets the given gradient added to its own. A result that was
 *          retained keeps its history, so backward may come in a later step
 * Errors   the first error kept in ctx; ERR_STATE if output does not require a gradient; ERR_SHAPE
 *          if output has several elements
 *          and no grad_output is given, or its shape differs; ERR_STATE when the
 *          tape was freed by an earlier backward, or when a tensor needed for
 *          backward was changed in place (the sentence names the op)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_backward(
    lattn_ctx *ctx, lattn_tensor *output, const lattn_backward_args *args);

/**
 * Gradients of outputs with respect to inputs, returned and not accumulated.
 *
 * Args     grad_outputs  NULL, or one per output, each may be NULL (= 1 for one element)
 *          grads  out: n_inputs tensors of the step; NULL where an input is not reached
 * Errors   as lattn_backward; ERR_ARG for an input that does not require a gradient
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_grad(lattn_ctx *ctx, lattn_tensor *const *outputs,
    lattn_tensor *const *grad_outputs, int n_outputs, lattn_tensor *const *inputs, int n_inputs,
    bool retain_graph, lattn_tensor **grads);

// ---- memory for time ----------------------------------------------------------------------

enum { LATTN_RECOMPUTE_MAX_INPUTS = 12 };

// A piece of a network. in may have NULLs; user is the copy that lattn_recompute made.
typedef lattn_tensor *(*lattn_recompute_fn)(lattn_ctx *ctx, void *user, lattn_tensor *const *in);

/**
 * Runs fn and keeps only its inputs for backward, which runs it again to have its inner results: a deep stack
 * of such pieces needs the memory of one, for a third more time. As torch.utils.checkpoint.
 *
 * Gradients reach in and the leaves that fn uses (parameters). The second run draws the same random numbers,
 * in the same training mode; what fn changes besides (running statistics of batch norm) changes twice.
 *
 * Args     fn          runs now and again inside backward; from the same inputs it must give the same
 *          user        data of fn, copied; tensors in it are not kept alive: those belong into in
 *          user_bytes  of user; 0 = none, fn gets NULL
 *          in          n_inputs tensors, each may be NULL
 * Edge     without grad mode it is fn(ctx, user, in)
 * Grad     by lattn_backward; lattn_grad is ERR_STATE
 * Errors   ERR_ARG for too many inputs; ERR_DTYPE for a result without gradient; what fn keeps
 * Source   Chen et al. 2016, arXiv:1604.06174
 */
LATTN_API lattn_tensor *lattn_recompute(lattn_ctx *ctx, lattn_recompute_fn fn, const void *user,
    size_t user_bytes, lattn_tensor *const *in, int n_inputs);

// ---- a user's own op ----------------------------------------------------------------------

enum { LATTN_CUSTOM_MAX_TENSORS = 8, LATTN_CUSTOM_MAX_PUSH = 128 };

typedef struct lattn_shader_code lattn_shader_code;

/**
 * Makes a kernel from SPIR-V: entry point "main", storage buffers at bindings 0 .. n-1
 * of set 0 (the tensors in the order of lattn_custom_run), a push-constant block.
 *
 * Owner    the caller; lattn_shader_destroy, after the last step that uses it
 * Errors   ERR_ARG for words that are no SPIR-V
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_shader_from_spirv(lattn_ctx *ctx, const char *name,
    const uint32_t *words, size_t n_words, lattn_shader_code **out);

/**
 * The same from GLSL text, compiled for Vulkan 1.2 by libshaderc, which is opened on demand.
 *
 * Errors   ERR_ARG with the compiler's messages; ERR_UNSUPPORTED where libshaderc cannot be opened
 *          (the one of Debian 12 cannot: it lacks symbols)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_shader_from_glsl(
    lattn_ctx *ctx, const char *name, const char *glsl, lattn_shader_code **out);
/** Frees a shader, after the last step or graph that uses it. Accepts NULL. */
LATTN_API void lattn_shader_destroy(lattn_shader_code **shader);

// One dispatch of a user's kernel.
typedef struct lattn_custom_dispatch {
    lattn_shader_code *shader;
    lattn_tensor *read[LATTN_CUSTOM_MAX_TENSORS];  // contiguous; bindings 0 .. n_read-1
    int n_read;
    lattn_tensor *write[LATTN_CUSTOM_MAX_TENSORS];  // bindings n_read .. n_read+n_write-1
    int n_write;
    const void *push;
    size_t push_bytes;
    uint32_t groups[3];
} lattn_custom_dispatch;

/**
 * Records a user's dispatch; hazards and memory are the library's business.
 *
 * Errors   the first error kept in ctx; ERR_ARG for tensors that are NULL or not contiguous, fewer
 *          than the shader's bindings, too many push constants or workgroups
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_custom_run(
    lattn_ctx *ctx, const lattn_custom_dispatch *dispatch);

typedef struct lattn_custom_op {
    const char *name;
    int n_inputs;  // <= LATTN_CUSTOM_MAX_TENSORS; one output
    // Records dispatches that fill out, already made with the shape given to apply.
    lattn_status (*forward)(lattn_ctx *ctx, void *user, lattn_tensor *const *in, lattn_tensor *out);
    // Records dispatches that fill grad_in[i] where it is not NULL. NULL = no gradient.
    lattn_status (*backward)(lattn_ctx *ctx, void *user, lattn_tensor *const *in, lattn_tensor *out,
        lattn_tensor *grad_out, lattn_tensor *const *grad_in);
    void *user;  // must live until the step's backward has run
} lattn_custom_op;

/**
 * Applies a user's op. Inputs reach its functions contiguous; all of them and the result are kept
 * until backward.
 *
 * Shapes   -> dims [rank], whatever the inputs are
 * Dtypes   of in[0]
 * Grad     the inputs for which op->backward fills grad_in
 * Errors   ERR_ARG for an op without forward or a wrong number of inputs; what its functions return
 */
LATTN_API lattn_tensor *lattn_custom_apply(lattn_ctx *ctx, const lattn_custom_op *op,
    lattn_tensor *const *in, int rank, const int64_t *dims);

#ifdef __cplusplus
}
#endif
#endif
