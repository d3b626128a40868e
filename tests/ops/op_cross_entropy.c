// SPDX-License-Identifier: MIT
//
// cross_entropy: reference, cases, tolerances. Inputs logits [N, V], labels [N], class weights [V]. And
// linear_cross_entropy: inputs x [N, H], labels [N], class weights [V], weight [V, H], bias [V].
//
// Case parameters: i[0] the reduction, i[1] the ignored label plus one (0 = none), i[2] the
// bytes of a chunk, f[0] the label smoothing. A loss is a difference of logits plus a logarithm, so errors are absolute: 2^-21 from a
// logarithm near 1, and what the exponentials may be off by.

#include <math.h>
#include <stdlib.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_cross_entropy_args args = {
        .class_weights = in[2],
        .label_smoothing = (float) c->f[0],
        .ignore_index = (int32_t) c->i[1] - 1,
        .has_ignore_index = c->i[1] > 0,
        .reduction = (lattn_reduction) c->i[0],
    };
    return lattn_cross_entropy(ctx, in[0], in[1], &args);
}

static double max_of(const double *x, int64_t n)
{
    double max = -INFINITY;
    for (int64_t j = 0; j < n; j++)
        max = fmax(max, x[j]);
    return max;
}

// Log-sum-exp; NaN for a row with NaN or +inf, or of -inf alone.
static double log_sum_exp(const double *x, int64_t n)
{
    double max = max_of(x, n), sum = 0;
    bool broken = false;
    for (int64_t j = 0; j < n; j++) {
        broken = broken || isnan(x[j]) || x[j] == INFINITY;
        sum += exp(x[j] - max);
    }
    return broken ? NAN : max + log(sum);
}

static bool ignored(const struct ot_case *c, double label)
{
    return label == (c->i[1] > 0 ? (double) (c->i[1] - 1) : -100.0);
}

static double weight_of(const struct ot_array *in, int64_t class)
{
    return in[2].v ? in[2].v[class] : 1;
}

static double row_loss(const struct ot_case *c, const struct ot_array *in, int64_t row)
{
    int64_t n = in->dim[1], label = (int64_t) in[1].v[row];
    const double *x = in->v + row * n;
    double e = (float) c->f[0], lse = log_sum_exp(x, n), smooth = 0;
    for (int64_t j = 0; j < n && e > 0; j++)
        smooth += weight_of(in, j) * (lse - x[j]);
    return (1 - e) * weight_of(in, label) * (lse - x[label]) +
           (e > 0 ? e / (double) n * smooth : 0);
}

// What the row's loss is made of, without signs.
static double row_bound(const struct ot_case *c, const struct ot_array *in, int64_t row)
{
    int64_t n = in->dim[1], label = (int64_t) in[1].v[row];
    const double *x = in->v + row * n;
    double e = (float) c->f[0], max = max_of(x, n), lse = log_sum_exp(x, n), smooth = 0, units = 0;
    for (int64_t j = 0; j < n; j++) {
        smooth += weight_of(in, j) * (max - x[j] + 8);
        if (x[j] > -INFINITY)
            units += exp(x[j] - lse) * 3 * (max - x[j]);
    }
    return weight_of(in, label) * (max - x[label] + 8) + (e > 0 ? e / (double) n * smooth : 0) +
           (weight_of(in, label) + 1) * (units + 3 * (lse - max));
}

static void reduce(const struct ot_case *c, const struct ot_array *in, struct ot_array *out,
    double (*f)(const struct ot_case *c, const struct ot_array *in, int64_t row))
{
    double sum = 0, divisor = 0;
    for (int64_t i = 0; i < in->dim[0]; i++) {
        bool skip = ignored(c, in[1].v[i]);
        double v = skip ? 0 : f(c, in, i);
        if (c->i[0] == LATTN_REDUCTION_NONE)
            out->v[i] = v;
        sum += v;
        divisor += skip ? 0 : weight_of(in, (int64_t) in[1].v[i]);
    }
    if (c->i[0] == LATTN_REDUCTION_SUM)
        out->v[0] = sum;
    if (c->i[0] == LATTN_REDUCTION_MEAN)
        out->v[0] = divisor == 0 ? 0 : sum / divisor;
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    reduce(c, in, out, row_loss);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    reduce(c, in, b, row_bound);
}

static double bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (double) element;
}

static double flops(const struct ot_case *c)
{
    return 4 * ot_numel(&c->in[0]);
}

