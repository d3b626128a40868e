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

enum { OT_MAX_INPUTS = 10, OT_MAX_PARAMS = 8, OT_MAX_KEYS = 10 };

enum ot_fill {
    OT_NORMAL,    // mean 0, standard deviation 1
    OT_UNIFORM,   // [-1, 1)
    OT_POSITIVE,  // [0.5, 2)
    OT_INTEGERS,  // -4 .. 4: sums and products are exact
    OT_DISTINCT,  // a shuffled ramp: no ties
    OT_INDEX,     // i32 0 .. limit-1
    OT_BOOL,      // u8 0 or 1
    OT_AWAY,      // |x| in [0.25, 2): away from kinks at 0
    OT_SPECIAL,   // normal with NaN, +Inf, -Inf, 0, -0, denormals, largest values sprinkled in
    OT_MASK,      // 0 or -1e30 (f16: -65504), every third row of the last dimension all masked
    OT_LENGTHS,   // i32 1 .. limit; the first one 0 when the case has i[7] = 1
    OT_BIG,       // normal * 1e4
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
    int64_t limit;  // of OT_INDEX, OT_LENGTHS
    bool absent;    // an optional input left out (NULL)
    bool f32;       // stays f32 whatever the dtype under test
    bool no_grad;   // no gradient is checked for it
};
// { OT_DIMS(3, 7), .fill = OT_POSITIVE }
#define OT_NARGS(...) ((int) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)))
#define OT_DIMS(...) .rank = OT_NARGS(__VA_ARGS__), .dim = { __VA_ARGS__ }
#define OT_SCALAR .rank = 0

enum ot_case_flags {
    OT_FULL = 1,     // real network shape: only with --full, and for time
    OT_BENCH = 2,    // timed by default
    OT_NO_GRAD = 4,  // forward only (NaN inputs, kinks, big shapes)
    OT_ONLY_F32 = 8,
    OT_EXACT = 16,  // integers: must be bitwise equal to the reference rounded to the dtype
    // About sizes, strides and options alone, which f16 and bf16 share with f32 but for load and store: those
    // two with all_types only.
    OT_GEOMETRY = 32,
    OT_TIME_ALONE = 64,  // neither checked nor differentiated: the reference would take minutes
    OT_LARGE = 128,      // timed by default on GPUs: a CPU would take minutes
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
    // Added to rel with strategies coopmat and coopmat2: results in between that go back to matrix units as
    // f16; eight times as much for bf16.
    double coopmat_rel;
};

// What an application does at least.
struct ot_work {
    double bytes, flops;  // 0 = not counted
};

// A number of a shape that is given by name: "m=1024".
struct ot_key {
    const char *name;
    int64_t low, high;
    int64_t value;  // where it is not given; OT_MUST: it has to be
};
enum { OT_MUST = -1, OT_MAX_SIZE = 1 << 24 };

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
    // Of the gradient of all inputs, where that is counted; forward is what the forward does.
    struct ot_work (*backward)(const struct ot_case *c, size_t element, struct ot_work forward);
    // Shapes by name (shape.c): keys ends with name NULL. shape() is given the value of each key and the
    // first timed case, whose sizes it replaces; it returns NULL, or what does not fit. NULL = cases alone.
    const struct ot_key *keys;
    const char *(*shape)(const int64_t *v, struct ot_case *c);
    const struct ot_case *cases;
    int n_cases;
    struct ot_tolerance tolerance;       // of the forward
    struct ot_tolerance grad_tolerance;  // zeros = 4 times the forward's
    // Ops whose result is an index or u8 mask: compared exactly, no gradient.
    bool exact;
    // Ops without a build of one output (optimisers): run everything themselves; report through
    // ot_report. NULL for the usual. build, if there is one, is then for time alone.
    void (*run)(lattn_ctx *ctx, const struct ot_op *op, const struct ot_case *c, lattn_dtype dtype);
    bool no_grad;
    bool only_f32;
};

extern const struct ot_op *const ot_ops[];  // in the order of ops.def, ends with NULL

// ---- for an op's own run() --------------------------------------------------------------------

// Fails the running case with a sentence.
void ot_report(const char *fmt, ...) LATTN_PRINTF(1, 2);
// Compares n values, |got - want| <= abs + rel * |want|, and reports the worst one that does not fit.
bool ot_expect(
    const char *what, const double *got, const double *want, int64_t n, double rel, double abs);
