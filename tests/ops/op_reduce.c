// SPDX-License-Identifier: MIT
//
// sum, mean, max and norm: references, cases, tolerances.
//
// Case parameters: i[0] the reduced dimensions as bits (0 = all), i[1] keepdim.
// Rounding errors of a sum scale with the sum of absolute values. The library's order is a tree over
// at most 256 lanes, each adding four running sums, so the constant is small; a device that adds in
// another order within a subgroup stays below it too.

#include <float.h>
#include <math.h>
#include "ops/reference.h"

static bool goes(const struct ot_case *c, int d)
{
    return c->i[0] == 0 || (c->i[0] >> d & 1);
}

// The element of the result that element i of in goes into.
static int64_t result_of(const struct ot_case *c, const struct ot_array *in, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int d = in->rank - 1; d >= 0; d--) {
        int64_t index = i % in->dim[d];
        i /= in->dim[d];
        if (goes(c, d))
            continue;
        at += index * stride;
        stride *= in->dim[d];
    }
    return at;
}

static double run_length(const struct ot_case *c, const struct ot_array *in)
{
    double n = 1;
    for (int d = 0; d < in->rank; d++)
        n *= goes(c, d) ? (double) in->dim[d] : 1;
    return n;
}

static void accumulate(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, double (*f)(double))
{
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = 0;
    for (int64_t i = 0; i < in->n; i++)
        out->v[result_of(c, in, i)] += f(in->v[i]);
}

static double same(double x)
{
    return x;
}

static double square(double x)
{
    return x * x;
}

static void sum_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    accumulate(c, in, out, same);
}

static void sum_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    accumulate(c, in, bound, fabs);
}

static void mean_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    accumulate(c, in, out, same);
    for (int64_t i = 0; i < out->n;
         i++)  // the sum is f32 and may overflow where the mean would not
        out->v[i] =
            (fabs(out->v[i]) > FLT_MAX ? out->v[i] * INFINITY : out->v[i]) / run_length(c, in);
}

static void mean_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    accumulate(c, in, bound, fabs);
    for (int64_t i = 0; i < bound->n; i++)
        bound->v[i] /= run_length(c, in);
}

static void norm_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    accumulate(c, in, out, square);
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = sqrt(out->v[i]);
}

static void max_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = -INFINITY;
    for (int64_t i = 0; i < in->n; i++) {
        double *y = &out->v[result_of(c, in, i)];
        if (isnan(in->v[i]) || in->v[i] > *y)  // NaN stays: nothing is greater
            *y = isnan(*y) ? *y : in->v[i];
    }
}

// Dimension bits of a case as the list that the functions take.
static int dims_of(const struct ot_case *c, int dims[LATTN_MAX_RANK])
{
    int n = 0;
    for (int d = 0; d < c->in[0].rank; d++)
        if (c->i[0] >> d & 1)
            dims[n++] = d % 2 ? d : d - c->in[0].rank;  // both ways to count
    return n;
}

static double bytes(const struct ot_case *c, size_t element)
{
    double results = 1;
    for (int d = 0; d < c->in[0].rank; d++)
        results *= goes(c, d) ? 1 : (double) c->in[0].dim[d];
    return (ot_numel(&c->in[0]) + results) * (double) element;
}

static double flops(const struct ot_case *c)
{
    return ot_numel(&c->in[0]);
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { ROWS, COLUMNS, DIM };
    OT_RESIZE(&c->in[0], v[ROWS], v[COLUMNS]);
    c->i[0] = 1 << v[DIM];
    return NULL;
}

