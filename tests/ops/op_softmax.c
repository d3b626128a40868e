// SPDX-License-Identifier: MIT
//
// softmax and log_softmax: references, cases, tolerances.
//
// Case parameters: i[0] the dimension.
//
// Tolerances follow what Vulkan guarantees: exp(d) within 3 + 2|d| units in the last place, log within
// 3 units or, for arguments in [0.5, 2], within 2^-21; division within 2.5 units. The error of the sum
// of exponentials is that of its terms, weighted.

#include <math.h>
#include "ops/reference.h"

// One slice along the softmax dimension.
struct slice {
    const double *x;
    double *y;
    int64_t n, stride;
};

static void for_each_slice(const struct ot_case *c, const struct ot_array *in, struct ot_array *out,
    void (*f)(const struct slice *s))
{
    int rank = in->rank ? in->rank : 1, dim = (int) (c->i[0] < 0 ? c->i[0] + rank : c->i[0]);
    int64_t n = in->rank ? in->dim[dim] : 1, inner = 1;
    for (int d = dim + 1; d < in->rank; d++)
        inner *= in->dim[d];
    int64_t outer = n * inner != 0 ? in->n / (n * inner) : 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            f(&(struct slice){ in->v + o * n * inner + i, out->v + o * n * inner + i, n, inner });
}

// Maximum and sum of exponentials; NaN where a value is NaN or +inf, sum 0 where all are -inf.
static double sum_of(const struct slice *s, double *max)
{
    double sum = 0;
    bool broken = false;
    *max = -INFINITY;
    for (int64_t j = 0; j < s->n; j++) {
        double x = s->x[j * s->stride];
        broken = broken || isnan(x) || x == INFINITY;
        *max = fmax(*max, x);
    }
    for (int64_t j = 0; j<s->n && * max> - INFINITY; j++)
        sum += exp(s->x[j * s->stride] - *max);
    return broken ? NAN : sum;
}

static void softmax_slice(const struct slice *s)
{
    double max, sum = sum_of(s, &max);
    for (int64_t j = 0; j < s->n; j++)
        s->y[j * s->stride] = sum == 0 ? 0 : exp(s->x[j * s->stride] - max) / sum;
    for (int64_t j = 0; j < s->n && isnan(sum); j++)
        s->y[j * s->stride] = NAN;
}

static void log_softmax_slice(const struct slice *s)
{
    double max, sum = sum_of(s, &max);
    for (int64_t j = 0; j < s->n; j++) {
        double x = s->x[j * s->stride];
        s->y[j * s->stride] = isnan(sum) ? NAN : sum == 0 ? -INFINITY : x - max - log(sum);
    }
}

// Units in the last place that exp(d) may be off by, and the rounding of d itself.
static double exp_units(double d)
{
    return d > -200 ? 3 + 3 * fabs(d) : 0;
}

// The same of the sum of exponentials, relative to it.
static double sum_units(const struct slice *s, double max, double sum)
{
    double units = 4;
    for (int64_t j = 0; j < s->n; j++) {
        double d = s->x[j * s->stride] - max;
        units += exp(d) / sum * exp_units(d);
    }
    return units;
}

static void softmax_bound_slice(const struct slice *s)
{
    double max, sum = sum_of(s, &max), units = sum > 0 ? sum_units(s, max, sum) : 0;
    for (int64_t j = 0; j < s->n; j++) {
        double d = s->x[j * s->stride] - max;
        s->y[j * s->stride] = sum > 0 ? exp(d) / sum * (exp_units(d) + units + 4) : 0;
    }
}

static void log_softmax_bound_slice(const struct slice *s)
{
    double max, sum = sum_of(s, &max), units = sum > 0 ? sum_units(s, max, sum) : 0;
    for (int64_t j = 0; j < s->n; j++) {
        double d = s->x[j * s->stride] - max;
        s->y[j * s->stride] = sum > 0 && d > -INFINITY ? fabs(d) + 3 * log(sum) + units + 4 : 0;
    }
}

static void softmax_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for_each_slice(c, in, out, softmax_slice);
}

static void softmax_bound(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    for_each_slice(c, in, bound, softmax_bound_slice);
}

static void log_softmax_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for_each_slice(c, in, out, log_softmax_slice);
}

static void log_softmax_bound(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *bound)
{
    for_each_slice(c, in, bound, log_softmax_bound_slice);
}

static lattn_tensor *build_softmax(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_softmax(ctx, in[0], (int) c->i[0]);
}

static lattn_tensor *build_log_softmax(
    lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_log_softmax(ctx, in[0], (int) c->i[0]);
}

