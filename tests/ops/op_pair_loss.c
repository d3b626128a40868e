// SPDX-License-Identifier: MIT
//
// mse_loss and bce_with_logits: references, cases, tolerances. Inputs x and target; i[0] is the
// reduction. Sums of terms that are not negative: the error is relative to the result.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build_mse(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_mse_loss(ctx, in[0], in[1], (lattn_reduction) c->i[0]);
}

static lattn_tensor *build_bce(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_bce_with_logits(ctx, in[0], in[1], (lattn_reduction) c->i[0]);
}

static double mse(double x, double t)
{
    return (x - t) * (x - t);
}

static double bce(double x, double t)
{
    return (x < 0 ? -x * t : x * (1 - t)) + log1p(exp(-fabs(x)));
}

// Terms without cancellation: targets outside [0, 1] make the first one negative.
static double bce_bound(double x, double t)
{
    return fabs(x < 0 ? x * t : x * (1 - t)) + log1p(exp(-fabs(x))) * (4 + 2 * fabs(x));
}

static void reduce(const struct ot_case *c, const struct ot_array *in, struct ot_array *out,
    double (*f)(double x, double t))
{
    double sum = 0;
    for (int64_t i = 0; i < in->n; i++) {
        double v = f(in[0].v[i], in[1].v[i]);
        if (c->i[0] == LATTN_REDUCTION_NONE)
            out->v[i] = v;
        sum += v;
    }
    if (c->i[0] != LATTN_REDUCTION_NONE)
        out->v[0] = c->i[0] == LATTN_REDUCTION_MEAN ? sum / (double) in->n : sum;
}

static void mse_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    reduce(c, in, out, mse);
}

static void bce_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    reduce(c, in, out, bce);
}

static void bce_magnitude(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    reduce(c, in, b, bce_bound);
}

static double flops(const struct ot_case *c)
{
    return 3 * ot_numel(&c->in[0]);
}

// clang-format off
enum { MEAN = LATTN_REDUCTION_MEAN, SUM = LATTN_REDUCTION_SUM, NONE = LATTN_REDUCTION_NONE };
// Sizes around what an invocation (64) and a workgroup (4096) take.
#define PAIR_CASES(fill_)                                                                          \
    { "empty_mean", { { OT_DIMS(0) }, { OT_DIMS(0) } }, .i = { MEAN } },                           \
    { "empty_sum", { { OT_DIMS(3, 0) }, { OT_DIMS(3, 0) } }, .i = { SUM } },                       \
    { "empty_none", { { OT_DIMS(0) }, { OT_DIMS(0) } }, .i = { NONE } },                           \
    { "rank_0", { { OT_SCALAR }, { OT_SCALAR, .fill = fill_ } }, .i = { MEAN } },                  \
    { "mean", { { OT_DIMS(3, 7) }, { OT_DIMS(3, 7), .fill = fill_ } }, .i = { MEAN } },            \
    { "sum", { { OT_DIMS(3, 7) }, { OT_DIMS(3, 7), .fill = fill_ } }, .i = { SUM } },              \
    { "none", { { OT_DIMS(3, 7) }, { OT_DIMS(3, 7), .fill = fill_ } }, .i = { NONE } },            \
    { "n_63", { { OT_DIMS(63) }, { OT_DIMS(63), .fill = fill_ } }, .i = { MEAN } },                \
    { "n_64", { { OT_DIMS(64) }, { OT_DIMS(64), .fill = fill_ } }, .i = { SUM } },                 \
    { "n_65", { { OT_DIMS(65) }, { OT_DIMS(65), .fill = fill_ } }, .i = { NONE } },                \
    { "n_4095", { { OT_DIMS(4095) }, { OT_DIMS(4095), .fill = fill_ } }, .i = { MEAN } },          \
    { "n_4096", { { OT_DIMS(4096) }, { OT_DIMS(4096), .fill = fill_ } }, .i = { NONE } },          \
    { "n_4097", { { OT_DIMS(4097) }, { OT_DIMS(4097), .fill = fill_ } }, .i = { SUM } },           \
    { "strided", { { OT_DIMS(6, 9), .layout = OT_TRANSPOSED },                                     \
                   { OT_DIMS(6, 9), .fill = fill_, .layout = OT_SLICED } }, .i = { MEAN } },       \
    { "expanded", { { OT_DIMS(6, 9), .layout = OT_EXPANDED },                                      \
                    { OT_DIMS(6, 9), .fill = fill_ } }, .i = { NONE } },                           \
    { "large", { { OT_DIMS(4096, 768) }, { OT_DIMS(4096, 768), .fill = fill_ } }, .i = { MEAN },   \
        .flags = OT_FULL | OT_BENCH }

static const struct ot_case mse_cases[] = {
    PAIR_CASES(OT_NORMAL),
    { "special", { { OT_DIMS(90), .fill = OT_SPECIAL }, { OT_DIMS(90) } }, .i = { NONE }, .flags = OT_NO_GRAD },
};
static const struct ot_case bce_cases[] = {
    PAIR_CASES(OT_UNIFORM),
    { "saturated", { { OT_DIMS(80), .fill = OT_BIG }, { OT_DIMS(80), .fill = OT_UNIFORM } }, .i = { NONE }, .flags = OT_NO_GRAD },
    { "special", { { OT_DIMS(90), .fill = OT_SPECIAL }, { OT_DIMS(90), .fill = OT_UNIFORM } }, .i = { NONE }, .flags = OT_NO_GRAD },
};
// clang-format on

static double bytes(const struct ot_case *c, size_t element)
{
    return 2 * ot_numel(&c->in[0]) * (double) element;
}

const struct ot_op ot_op_mse_loss = {
    .name = "mse_loss",
    .n_inputs = 2,
    .build = build_mse,
    .reference = mse_reference,
    .bytes = bytes,
    .flops = flops,
    .cases = mse_cases,
    .n_cases = OT_COUNT(mse_cases),
    .tolerance = { .f32_rel = 1e-6 },
};

const struct ot_op ot_op_bce_with_logits = {
    .name = "bce_with_logits",
    .n_inputs = 2,
    .build = build_bce,
    .reference = bce_reference,
    .bound = bce_magnitude,
    .bytes = bytes,
    .flops = flops,
    .cases = bce_cases,
    .n_cases = OT_COUNT(bce_cases),
    .tolerance = { .f32_rel = 1e-6 },
};
