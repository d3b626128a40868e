// SPDX-License-Identifier: MIT
//
// batch_norm: reference, cases, tolerances. Inputs x, weight, bias, residual, running mean and variance;
// f[0] is eps, i[0] whether the running statistics are used, i[1] ReLU. That they change while training is
// in test_batch_norm.c.
//
// The bound is that of layer_norm, over a channel, and what the residual adds.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_batch_norm_args args = {
        .running_mean = in[4],
        .running_var = in[5],
        .residual = in[3],
        .eps = (float) c->f[0],
        .relu = c->i[1] != 0,
        .frozen = c->i[0] != 0,
    };
    return lattn_batch_norm(ctx, in[0], in[1], in[2], &args);
}

struct channel {
    double mean, rstd, mean_abs;
};

static struct channel channel_of(const struct ot_case *c, const struct ot_array *in, int64_t k)
{
    int64_t channels = in->dim[1], length = in->n / (in->n ? in->dim[0] * channels : 1);
    double n = (double) (in->dim[0] * length), square = 0;
    struct channel r = { 0 };
    if (c->i[0])
        return (
            struct channel){ in[4].v[k], 1 / sqrt(in[5].v[k] + (float) c->f[0]), fabs(in[4].v[k]) };
    for (int64_t image = 0; image < in->dim[0]; image++) {
        const double *x = in->v + (image * channels + k) * length;
        for (int64_t e = 0; e < length; e++) {
            r.mean += x[e] / n;
            r.mean_abs += fabs(x[e]) / n;
        }
    }
    for (int64_t image = 0; image < in->dim[0]; image++) {
        const double *x = in->v + (image * channels + k) * length;
        for (int64_t e = 0; e < length; e++)
            square += (x[e] - r.mean) * (x[e] - r.mean) / n;
    }
    r.rstd = 1 / sqrt(square + (float) c->f[0]);
    return r;
}

static void walk(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, bool magnitude)
{
    int64_t channels = in->dim[1], length = in->n / (in->n ? in->dim[0] * channels : 1);
    for (int64_t k = 0; k < channels && in->n; k++) {
        struct channel r = channel_of(c, in, k);
        double weight = in[1].v ? in[1].v[k] : 1, bias = in[2].v ? in[2].v[k] : 0;
        for (int64_t i = 0; i < in->dim[0] * length; i++) {
            int64_t at = (i / length * channels + k) * length + i % length;
            double x = in->v[at], residual = in[3].v ? in[3].v[at] : 0;
            double y = (x - r.mean) * r.rstd * weight + bias + residual;
            out->v[at] = c->i[1] && y < 0 ? 0 : y;
            if (magnitude)
                out->v[at] = (fabs(x - r.mean) + fabs(x) + r.mean_abs) * r.rstd * fabs(weight) +
                             fabs(bias) + fabs(residual);
        }
    }
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    walk(c, in, out, false);
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    walk(c, in, b, true);
    for (int64_t i = 0; i < b->n; i++)
        b->v[i] = isfinite(b->v[i]) ? b->v[i] : 0;
}

// Two passes for the statistics, then scale, shift and the affine part.
static double flops(const struct ot_case *c)
{
    return 8 * ot_numel(&c->in[0]);
}

// x twice, because the statistics come first; y, and the residual.
static double bytes(const struct ot_case *c, size_t element)
{
    return (3 - (double) (c->i[0] != 0) + !c->in[3].absent) * ot_numel(&c->in[0]) *
           (double) element;
}

// clang-format off
#define NONE { .absent = true }
#define AFFINE(c_) { OT_DIMS(c_), .fill = OT_POSITIVE }, { OT_DIMS(c_) }
#define BATCH NONE, NONE
#define RUNNING(c_) { OT_DIMS(c_), .f32 = true, .no_grad = true }, \
    { OT_DIMS(c_), .fill = OT_POSITIVE, .f32 = true, .no_grad = true }
