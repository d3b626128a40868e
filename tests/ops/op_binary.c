// SPDX-License-Identifier: MIT
//
// add, sub, mul, div, pow: references, cases, tolerances.
//
// The cases meet each form of the kernels: same shape, row (bias), column, channel, scalar, both
// operands broadcast, strides, and sizes next to the 1,024 elements of a workgroup.

#include <math.h>
#include "ops/reference.h"

static void apply(double (*f)(double, double), const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] =
            f(in[0].v[ot_broadcast_at(&in[0], out, i)], in[1].v[ot_broadcast_at(&in[1], out, i)]);
}

static double bytes(const struct ot_case *c, size_t element)
{
    double n = ot_numel(&c->in[0]) + ot_numel(&c->in[1]) + ot_broadcast_numel(&c->in[0], &c->in[1]);
    return n * (double) element;
}

static double flops(const struct ot_case *c)
{
    return ot_broadcast_numel(&c->in[0], &c->in[1]);
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { ROWS, COLUMNS, BIAS };
    OT_RESIZE(&c->in[0], v[ROWS], v[COLUMNS]);
    OT_RESIZE(&c->in[1], v[ROWS], v[COLUMNS]);
    if (v[BIAS])
        OT_RESIZE(&c->in[1], v[COLUMNS]);
    return NULL;
}

// clang-format off
#define BINARY_CASES(fill_a, fill_b)                                                                        \
    { "empty", { { OT_DIMS(0, 3), .fill = fill_a }, { OT_DIMS(3), .fill = fill_b } } },                     \
    { "one_element", { { OT_DIMS(1), .fill = fill_a }, { OT_DIMS(1), .fill = fill_b } } },                  \
    { "rank_0", { { OT_SCALAR, .fill = fill_a }, { OT_SCALAR, .fill = fill_b } } },                         \
    { "same_shape", { { OT_DIMS(3, 5, 7), .fill = fill_a }, { OT_DIMS(3, 5, 7), .fill = fill_b } } },       \
    { "group_less_one", { { OT_DIMS(1023), .fill = fill_a }, { OT_DIMS(1023), .fill = fill_b } } },         \
    { "group", { { OT_DIMS(1024), .fill = fill_a }, { OT_DIMS(1024), .fill = fill_b } } },                  \
    { "group_and_one", { { OT_DIMS(1025), .fill = fill_a }, { OT_DIMS(1025), .fill = fill_b } } },          \
    { "bias", { { OT_DIMS(9, 13), .fill = fill_a }, { OT_DIMS(13), .fill = fill_b } } },                    \
    { "wide_bias", { { OT_DIMS(3, 301), .fill = fill_a }, { OT_DIMS(301), .fill = fill_b } },              \
        .flags = OT_NO_GRAD },                                                                          \
    { "wide_bias_first", { { OT_DIMS(301), .fill = fill_a }, { OT_DIMS(3, 301), .fill = fill_b } },        \
        .flags = OT_NO_GRAD },                                                                          \
    { "bias_first", { { OT_DIMS(13), .fill = fill_a }, { OT_DIMS(9, 13), .fill = fill_b } } },              \
    { "column", { { OT_DIMS(9, 13), .fill = fill_a }, { OT_DIMS(9, 1), .fill = fill_b } } },                \
    { "channel", { { OT_DIMS(2, 3, 4, 5), .fill = fill_a }, { OT_DIMS(3, 1, 1), .fill = fill_b } } },       \
    { "scalar", { { OT_DIMS(9, 13), .fill = fill_a }, { OT_SCALAR, .fill = fill_b } } },                    \
    { "scalar_first", { { OT_SCALAR, .fill = fill_a }, { OT_DIMS(9, 13), .fill = fill_b } } },              \
    { "both_broadcast", { { OT_DIMS(7, 1), .fill = fill_a }, { OT_DIMS(1, 11), .fill = fill_b } } },        \
    { "rank_8", { { OT_DIMS(2, 1, 3, 1, 2, 1, 3, 1), .fill = fill_a },                                      \
        { OT_DIMS(1, 2, 1, 2, 1, 3, 1, 2), .fill = fill_b } } },                                            \
    { "middle_broadcast", { { OT_DIMS(3, 4, 5), .fill = fill_a }, { OT_DIMS(3, 1, 5), .fill = fill_b } } }, \
    { "transposed", { { OT_DIMS(6, 10), .fill = fill_a, .layout = OT_TRANSPOSED },                          \
        { OT_DIMS(6, 10), .fill = fill_b } } },                                                             \
    { "both_transposed", { { OT_DIMS(6, 10), .fill = fill_a, .layout = OT_TRANSPOSED },                     \
        { OT_DIMS(6, 10), .fill = fill_b, .layout = OT_TRANSPOSED } } },                                    \
    { "sliced", { { OT_DIMS(5, 9), .fill = fill_a, .layout = OT_SLICED },                                   \
        { OT_DIMS(9), .fill = fill_b, .layout = OT_SLICED } } },                                            \
    { "expanded", { { OT_DIMS(4, 6), .fill = fill_a, .layout = OT_EXPANDED },                               \
        { OT_DIMS(4, 6), .fill = fill_b } } },                                                              \
    { "special", { { OT_DIMS(30, 29), .fill = OT_SPECIAL }, { OT_DIMS(30, 1), .fill = OT_SPECIAL } },       \
        .flags = OT_NO_GRAD },                                                                              \
    { "bert_residual", { { OT_DIMS(32, 128, 768), .fill = fill_a },                                         \
        { OT_DIMS(32, 128, 768), .fill = fill_b } }, .flags = OT_FULL | OT_BENCH },                         \
    { "bert_bias", { { OT_DIMS(4096, 3072), .fill = fill_a }, { OT_DIMS(3072), .fill = fill_b } },          \
        .flags = OT_FULL | OT_BENCH }
