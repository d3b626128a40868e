// SPDX-License-Identifier: MIT
//
// linear: reference, cases, tolerances. Case parameters: i[0] the epilogue. With a fourth input it is
// lattn_linear_add; with a fifth, V, a layer V gelu(...) follows, which does the first step of GELU's gradient.
//
// Tolerance as for matmul; GELU multiplies what it is given by at most 1.13 and adds the error of its
// erf, 4e-7 of |x| / 2.

#include <math.h>
#include "ops/reference.h"

enum { RESIDUAL = 3, NEXT };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    if (in[RESIDUAL])
        return lattn_linear_add(ctx, in[0], in[1], in[2], in[RESIDUAL]);
    lattn_tensor *y = lattn_linear(ctx, in[0], in[1], in[2], (lattn_epilogue) c->i[0]);
    return in[NEXT] ? lattn_linear(ctx, y, in[NEXT], NULL, LATTN_EPILOGUE_NONE) : y;
}

static double gelu(double x)
{
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static double before_gelu(const struct ot_array *in, int64_t row, int64_t column, double *magnitude)
{
    int64_t k = in[1].dim[1];
    const double *x = in[0].v + row * k, *w = in[1].v + column * k;
    double sum = in[2].v ? in[2].v[column] : 0;
    *magnitude = fabs(sum);
    for (int64_t q = 0; q < k; q++) {
        sum += x[q] * w[q];
        *magnitude += fabs(x[q] * w[q]);
    }
    if (in[RESIDUAL].v) {
        sum += in[RESIDUAL].v[row * in[1].dim[0] + column];
        *magnitude += fabs(in[RESIDUAL].v[row * in[1].dim[0] + column]);
    }
    return sum;
}

// One element of the first layer; bound: how far off it may be, in roundings.
static double layer(
    const struct ot_case *c, const struct ot_array *in, int64_t row, int64_t column, double *bound)
{
    double v = before_gelu(in, row, column, bound);
    *bound *= (double) (in[1].dim[1] + 2);
    if (c->i[0] != LATTN_EPILOGUE_GELU)
        return v;
    *bound = 1.13 * *bound + 2 * fabs(v);
    return gelu(v);
}

static double element(const struct ot_case *c, const struct ot_array *in, int64_t i, double *bound)
{
    int64_t n = in[1].dim[0], n_next = in[NEXT].v ? in[NEXT].dim[0] : n;
    if (!in[NEXT].v)
        return layer(c, in, i / n, i % n, bound);
    enum { BF16_ROUNDING = 1 << 14 };  // of what is between the layers, in units of f32's tolerance
    double sum = 0;
    *bound = 0;
    for (int64_t q = 0; q < n; q++) {
        double off, w = in[NEXT].v[i % n_next * n + q], v = layer(c, in, i / n_next, q, &off);
        sum += w * v;
        *bound += fabs(w) * (off + (double) (n + BF16_ROUNDING) * fabs(v));
    }
    return sum;
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    double bound;
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = element(c, in, i, &bound);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++)
        element(c, in, i, &out->v[i]);
}

static double rows(const struct ot_case *c)
{
    const struct ot_input *x = &c->in[0];
    return ot_numel(x) / (double) x->dim[x->rank - 1];
}

static double flops(const struct ot_case *c)
{
    return 2 * rows(c) * ot_numel(&c->in[1]);
}

static double bytes(const struct ot_case *c, size_t element)
{
    double out = rows(c) * (double) c->in[1].dim[0];
    double bias = c->in[2].absent ? 0 : ot_numel(&c->in[2]);
    double residual = c->in[RESIDUAL].absent ? 0 : out;
    return (ot_numel(&c->in[0]) + ot_numel(&c->in[1]) + bias + residual + out) * (double) element;
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { M, N, K, NO_BIAS, GELU, ADD };
    OT_RESIZE(&c->in[0], v[M], v[K]);
    OT_RESIZE(&c->in[1], v[N], v[K]);
    OT_RESIZE(&c->in[2], v[N]);
    c->in[2].absent = v[NO_BIAS];
    OT_RESIZE(&c->in[RESIDUAL], v[M], v[N]);
    c->in[RESIDUAL].absent = !v[ADD];
    c->in[NEXT].absent = true;
    if (v[GELU] && v[ADD])
        return "a residual is added to what has no GELU";
    c->i[0] = v[GELU] ? LATTN_EPILOGUE_GELU : LATTN_EPILOGUE_NONE;
    return NULL;
}

