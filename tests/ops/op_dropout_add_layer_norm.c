// SPDX-License-Identifier: MIT
//
// dropout_add_layer_norm: reference, cases, tolerances. Inputs x, residual, weight, bias; f[0] is p,
// f[1] eps. The mask is drawn with the host's Philox, which tests/base checks against published
// values; op_dropout.c has one of its own.

#include <math.h>
#include <stdlib.h>
#include "ops/engine.h"
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_dropout_add_layer_norm(
        ctx, in[0], in[1], in[2], in[3], (float) c->f[0], (float) c->f[1]);
}

// residual + dropout(x) of row i .. i+n-1, its mean, rstd and mean of magnitudes.
struct row {
    double *v;
    double mean, rstd, mean_abs;
};

static void fill_row(
    const struct ot_case *c, const struct ot_array *in, int64_t i, int64_t n, struct row *r)
{
    double p = (float) c->f[0], square = 0;
    r->mean = r->mean_abs = 0;
    for (int64_t j = 0; j < n; j++) {
        double x = in[0].v[i + j];
        if (p > 0)
            x = ot_dropout_keeps(p, i + j) ? x / (1 - p) : 0;
        r->v[j] = x + in[1].v[i + j];
        r->mean += r->v[j] / (double) n;
        r->mean_abs += (fabs(x) + fabs(in[1].v[i + j])) / (double) n;
    }
    for (int64_t j = 0; j < n; j++)
        square += (r->v[j] - r->mean) * (r->v[j] - r->mean) / (double) n;
    r->rstd = 1 / sqrt(square + (float) c->f[1]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int64_t n = in->dim[in->rank - 1];
    struct row r = { .v = ot_alloc((size_t) n * sizeof(double)) };
    for (int64_t i = 0; i < out->n; i += n) {
        fill_row(c, in, i, n, &r);
        for (int64_t j = 0; j < n; j++)
            out->v[i + j] = (r.v[j] - r.mean) * r.rstd * (in[2].v ? in[2].v[j] : 1) +
                            (in[3].v ? in[3].v[j] : 0);
    }
    free(r.v);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    int64_t n = in->dim[in->rank - 1];
    struct row r = { .v = ot_alloc((size_t) n * sizeof(double)) };
    for (int64_t i = 0; i < b->n; i += n) {
        fill_row(c, in, i, n, &r);
        for (int64_t j = 0; j < n; j++)
            b->v[i + j] =
                (2 * fabs(r.v[j]) + 2 * r.mean_abs) * r.rstd * (in[2].v ? fabs(in[2].v[j]) : 1) +
                (in[3].v ? fabs(in[3].v[j]) : 0);
    }
    free(r.v);
}

static double bytes(const struct ot_case *c, size_t element)
{
    return 3 * ot_numel(&c->in[0]) * (double) element;
}

static double flops(const struct ot_case *c)
{
    return 10 * ot_numel(&c->in[0]);
}

// Reads the kept sum and the gradient, writes the gradients of both terms.
static struct ot_work backward(const struct ot_case *c, size_t element, struct ot_work forward)
{
    (void) forward;
    return (struct ot_work){ 4 * ot_numel(&c->in[0]) * (double) element, 0 };
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    for (int i = 0; i < 2; i++)
        OT_RESIZE(&c->in[i], v[0], v[1]);
    for (int i = 2; i < 4; i++)
        OT_RESIZE(&c->in[i], v[1]);
    return NULL;
}

// clang-format off
#define ROWS(r, n) { { OT_DIMS(r, n) }, { OT_DIMS(r, n) }, { OT_DIMS(n), .fill = OT_POSITIVE }, { OT_DIMS(n) } }
static const struct ot_case cases[] = {
    { "empty", ROWS(0, 5), .f = { 0.1, 1e-5 } },
    { "one_element", ROWS(1, 1), .f = { 0.1, 1e-5 } },
    { "no_affine", { { OT_DIMS(5, 12) }, { OT_DIMS(5, 12) }, { .absent = true }, { .absent = true } }, .f = { 0.1, 1e-5 } },
    { "no_dropout", ROWS(5, 12), .f = { 0, 1e-5 } },
    { "no_dropout_odd", ROWS(5, 13), .f = { 0, 1e-5 } },
    { "nearly_all", ROWS(5, 16), .f = { 0.95, 1e-5 } },
    // Rows that start at every position inside the four words of a counter.
    { "row_3", ROWS(9, 3), .f = { 0.3, 1e-5 } },
    { "row_4", ROWS(9, 4), .f = { 0.3, 1e-5 } },
    { "row_5", ROWS(9, 5), .f = { 0.3, 1e-5 } },
    { "row_6", ROWS(9, 6), .f = { 0.3, 1e-5 } },
    { "row_31", ROWS(17, 31), .f = { 0.1, 1e-5 } },
    { "row_32", ROWS(40, 32), .f = { 0.1, 1e-5 } },
    { "row_33", ROWS(15, 33), .f = { 0.1, 1e-5 } },
    { "row_127", ROWS(3, 127), .f = { 0.1, 1e-12 } },
    { "row_128", ROWS(3, 128), .f = { 0.1, 1e-12 } },
    { "row_129", ROWS(3, 129), .f = { 0.1, 1e-12 } },
    { "row_1025", ROWS(2, 1025), .f = { 0.1, 1e-5 } },
    { "row_long", ROWS(2, 40001), .f = { 0.1, 1e-5 }, .flags = OT_NO_GRAD },
    { "rows_many", ROWS(30011, 3), .f = { 0.1, 1e-5 }, .flags = OT_NO_GRAD },
    { "rank_3", { { OT_DIMS(2, 3, 8) }, { OT_DIMS(2, 3, 8) }, { OT_DIMS(8), .fill = OT_POSITIVE }, { OT_DIMS(8) } }, .f = { 0.2, 1e-5 } },
    { "sliced", { { OT_DIMS(12, 20), .layout = OT_SLICED }, { OT_DIMS(12, 20), .layout = OT_SLICED }, { OT_DIMS(20), .layout = OT_SLICED, .fill = OT_POSITIVE }, { OT_DIMS(20), .layout = OT_SLICED } }, .f = { 0.1, 1e-5 } },
    { "transposed", { { OT_DIMS(12, 20), .layout = OT_TRANSPOSED }, { OT_DIMS(12, 20), .layout = OT_SLICED }, { OT_DIMS(20), .fill = OT_POSITIVE }, { OT_DIMS(20) } }, .f = { 0.1, 1e-5 } },
    { "expanded", { { OT_DIMS(6, 20), .layout = OT_EXPANDED }, { OT_DIMS(6, 20) }, { OT_DIMS(20), .fill = OT_POSITIVE }, { OT_DIMS(20) } }, .f = { 0.1, 1e-5 } },
    { "special", { { OT_DIMS(12, 30), .fill = OT_SPECIAL }, { OT_DIMS(12, 30) }, { .absent = true }, { .absent = true } }, .f = { 0, 1e-5 }, .flags = OT_NO_GRAD },
    { "bert_hidden", ROWS(4096, 768), .f = { 0.1, 1e-12 }, .flags = OT_FULL | OT_BENCH },
    { "small_hidden", ROWS(2048, 128), .f = { 0.1, 1e-12 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_dropout_add_layer_norm = {
    .name = "dropout_add_layer_norm",
    .n_inputs = 4,
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
    .tolerance = { .f32_rel = 5e-7 },
    // In 16 bits the kept normalised sum is rounded, and enters the gradient twice. Where the rest
    // of the gradient cancels (rows of three: two of their three directions are normalised away) that
    // rounding is all there is, hence an absolute part.
    .grad_tolerance = { .f32_rel = 5e-6,
        .f16_rel = 4 * 0x1p-10,
        .f16_abs = 0x1p-11,
        .bf16_rel = 4 * 0x1p-7,
        .bf16_abs = 0x1p-8 },
};