// Reads the logits again and writes as much.
static struct ot_work backward(const struct ot_case *c, size_t element, struct ot_work forward)
{
    (void) c;
    (void) element;
    return (struct ot_work){ 2 * forward.bytes, 0 };
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    OT_RESIZE(&c->in[0], v[0], v[1]);
    OT_RESIZE(&c->in[1], v[0]);
    c->in[1].limit = v[1];
    return NULL;
}

// clang-format off
#define ROWS(n, v) { { OT_DIMS(n, v) }, { OT_DIMS(n), .fill = OT_INDEX, .limit = v }, { .absent = true } }
#define WEIGHTED(n, v) { { OT_DIMS(n, v) }, { OT_DIMS(n), .fill = OT_INDEX, .limit = v }, \
                         { OT_DIMS(v), .fill = OT_POSITIVE, .f32 = true, .no_grad = true } }
enum { MEAN = LATTN_REDUCTION_MEAN, SUM = LATTN_REDUCTION_SUM, NONE = LATTN_REDUCTION_NONE };
static const struct ot_case cases[] = {
    { "empty_mean", ROWS(0, 5), .i = { MEAN } },
    { "empty_none", ROWS(0, 5), .i = { NONE } },
    { "one_class", ROWS(4, 1), .i = { MEAN } },
    { "one_row", ROWS(1, 7), .i = { MEAN } },
    { "mean", ROWS(9, 10), .i = { MEAN } },
    { "sum", ROWS(9, 10), .i = { SUM } },
    { "none", ROWS(9, 10), .i = { NONE } },
    { "mean_ignore", ROWS(12, 5), .i = { MEAN, 3 } },
    { "none_ignore", ROWS(12, 5), .i = { NONE, 3 } },
    { "mean_smooth", ROWS(9, 10), .i = { MEAN }, .f = { 0.1 } },
    { "sum_smooth", ROWS(9, 10), .i = { SUM }, .f = { 0.3 } },
    { "mean_weights", WEIGHTED(9, 10), .i = { MEAN } },
    { "none_weights", WEIGHTED(9, 10), .i = { NONE } },
    { "mean_weights_smooth_ignore", WEIGHTED(12, 5), .i = { MEAN, 1 }, .f = { 0.1 } },
    { "none_weights_smooth", WEIGHTED(12, 5), .i = { NONE }, .f = { 0.2 } },
    { "row_31", ROWS(17, 31), .i = { MEAN } },
    { "row_32", ROWS(16, 32), .i = { MEAN } },
    { "row_33", ROWS(15, 33), .i = { MEAN }, .f = { 0.1 } },
    { "row_127", ROWS(3, 127), .i = { MEAN } },
    { "row_128", ROWS(3, 128), .i = { MEAN } },
    { "row_129", ROWS(3, 129), .i = { SUM } },
    { "row_1023", ROWS(2, 1023), .i = { MEAN } },
    { "row_1025", ROWS(2, 1025), .i = { MEAN } },
    { "row_long", ROWS(2, 70001), .i = { MEAN }, .flags = OT_NO_GRAD },
    { "rows_many", ROWS(70003, 2), .i = { MEAN }, .flags = OT_NO_GRAD },
    { "transposed", { { OT_DIMS(12, 20), .layout = OT_TRANSPOSED }, { OT_DIMS(12), .fill = OT_INDEX, .limit = 20, .layout = OT_SLICED }, { .absent = true } }, .i = { MEAN } },
    { "sliced", { { OT_DIMS(12, 20), .layout = OT_SLICED }, { OT_DIMS(12), .fill = OT_INDEX, .limit = 20, .layout = OT_SLICED }, { OT_DIMS(20), .fill = OT_POSITIVE, .f32 = true, .no_grad = true, .layout = OT_SLICED } }, .i = { MEAN } },
    { "wide_range", { { OT_DIMS(8, 64), .fill = OT_BIG }, { OT_DIMS(8), .fill = OT_INDEX, .limit = 64 }, { .absent = true } }, .i = { NONE }, .flags = OT_NO_GRAD },
    { "special", { { OT_DIMS(60, 3), .fill = OT_SPECIAL }, { OT_DIMS(60), .fill = OT_INDEX, .limit = 3 }, { .absent = true } }, .i = { NONE }, .flags = OT_NO_GRAD },
    { "classify", ROWS(64, 26), .i = { MEAN }, .flags = OT_BENCH },
    { "bert_vocab", ROWS(512, 30522), .i = { MEAN }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_cross_entropy = {
    .name = "cross_entropy",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .backward = backward,
    .keys = OT_ROW_KEYS,
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 2.4e-7, .f32_abs = 4.8e-7 },
    .grad_tolerance = { .f32_rel = 4e-6, .f32_abs = 1e-7 },
};

// ---- linear_cross_entropy ---------------------------------------------------------------------

enum { X, LABELS, CLASS_WEIGHTS, WEIGHT, BIAS };

static lattn_tensor *build_linear(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_linear_cross_entropy_args args = {
        .bias = in[BIAS],
        .loss = {
            .class_weights = in[CLASS_WEIGHTS],
            .label_smoothing = (float) c->f[0],
            .ignore_index = (int32_t) c->i[1] - 1,
            .has_ignore_index = c->i[1] > 0,
            .reduction = (lattn_reduction) c->i[0],
        },
        .chunk_bytes = c->i[2],
    };
    return lattn_linear_cross_entropy(ctx, in[X], in[WEIGHT], in[LABELS], &args);
}

enum { LOGITS, MAGNITUDES = 3, N_AS };

// The inputs of cross_entropy, and behind them what the logits are made of without signs. The caller frees
// the values of both.
static void as_logits(const struct ot_array *in, struct ot_array as[N_AS])
{
    int64_t n = in[LABELS].dim[0], v = in[WEIGHT].dim[0], k = in[WEIGHT].dim[1];
    as[LOGITS] = (struct ot_array){ .rank = 2, .dim = { n, v }, .n = n * v };
    as[LABELS] = in[LABELS];
    as[CLASS_WEIGHTS] = in[CLASS_WEIGHTS];
    as[MAGNITUDES] = as[LOGITS];
    double *logits = as[LOGITS].v = calloc((size_t) (n * v + 1), sizeof *logits);
    double *magnitudes = as[MAGNITUDES].v = calloc((size_t) (n * v + 1), sizeof *magnitudes);
    for (int64_t i = 0; logits && magnitudes && i < n * v; i++) {
        const double *x = in[X].v + i / v * k, *w = in[WEIGHT].v + i % v * k;
        logits[i] = in[BIAS].v ? in[BIAS].v[i % v] : 0;
        magnitudes[i] = fabs(logits[i]);
        for (int64_t q = 0; q < k; q++) {
            logits[i] += x[q] * w[q];
            magnitudes[i] += fabs(x[q] * w[q]);
        }
    }
}

// A loss is off by what its logits are: the wrong one and the one that carries the sum.
static double linear_bound(const struct ot_case *c, const struct ot_array *in, int64_t row)
{
    int64_t v = in[LOGITS].dim[1];
    double k = (double) c->in[WEIGHT].dim[1], most = max_of(in[MAGNITUDES].v + row * v, v);
    return row_bound(c, in, row) + 4 * (k + 2) * most;
}

static void reduce_linear(const struct ot_case *c, const struct ot_array *in, struct ot_array *out,
    double (*f)(const struct ot_case *c, const struct ot_array *in, int64_t row))
{
    struct ot_array as[N_AS];
    as_logits(in, as);
    if (as[LOGITS].v && as[MAGNITUDES].v)
        reduce(c, as, out, f);
    free(as[LOGITS].v);
    free(as[MAGNITUDES].v);
}

static void reference_linear(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    reduce_linear(c, in, out, row_loss);
}

static void bound_linear(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    reduce_linear(c, in, b, linear_bound);
}

static double bytes_linear(const struct ot_case *c, size_t element)
{
    return (ot_numel(&c->in[X]) + ot_numel(&c->in[WEIGHT])) * (double) element;
}

static double flops_linear(const struct ot_case *c)
{
    return 2 * ot_numel(&c->in[X]) * (double) c->in[WEIGHT].dim[0];
}

static const char *shape_linear(const int64_t *v, struct ot_case *c)
{
    enum { ROWS_KEY, HIDDEN, CLASSES };
    OT_RESIZE(&c->in[X], v[ROWS_KEY], v[HIDDEN]);
    OT_RESIZE(&c->in[LABELS], v[ROWS_KEY]);
    c->in[LABELS].limit = v[CLASSES];
    OT_RESIZE(&c->in[WEIGHT], v[CLASSES], v[HIDDEN]);
    c->in[BIAS].absent = true;
    return NULL;
}

// clang-format off
// One chunk takes 64 rows at least: with chunks of a byte it takes no more.
#define HEAD(n, h, v) { OT_DIMS(n, h) }, { OT_DIMS(n), .fill = OT_INDEX, .limit = v }
#define PLAIN(n, h, v) { HEAD(n, h, v), { .absent = true }, { OT_DIMS(v, h) }, { .absent = true } }
#define WHOLE(n, h, v) { HEAD(n, h, v), { OT_DIMS(v), .fill = OT_POSITIVE, .f32 = true, .no_grad = true }, \
                         { OT_DIMS(v, h) }, { OT_DIMS(v) } }