// clang-format off
#define PLAIN { .absent = true }, { .absent = true }
#define XWB(m, k, n) { { OT_DIMS(m, k) }, { OT_DIMS(n, k) }, { OT_DIMS(n) }, PLAIN }
#define XW(m, k, n) { { OT_DIMS(m, k) }, { OT_DIMS(n, k) }, { OT_DIMS(n), .absent = true }, PLAIN }
#define XWBR(m, k, n) { { OT_DIMS(m, k) }, { OT_DIMS(n, k) }, { OT_DIMS(n) }, { OT_DIMS(m, n) }, { .absent = true } }
#define XWBV(m, k, n, next) { { OT_DIMS(m, k) }, { OT_DIMS(n, k) }, { OT_DIMS(n) }, { .absent = true }, { OT_DIMS(next, n) } }
#define GELU .i = { LATTN_EPILOGUE_GELU }
static const struct ot_case cases[] = {
    { "empty", XWB(0, 3, 2) },
    { "no_terms", XWB(3, 0, 2) },
    { "one_element", XWB(1, 1, 1) },
    { "one_element_gelu", XWB(1, 1, 1), GELU },
    { "no_bias", XW(5, 7, 3) },
    { "no_bias_gelu", XW(5, 7, 3), GELU },
    { "vector", { { OT_DIMS(7) }, { OT_DIMS(3, 7) }, { OT_DIMS(3) }, PLAIN } },
    { "tile_less_one", XWB(31, 15, 31) },
    { "tile", XWB(32, 16, 32), GELU },
    { "tile_and_one", XWB(33, 17, 33), GELU },
    { "rows_of_a_run_and_one", XWB(65, 8, 65), GELU },
    { "rank_4", { { OT_DIMS(2, 3, 5, 8) }, { OT_DIMS(6, 8) }, { OT_DIMS(6) }, PLAIN }, GELU },
    { "x_transposed", { { OT_DIMS(20, 24), .layout = OT_TRANSPOSED }, { OT_DIMS(18, 24) }, { OT_DIMS(18) }, PLAIN }, GELU },
    { "x_sliced", { { OT_DIMS(3, 20, 24), .layout = OT_SLICED }, { OT_DIMS(18, 24) }, { OT_DIMS(18) }, PLAIN } },
    { "weight_transposed", { { OT_DIMS(20, 24) }, { OT_DIMS(18, 24), .layout = OT_TRANSPOSED }, { OT_DIMS(18) }, PLAIN } },
    { "x_expanded", { { OT_DIMS(3, 20, 24), .layout = OT_EXPANDED }, { OT_DIMS(18, 24) }, { OT_DIMS(18) }, PLAIN } },
    { "classifier", XWB(64, 128, 26) },
    { "two_classes", XWB(16, 24, 2) },
    { "few_tiles", XWB(600, 9, 7), .flags = OT_NO_GRAD },
    { "wide_range_gelu", { { OT_DIMS(40, 2), .fill = OT_BIG }, { OT_DIMS(30, 2) }, { OT_DIMS(30) }, PLAIN }, GELU, .flags = OT_NO_GRAD },
    { "special", { { OT_DIMS(40, 1), .fill = OT_SPECIAL }, { OT_DIMS(30, 1), .fill = OT_AWAY }, { OT_DIMS(30), .absent = true }, PLAIN },
      .flags = OT_NO_GRAD },
    { "special_bias", { { OT_DIMS(9, 4) }, { OT_DIMS(80, 4) }, { OT_DIMS(80), .fill = OT_SPECIAL }, PLAIN }, .flags = OT_NO_GRAD },
    { "integers", { { OT_DIMS(33, 40), .fill = OT_INTEGERS }, { OT_DIMS(35, 40), .fill = OT_INTEGERS },
                    { OT_DIMS(35), .fill = OT_INTEGERS }, PLAIN }, .flags = OT_EXACT },
    { "add", XWBR(33, 17, 35) },
    { "add_no_terms", XWBR(3, 0, 2), .flags = OT_GEOMETRY },
    { "add_empty", XWBR(0, 3, 2), .flags = OT_GEOMETRY },
    { "add_split", XWBR(6, 600, 7), .flags = OT_NO_GRAD },
    // The gradient of the weight is six tiles, and sums what is the bias's gradient.
    { "bias_waves", XWB(4200, 40, 70), .flags = OT_FULL },
    { "add_waves", XWBR(150, 2100, 13), .flags = OT_FULL | OT_NO_GRAD },
    { "add_rank_3", { { OT_DIMS(2, 20, 9) }, { OT_DIMS(33, 9) }, { OT_DIMS(33), .absent = true }, { OT_DIMS(2, 20, 33), .layout = OT_TRANSPOSED }, { .absent = true } }, .flags = OT_GEOMETRY },
    { "add_special", { { OT_DIMS(9, 4) }, { OT_DIMS(80, 4) }, { OT_DIMS(80) }, { OT_DIMS(9, 80), .fill = OT_SPECIAL }, { .absent = true } }, .flags = OT_NO_GRAD },
    { "next", XWBV(33, 4, 35, 9), GELU },
    { "next_split", XWBV(2, 2, 3, 520), GELU, .flags = OT_GEOMETRY },
    { "bert_mini_up", XWB(2048, 128, 512), GELU, .flags = OT_FULL | OT_BENCH },
    { "bert_mini_down", XWB(2048, 512, 128), .flags = OT_FULL | OT_BENCH },
    { "bert_base_up", XWB(4096, 768, 3072), GELU, .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    // The four products of a layer of BERT-base, 32 x 128 tokens, and the widest of BERT-large, 32 x 512.
    { "bert_base_32x128_qkv", XWB(4096, 768, 2304), .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    { "bert_base_32x128_out", XWB(4096, 768, 768), .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    { "bert_base_32x128_up", XWB(4096, 768, 3072), GELU, .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    { "bert_base_32x128_down", XWB(4096, 3072, 768), .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
    { "bert_large_32x512_up", XWB(16384, 1024, 4096), GELU, .flags = OT_FULL | OT_LARGE | OT_TIME_ALONE },
};
// clang-format on

const struct ot_op ot_op_linear = {
    .name = "linear",
    .n_inputs = 5,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .backward = ot_backward_product,
    .keys = OT_KEYS(OT_SIZE("m"), OT_SIZE("n"), OT_SIZE("k"), OT_SWITCH("no_bias"),
        OT_SWITCH("gelu"), OT_SWITCH("add")),
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 2.4e-7 },
    .grad_tolerance = { .f32_rel = 5e-6 },
};