// n values of a fill, rounded to dtype; seed tells the tensors of a case apart.
void ot_fill(
    enum ot_fill fill, int64_t limit, lattn_dtype dtype, uint64_t seed, double *v, int64_t n);
// v rounded to dtype, to nearest even.
double ot_round(lattn_dtype dtype, double v);
// A step tensor with these values; NULL = error kept in ctx.
lattn_tensor *ot_tensor(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, const double *v);
// Reads a tensor; false with the case failed.
bool ot_read(lattn_tensor *t, double *v, int64_t n);

// ---- running the table (lattn-bench and test_ops.c) ---------------------------------------------

enum ot_mode { OT_CHECK, OT_GRAD };
enum ot_verdict { OT_PASSED, OT_FAILED, OT_SKIPPED };

// One case that was run with one dtype and one strategy.
struct ot_result {
    const struct ot_op *op;
    const struct ot_case *c;
    lattn_dtype dtype;
    const char *strategy;  // "base", ...; "-" for ops with one kernel
    enum ot_verdict verdict;
    double worst;      // largest error as a share of its tolerance
    const char *text;  // of a failure or skip: what, where, and the command that repeats it
};

struct ot_options {
    int dtype;              // lattn_dtype; -1 = every one
    int strategy;           // lat_strategy_kind; -1 = every one
    const char *case_name;  // NULL = every one
    bool full;              // OT_FULL cases too
    bool all_types;         // OT_GEOMETRY cases in f16 and bf16 too
    void (*done)(void *user, const struct ot_result *result);
    void *user;
};

// Runs the cases of op; returns how many failed. The context has no open step of interest.
int ot_run_op(
    lattn_ctx *ctx, enum ot_mode mode, const struct ot_op *op, const struct ot_options *options);

// What time measured of one case.
struct ot_timing {
    const struct ot_op *op;
    const struct ot_case *c;
    lattn_dtype dtype;
    const char *strategy;
    char form[48];   // "cpu 32x2": strategy and tile of its last kernel with a choice; "" without
    bool backward;   // gradient of all inputs; else forward
    double seconds;  // median of one application, on the device
    double spread;   // (third quartile - first quartile) / median
    double wall_seconds;   // of one application, recording and submitting included
    int64_t applications;  // measured
    struct ot_work work;   // of one application
};
enum { OT_CHOSEN = -2 };  // the strategy that the library takes
struct ot_time_options {
    int dtype, strategy;  // -1 = every one
    const char *case_name;
    const struct ot_case *shape;  // this case instead of the op's; NULL = the op's
    bool forward_only;
    double warm_up_s, measure_s;
    void (*done)(void *user, const struct ot_timing *timing);
    void *user;
};
// Times the cases marked OT_BENCH (the one named, or the one given). Returns a status of the context; cases that
// the device does not support are left out.
lattn_status ot_time_op(
    lattn_ctx *ctx, const struct ot_op *op, const struct ot_time_options *options);

// A case made from "m=1024" and the like (shape.c); its name lives in text.
struct ot_shape {
    struct ot_case c;
    char name[256];
};
// False with a sentence in error: there is no such key, a value out of range, a key that is missing.
bool ot_shape_parse(const struct ot_op *op, char *const *items, int n, struct ot_shape *shape,
    char *error, size_t error_bytes);

// What this device reaches at best: ops are judged by their share of it.
struct ot_peaks {
    double copy_bytes_per_s;  // read and written bytes together
    double fma_flops_per_s;   // f32 on the general units, two operations per multiply-add
};
lattn_status ot_measure_peaks(lattn_ctx *ctx, struct ot_peaks *peaks);
// The first of them alone, as the median over so many seconds.
lattn_status ot_measure_copy(lattn_ctx *ctx, double seconds, double *bytes_per_s);

// Of one dispatch in a chain of them, medians (costs.c).
struct ot_cost {
    double host_s;    // until the calls came back
    double device_s;  // 0 = the device has no clock
    double wall_s;    // until it was done
};
struct ot_chain {
    int n;                     // dispatches
    bool dependent, replayed;  // each behind a barrier; captured before
    struct ot_cost *out;
};
lattn_status ot_measure_costs(
    lattn_ctx *ctx, const struct ot_chain *chains, int n_chains, double seconds);

#endif