// One exponential, a subtraction, a product, a maximum and a sum per element.
static double flops(const struct ot_case *c)
{
    return 5 * ot_numel(&c->in[0]);
}

// Sizes around what a lane reads at once (4), a subgroup of 4 to 128 lanes, and a workgroup.
// clang-format off
static const struct ot_case cases[] = {
    { "empty", { { OT_DIMS(0, 5) } }, .i = { -1 } },
    { "empty_rows", { { OT_DIMS(5, 0) } }, .i = { -1 } },
    { "rank_0", { { OT_SCALAR } }, .i = { -1 } },
    { "one_element", { { OT_DIMS(1) } }, .i = { 0 } },
    { "row_3", { { OT_DIMS(3, 3) } }, .i = { -1 } },
    { "row_4", { { OT_DIMS(3, 4) } }, .i = { 1 } },
    { "row_5", { { OT_DIMS(3, 5) } }, .i = { -1 } },
    { "row_31", { { OT_DIMS(17, 31) } }, .i = { -1 } },
    { "row_32", { { OT_DIMS(16, 32) } }, .i = { -1 } },
    { "row_33", { { OT_DIMS(15, 33) } }, .i = { -1 } },
    { "row_127", { { OT_DIMS(3, 127) } }, .i = { -1 } },
    { "row_128", { { OT_DIMS(3, 128) } }, .i = { -1 } },
    { "row_129", { { OT_DIMS(3, 129) } }, .i = { -1 } },
    { "row_1023", { { OT_DIMS(2, 1023) } }, .i = { -1 } },
    { "row_1024", { { OT_DIMS(2, 1024) } }, .i = { -1 } },
    { "row_1025", { { OT_DIMS(2, 1025) } }, .i = { -1 } },
    { "row_long", { { OT_DIMS(1, 70001) } }, .i = { -1 }, .flags = OT_NO_GRAD },
    { "rows_many", { { OT_DIMS(70003, 2) } }, .i = { -1 }, .flags = OT_NO_GRAD },
    { "first_dim", { { OT_DIMS(33, 6) } }, .i = { 0 } },
    { "middle_dim", { { OT_DIMS(2, 33, 5) } }, .i = { 1 } },
    { "rank_5", { { OT_DIMS(2, 3, 2, 7, 2) } }, .i = { -2 } },
    { "transposed", { { OT_DIMS(12, 20), .layout = OT_TRANSPOSED } }, .i = { -1 } },
    { "sliced", { { OT_DIMS(12, 20), .layout = OT_SLICED } }, .i = { -1 } },
    { "expanded", { { OT_DIMS(6, 20), .layout = OT_EXPANDED } }, .i = { -1 } },
    { "wide_range", { { OT_DIMS(8, 64), .fill = OT_BIG } }, .i = { -1 }, .flags = OT_NO_GRAD },
    { "masked", { { OT_DIMS(9, 40), .fill = OT_MASK } }, .i = { -1 }, .flags = OT_NO_GRAD },
    { "special", { { OT_DIMS(80, 3), .fill = OT_SPECIAL } }, .i = { -1 }, .flags = OT_NO_GRAD },
    { "special_rows", { { OT_DIMS(40, 6), .fill = OT_SPECIAL } }, .i = { 0 }, .flags = OT_NO_GRAD },
    { "bert_scores", { { OT_DIMS(8, 12, 128, 128) } }, .i = { -1 }, .flags = OT_FULL | OT_BENCH },
    { "bert_vocab", { { OT_DIMS(512, 30522) } }, .i = { -1 }, .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
};
// clang-format on

const struct ot_op ot_op_softmax = {
    .name = "softmax",
    .n_inputs = 1,
    .build = build_softmax,
    .reference = softmax_reference,
    .bound = softmax_bound,
    .bytes = ot_bytes_in_out,
    .flops = flops,
    .backward = ot_backward_rows,
    .keys = OT_ROW_KEYS,
    .shape = ot_shape_rows,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.2e-7 },  // a unit in the last place
};

const struct ot_op ot_op_log_softmax = {
    .name = "log_softmax",
    .n_inputs = 1,
    .build = build_log_softmax,
    .reference = log_softmax_reference,
    .bound = log_softmax_bound,
    .bytes = ot_bytes_in_out,
    .flops = flops,
    .backward = ot_backward_rows,
    .keys = OT_ROW_KEYS,
    .shape = ot_shape_rows,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.2e-7, .f32_abs = 4.8e-7 },  // 2^-21 of log near 1
};