// clang-format on

static const struct ot_case plain_cases[] = {
    BINARY_CASES(OT_NORMAL, OT_NORMAL),
    { "integers",
        { { OT_DIMS(40, 50), .fill = OT_INTEGERS }, { OT_DIMS(50), .fill = OT_INTEGERS } },
        .flags = OT_EXACT | OT_NO_GRAD },
};
static const struct ot_case div_cases[] = { BINARY_CASES(OT_NORMAL, OT_AWAY) };
static const struct ot_case pow_cases[] = {
    BINARY_CASES(OT_POSITIVE, OT_NORMAL),
    { "negative_base",
        { { OT_DIMS(20, 21), .fill = OT_AWAY }, { OT_DIMS(21), .fill = OT_INTEGERS } },
        .flags = OT_NO_GRAD },
};

// clang-format off
#define BINARY_OP(name_, expr_, cases_, ...)                                                      \
    static double name_##_of(double a, double b) { return expr_; }                                \
    static void name_##_reference(                                                                \
        const struct ot_case *c, const struct ot_array *in, struct ot_array *out)                 \
    {                                                                                             \
        (void) c;                                                                                 \
        apply(name_##_of, in, out);                                                               \
    }                                                                                             \
    static lattn_tensor *name_##_build(                                                           \
        lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)                         \
    {                                                                                             \
        (void) c;                                                                                 \
        return lattn_##name_(ctx, in[0], in[1]);                                                  \
    }                                                                                             \
    const struct ot_op ot_op_##name_ = {                                                          \
        .name = #name_,                                                                           \
        .n_inputs = 2,                                                                            \
        .build = name_##_build,                                                                   \
        .reference = name_##_reference,                                                           \
        .bytes = bytes,                                                                           \
        .flops = flops,                                                                           \
        .keys = OT_KEYS(OT_SIZE("rows"), OT_SIZE("columns"), OT_SWITCH("bias")),                  \
        .shape = shape,                                                                           \
        .cases = cases_,                                                                          \
        .n_cases = OT_COUNT(cases_),                                                              \
        __VA_ARGS__                                                                               \
    }
// clang-format on

// Vulkan: +, - and * are within one unit in the last place, / within 2.5.
BINARY_OP(add, a + b, plain_cases, .tolerance = { .f32_rel = 1.2e-7 }, );
BINARY_OP(sub, a - b, plain_cases, .tolerance = { .f32_rel = 1.2e-7 }, );
BINARY_OP(mul, a *b, plain_cases, .tolerance = { .f32_rel = 1.2e-7 }, );
BINARY_OP(div, a / b, div_cases, .tolerance = { .f32_rel = 3e-7 }, );

// a^b = exp2(b log2 a). Vulkan: log2 within 3 units or 2^-21 near 1, exp2(e) within 3 + 2|e| units.
static void pow_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    (void) c;
    for (int64_t i = 0; i < bound->n; i++) {
        double a = fabs(in[0].v[ot_broadcast_at(&in[0], bound, i)]);
        double b = in[1].v[ot_broadcast_at(&in[1], bound, i)];
        double log_a = log2(a), e = fabs(b * log_a), unit = 0x1p-23;
        double error = log(2) * (fabs(b) * fmax(0x1p-21, 3 * unit * fabs(log_a)) + e * unit) +
                       (3 + 2 * e) * unit;
        bound->v[i] = isfinite(error) ? pow(a, b) * error : 0;
    }
}

BINARY_OP(pow, pow(a, b), pow_cases, .bound = pow_bound, .tolerance = { .f32_rel = 1 },
    .grad_tolerance = { .f32_rel = 1e-5, .f32_abs = 4e-6 }, );
