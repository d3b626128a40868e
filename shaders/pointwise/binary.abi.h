// SPDX-License-Identifier: MIT
#ifndef LAT_BINARY_ABI_H
#define LAT_BINARY_ABI_H
#include "common/abi.h"

// What to compute, a specialisation constant. The last three are backward's, with g the gradient of
// the result: what one operand receives where the other was not broadcast.
#define LAT_BINARY_ADD 0    // a + b
#define LAT_BINARY_SUB 1    // a - b
#define LAT_BINARY_MUL 2    // a b
#define LAT_BINARY_DIV 3    // a / b
#define LAT_BINARY_POW 4    // a ^ b
#define LAT_BINARY_DIV_B 5  // -g a / (b b)
#define LAT_BINARY_POW_A 6  // g b a ^ (b - 1)
#define LAT_BINARY_POW_B 7  // g a ^ b ln a

// Which operand of the flat form repeats, and how a quad (four elements next to each other) reads it.
#define LAT_BINARY_NEITHER 0
#define LAT_BINARY_REPEAT_B 1
#define LAT_BINARY_REPEAT_A 2
#define LAT_BINARY_QUADS 0     // whole quads repeat: inner is 1, period a multiple of 4
#define LAT_BINARY_ONE 1       // one value serves a quad: period is 1, or inner a multiple of 4
#define LAT_BINARY_ELEMENTS 2  // element by element

#define LAT_BINARY_QUADS_PER_THREAD 2
#define LAT_BINARY_PER_THREAD 4  // elements, of the strided forms
#define LAT_BINARY_CPU_RUN 16    // vectors of a subgroup, of the cpu form

#if defined(__STDC_VERSION__) || defined(LAT_BINARY_FLAT)
// Element i of the result belongs to element i of the full operand and to element
// ((i / inner + row0) mod period) of the one that repeats.
LAT_PUSH_BEGIN(binary_flat_push)
    LAT_U32 n_rows;        // runs of inner elements
    LAT_U32 inner;
    LAT_U32 row0;          // number of the first run, when the work was cut
    LAT_U32 period;
    LAT_U32 inner_magic;   // common/divide.glsl
    LAT_U32 inner_shift;
    LAT_U32 period_magic;
    LAT_U32 period_shift;
LAT_PUSH_END
#endif

#if defined(__STDC_VERSION__) || defined(LAT_BINARY_CPU)
// One operand is [n_rows, period] as the result, the other [period], or as the result, too.
LAT_PUSH_BEGIN(binary_cpu_push)
    LAT_U32 n_rows;
    LAT_U32 period;
    LAT_U32 n_runs;       // of a row
    LAT_U32 runs_magic;   // division by n_runs
    LAT_U32 runs_shift;
    LAT_U32 a_address[2];
    LAT_U32 b_address[2];
LAT_PUSH_END
#endif

#if defined(__STDC_VERSION__) || !(defined(LAT_BINARY_FLAT) || defined(LAT_BINARY_CPU))
LAT_PUSH_BEGIN(binary_strided_push)
    LAT_U32 n;
    LAT_U32 rank;
    LAT_U32 offset_a;
    LAT_U32 offset_b;
    LAT_U32 dims[8];
    LAT_U32 stride_a[8];
    LAT_U32 stride_b[8];
LAT_PUSH_END
#endif

#endif
