// SPDX-License-Identifier: MIT
//
// What an op is. The tape knows this struct and nothing about concrete ops.
#ifndef LAT_OP_H
#define LAT_OP_H
#include "lattn/autograd.h"
#include "tensor/kernel.h"

enum { LAT_MAX_INPUTS = 16, LAT_MAX_OUTPUTS = 10 };

// One application of an op: filled in by lat_apply(), read by the op's callbacks.
struct lat_call {
    lattn_ctx *ctx;
    const char *op_name;
    const void *attr;  // copy of the op's attributes
    int n_inputs;      // as given to lat_apply (some ops take a varying number)
    // NULL = absent optional input. In backward those that were not kept are there too, but with
    // shape and dtype only: a kernel cannot read them.
    lattn_tensor *in[LAT_MAX_INPUTS];
    lattn_tensor *out[LAT_MAX_OUTPUTS];
    lattn_tensor *grad_out[LAT_MAX_OUTPUTS];  // backward: contiguous; NULL = zero, except output 0
    // backward: where to write the gradient of in[i], made by the tape with in[i]'s shape and
    // dtype, contiguous; NULL = not needed. If accumulate has bit i set, the gradient must be
    // added to what is there (only for ops with can_accumulate bit i).
    lattn_tensor *grad_in[LAT_MAX_INPUTS];
    uint32_t accumulate;
    // backward: multiply the gradient of in[i] by GELU's derivative of this, of the same shape and contiguous;
    // NULL = do not. Only for ops with can_gelu_grad bit i, and not where accumulate has it.
    lattn_tensor *gelu_of[LAT_MAX_INPUTS];
    bool gelu_grad_done;  // backward: grad_out[0] is multiplied so already
    bool grad_wanted;     // forward: some backward may follow (keep workspace outputs)
};

struct lat_op {
    const char *name;
    int n_inputs;   // at most; fewer may be given
    int n_outputs;  // the first is the result; more are workspace kept for backward
    size_t attr_bytes;
    uint32_t keep_in, keep_out;  // bit i: backward needs in[i] / out[i]
    uint32_t strided_in;  // bit i: forward takes in[i] with any strides; others are made contiguous
    uint32_t no_grad_in;  // bit i: in[i] never has a gradient (indices, masks)
    uint32_t strided_grad_out;  // bit i: backward takes grad_out[i] with any strides
    uint32_t can_accumulate;    // bit i: backward can add to grad_in[i] itself
    // Where out[0] ends in GELU and has one use, that op's backward may take over the first step of this one's.
    int gelu_pre;            // the kept output that GELU was given; 0 = none
    uint32_t can_gelu_grad;  // bit i: backward can multiply grad_in[i] by GELU's derivative
    bool has_leaves;         // backward runs even where no in[i] wants a gradient
    bool is_view;            // out[0] shares in[0]'s memory: infer makes it, forward is NULL

    // infer checks inputs and allocates outputs; forward records dispatches for out; backward
    // records dispatches for grad_in. Statuses are for errors from below; what the user did wrong
    // goes through lat_fail in the public function or in infer.
    lattn_status (*infer)(struct lat_call *c);
    lattn_status (*forward)(struct lat_call *c);
    lattn_status (*backward)(struct lat_call *c);  // NULL = no gradient flows
    // Optional, asked before backward for each wanted input: the gradient of in[i] where it is
    // grad_out[0] seen differently (that tensor itself, or a view of it with any strides), so that
    // nothing needs to be computed or copied. NULL = have backward write grad_in[i] as usual. Here
    // grad_out[0] may have any strides. The result has in[i]'s shape and dtype.
    lattn_tensor *(*pass_grad)(struct lat_call *c, int i);
    void (*free_attr)(void *attr);  // for attributes that own something; may be NULL

    // The selection table of the op's main kernel, for lattn/introspect.h; NULL = only one form.
    const struct lat_strategy *strategies;
    int n_strategies;
    // Its sizes (struct lat_problem) for 12 rows of 128 tokens of BERT-base, what tools ask about;
    // nothing for kernels along rows.
    int64_t typical[6];
};

// Runs infer and forward, and puts the call on the tape when a gradient may be asked for.
// Forward is skipped when out[0] is empty. Inputs that are NULL where the op has required ones give
// NULL without a new error: the public function checks `if (!x) return NULL`. Returns the first
// output, or NULL with the error kept in ctx. What attr owns is taken over in every case.
lattn_tensor *lat_apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *const in[],
    int n_inputs, const void *attr);
// The same, for ops whose further outputs the caller wants.
lattn_tensor *lat_apply_all(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *const in[],
    int n_inputs, const void *attr, lattn_tensor *out[LAT_MAX_OUTPUTS]);

// Helpers for infer: allocate out[i]; ERR_* kept in ctx on failure.
lattn_status lat_out(struct lat_call *c, int i, lattn_dtype dtype, int rank, const int64_t *dims);
lattn_status lat_out_like(struct lat_call *c, int i, const lattn_tensor *like);
// Float check with a sentence: "softmax: dtype i32 is not f32, f16 or bf16".
lattn_status lat_check_float(struct lat_call *c, const lattn_tensor *t);

#endif
