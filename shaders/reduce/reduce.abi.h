// SPDX-License-Identifier: MIT
#ifndef LAT_REDUCE_ABI_H
#define LAT_REDUCE_ABI_H
#include "common/abi.h"

// What is summed up, a specialisation constant.
#define LAT_REDUCE_SUM 0
#define LAT_REDUCE_SQUARES 1  // sum of x x
#define LAT_REDUCE_MAX 2      // NaN wins

// How x is read, a specialisation constant.
#define LAT_REDUCE_ELEMENTS 0
#define LAT_REDUCE_RUN_QUADS 1    // four neighbours of a run: inner is 1, n and chunk multiples of 4
#define LAT_REDUCE_INNER_QUADS 2  // four results side by side: inner is a multiple of 4

#define LAT_REDUCE_ROWS 8  // of an iteration of the cpu strategy, at most; fewer divide it

// x is [outer, n, inner]. Each run of n is cut into n_chunks pieces of at most chunk, and each piece
// gives one element of y [outer, n_chunks, inner].
LAT_PUSH_BEGIN(reduce_push)
    LAT_U32 outer;
    LAT_U32 n;
    LAT_U32 inner;
    LAT_U32 chunk;
    LAT_U32 n_chunks;
    LAT_U32 chunk0;  // number of the first chunk in x, when one run is cut across dispatches; y is whole
    LAT_F32 scale;   // of the result, before the square root
    LAT_U32 x_address[2];  // cpu strategy
LAT_PUSH_END

#endif