static const struct ot_case linear_cases[] = {
    { "empty_mean", WHOLE(0, 3, 5), .i = { MEAN }, .flags = OT_GEOMETRY },
    { "empty_none", PLAIN(0, 3, 5), .i = { NONE }, .flags = OT_GEOMETRY },
    { "no_terms", WHOLE(3, 0, 5), .i = { MEAN }, .flags = OT_GEOMETRY },
    { "one_element", WHOLE(1, 1, 1), .i = { SUM }, .flags = OT_GEOMETRY },
    { "rank_3", { { OT_DIMS(2, 3, 7) }, { OT_DIMS(6), .fill = OT_INDEX, .limit = 33 }, { .absent = true }, { OT_DIMS(33, 7) }, { OT_DIMS(33) } }, .i = { NONE }, .flags = OT_GEOMETRY },
    { "chunk_less_one", WHOLE(63, 7, 33), .i = { MEAN, 0, 1 }, .flags = OT_GEOMETRY },
    { "chunk", WHOLE(64, 7, 33), .i = { MEAN, 0, 1 }, .flags = OT_GEOMETRY },
    { "chunk_and_one", PLAIN(65, 7, 33), .i = { SUM, 0, 1 }, .flags = OT_GEOMETRY },
    { "chunks_mean", WHOLE(129, 7, 33), .i = { MEAN, 3, 1 }, .f = { 0.1 } },
    { "chunks_none", WHOLE(150, 7, 33), .i = { NONE, 3, 1 }, .f = { 0.2 }, .flags = OT_GEOMETRY },
    { "chunks_of_128", WHOLE(200, 7, 33), .i = { MEAN, 0, 128 * 33 * 4 }, .flags = OT_ONLY_F32 },
    { "views", { { OT_DIMS(70, 7), .layout = OT_SLICED }, { OT_DIMS(70), .fill = OT_INDEX, .limit = 33, .layout = OT_SLICED },
                 { OT_DIMS(33), .fill = OT_POSITIVE, .f32 = true, .no_grad = true, .layout = OT_SLICED },
                 { OT_DIMS(33, 7), .layout = OT_TRANSPOSED }, { OT_DIMS(33), .layout = OT_SLICED } }, .i = { MEAN, 0, 1 }, .flags = OT_GEOMETRY },
    { "characters", PLAIN(2048, 128, 86), .i = { MEAN }, .flags = OT_FULL | OT_BENCH },
    { "gpt2", PLAIN(1024, 768, 50257), .i = { MEAN }, .flags = OT_FULL | OT_BENCH | OT_TIME_ALONE },
};
// clang-format on

const struct ot_op ot_op_linear_cross_entropy = {
    .name = "linear_cross_entropy",
    .n_inputs = 5,
    .build = build_linear,
    .reference = reference_linear,
    .bound = bound_linear,
    .bytes = bytes_linear,
    .flops = flops_linear,
    .backward = ot_backward_product,
    .keys = OT_KEYS(OT_SIZE("rows"), OT_SIZE("hidden"), OT_SIZE("classes")),
    .shape = shape_linear,
    .cases = linear_cases,
    .n_cases = OT_COUNT(linear_cases),
    .tolerance = { .f32_rel = 2.4e-7, .f32_abs = 4.8e-7, .f16_rel = 0x1p-11, .bf16_rel = 0x1p-8 },
    // A probability is off by a quarter of what its logit was rounded by, 2^-9 of 8 in bf16, and meets weights of up
    // to 3.
    .grad_tolerance = { .f32_rel = 6e-6,
        .f32_abs = 1e-6,
        .f16_rel = 1e-2,
        .f16_abs = 1.5e-3,
        .bf16_rel = 8e-2,
        .bf16_abs = 1.2e-2 },
};
