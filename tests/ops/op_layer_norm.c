// SPDX-License-Identifier: MIT
//
// layer_norm and rms_norm: references, cases, tolerances. Inputs x, weight, bias (not of rms_norm); f[0] is
// eps.
//
// An error of the mean moves every element by that much times rstd; errors of the variance scale
// the normalised value. Both are sums over the row, so the bound holds the row's mean of |x| and its
// largest deviation.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_layer_norm(ctx, in[0], in[1], in[2], (float) c->f[0]);
}

struct row {
    double mean, rstd, mean_abs;
};

static struct row row_of(const double *x, int64_t n, double eps)
{
    struct row r = { 0 };
    double square = 0;
    for (int64_t j = 0; j < n; j++) {
        r.mean += x[j] / (double) n;
        r.mean_abs += fabs(x[j]) / (double) n;
    }
    for (int64_t j = 0; j < n; j++)
        square += (x[j] - r.mean) * (x[j] - r.mean) / (double) n;
    r.rstd = 1 / sqrt(square + eps);
    return r;
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int64_t n = in->dim[in->rank - 1];
    double eps = (float) c->f[0];
    for (int64_t i = 0; i < in->n; i += n) {
        struct row r = row_of(in->v + i, n, eps);
        for (int64_t j = 0; j < n; j++)
            out->v[i + j] = (in->v[i + j] - r.mean) * r.rstd * (in[1].v ? in[1].v[j] : 1) +
                            (in[2].v ? in[2].v[j] : 0);
    }
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    int64_t n = in->dim[in->rank - 1];
    for (int64_t i = 0; i < in->n; i += n) {
        struct row r = row_of(in->v + i, n, (float) c->f[0]);
        for (int64_t j = 0; j < n; j++) {
            double deviation = fabs(in->v[i + j] - r.mean) + fabs(in->v[i + j]) + r.mean_abs;
            b->v[i + j] = deviation * r.rstd * (in[1].v ? fabs(in[1].v[j]) : 1) +
                          (in[2].v ? fabs(in[2].v[j]) : 0);
        }
    }
}

// Two passes for the statistics, then scale, shift and the affine part.
static double flops(const struct ot_case *c)
{
    return 8 * ot_numel(&c->in[0]);
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    OT_RESIZE(&c->in[0], v[0], v[1]);
    OT_RESIZE(&c->in[1], v[1]);
    OT_RESIZE(&c->in[2], v[1]);
    return NULL;
}