// clang-format off
#define REDUCE_CASES(fill_)                                                                        \
    { "one_element", { { OT_DIMS(1), .fill = fill_ } }, .i = { 1 } },                              \
    { "rank_0", { { OT_SCALAR, .fill = fill_ } } },                                                \
    { "all", { { OT_DIMS(3, 4, 5), .fill = fill_ } } },                                            \
    { "all_keepdim", { { OT_DIMS(3, 4, 5), .fill = fill_ } }, .i = { 0, 1 } },                     \
    { "rows", { { OT_DIMS(7, 33), .fill = fill_ } }, .i = { 2 } },                                 \
    { "rows_keepdim", { { OT_DIMS(7, 33), .fill = fill_ } }, .i = { 2, 1 } },                      \
    { "rows_of_one", { { OT_DIMS(300, 1), .fill = fill_ } }, .i = { 2 } },                         \
    { "rows_of_two", { { OT_DIMS(129, 2), .fill = fill_ } }, .i = { 2 } },                         \
    { "row_255", { { OT_DIMS(3, 255), .fill = fill_ } }, .i = { 2 } },                             \
    { "row_256", { { OT_DIMS(2, 256), .fill = fill_ } }, .i = { 2 } },                             \
    { "row_257", { { OT_DIMS(3, 257), .fill = fill_ } }, .i = { 2 } },                             \
    { "row_1023", { { OT_DIMS(2, 1023), .fill = fill_ } }, .i = { 2 } },                           \
    { "row_1025", { { OT_DIMS(2, 1025), .fill = fill_ } }, .i = { 2 } },                           \
    { "columns", { { OT_DIMS(33, 7), .fill = fill_ } }, .i = { 1 } },                              \
    { "column_63", { { OT_DIMS(20, 63), .fill = fill_ } }, .i = { 1 } },                           \
    { "column_65", { { OT_DIMS(20, 65), .fill = fill_ } }, .i = { 1 } },                           \
    { "column_long", { { OT_DIMS(900, 3), .fill = fill_ } }, .i = { 1 } },                         \
    { "middle", { { OT_DIMS(3, 10, 5), .fill = fill_ } }, .i = { 2 } },                            \
    { "outer_and_inner", { { OT_DIMS(4, 5, 6), .fill = fill_ } }, .i = { 5 } },                    \
    { "every_other", { { OT_DIMS(2, 3, 2, 3, 2, 3), .fill = fill_ } }, .i = { 0x15 } },            \
    { "rank_8", { { OT_DIMS(2, 1, 3, 2, 1, 2, 3, 2), .fill = fill_ } }, .i = { 0xa5, 1 } },        \
    { "transposed", { { OT_DIMS(8, 12), .fill = fill_, .layout = OT_TRANSPOSED } }, .i = { 2 } },  \
    { "sliced", { { OT_DIMS(8, 12), .fill = fill_, .layout = OT_SLICED } }, .i = { 1 } },          \
    { "special", { { OT_DIMS(40, 4), .fill = OT_SPECIAL } }, .i = { 2 }, .flags = OT_NO_GRAD },    \
    { "special_12", { { OT_DIMS(20, 12), .fill = OT_SPECIAL } }, .i = { 2 }, .flags = OT_NO_GRAD }, \
    { "special_columns", { { OT_DIMS(4, 40), .fill = OT_SPECIAL } }, .i = { 1 },                   \
        .flags = OT_NO_GRAD },                                                                     \
    { "big", { { OT_DIMS(6, 50), .fill = OT_BIG } }, .i = { 2 }, .flags = OT_ONLY_F32 | OT_NO_GRAD }, \
    { "two_passes", { { OT_DIMS(70000), .fill = fill_ } }, .flags = OT_NO_GRAD },                  \
    { "two_passes_columns", { { OT_DIMS(2500, 29), .fill = fill_ } }, .i = { 1 },                  \
        .flags = OT_NO_GRAD },                                                                     \
    { "strips", { { OT_DIMS(3, 21, 77), .fill = fill_ } }, .i = { 2 }, .flags = OT_NO_GRAD },      \
    { "long_rows", { { OT_DIMS(2, 20003), .fill = fill_ } }, .i = { 2 }, .flags = OT_NO_GRAD },  \
    { "long_columns", { { OT_DIMS(2, 6001, 5), .fill = fill_ } }, .i = { 2 }, .flags = OT_NO_GRAD }, \
    { "bert_bias_grad", { { OT_DIMS(4096, 3072), .fill = fill_ } }, .i = { 1 },                    \
        .flags = OT_FULL | OT_BENCH },                                                             \
    { "bert_rows", { { OT_DIMS(4096, 768), .fill = fill_ } }, .i = { 2 },                          \
        .flags = OT_FULL | OT_BENCH },                                                             \
    { "bert_all", { { OT_DIMS(32, 128, 768), .fill = fill_ } }, .flags = OT_FULL | OT_BENCH }

