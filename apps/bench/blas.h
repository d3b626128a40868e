// SPDX-License-Identifier: MIT
//
// The machine's own OpenBLAS, where there is one: what its processor does with the same product, as a
// measure for devices that are that processor. Opened at run time, never linked.
#ifndef LATTN_BENCH_BLAS_H
#define LATTN_BENCH_BLAS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "lattn/lattn.h"
#include "ops/optest.h"

struct blas {
    const char *library;  // NULL = none here, or the device is no CPU
    const char *kernels;  // as it names them: "Haswell"
    int threads;
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
        int lda, const float *b, int ldb, float beta, float *c, int ldc);
};

// For CPU devices; with as many threads as the driver has.
void blas_open(struct blas *b, const lattn_ctx *ctx);
// GFLOP/s of a[m, k] b[k, n]: the median over at least seconds. 0 without OpenBLAS or memory.
double blas_gflops(const struct blas *b, const int64_t mnk[3], bool transposed[2], double seconds);
// The same for a case of matmul, in f32; 0 for other ops and types.
double blas_gflops_of(const struct blas *b, const struct ot_timing *t, double seconds);
// A line on stderr: which library, or that there is none.
void blas_say(const struct blas *b, const char *command);

#endif
