// SPDX-License-Identifier: MIT
//
// The op test table. Every row of lib/ops/ops.def has a struct ot_op named ot_op_<name> in
// tests/ops/op_<file>.c: a plain double-precision reference, cases, byte and FLOP counts and
// tolerances. From these every op gets, for every float dtype and every strategy the device admits:
//
//     check   forward against the reference; NaN and Inf in the right places; run twice and compared
//             bitwise; guard bands around every buffer
//     grad    backward against central differences of the double reference, and against itself when
//             run twice
//     time    GPU time, GB/s, GFLOP/s and shares of the device's own peaks
//
// The same table is linked into lattn-bench, so a user runs the identical check on his own card.
#ifndef OT_OPTEST_H
#define OT_OPTEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lattn/lattn.h"

enum { OT_MAX_INPUTS = 8, OT_MAX_PARAMS = 8 };

enum ot_fill {
    OT_NORMAL,      // mean 0, standard deviation 1
    OT_UNIFORM,     // [-1, 1)
    OT_POSITIVE,    // [0.5, 2)
    OT_INTEGERS,    // -4 .. 4: sums and products are exact
    OT_DISTINCT,    // a shuffled ramp: no ties
    OT_INDEX,       // i32 0 .. limit-1
    OT_BOOL,        // u8 0 or 1
    OT_AWAY,        // |x| in [0.25, 2): away from kinks at 0
    OT_SPECIAL,     // normal with NaN, +Inf, -Inf, 0, -0, denormals, largest values sprinkled in
    OT_MASK,        // 0 or -inf-like large negative, some rows fully masked
    OT_LENGTHS,     // i32 1 .. limit, first one 0 when the case says so with i[]
    OT_BIG,         // normal * 1e4
};
enum ot_layout {
    OT_CONTIGUOUS,
    OT_TRANSPOSED,  // stored with the last two dimensions swapped
    OT_SLICED,      // every second element of a wider last dimension, offset by one
    OT_EXPANDED,    // stored with size 1 in dimension 0 and expanded
};

// A tensor of a case. dim is the logical shape.
struct ot_input {
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    enum ot_fill fill;
    enum ot_layout layout;
    int64_t limit;    // of OT_INDEX, OT_LENGTHS
    bool absent;      // an optional input left out (NULL)
    bool f32;         // stays f32 whatever the dtype under test
    bool no_grad;     // no gradient is checked for it
};
// { OT_DIMS(3, 7), .fill = OT_POSITIVE }
#define OT_NARGS(...) ((int) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)))
#define OT_DIMS(...) .rank = OT_NARGS(__VA_ARGS__), .dim = { __VA_ARGS__ }
#define OT_SCALAR .rank = 0

enum ot_case_flags {
    OT_FULL = 1,      // real network shape: only with --full, and for time
    OT_BENCH = 2,     // timed by default
    OT_NO_GRAD = 4,   // forward only (NaN inputs, kinks, big shapes)
    OT_ONLY_F32 = 8,
    OT_EXACT = 16,    // integers: must be bitwise equal to the reference rounded to the dtype
};

struct ot_case {
    const char *name;
    struct ot_input in[OT_MAX_INPUTS];
    int64_t i[OT_MAX_PARAMS];  // meaning is the op's: dim, flags, sizes
    double f[OT_MAX_PARAMS];   // eps, probability, scale
    unsigned flags;
};

// A host array in double, row-major.
struct ot_array {
    double *v;
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    int64_t n;
};

struct ot_tolerance {
    // |got - want| <= abs + rel * |want| + terms * eps(dtype) * magnitude, where magnitude is what
    // reference() put into out->scale-free bound (see ot_op.bound), or |want| without one.
    double f32_rel, f32_abs;
    double f16_rel, f16_abs;
    double bf16_rel, bf16_abs;
};

struct ot_op {
    const char *name;
    int n_inputs;
    // Calls the public function. in[i] is NULL for absent inputs.
    lattn_tensor *(*build)(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c);
    // Fills out (allocated by shape(), below, or by the shape of what build returned).
    void (*reference)(const struct ot_case *c, const struct ot_array *in, struct ot_array *out);
    // Optional: per output element, a magnitude such as sum |a||b| that rounding errors scale with;
    // then the tolerance is rel * bound instead of rel * |want|.
    void (*bound)(const struct ot_case *c, const struct ot_array *in, struct ot_array *bound);
    double (*bytes)(const struct ot_case *c, size_t element);  // least traffic of the forward
    double (*flops)(const struct ot_case *c);                  // NULL = none counted
    const struct ot_case *cases;
    int n_cases;
    struct ot_tolerance tolerance;       // of the forward
    struct ot_tolerance grad_tolerance;  // zeros = 4 times the forward's
    // Ops whose result is an index or u8 mask: compared exactly, no gradient.
    bool exact;
    // Ops without a build of one output (optimisers): run everything themselves; report through
    // ot_report. NULL for the usual.
    void (*run)(lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c, lattn_dtype dtype);
    bool no_grad;
    bool only_f32;
};

extern const struct ot_op *const ot_ops[];  // in the order of ops.def, ends with NULL

#endif