#define EMPTY_CASES                                                                                \
    { "empty", { { OT_DIMS(0, 3) } }, .i = { 2 } },                                                \
    { "empty_runs", { { OT_DIMS(3, 0) } }, .i = { 2 } }
#define INTEGER_CASES                                                                              \
    { "integers", { { OT_DIMS(30, 77), .fill = OT_INTEGERS } }, .i = { 2 },                        \
        .flags = OT_EXACT | OT_NO_GRAD },                                                          \
    { "integer_columns", { { OT_DIMS(77, 30), .fill = OT_INTEGERS } }, .i = { 1 },                 \
        .flags = OT_EXACT | OT_NO_GRAD }

#define REDUCE_OP(name_, cases_, ...)                                                              \
    static lattn_tensor *name_##_build(                                                            \
        lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)                          \
    {                                                                                              \
        int dims[LATTN_MAX_RANK], n = dims_of(c, dims);                                            \
        return lattn_##name_(ctx, in[0], dims, n, c->i[1] != 0);                                   \
    }                                                                                              \
    const struct ot_op ot_op_##name_ = {                                                           \
        .name = #name_,                                                                            \
        .n_inputs = 1,                                                                             \
        .build = name_##_build,                                                                    \
        .reference = name_##_reference,                                                            \
        .bytes = bytes,                                                                            \
        .flops = flops,                                                                            \
        .keys = OT_KEYS(OT_SIZE("rows"), OT_SIZE("columns"), { "dim", 0, 1, OT_MUST }),            \
        .shape = shape,                                                                            \
        .cases = cases_,                                                                           \
        .n_cases = OT_COUNT(cases_),                                                               \
        __VA_ARGS__                                                                                \
    }
// clang-format on

// Long enough for wide strips of the cpu form, the last one moved.
#define WIDE_CASE                                                                                  \
    {                                                                                              \
        "wide_columns", { { OT_DIMS(1027, 1100), .fill = OT_NORMAL } },                            \
            .i = { 1 }, .flags = OT_ONLY_F32 | OT_NO_GRAD                                          \
    }

static const struct ot_case sum_cases[] = { EMPTY_CASES, REDUCE_CASES(OT_NORMAL), INTEGER_CASES,
    WIDE_CASE };
static const struct ot_case mean_cases[] = { EMPTY_CASES, REDUCE_CASES(OT_NORMAL) };
static const struct ot_case norm_cases[] = { EMPTY_CASES, REDUCE_CASES(OT_AWAY) };
static const struct ot_case max_cases[] = {
    { "empty", { { OT_DIMS(0, 3) } }, .i = { 2 } },
    REDUCE_CASES(OT_DISTINCT),
};

REDUCE_OP(sum, sum_cases, .bound = sum_bound, .tolerance = { .f32_rel = 2e-6 },
    .grad_tolerance = { .f32_rel = 1e-7 }, );
REDUCE_OP(mean, mean_cases, .bound = mean_bound, .tolerance = { .f32_rel = 2e-6 },
    .grad_tolerance = { .f32_rel = 4e-7 }, );
REDUCE_OP(norm, norm_cases, .tolerance = { .f32_rel = 2e-6 }, );
REDUCE_OP(max, max_cases, .tolerance = { .f32_rel = 1e-30, .f16_rel = 1e-30, .bf16_rel = 1e-30 },
    .grad_tolerance = { .f32_rel = 1e-6 }, );
