// SPDX-License-Identifier: MIT
//
// A row of measurements, as time, floors and model print it.
#ifndef LATTN_BENCH_ROW_H
#define LATTN_BENCH_ROW_H
#include <stdio.h>
#include "ops/optest.h"

struct row {
    char name[320];  // op/case/dtype/strategy
    char form[48];   // strategy and tile that ran; "" = nothing to choose
    double seconds, spread, wall_seconds;
    int64_t applications;
    struct ot_work work;
    double blas_gflops;      // of the same product by OpenBLAS; 0 = not measured
    const struct ot_op *op;  // what ran; NULL = a network
    const struct ot_case *c;
};

void row_of_timing(const struct ot_timing *t, struct row *r);
double row_gflops(const struct row *r);
double row_gb_per_s(const struct row *r);
double row_peak_share(const struct row *r, const struct ot_peaks *peaks);

// Without the line's end: more can follow.
void row_print(const struct row *r, const struct ot_peaks *peaks);
// Without the closing brace: members can follow.
void row_print_json(const struct row *r, const struct ot_peaks *peaks, bool first);
void row_say_peaks(const char *command, const struct ot_peaks *peaks);  // on stderr
// Members of the "context" object, after others.
void row_print_peaks(FILE *to, const struct ot_peaks *peaks);

#endif
