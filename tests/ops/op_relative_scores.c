// SPDX-License-Identifier: MIT
//
// relative_scores: reference, cases, tolerances. Inputs q, k, table; i[0] is of_keys, f[0] the scale.
//
// Tolerance: sums of D products, in units of their absolute sum; in the 16-bit types a product is rounded
// before it is added to the other one.

#include <math.h>
#include "ops/reference.h"

enum { Q, K, TABLE };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    lattn_relative_args args = { .scale = (float) c->f[0], .of_keys = c->i[0] != 0 };
    return lattn_relative_scores(ctx, in[Q], in[K], in[TABLE], &args);
}

static void scores(const struct ot_case *c, const struct ot_array *in, double *out, bool absolute)
{
    const int64_t *n = in[Q].dim;
    int64_t heads = n[0] * n[1], n_keys = in[K].dim[2], middle = in[TABLE].dim[0] / 2;
    double scale = c->f[0] != 0 ? fabs(c->f[0]) : 1 / sqrt((double) n[3]);
    for (int64_t i = 0; i < heads * n[2] * n_keys; i++) {
        int64_t s = i % n_keys, t = i / n_keys % n[2], head = i / n_keys / n[2];
        const double *q = in[Q].v + (head * n[2] + t) * n[3];
        const double *k = c->i[0] ? in[K].v + (head * n_keys + s) * n[3] : NULL;
        const double *e = in[TABLE].v + (t + n_keys - n[2] - s + middle) * n[3];
        double sum = 0;
        for (int64_t d = 0; d < n[3]; d++) {
            sum += absolute ? fabs(q[d] * e[d]) : q[d] * e[d];
            if (k)
                sum += absolute ? fabs(k[d] * e[d]) : k[d] * e[d];
        }
        out[i] = scale * sum;
    }
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    scores(c, in, out->v, false);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    scores(c, in, out->v, true);
}

// clang-format off
static const struct ot_case cases[] = {
    { "no_rows", { { OT_DIMS(0, 2, 3, 4) }, { OT_DIMS(0, 2, 3, 4) }, { OT_DIMS(5, 4) } } },
    { "one_element", { { OT_DIMS(1, 1, 1, 1) }, { OT_DIMS(1, 1, 1, 1) }, { OT_DIMS(1, 1) } }, .i = { 1 } },
    { "of_queries", { { OT_DIMS(2, 3, 5, 8) }, { OT_DIMS(2, 3, 5, 8), .no_grad = true }, { OT_DIMS(13, 8) } } },
    { "of_both", { { OT_DIMS(2, 3, 5, 8) }, { OT_DIMS(2, 3, 5, 8) }, { OT_DIMS(9, 8) } }, .i = { 1 } },
    { "more_keys", { { OT_DIMS(1, 2, 3, 5) }, { OT_DIMS(1, 2, 7, 5) }, { OT_DIMS(21, 5) } }, .i = { 1 }, .f = { 0.5 } },
    { "fewer_keys", { { OT_DIMS(1, 2, 6, 4) }, { OT_DIMS(1, 2, 2, 4) }, { OT_DIMS(11, 4) } }, .i = { 1 } },
    { "other_heads", { { OT_DIMS(1, 4, 3, 4) }, { OT_DIMS(1, 2, 3, 4), .no_grad = true }, { OT_DIMS(5, 4) } }, .flags = OT_GEOMETRY },
    { "heads_in_place", { { OT_DIMS(2, 2, 17, 8), .layout = OT_TRANSPOSED }, { OT_DIMS(2, 2, 17, 8), .layout = OT_SLICED }, { OT_DIMS(33, 8) } }, .i = { 1 }, .flags = OT_GEOMETRY },
    { "bert_base", { { OT_DIMS(12, 12, 128, 64) }, { OT_DIMS(12, 12, 128, 64) }, { OT_DIMS(1023, 64) } }, .i = { 1 }, .flags = OT_BENCH | OT_TIME_ALONE },
};
// clang-format on

const struct ot_op ot_op_relative_scores = {
    .name = "relative_scores",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = ot_bytes_in_out,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1e-6, .f16_rel = 2e-3, .bf16_rel = 1.6e-2 },
    .grad_tolerance = { .f32_rel = 2e-6,
        .f32_abs = 2e-6,
        .f16_rel = 4e-3,
        .f16_abs = 4e-3,
        .bf16_rel = 3e-2,
        .bf16_abs = 3e-2 },
};
