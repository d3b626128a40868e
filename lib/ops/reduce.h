// SPDX-License-Identifier: MIT
//
// Reductions on raw tensors, below the ops: sum, mean, max, norm and lat_sum_to are made of these.
#ifndef LAT_REDUCE_H
#define LAT_REDUCE_H
#include "autograd/op.h"
#include "reduce/reduce.abi.h"

// dst = root(scale * join of term(x) over the reduced dimensions of src). dst is contiguous, of any
// float dtype, and has as many elements as src has along the dimensions that stay.
struct lat_reduction {
    uint32_t kind;      // LAT_REDUCE_*
    lattn_tensor *src;  // not empty, any strides
    uint32_t reduced;   // bit d: dimension d of src is reduced
    lattn_tensor *dst;
    float scale;
    bool root;        // square root of the result
    bool accumulate;  // dst +=
};
lattn_status lat_reduction_run(lattn_ctx *ctx, const struct lat_reduction *r);

// Of the kernels underneath.
enum { LAT_N_REDUCTION_STRATEGIES = 3 };
extern const struct lat_strategy lat_reduction_strategies[LAT_N_REDUCTION_STRATEGIES];

// How many lanes join into one result of a run of n elements that lie inner apart, and in which
// order a workgroup's invocations follow memory: for reduce.comp and argmax.comp.
struct lat_lanes {
    uint32_t lanes;  // power of two up to LAT_REDUCE_GROUP
    uint32_t run_first;
    uint32_t results;  // of a workgroup
};
enum { LAT_REDUCE_GROUP = 256 };
struct lat_lanes lat_lanes(uint64_t n, uint64_t inner);

#endif
