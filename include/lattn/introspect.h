// SPDX-License-Identifier: MIT
//
// The op table and the choice of kernels, for tools that measure and explain (lattn-bench,
// lattn-info). Experimental: define LATTN_EXPERIMENTAL before including it; it may change in any
// release.
#ifndef LATTN_INTROSPECT_H
#define LATTN_INTROSPECT_H
#ifndef LATTN_EXPERIMENTAL
#error "lattn/introspect.h is experimental: define LATTN_EXPERIMENTAL to use it"
#endif
#include "lattn/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How many ops the library has. */
LATTN_API int lattn_op_count(void);

/** Name of op i, "softmax"; NULL if i is out of range. */
LATTN_API const char *lattn_op_name(int i);

/** Kind of op i, the folder of its shaders: "norm"; NULL if i is out of range. */
LATTN_API const char *lattn_op_kind(int i);

// A row of an op's selection table, judged for one problem.
typedef struct lattn_strategy_info {
    const char *name;    // base, cpu, subgroup, winograd, coopmat, coopmat2
    const char *detail;  // tile or form; "" if there is only one
    bool admitted;       // the device and the problem allow it, and it is not switched off
    bool selected;       // it is the one that runs
    double cost;         // as the cost model says, in seconds up to a factor
} lattn_strategy_info;

/**
 * Says which forms of an op's main kernel there are and which one would run.
 *
 * Args     size   what the op's cost model looks at: for matmul and linear batch, M, N, K, layout (5 =
 *                 both row-major); for attention B * H, T, S, D; for row ops (softmax, layer_norm)
 *                 rows and columns; NULL = those of BERT-base for 12 rows of 128 tokens
 *          infos  room for capacity entries; may be NULL when capacity is 0
 *          count  out: number of rows there are, 0 for an op with one form only
 * Errors   ERR_ARG for an op that does not exist
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_op_strategies(lattn_ctx *ctx, const char *op,
    lattn_dtype dtype, const int64_t size[6], lattn_strategy_info *infos, int capacity, int *count);

/**
 * Prefers a strategy wherever it is admissible, as LATTN_STRATEGY does.
 *
 * Args     name  NULL = no preference
 * Errors   ERR_ARG for an unknown name
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_strategy_force(lattn_ctx *ctx, const char *name);

/**
 * Switches a strategy off or on again, as LATTN_DISABLE does. base always stays.
 *
 * Errors   ERR_ARG for an unknown name
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_strategy_disable(
    lattn_ctx *ctx, const char *name, bool off);

/** Strategy that the last op with a choice took; NULL before the first. detail may be NULL. */
LATTN_API const char *lattn_strategy_last(lattn_ctx *ctx, const char **detail);

/**
 * Looks at the guard bands around all step tensors (LATTN_CHECK=guard) made since the last look.
 *
 * Waits    until everything recorded so far has run
 * Edge     LATTN_OK without guards
 * Errors   ERR_INTERNAL where a kernel wrote out of range
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_guard_check(lattn_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