#define CASE(name_, c_, ...) { name_, { { OT_DIMS(__VA_ARGS__) }, AFFINE(c_), NONE, BATCH }, .f = { 1e-5 } }
static const struct ot_case cases[] = {
    CASE("empty", 3, 0, 3, 4, 4),
    CASE("no_channels", 0, 2, 0, 4, 4),
    CASE("empty_planes", 3, 2, 3, 0),
    // Of two values the gradient is what eps leaves of it: both sides cancel.
    { "two_values", { { OT_DIMS(2, 1) }, AFFINE(1), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    CASE("rank_2", 5, 7, 5),
    CASE("rank_3", 4, 3, 4, 10),
    CASE("rank_5", 2, 3, 2, 2, 3, 4),
    CASE("odd_plane", 3, 4, 3, 5, 7),
    CASE("quads", 3, 4, 3, 6, 6),
    CASE("plane_31", 2, 3, 2, 31),
    CASE("plane_32", 2, 3, 2, 32),
    CASE("plane_33", 2, 3, 2, 33),
    CASE("plane_63", 2, 2, 2, 63),
    CASE("plane_64", 2, 2, 2, 64),
    CASE("plane_65", 2, 2, 2, 65),
    CASE("chunk_less_one", 2, 1, 2, 4095),
    CASE("chunk", 2, 1, 2, 4096),
    CASE("chunk_and_one", 2, 1, 2, 4097),
    { "parts", { { OT_DIMS(2, 3, 9001) }, AFFINE(3), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "blocks", { { OT_DIMS(90, 3, 10, 10) }, AFFINE(3), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "blocks_odd", { { OT_DIMS(700, 3, 13) }, AFFINE(3), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "images_many", { { OT_DIMS(9000, 2) }, AFFINE(2), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "channels_many", { { OT_DIMS(3, 2000, 2) }, AFFINE(2000), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_ONLY_F32 },
    { "no_affine", { { OT_DIMS(3, 4, 6) }, NONE, NONE, NONE, BATCH }, .f = { 1e-5 } },
    { "no_bias", { { OT_DIMS(3, 4, 6) }, { OT_DIMS(4), .fill = OT_POSITIVE }, NONE, NONE, BATCH }, .f = { 1e-5 } },
    { "eps", { { OT_DIMS(3, 4, 6) }, AFFINE(4), NONE, BATCH }, .f = { 1e-3 } },
    { "relu", { { OT_DIMS(3, 4, 6, 5) }, AFFINE(4), NONE, BATCH }, .f = { 1e-5 }, .i = { 0, 1 } },
    { "relu_strips", { { OT_DIMS(3, 4, 9, 9) }, AFFINE(4), NONE, BATCH }, .f = { 1e-5 }, .i = { 0, 1 } },
    { "residual", { { OT_DIMS(3, 4, 6, 5) }, AFFINE(4), { OT_DIMS(3, 4, 6, 5) }, BATCH }, .f = { 1e-5 } },
    { "residual_relu", { { OT_DIMS(3, 4, 7, 5) }, AFFINE(4), { OT_DIMS(3, 4, 7, 5) }, BATCH }, .f = { 1e-5 }, .i = { 0, 1 } },
    { "residual_relu_quads", { { OT_DIMS(2, 3, 4, 5) }, AFFINE(3), { OT_DIMS(2, 3, 4, 5) }, BATCH }, .f = { 1e-5 }, .i = { 0, 1 } },
    { "running", { { OT_DIMS(3, 4, 7, 5) }, AFFINE(4), NONE, RUNNING(4) }, .f = { 1e-5 }, .i = { 1 } },
    { "running_one_value", { { OT_DIMS(1, 4) }, AFFINE(4), NONE, RUNNING(4) }, .f = { 1e-5 }, .i = { 1 } },
    { "running_residual_relu", { { OT_DIMS(3, 4, 7, 5) }, AFFINE(4), { OT_DIMS(3, 4, 7, 5) }, RUNNING(4) }, .f = { 1e-5 }, .i = { 1, 1 } },
    { "running_plain", { { OT_DIMS(3, 4, 7, 5) }, NONE, NONE, NONE, RUNNING(4) }, .f = { 1e-5 }, .i = { 1 } },
    { "constant", { { OT_DIMS(6, 2, 8), .layout = OT_EXPANDED, .fill = OT_INTEGERS }, AFFINE(2), NONE, BATCH }, .f = { 1e-5 } },
    { "far_from_zero", { { OT_DIMS(6, 2, 40), .fill = OT_BIG }, AFFINE(2), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "transposed", { { OT_DIMS(2, 3, 6, 8), .layout = OT_TRANSPOSED }, AFFINE(3), { OT_DIMS(2, 3, 6, 8), .layout = OT_TRANSPOSED }, BATCH }, .f = { 1e-5 } },
    { "sliced", { { OT_DIMS(2, 3, 6, 8), .layout = OT_SLICED }, { OT_DIMS(3), .layout = OT_SLICED, .fill = OT_POSITIVE }, { OT_DIMS(3), .layout = OT_SLICED }, NONE, BATCH }, .f = { 1e-5 } },
    { "special", { { OT_DIMS(4, 5, 30), .fill = OT_SPECIAL }, NONE, NONE, NONE, BATCH }, .f = { 1e-5 }, .flags = OT_NO_GRAD },
    { "special_running", { { OT_DIMS(4, 5, 30), .fill = OT_SPECIAL }, NONE, NONE, NONE, RUNNING(5) }, .f = { 1e-5 }, .i = { 1, 1 }, .flags = OT_NO_GRAD },
    { "special_strips", { { OT_DIMS(4, 5, 50), .fill = OT_SPECIAL }, NONE, NONE, NONE, RUNNING(5) }, .f = { 1e-5 }, .i = { 1, 1 }, .flags = OT_NO_GRAD },
    { "small_cnn", { { OT_DIMS(128, 32, 28, 28) }, AFFINE(32), NONE, BATCH }, .f = { 1e-5 }, .i = { 0, 1 }, .flags = OT_FULL | OT_BENCH },
    { "resnet_block", { { OT_DIMS(8, 64, 56, 56) }, AFFINE(64), { OT_DIMS(8, 64, 56, 56) }, BATCH }, .f = { 1e-5 }, .i = { 0, 1 }, .flags = OT_FULL | OT_BENCH },
    { "resnet_last", { { OT_DIMS(32, 512, 7, 7) }, AFFINE(512), NONE, BATCH }, .f = { 1e-5 }, .flags = OT_FULL | OT_BENCH },
    { "resnet_eval", { { OT_DIMS(8, 64, 56, 56) }, AFFINE(64), NONE, RUNNING(64) }, .f = { 1e-5 }, .i = { 1, 1 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_batch_norm = {
    .name = "batch_norm",
    .n_inputs = 6,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1e-6 },
    .grad_tolerance = { .f32_rel = 8e-6 },
};
