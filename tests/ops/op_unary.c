// SPDX-License-Identifier: MIT
//
// Functions of one element: references, cases, tolerances from the precision that Vulkan promises.

#include <math.h>
#include "ops/reference.h"

static double flops(const struct ot_case *c)
{
    return ot_numel(&c->in[0]);
}

// clang-format off
#define UNARY_CASES(fill_, flags_, ...)                                                                  \
    { "empty", { { OT_DIMS(2, 0), .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },                     \
    { "one_element", { { OT_DIMS(1), .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },                  \
    { "rank_0", { { OT_SCALAR, .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },                        \
    { "small", { { OT_DIMS(3, 4, 5), .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },                  \
    { "group_less_one", { { OT_DIMS(1023), .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },            \
    { "group", { { OT_DIMS(1024), .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },                     \
    { "group_and_one", { { OT_DIMS(1025), .fill = fill_ } }, .flags = flags_, __VA_ARGS__ },             \
    { "transposed", { { OT_DIMS(7, 9), .fill = fill_, .layout = OT_TRANSPOSED } }, .flags = flags_,      \
        __VA_ARGS__ },                                                                                   \
    { "sliced", { { OT_DIMS(5, 11), .fill = fill_, .layout = OT_SLICED } }, .flags = flags_,             \
        __VA_ARGS__ },                                                                                   \
    { "expanded", { { OT_DIMS(4, 6), .fill = fill_, .layout = OT_EXPANDED } }, .flags = flags_,          \
        __VA_ARGS__ },                                                                                   \
    { "special", { { OT_DIMS(90), .fill = OT_SPECIAL } }, .flags = (flags_) | OT_NO_GRAD, __VA_ARGS__ }, \
    { "big", { { OT_DIMS(70), .fill = OT_BIG } }, .flags = (flags_) | OT_NO_GRAD, __VA_ARGS__ },         \
    { "bert_hidden", { { OT_DIMS(32, 128, 768), .fill = fill_ } },                                       \
        .flags = (flags_) | OT_FULL | OT_BENCH, __VA_ARGS__ }

#define UNARY_OP(name_, call_, expr_, cases_, ...)                                                \
    static void name_##_reference(                                                                \
        const struct ot_case *c, const struct ot_array *in, struct ot_array *out)                 \
    {                                                                                             \
        (void) c;                                                                                 \
        for (int64_t i = 0; i < out->n; i++) {                                                    \
            double x = in[0].v[i];                                                                \
            out->v[i] = expr_;                                                                    \
        }                                                                                         \
    }                                                                                             \
    static lattn_tensor *name_##_build(                                                           \
        lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)                         \
    {                                                                                             \
        (void) c;                                                                                 \
        return call_;                                                                             \
    }                                                                                             \
    const struct ot_op ot_op_##name_ = {                                                          \
        .name = #name_,                                                                           \
        .n_inputs = 1,                                                                            \
        .build = name_##_build,                                                                   \
        .reference = name_##_reference,                                                           \
        .bytes = ot_bytes_in_out,                                                                 \
        .flops = flops,                                                                           \
        .backward = ot_backward_rows,                                                             \
        .keys = OT_ROW_KEYS,                                                                      \
        .shape = ot_shape_rows,                                                                   \
        .cases = cases_,                                                                          \
        .n_cases = OT_COUNT(cases_),                                                              \
        __VA_ARGS__                                                                               \
    }

// What error(x), relative to |f(x)|, allows; the tolerance is then 1 times this.
#define RELATIVE_BOUND(name_, expr_, error_)                                                      \
    static void name_##_bound(                                                                    \
        const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)               \
    {                                                                                             \
        (void) c;                                                                                 \
        for (int64_t i = 0; i < bound->n; i++) {                                                  \
            double x = in[0].v[i], b = fabs(expr_) * (error_);                                    \
            bound->v[i] = isfinite(b) ? b : 0;                                                    \
        }                                                                                         \
    }
// clang-format on

static const double UNIT = 0x1p-23;  // in the last place of f32, relative

static const struct ot_case normal_cases[] = { UNARY_CASES(OT_NORMAL, 0, .i = { 0 }) };
static const struct ot_case positive_cases[] = { UNARY_CASES(OT_POSITIVE, 0, .i = { 0 }) };
static const struct ot_case away_cases[] = { UNARY_CASES(OT_AWAY, OT_EXACT, .i = { 0 }) };

// ---- scale, powers ------------------------------------------------------------------------------

static const struct ot_case scale_cases[] = {
    UNARY_CASES(OT_NORMAL, 0, .f = { 1.5, -0.25 }),
    { "integers", { { OT_DIMS(300), .fill = OT_INTEGERS } }, .f = { 2, 3 }, .flags = OT_EXACT },
    { "by_zero", { { OT_DIMS(9), .fill = OT_NORMAL } }, .f = { 0, 0 } },
};

RELATIVE_BOUND(scale, fabs(c->f[0] * x) + fabs(c->f[1]), 2 * UNIT)
UNARY_OP(scale, lattn_scale(ctx, in[0], (float) c->f[0], (float) c->f[1]), c->f[0] * x + c->f[1],
    scale_cases, .bound = scale_bound, .tolerance = { .f32_rel = 1 },
    .grad_tolerance = { .f32_rel = 2.5e-7 }, );

static const struct ot_case pow_scalar_cases[] = {
    UNARY_CASES(OT_POSITIVE, 0, .f = { 2.5 }),
    { "zero", { { OT_DIMS(40), .fill = OT_SPECIAL } }, .f = { 0 }, .flags = OT_NO_GRAD },
    { "square", { { OT_DIMS(40), .fill = OT_AWAY } }, .f = { 2 } },
    { "cube", { { OT_DIMS(40), .fill = OT_AWAY } }, .f = { 3 } },
    { "root", { { OT_DIMS(40), .fill = OT_POSITIVE } }, .f = { 0.5 } },
    { "inverse", { { OT_DIMS(40), .fill = OT_AWAY } }, .f = { -1 } },
    { "cube_special", { { OT_DIMS(60), .fill = OT_SPECIAL } }, .f = { 3 }, .flags = OT_NO_GRAD },
    { "inverse_special", { { OT_DIMS(60), .fill = OT_SPECIAL } }, .f = { -1 },
        .flags = OT_NO_GRAD },
};

// exp2(b log2 a): log2 within 3 units or 2^-21 near 1, exp2(e) within 3 + 2|e| units.
RELATIVE_BOUND(pow_scalar, pow(x, c->f[0]),
    log(2) * (fabs(c->f[0]) * fmax(0x1p-21, 3 * UNIT * fabs(log2(fabs(x))))) +
        (3 + 3 * fabs(c->f[0] * log2(fabs(x)))) * UNIT)
UNARY_OP(pow_scalar, lattn_pow_scalar(ctx, in[0], (float) c->f[0]), pow(x, c->f[0]),
    pow_scalar_cases, .bound = pow_scalar_bound, .tolerance = { .f32_rel = 1 },
    .grad_tolerance = { .f32_rel = 1e-5 }, );

// ---- exp, log, sqrt -----------------------------------------------------------------------------

RELATIVE_BOUND(exp, exp(x), (4 + 2 * fabs(x)) * UNIT)
UNARY_OP(exp, lattn_exp(ctx, in[0]), exp(x), normal_cases, .bound = exp_bound,
    .tolerance = { .f32_rel = 1 }, .grad_tolerance = { .f32_rel = 4e-6 }, );

// Absolute near 1, where ln crosses 0.
UNARY_OP(log, lattn_log(ctx, in[0]), log(x), positive_cases,
    .tolerance = { .f32_rel = 4e-7, .f32_abs = 5e-7 }, .grad_tolerance = { .f32_rel = 1e-6 }, );

UNARY_OP(sqrt, lattn_sqrt(ctx, in[0]), sqrt(x), positive_cases, .tolerance = { .f32_rel = 6e-7 }, );

// ---- exact ones ---------------------------------------------------------------------------------

UNARY_OP(abs, lattn_abs(ctx, in[0]), fabs(x), away_cases, .tolerance = { .f32_rel = 1.2e-7 }, );
// NaN stays NaN.
UNARY_OP(sign, lattn_sign(ctx, in[0]), isnan(x) ? x : (x > 0) - (x < 0), away_cases,
    .tolerance = { .f32_rel = 1.2e-7 }, );

static const struct ot_case clamp_cases[] = {
    UNARY_CASES(OT_AWAY, OT_EXACT, .f = { -0.125, 0.1875 }),
    { "wide", { { OT_DIMS(50), .fill = OT_NORMAL } }, .f = { -100, 100 }, .flags = OT_EXACT },
    { "infinite", { { OT_DIMS(50), .fill = OT_SPECIAL } }, .f = { -INFINITY, 1 },
        .flags = OT_EXACT | OT_NO_GRAD },
};
UNARY_OP(clamp, lattn_clamp(ctx, in[0], (float) c->f[0], (float) c->f[1]),
    x<c->f[0] ? c->f[0] : x> c->f[1] ? c->f[1] : x, clamp_cases,
    .tolerance = { .f32_rel = 1.2e-7 }, );

// clang-format off
UNARY_OP(relu, lattn_relu(ctx, in[0]), x < 0 ? 0 : x, away_cases, .tolerance = { .f32_rel = 1.2e-7 }, );
// clang-format on

// ---- activations --------------------------------------------------------------------------------

// In 16 bits, 1 - y y with the rounded y loses what y has near 1: an absolute error.
UNARY_OP(tanh, lattn_tanh(ctx, in[0]), tanh(x), normal_cases, .tolerance = { .f32_rel = 1e-6 },
    .grad_tolerance = { .f32_rel = 4e-6,
        .f32_abs = 1e-6,
        .f16_rel = 2e-3,
        .f16_abs = 4e-3,
        .bf16_rel = 1.6e-2,
        .bf16_abs = 3.2e-2 }, );

RELATIVE_BOUND(sigmoid, 1 / (1 + exp(-x)), (8 + 2 * fabs(x)) * UNIT)
UNARY_OP(sigmoid, lattn_sigmoid(ctx, in[0]), 1 / (1 + exp(-x)), normal_cases,
    .bound = sigmoid_bound, .tolerance = { .f32_rel = 1 },
    .grad_tolerance = { .f32_rel = 4e-6,
        .f32_abs = 1e-6,
        .f16_rel = 2e-3,
        .f16_abs = 2e-3,
        .bf16_rel = 1.6e-2,
        .bf16_abs = 1.6e-2 }, );

// The tail below 0 is x (1 + erf) with 1 + erf near 0: absolute in x.
static void x_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    (void) c;
    for (int64_t i = 0; i < bound->n; i++)
        bound->v[i] = isfinite(in[0].v[i]) ? fabs(in[0].v[i]) : 0;
}

static double gelu_tanh_of(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

UNARY_OP(gelu, lattn_gelu(ctx, in[0]), 0.5 * x * (1 + erf(x / sqrt(2))), normal_cases,
    .bound = x_bound, .tolerance = { .f32_rel = 6e-7 },
    .grad_tolerance = { .f32_rel = 2e-6,
        .f32_abs = 4e-6,
        .f16_rel = 2e-3,
        .f16_abs = 1e-3,
        .bf16_rel = 1.6e-2,
        .bf16_abs = 8e-3 }, );

UNARY_OP(gelu_tanh, lattn_gelu_tanh(ctx, in[0]), gelu_tanh_of(x), normal_cases, .bound = x_bound,
    .tolerance = { .f32_rel = 1e-6 },
    .grad_tolerance = { .f32_rel = 4e-6,
        .f32_abs = 4e-6,
        .f16_rel = 2e-3,
        .f16_abs = 1e-3,
        .bf16_rel = 1.6e-2,
        .bf16_abs = 8e-3 }, );

RELATIVE_BOUND(silu, x / (1 + exp(-x)), (8 + 2 * fabs(x)) * UNIT)
UNARY_OP(silu, lattn_silu(ctx, in[0]), x / (1 + exp(-x)), normal_cases, .bound = silu_bound,
    .tolerance = { .f32_rel = 1 },
    .grad_tolerance = { .f32_rel = 4e-6,
        .f32_abs = 4e-6,
        .f16_rel = 2e-3,
        .f16_abs = 1e-3,
        .bf16_rel = 1.6e-2,
        .bf16_abs = 8e-3 }, );

// ---- activations of image networks --------------------------------------------------------------

static const struct ot_case leaky_cases[] = { UNARY_CASES(OT_AWAY, 0, .f = { 0.01 }) };
UNARY_OP(leaky_relu, lattn_leaky_relu(ctx, in[0], (float) c->f[0]), x > 0 ? x : (float) c->f[0] * x,
    leaky_cases, .tolerance = { .f32_rel = 1.5e-7 }, );

// 16 bits keep x, whose rounding the exponential turns into a relative error of its own size.
#define GRAD_OF_X                                                                                  \
    .grad_tolerance = {                                                                            \
        .f32_rel = 4e-6,                                                                           \
        .f32_abs = 4e-6,                                                                           \
        .f16_rel = 2e-3,                                                                           \
        .f16_abs = 1e-3,                                                                           \
        .bf16_rel = 1.6e-2,                                                                        \
        .bf16_abs = 8e-3,                                                                          \
    }

static const struct ot_case elu_cases[] = {
    UNARY_CASES(OT_AWAY, 0, .f = { 1.25 }),
    { "near_zero", { { OT_DIMS(40), .fill = OT_DISTINCT } }, .f = { 1 }, .flags = OT_NO_GRAD },
};
UNARY_OP(elu, lattn_elu(ctx, in[0], (float) c->f[0]), x > 0 ? x : c->f[0] * expm1(x), elu_cases,
    .tolerance = { .f32_rel = 2e-6 }, GRAD_OF_X, );

static const struct ot_case kink_cases[] = { UNARY_CASES(OT_AWAY, 0, .i = { 0 }) };
UNARY_OP(selu, lattn_selu(ctx, in[0]),
    1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x)), kink_cases,
    .tolerance = { .f32_rel = 2e-6 }, GRAD_OF_X, );

static const struct ot_case softplus_cases[] = {
    UNARY_CASES(OT_NORMAL, 0, .f = { 1, 20 }),
    { "beta", { { OT_DIMS(200), .fill = OT_NORMAL } }, .f = { 2.5, 3 }, .flags = OT_NO_GRAD },
};
RELATIVE_BOUND(softplus, log1p(exp(c->f[0] * x)) / c->f[0], (12 + 2 * fabs(c->f[0] * x)) * UNIT)
UNARY_OP(softplus, lattn_softplus(ctx, in[0], (float) c->f[0], (float) c->f[1]),
    c->f[0] * x > c->f[1] ? x : log1p(exp(c->f[0] * x)) / c->f[0], softplus_cases,
    .bound = softplus_bound, .tolerance = { .f32_rel = 1 }, GRAD_OF_X, );

static double hardsigmoid_of(double x)
{
    return isnan(x) ? x : fmin(fmax(x + 3, 0), 6) / 6;
}

// x + 3 cancels near -3: absolute in x.
static void shifted_bound(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    (void) c;
    for (int64_t i = 0; i < bound->n; i++)
        bound->v[i] = isfinite(in[0].v[i]) ? fmin(fabs(in[0].v[i]), 3) + 1 : 1;
}

UNARY_OP(hardsigmoid, lattn_hardsigmoid(ctx, in[0]), hardsigmoid_of(x), normal_cases,
    .bound = shifted_bound, .tolerance = { .f32_rel = 1.2e-7 }, GRAD_OF_X, );

UNARY_OP(hardswish, lattn_hardswish(ctx, in[0]), x *hardsigmoid_of(x), normal_cases,
    .bound = x_bound, .tolerance = { .f32_rel = 5e-7 }, GRAD_OF_X, );

RELATIVE_BOUND(mish, x *tanh(log1p(exp(x))), (12 + 2 * fabs(x)) * UNIT)
UNARY_OP(mish, lattn_mish(ctx, in[0]), x *tanh(log1p(exp(x))), normal_cases, .bound = mish_bound,
    .tolerance = { .f32_rel = 1 }, GRAD_OF_X, );

static const struct ot_case threshold_cases[] = {
    UNARY_CASES(OT_AWAY, OT_EXACT, .f = { 0.125, -4 }),
    { "below", { { OT_DIMS(50), .fill = OT_NORMAL } }, .f = { -100, 1 }, .flags = OT_EXACT },
};
UNARY_OP(threshold, lattn_threshold(ctx, in[0], (float) c->f[0], (float) c->f[1]),
    isnan(x) || x > c->f[0] ? x : c->f[1], threshold_cases, .tolerance = { .f32_rel = 1.2e-7 }, );
