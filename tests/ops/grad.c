// SPDX-License-Identifier: MIT
//
// Mode grad: the gradients that backward gives against central differences of the reference.
//
// With a random gradient g of the output, the device gives dL/dx for L = sum(g * out). The reference
// gives the same as (L(x + h) - L(x - h)) / 2h, summed term by term in double, so that only one
// difference per term cancels. Next to it the sum of the terms' absolute values is taken: rounding
// errors of the device scale with that, so it is the magnitude of the tolerance and sums that cancel
// are not judged by their small result.
//
// Small cases: every element. Large ones: some elements, or few where the reference takes long, and two
// directions through all of them.

#include "ops/engine.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY = 512, SOME = 48, FEW = 8, DIRECTIONS = 2 };
static const double DEAR_FLOPS = 1e6;  // of a reference: few elements there
static const double STEP = 1e-5;       // error of the difference: about h^2 and 1e-16 / h

struct gradients {
    struct ot_array out;  // shape
    struct ot_array of[OT_MAX_INPUTS];
    double *grad_out;
};

static void free_gradients(struct gradients *g)
{
    for (int i = 0; i < OT_MAX_INPUTS; i++)
        ot_array_free(&g->of[i]);
    free(g->grad_out);
    *g = (struct gradients){ 0 };
}

// ---- the device's -------------------------------------------------------------------------------

static lattn_status read_gradients(
    struct ot_session *s, lattn_tensor *const *grads, const int *input, int n, struct gradients *g)
{
    for (int k = 0; k < n; k++) {
        struct ot_array *a = &g->of[input[k]];
        *a = ot_array_copy(&s->in[input[k]]);
        memset(a->v, 0, (size_t) a->n * sizeof *a->v);
        if (!grads[k])
            continue;  // not reached: zero
        if (lat_numel(grads[k]) != a->n) {
            ot_fail(s, "grad of input %d has %lld elements instead of %lld", input[k],
                (long long) lat_numel(grads[k]), (long long) a->n);
            return LATTN_OK;
        }
        float *f = ot_alloc((size_t) a->n * sizeof *f);
        lattn_status st = lattn_tensor_read_f32(grads[k], f, a->n);
        for (int64_t i = 0; i < a->n; i++)
            a->v[i] = f[i];
        free(f);
        LAT_TRY(st);
    }
    return LATTN_OK;
}

static lattn_status differentiate(
    struct ot_session *s, lattn_tensor *const *in, struct gradients *g)
{
    lattn_tensor *inputs[OT_MAX_INPUTS], *grads[OT_MAX_INPUTS] = { 0 };
    int input[OT_MAX_INPUTS], n = 0;
    for (int i = 0; i < s->op->n_inputs; i++) {
        if (!in[i] || !ot_wants_grad(s, i))
            continue;
        LAT_TRY(lattn_tensor_set_requires_grad(in[i], true));
        input[n] = i;
        inputs[n++] = in[i];
    }
    lattn_tensor *out = s->op->build(s->ctx, in, s->c);
    if (!out)
        return lattn_ctx_status(s->ctx);
    g->out.rank = lat_rank(out);
    memcpy(g->out.dim, out->dim, sizeof g->out.dim);
    g->out.n = lat_numel(out);
    g->grad_out = ot_alloc((size_t) g->out.n * sizeof *g->grad_out);
    ot_fill(OT_NORMAL, 0, out->dtype, 77, g->grad_out, g->out.n);
    lattn_tensor *grad_out = ot_tensor(s->ctx, out->dtype, out->rank, out->dim, g->grad_out);
    if (!grad_out)
        return lattn_ctx_status(s->ctx);
    LAT_TRY(lattn_grad(s->ctx, &out, &grad_out, 1, inputs, n, false, grads));
    return read_gradients(s, grads, input, n, g);
}

static bool run_once(struct ot_session *s, struct gradients *g)
{
    lattn_tensor *in[OT_MAX_INPUTS];
    lattn_status st = lattn_step_begin(s->ctx);
    if (!st) {
        lattn_rng_set(s->ctx, OT_RNG);
        st = ot_make_tensors(s, false, in) ? differentiate(s, in, g) : lattn_ctx_status(s->ctx);
        if (st)
            ot_fail_status(s, "backward", st);
        st = lattn_step_end(s->ctx);
    }
    if (st)
        ot_fail_status(s, "step end", st);
    return s->verdict == OT_PASSED;
}

// ---- the reference's ----------------------------------------------------------------------------

struct slope {
    double value;      // dL along the direction
    double magnitude;  // the same with absolute values of the terms
};

// Moves x from -h to +h along a direction: one element of input i (at >= 0), or all inputs along
// signs drawn from seed.
struct direction {
    int i;
    int64_t at;
    uint64_t seed;
};

static double sign_at(uint64_t seed, int i, int64_t at)
{
    uint64_t z = (seed * 31 + (uint64_t) i) * 0x9e3779b97f4a7c15u + (uint64_t) at;
    z = (z ^ (z >> 29)) * 0xbf58476d1ce4e5b9u;
    return (z ^ (z >> 32)) & 1 ? 1 : -1;
}

static void move(struct ot_session *s, const struct direction *d, double h)
{
    if (d->at >= 0) {
        s->in[d->i].v[d->at] += h;
        return;
    }
    for (int i = 0; i < s->op->n_inputs; i++)
        for (int64_t k = 0; ot_wants_grad(s, i) && k < s->in[i].n; k++)
            s->in[i].v[k] += h * sign_at(d->seed, i, k);
}

