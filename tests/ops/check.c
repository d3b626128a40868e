// SPDX-License-Identifier: MIT
//
// Mode check: the forward of one case against its reference, run twice and compared bit for bit, and
// the inputs looked at again afterwards. Guard bands are optest.c's business.

#include "ops/engine.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// What one run of a case left.
struct result {
    struct ot_array shape;  // of the output, without values
    lattn_dtype dtype;
    size_t bytes;
    void *raw;
};

static lattn_status read_raw(lattn_tensor *t, struct result *r)
{
    r->shape.rank = lat_rank(t);
    memcpy(r->shape.dim, t->dim, sizeof r->shape.dim);
    r->shape.n = lat_numel(t);
    r->dtype = t->dtype;
    r->bytes = (size_t) r->shape.n * lattn_dtype_bytes(t->dtype);
    r->raw = ot_alloc(r->bytes);
    return lattn_tensor_read(t, r->raw, r->bytes);
}

static bool inputs_unchanged(struct ot_session *s, lattn_tensor *const *in)
{
    for (int i = 0; i < s->op->n_inputs; i++) {
        if (!in[i] || s->in[i].n == 0)
            continue;
        struct result r = { 0 };
        if (read_raw(in[i], &r)) {
            free(r.raw);
            return false;
        }
        double *v = ot_alloc((size_t) r.shape.n * sizeof *v);
        ot_to_double(r.dtype, r.raw, v, r.shape.n);
        struct ot_comparison c = {
            .what = "an input was changed: input",
            .dtype = r.dtype,
            .got = v,
            .want = s->in[i].v,
            .n = r.shape.n,
            .exact = true,
        };
        bool same = ot_compare(s, &c);
        free(v);
        free(r.raw);
        if (!same)
            return false;
    }
    return true;
}

// Applies the op in a step of its own.
static bool run_once(struct ot_session *s, struct result *r)
{
    lattn_tensor *in[OT_MAX_INPUTS];
    lattn_status st = lattn_step_begin(s->ctx);
    if (st) {
        ot_fail_status(s, "step", st);
        return false;
    }
    lattn_rng_set(s->ctx, OT_RNG);
    lattn_tensor *out = ot_make_tensors(s, false, in) ? s->op->build(s->ctx, in, s->c) : NULL;
    if (out)
        st = read_raw(out, r);
    else
        st = lattn_ctx_status(s->ctx);
    if (st)
        ot_fail_status(s, s->op->name, st);
    else if (!out)
        ot_fail(s, "%s gave NULL without an error", s->op->name);
    bool ok = out && !st && inputs_unchanged(s, in);
    st = lattn_step_end(s->ctx);
    if (st)
        ot_fail_status(s, "step end", st);
    return ok && !st;
}

// ---- against the reference ----------------------------------------------------------------------

static struct ot_array reference(
    const struct ot_session *s, const struct ot_array *in, const struct ot_array *shape)
{
    struct ot_array out = *shape;
    out.v = ot_alloc((size_t) out.n * sizeof *out.v);
    s->op->reference(s->c, in, &out);
    return out;
}

// Devices may treat denormals as zero, so the answer for that is right too. Only worth it where
// a case holds any.
static struct ot_array flushed_reference(const struct ot_session *s, const struct ot_array *shape)
{
    bool any = false;
    struct ot_array in[OT_MAX_INPUTS] = { 0 };
    for (int i = 0; i < s->op->n_inputs; i++) {
        in[i] = ot_array_copy(&s->in[i]);
        for (int64_t k = 0; k < in[i].n; k++) {
            if (in[i].v[k] != 0 && fabs(in[i].v[k]) < FLT_MIN) {
                in[i].v[k] = copysign(0, in[i].v[k]);
                any = true;
            }
        }
    }
    struct ot_array out = any ? reference(s, in, shape) : (struct ot_array){ 0 };
    for (int i = 0; i < s->op->n_inputs; i++)
        ot_array_free(&in[i]);
    return out;
}

static void compare_with_reference(struct ot_session *s, const struct result *r)
{
    const struct ot_op *op = s->op;
    struct ot_array want = reference(s, s->in, &r->shape);
    struct ot_array flushed = flushed_reference(s, &r->shape);
    struct ot_array bound = { 0 };
    if (op->bound) {
        bound = r->shape;
        bound.v = ot_alloc((size_t) bound.n * sizeof *bound.v);
        op->bound(s->c, s->in, &bound);
    }
    double *got = ot_alloc((size_t) r->shape.n * sizeof *got);
    ot_to_double(r->dtype, r->raw, got, r->shape.n);

    struct ot_bound tolerance = ot_forward_tolerance(op, s->dtype);
    if (strncmp(s->strategy, "coopmat", 7) == 0)  // bf16 has three bits less than f16
        tolerance.rel += op->tolerance.coopmat_rel * (s->dtype == LATTN_DTYPE_BF16 ? 8 : 1);
    struct ot_comparison c = {
        .what = "out",
        .dtype = r->dtype,
        .got = got,
        .want = want.v,
        .other_want = flushed.v,
        .bound = bound.v,
        .n = r->shape.n,
        .rank = r->shape.rank,
        .dim = r->shape.dim,
        .rel = tolerance.rel,
        .abs = tolerance.abs,
        .exact = op->exact || (s->c->flags & OT_EXACT),
    };
    ot_compare(s, &c);
    free(got);
    ot_array_free(&want);
    ot_array_free(&flushed);
    ot_array_free(&bound);
}

void ot_check(struct ot_session *s)
{
    struct result first = { 0 }, second = { 0 };
    if (run_once(s, &first)) {
        compare_with_reference(s, &first);
        if (run_once(s, &second) && memcmp(first.raw, second.raw, first.bytes) != 0)
            ot_fail(s, "two runs differ bit for bit");
    }
    free(first.raw);
    free(second.raw);
}
