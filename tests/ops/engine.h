// SPDX-License-Identifier: MIT
//
// What the files that run the op table share. Ops and their cases need optest.h only.
#ifndef OT_ENGINE_H
#define OT_ENGINE_H
#include "ops/optest.h"
#include "tensor/kernel.h"

// One case with one dtype and one strategy, while it runs.
struct ot_session {
    lattn_ctx *ctx;
    enum ot_mode mode;
    const struct ot_op *op;
    const struct ot_case *c;
    lattn_dtype dtype;
    const char *strategy;
    enum ot_verdict verdict;
    double worst;                       // largest error as a share of its tolerance
    char text[8192];                    // what went wrong, one line each
    struct ot_array in[OT_MAX_INPUTS];  // as the device sees them: rounded to their dtype
};

// ---- inputs.c ---------------------------------------------------------------------------------

// The dtype that input i has when the op is tested with dtype.
lattn_dtype ot_input_dtype(const struct ot_input *in, lattn_dtype dtype);
bool ot_wants_grad(const struct ot_session *s, int i);
void ot_make_arrays(struct ot_session *s);
void ot_free_arrays(struct ot_session *s);
// Tensors of the arrays in the case's layouts, as leaves; NULL where absent. kept: they outlive the
// step and must be released. false = error kept in ctx.
bool ot_make_tensors(const struct ot_session *s, bool kept, lattn_tensor *in[OT_MAX_INPUTS]);

// ---- arrays -----------------------------------------------------------------------------------

struct ot_array ot_array_like(const lattn_tensor *t);
struct ot_array ot_array_copy(const struct ot_array *a);
void ot_array_free(struct ot_array *a);
void *ot_alloc(size_t bytes);  // zeroed; ends the process when memory is out

// ---- compare.c --------------------------------------------------------------------------------

struct ot_comparison {
    const char *what;   // "out", "grad of input 1"
    lattn_dtype dtype;  // of got
    const double *got, *want;
    const double *other_want;  // a second right answer per element, or NULL
    const double *bound;       // magnitude that rel scales with; NULL = |want|
    int64_t n;
    int rank;  // for the index in messages; 0 = linear
    const int64_t *dim;
    double rel, abs;
    bool exact;  // equal to want rounded to dtype
};
// Adds a line to s->text and fails the session when they differ.
bool ot_compare(struct ot_session *s, const struct ot_comparison *c);
// Fails the session with a sentence.
void ot_fail(struct ot_session *s, const char *fmt, ...) LATTN_PRINTF(2, 3);
// The same with the error that ctx keeps; unsupported by a clamped device skips instead.
void ot_fail_status(struct ot_session *s, const char *what, lattn_status status);

// The tolerance of the case's dtype.
struct ot_bound {
    double rel, abs;
};
struct ot_bound ot_forward_tolerance(const struct ot_op *op, lattn_dtype dtype);
struct ot_bound ot_grad_tolerance(const struct ot_op *op, lattn_dtype dtype);

// Values of a raw buffer of dtype.
void ot_to_double(lattn_dtype dtype, const void *raw, double *v, int64_t n);
// Fixed random state, so that random ops repeat and references can draw the same numbers.
#define OT_RNG ((lattn_rng_state){ .seed = 0x5eed, .step = 3, .op = 0 })

// ---- check.c, grad.c --------------------------------------------------------------------------

void ot_check(struct ot_session *s);
void ot_grad(struct ot_session *s);

#endif