static struct slope measure(
    struct ot_session *s, const struct gradients *g, const struct direction *d)
{
    struct ot_array up = g->out, down = g->out;
    up.v = ot_alloc((size_t) up.n * sizeof *up.v);
    down.v = ot_alloc((size_t) down.n * sizeof *down.v);
    move(s, d, STEP);
    s->op->reference(s->c, s->in, &up);
    move(s, d, -2 * STEP);
    s->op->reference(s->c, s->in, &down);
    move(s, d, STEP);

    struct slope slope = { 0, 0 };
    for (int64_t o = 0; o < up.n; o++) {
        double term = g->grad_out[o] * (up.v[o] - down.v[o]) / (2 * STEP);
        slope.value += term;
        slope.magnitude += fabs(term);
    }
    ot_array_free(&up);
    ot_array_free(&down);
    return slope;
}

// ---- comparing ----------------------------------------------------------------------------------

// Checks the elements first, first + stride, ... of input i.
static void check_elements(
    struct ot_session *s, const struct gradients *g, int i, int64_t first, int64_t stride)
{
    int64_t n = s->in[i].n > first ? (s->in[i].n - first + stride - 1) / stride : 0;
    double *got = ot_alloc((size_t) n * sizeof *got), *want = ot_alloc((size_t) n * sizeof *want);
    double *bound = ot_alloc((size_t) n * sizeof *bound);
    for (int64_t k = 0; k < n; k++) {
        double saved = s->in[i].v[first + k * stride];
        struct slope slope = measure(s, g, &(struct direction){ i, first + k * stride, 0 });
        s->in[i].v[first + k * stride] = saved;  // moving up and down may round
        got[k] = g->of[i].v[first + k * stride];
        want[k] = slope.value;
        bound[k] = slope.magnitude;
    }
    char what[128];
    snprintf(what, sizeof what, "grad of input %d", i);
    if (stride > 1)
        snprintf(what, sizeof what, "grad of input %d, elements %lld + %lld k, k = ", i,
            (long long) first, (long long) stride);
    struct ot_bound tolerance = ot_grad_tolerance(s->op, s->dtype);
    struct ot_comparison c = {
        .what = what,
        .dtype = ot_input_dtype(&s->c->in[i], s->dtype),
        .got = got,
        .want = want,
        .bound = bound,
        .n = n,
        .rank = stride == 1 ? s->in[i].rank : 0,
        .dim = s->in[i].dim,
        .rel = tolerance.rel,
        .abs = tolerance.abs + 1e-9,  // of the difference itself
    };
    ot_compare(s, &c);
    free(got);
    free(want);
    free(bound);
}

// The whole gradient at once. Its elements' errors have random signs, but nothing promises that.
static void check_direction(struct ot_session *s, const struct gradients *g, uint64_t seed)
{
    struct ot_array saved[OT_MAX_INPUTS] = { 0 };
    double got = 0, magnitude = 0;
    for (int i = 0; i < s->op->n_inputs; i++) {
        saved[i] = ot_array_copy(&s->in[i]);
        for (int64_t k = 0; ot_wants_grad(s, i) && k < s->in[i].n; k++) {
            got += g->of[i].v[k] * sign_at(seed, i, k);
            magnitude += fabs(g->of[i].v[k]);
        }
    }
    struct slope slope = measure(s, g, &(struct direction){ 0, -1, seed });
    magnitude = fmax(magnitude, slope.magnitude);
    struct ot_bound tolerance = ot_grad_tolerance(s->op, s->dtype);
    struct ot_comparison c = {
        .what = "grad along a random direction",
        .dtype = LATTN_DTYPE_F32,
        .got = &got,
        .want = &slope.value,
        .bound = &magnitude,
        .n = 1,
        .rel = tolerance.rel + (s->dtype == LATTN_DTYPE_F32 ? 0 : 0x1p-8),
        .abs = tolerance.abs + 1e-6,
    };
    ot_compare(s, &c);
    for (int i = 0; i < s->op->n_inputs; i++) {
        if (s->in[i].n)
            memcpy(s->in[i].v, saved[i].v, (size_t) s->in[i].n * sizeof *saved[i].v);
        ot_array_free(&saved[i]);
    }
}

static void compare_with_differences(struct ot_session *s, const struct gradients *g)
{
    int64_t total = 0;
    for (int i = 0; i < s->op->n_inputs; i++)
        total += ot_wants_grad(s, i) ? s->in[i].n : 0;
    bool dear = s->c->flags & OT_FULL || (s->op->flops && s->op->flops(s->c) > DEAR_FLOPS);
    int64_t some = dear ? FEW : SOME;
    for (int i = 0; i < s->op->n_inputs; i++) {
        if (!ot_wants_grad(s, i) || s->in[i].n == 0)
            continue;
        int64_t stride = total <= EVERY ? 1 : LAT_MAX(1, s->in[i].n / some);
        check_elements(s, g, i, stride > 1 ? stride / 3 : 0, stride);
    }
    for (uint64_t d = 0; total > EVERY && d < DIRECTIONS; d++)
        check_direction(s, g, d + 1);
}

void ot_grad(struct ot_session *s)
{
    struct gradients first = { 0 }, second = { 0 };
    if (run_once(s, &first) && run_once(s, &second)) {
        for (int i = 0; i < s->op->n_inputs; i++)
            if (first.of[i].n &&
                memcmp(first.of[i].v, second.of[i].v, (size_t) first.of[i].n * sizeof(double)) != 0)
                ot_fail(s, "grad of input %d differs bit for bit between two runs", i);
        compare_with_differences(s, &first);
    }
    free_gradients(&first);
    free_gradients(&second);
}