// clang-format off
#define ROWS(r, n) { { OT_DIMS(r, n) }, { OT_DIMS(n), .fill = OT_POSITIVE }, { OT_DIMS(n) } }
#define PLAIN(r, n) { { OT_DIMS(r, n) }, { .absent = true }, { .absent = true } }
static const struct ot_case cases[] = {
    { "empty", ROWS(0, 5), .f = { 1e-5 } },
    { "empty_rows", ROWS(5, 0), .f = { 1e-5 } },
    { "one_element", ROWS(1, 1), .f = { 1e-5 } },
    { "rank_1", { { OT_DIMS(10) }, { OT_DIMS(10), .fill = OT_POSITIVE }, { OT_DIMS(10) } }, .f = { 1e-5 } },
    { "no_affine", PLAIN(5, 12), .f = { 1e-5 } },
    { "no_bias", { { OT_DIMS(5, 12) }, { OT_DIMS(12), .fill = OT_POSITIVE }, { .absent = true } }, .f = { 1e-5 } },
    { "no_weight", { { OT_DIMS(5, 13) }, { .absent = true }, { OT_DIMS(13) } }, .f = { 1e-5 } },
    { "eps_of_bert", ROWS(4, 16), .f = { 1e-12 } },
    { "row_3", ROWS(3, 3), .f = { 1e-5 } },
    { "row_4", ROWS(3, 4), .f = { 1e-5 } },
    { "row_5", ROWS(3, 5), .f = { 1e-5 } },
    { "row_31", ROWS(17, 31), .f = { 1e-5 } },
    { "row_32", ROWS(16, 32), .f = { 1e-5 } },
    { "row_33", ROWS(15, 33), .f = { 1e-5 } },
    { "row_127", ROWS(3, 127), .f = { 1e-5 } },
    { "row_128", ROWS(3, 128), .f = { 1e-5 } },
    { "row_129", ROWS(3, 129), .f = { 1e-5 } },
    { "row_1023", ROWS(2, 1023), .f = { 1e-5 } },
    { "row_1024", ROWS(2, 1024), .f = { 1e-5 } },
    { "row_1025", ROWS(2, 1025), .f = { 1e-5 } },
    { "row_long", PLAIN(1, 70001), .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "rows_many", PLAIN(70003, 3), .f = { 1e-5 }, .flags = OT_NO_GRAD },
    // Blocks of rows in the gradient of weight and bias: 32 rows and one more, and many blocks.
    { "rows_33", ROWS(33, 6), .f = { 1e-5 } },
    { "rows_3000", ROWS(3000, 4), .f = { 1e-5 } },
    { "rows_70_of_vectors", ROWS(70, 160), .f = { 1e-5 } },
    { "constant_rows", { { OT_DIMS(6, 8), .layout = OT_EXPANDED, .fill = OT_INTEGERS }, { OT_DIMS(8), .fill = OT_POSITIVE }, { OT_DIMS(8) } }, .f = { 1e-5 } },
    { "far_from_zero", { { OT_DIMS(6, 40), .fill = OT_BIG }, { OT_DIMS(40), .fill = OT_POSITIVE }, { OT_DIMS(40) } }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "transposed", { { OT_DIMS(3, 12, 20), .layout = OT_TRANSPOSED }, { OT_DIMS(20), .fill = OT_POSITIVE }, { OT_DIMS(20) } }, .f = { 1e-5 } },
    { "sliced", { { OT_DIMS(12, 20), .layout = OT_SLICED }, { OT_DIMS(20), .layout = OT_SLICED, .fill = OT_POSITIVE }, { OT_DIMS(20), .layout = OT_SLICED } }, .f = { 1e-5 } },
    { "special", { { OT_DIMS(12, 30), .fill = OT_SPECIAL }, { .absent = true }, { .absent = true } }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "bert_hidden", ROWS(4096, 768), .f = { 1e-12 }, .flags = OT_FULL | OT_BENCH },
    { "small_hidden", ROWS(2048, 128), .f = { 1e-12 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_layer_norm = {
    .name = "layer_norm",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = ot_bytes_in_out,
    .flops = flops,
    .backward = ot_backward_rows,
    .keys = OT_ROW_KEYS,
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 5e-7 },
    .grad_tolerance = { .f32_rel = 5e-6 },
};

// ---- rms_norm -----------------------------------------------------------------------------------

static lattn_tensor *rms_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_rms_norm(ctx, in[0], in[1], (float) c->f[0]);
}

static void rms_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int64_t n = in->dim[in->rank - 1];
    for (int64_t i = 0; i < in->n; i += n) {
        double square = 0;
        for (int64_t j = 0; j < n; j++)
            square += in->v[i + j] * in->v[i + j] / (double) n;
        for (int64_t j = 0; j < n; j++)
            out->v[i + j] =
                in->v[i + j] / sqrt(square + (float) c->f[0]) * (in[1].v ? in[1].v[j] : 1);
    }
}

// clang-format off
#define RMS(r, n) { { OT_DIMS(r, n) }, { OT_DIMS(n), .fill = OT_POSITIVE } }
static const struct ot_case rms_cases[] = {
    { "empty", RMS(0, 5), .f = { 1e-5 } },
    { "empty_rows", RMS(5, 0), .f = { 1e-5 } },
    { "one_element", RMS(1, 1), .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "no_weight", { { OT_DIMS(5, 12) }, { .absent = true } }, .f = { 1e-5 } },
    { "row_3", RMS(3, 3), .f = { 1e-5 } },
    { "row_31", RMS(17, 31), .f = { 1e-5 } },
    { "row_32", RMS(16, 32), .f = { 1e-5 } },
    { "row_33", RMS(15, 33), .f = { 1e-5 } },
    { "row_128", RMS(3, 128), .f = { 1e-5 } },
    { "row_1025", RMS(2, 1025), .f = { 1e-5 } },
    { "rows_3000", RMS(3000, 4), .f = { 1e-5 } },
    { "far_from_zero", { { OT_DIMS(6, 40), .fill = OT_BIG }, { OT_DIMS(40), .fill = OT_POSITIVE } }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "transposed", { { OT_DIMS(3, 12, 20), .layout = OT_TRANSPOSED }, { OT_DIMS(20), .fill = OT_POSITIVE } }, .f = { 1e-5 } },
    { "sliced", { { OT_DIMS(12, 20), .layout = OT_SLICED }, { OT_DIMS(20), .layout = OT_SLICED, .fill = OT_POSITIVE } }, .f = { 1e-5 } },
    { "special", { { OT_DIMS(12, 30), .fill = OT_SPECIAL }, { .absent = true } }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "llama_hidden", RMS(512, 2048), .f = { 1e-5 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_rms_norm = {
    .name = "rms_norm",
    .n_inputs = 2,
    .build = rms_build,
    .reference = rms_reference,
    .bytes = ot_bytes_in_out,
    .flops = flops,
    .backward = ot_backward_rows,
    .keys = OT_ROW_KEYS,
    .shape = shape,
    .cases = rms_cases,
    .n_cases = OT_COUNT(rms_cases),
    .tolerance = { .f32_rel = 1e-6 },
    .grad_tolerance = { .f32_rel = 5e-6 },
};
