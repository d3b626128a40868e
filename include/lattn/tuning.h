// SPDX-License-Identifier: MIT
//
// Choosing kernels by measuring them, where a cost model chooses otherwise.
//
// Nothing is measured unless a program asks for it: measured choices may change the order of sums, and so
// the last bits of results. `lattn-bench time --tune` is the command; it writes a file into the cache folder, which
// every context on the same device and driver reads from then on.
#ifndef LATTN_TUNING_H
#define LATTN_TUNING_H
#include "lattn/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Switches measuring on or off. While it is on, matrix products, convolutions, attention and recurrent
 * layers that meet a shape for the first time run every form the device admits on the operands at hand: each is
 * compared with the base form first, and left out where its numbers are others; of the rest the fastest is kept, if it
 * is at least 5 % faster than the one the cost model takes. Results stay right, and that one call takes some
 * tenths of a second. As torch.backends.cudnn.benchmark, with a memory.
 *
 * Edge     nothing is measured while a graph is captured, and where LATTN_STRATEGY prefers one form
 */
LATTN_API void lattn_set_tuning(lattn_ctx *ctx, bool on);

/** Whether measuring is on. */
LATTN_API bool lattn_is_tuning(const lattn_ctx *ctx);

// What was measured for one shape.
typedef struct lattn_tuned {
    // "matmul", "conv2d", "conv2d_weight", "attention", "attention_bwd_q", "attention_bwd_kv", "rnn", "rnn_bwd"
    const char *op;
    lattn_dtype dtype;
    int64_t size[6];  // what the op's cost model looks at (lattn_op_strategies in introspect.h)
    const char *strategy, *form;              // the one that runs: "cpu", "32x2"
    const char *model_strategy, *model_form;  // the one that the cost model takes
    double seconds, model_seconds;            // of the one and the other
    int n_tried,
        n_wrong;  // forms that were measured; those that were left out, their numbers being others
} lattn_tuned;

/** How many shapes have a measured choice: measured by this context or read from a file. */
LATTN_API int lattn_tuning_count(const lattn_ctx *ctx);

/**
 * The i-th of them.
 *
 * Owner    the context lends the texts, until the next measurement or load
 * Errors   ERR_ARG for an i that is out of range
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tuning_get(
    const lattn_ctx *ctx, int i, lattn_tuned *out);

/**
 * Writes the measured choices of this context into a file (JSON). What the file holds of other devices and
 * drivers stays, so one file can be collected from many cards and shipped.
 *
 * Args     path  NULL = tuning.json in the context's cache folder
 * Edge     without any choice nothing is written
 * Errors   ERR_IO; ERR_FORMAT where path is a file of another kind, which is left alone; ERR_STATE for NULL
 *          without a cache folder
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tuning_save(lattn_ctx *ctx, const char *path);

/**
 * Takes the choices for this device and driver from a file; they replace those for the same shapes. A new
 * context does so by itself with the file that LATTN_TUNING names, or else with tuning.json of its cache
 * folder, if there is one.
 *
 * Args     count  out: how many were taken; may be NULL
 * Edge     none when the file knows other devices only; a form that this version does not have is passed over
 * Errors   ERR_IO; ERR_FORMAT with file and field
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tuning_load(
    lattn_ctx *ctx, const char *path, int *count);

#ifdef __cplusplus
}
#endif
#endif
