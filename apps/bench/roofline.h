// SPDX-License-Identifier: MIT
//
// The roofline plot of a run (Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance
// model"): operations per byte across, GFLOP/s up, both logarithmic.
#ifndef LATTN_BENCH_ROOFLINE_H
#define LATTN_BENCH_ROOFLINE_H
#include "bench/row.h"

struct dot {
    struct row row;
    bool is_product;  // of matrices: matmul, conv, attention, recurrent layers
};
struct roofline {
    const char *device;
    struct ot_peaks peaks;
    double blas_gflops;  // 0 = not measured
    struct dot *items;
    size_t n, capacity;
};

// Keeps a row; those without both bytes and operations have no place. false = out of memory.
bool roofline_add(struct roofline *r, const struct row *row, const char *op);
lattn_status roofline_write(const struct roofline *r, const char *path);
void roofline_free(struct roofline *r);

#endif
