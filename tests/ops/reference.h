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

// Whether lattn_dropout with probability p keeps element i, by a generator of the test's own (op_dropout.c).
bool ot_dropout_keeps(double p, int64_t i);

// ---- shapes by name ---------------------------------------------------------------------------

#define OT_KEYS(...)                                                                               \
    (const struct ot_key[])                                                                        \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, 0, 0, 0                                                                          \
        }                                                                                          \
    }
#define OT_SIZE(name)                                                                              \
    {                                                                                              \
        name, 1, OT_MAX_SIZE, OT_MUST                                                              \
    }  // has to be given
#define OT_SIZE_OR(name, value)                                                                    \
    {                                                                                              \
        name, 1, OT_MAX_SIZE, value                                                                \
    }
#define OT_SWITCH(name)                                                                            \
    {                                                                                              \
        name, 0, 1, 0                                                                              \
    }

// Gives an input other sizes.
#define OT_RESIZE(in, ...) ot_resize(in, OT_NARGS(__VA_ARGS__), (int64_t[]){ __VA_ARGS__ })
static inline void ot_resize(struct ot_input *in, int rank, const int64_t *dims)
{
    in->rank = rank;
    in->layout = OT_CONTIGUOUS;
    in->absent = false;
    for (int d = 0; d < rank; d++)
        in->dim[d] = dims[d];
}

// Of functions of one tensor.
#define OT_ROW_KEYS OT_KEYS(OT_SIZE("rows"), OT_SIZE("columns"))
static inline const char *ot_shape_rows(const int64_t *v, struct ot_case *c)
{
    OT_RESIZE(&c->in[0], v[0], v[1]);
    return NULL;
}

// Gradients of both factors: two products for one.
static inline struct ot_work ot_backward_product(
    const struct ot_case *c, size_t element, struct ot_work forward)
{
    (void) c;
    (void) element;
    return (struct ot_work){ 2 * forward.bytes, 2 * forward.flops };
}

// Of functions of one tensor: what the forward kept, the gradient, and what is written.
static inline struct ot_work ot_backward_rows(
    const struct ot_case *c, size_t element, struct ot_work forward)
{
    (void) forward;
    return (struct ot_work){ 3 * ot_numel(&c->in[0]) * (double) element, 0 };
}

#endif
