// SPDX-License-Identifier: MIT
//
// What references of several ops need: broadcasting, and sizes of cases.
#ifndef OT_REFERENCE_H
#define OT_REFERENCE_H
#include "ops/optest.h"

#define OT_COUNT(array) ((int) (sizeof(array) / sizeof((array)[0])))

// The element of a that belongs to element i of out, to whose shape a broadcasts.
static inline int64_t ot_broadcast_at(
    const struct ot_array *a, const struct ot_array *out, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int d = out->rank - 1; d >= 0; d--) {
        int64_t index = i % out->dim[d];
        i /= out->dim[d];
        int own = d - (out->rank - a->rank);
        if (own < 0)
            continue;
        if (a->dim[own] != 1)
            at += index * stride;
        stride *= a->dim[own];
    }
    return at;
}

static inline double ot_numel(const struct ot_input *in)
{
    double n = 1;
    for (int d = 0; d < in->rank; d++)
        n *= (double) in->dim[d];
    return n;
}

// Elements of the result that two inputs broadcast to.
static inline double ot_broadcast_numel(const struct ot_input *a, const struct ot_input *b)
{
    double n = 1;
    for (int k = 1; k <= LATTN_MAX_RANK; k++) {
        int64_t size_a = a->rank - k >= 0 ? a->dim[a->rank - k] : 1;
        int64_t size_b = b->rank - k >= 0 ? b->dim[b->rank - k] : 1;
        n *= (double) (size_a == 1 ? size_b : size_a);
    }
    return n;
}

// Least traffic of an op that reads one tensor and writes one of the same size.
static inline double ot_bytes_in_out(const struct ot_case *c, size_t element)
{
    return 2 * ot_numel(&c->in[0]) * (double) element;
}

#endif
