// SPDX-License-Identifier: MIT
//
// pad2d and upsample2d: references, cases, tolerances. Case parameters of pad2d: i[0..3] before and after, each
// height and width, i[4] the mode, f[0] the value; of upsample2d: i[0..1] the size, i[2] bilinear, i[3]
// align_corners.
//
// The position of a bilinear result is rounded in f32: an absolute error of its share.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *pad_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_pad2d_args args = {
        .before = { c->i[0], c->i[1] },
        .after = { c->i[2], c->i[3] },
        .mode = (lattn_pad_mode) c->i[4],
        .value = (float) c->f[0],
    };
    return lattn_pad2d(ctx, in[0], &args);
}

static lattn_tensor *up_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_upsample2d_args args = { c->i[0], c->i[1], c->i[2] != 0, c->i[3] != 0 };
    return lattn_upsample2d(ctx, in[0], &args);
}

// -1 = outside.
static int64_t pad_source(const struct ot_case *c, int64_t i, int64_t before, int64_t n)
{
    int64_t at = i - before;
    if (c->i[4] == LATTN_PAD_REPLICATE)
        return at < 0 ? 0 : at >= n ? n - 1 : at;
    if (c->i[4] == LATTN_PAD_REFLECT)
        return at < 0 ? -at : at >= n ? 2 * (n - 1) - at : at;
    return at >= 0 && at < n ? at : -1;
}

static void pad_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int64_t h = in->dim[in->rank - 2], w = in->dim[in->rank - 1];
    int64_t h2 = out->dim[out->rank - 2], w2 = out->dim[out->rank - 1];
    for (int64_t o = 0; o < out->n; o++) {
        int64_t row = pad_source(c, o / w2 % h2, c->i[0], h),
                column = pad_source(c, o % w2, c->i[1], w);
        out->v[o] =
            row < 0 || column < 0 ? (float) c->f[0] : in->v[(o / (h2 * w2) * h + row) * w + column];
    }
}

struct source {
    int64_t first, second;
    double share;
};

static struct source up_source(const struct ot_case *c, int64_t i, int64_t n, int64_t n_out)
{
    if (!c->i[2])
        return (struct source){ i * n / n_out, i * n / n_out, 0 };
    double at = ((double) i + 0.5) * (double) n / (double) n_out - 0.5;
    if (c->i[3])
        at = n_out > 1 ? (double) i * (double) (n - 1) / (double) (n_out - 1) : 0;
    at = at < 0 ? 0 : at;
    int64_t first = (int64_t) at;
    return (struct source){ first, first + 1 < n ? first + 1 : n - 1, at - (double) first };
}

static void up_walk(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, bool magnitude)
{
    int64_t h = in->dim[in->rank - 2], w = in->dim[in->rank - 1];
    int64_t h2 = out->dim[out->rank - 2], w2 = out->dim[out->rank - 1];
    for (int64_t o = 0; o < out->n; o++) {
        const double *x = in->v + o / (h2 * w2) * h * w;
        struct source r = up_source(c, o / w2 % h2, h, h2), k = up_source(c, o % w2, w, w2);
        double a = x[r.first * w + k.first], b = x[r.first * w + k.second];
        double d = x[r.second * w + k.first], e = x[r.second * w + k.second];
        if (magnitude) {
            double m = fabs(a) + fabs(b) + fabs(d) + fabs(e);
            out->v[o] = isfinite(m) ? m : 0;
        } else if (!c->i[2]) {
            out->v[o] = a;
        } else {
            out->v[o] = (a * (1 - k.share) + b * k.share) * (1 - r.share) +
                        (d * (1 - k.share) + e * k.share) * r.share;
        }
    }
}

static void up_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    up_walk(c, in, out, false);
}

static void up_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    up_walk(c, in, b, true);
}

static double pad_bytes(const struct ot_case *c, size_t element)
{
    const struct ot_input *x = &c->in[0];
    double h = (double) x->dim[x->rank - 2], w = (double) x->dim[x->rank - 1];
    double grown =
        (h + (double) (c->i[0] + c->i[2])) * (w + (double) (c->i[1] + c->i[3])) / (h * w);
    return ot_numel(x) * (1 + grown) * (double) element;
}

static double up_bytes(const struct ot_case *c, size_t element)
{
    const struct ot_input *x = &c->in[0];
    double planes = ot_numel(x) / (double) (x->dim[x->rank - 1] * x->dim[x->rank - 2]);
    return (ot_numel(x) + planes * (double) (c->i[0] * c->i[1])) * (double) element;
}

// clang-format off
#define X(...) { { OT_DIMS(__VA_ARGS__) } }
static const struct ot_case pad_cases[] = {
    { "empty", X(0, 3, 4, 4), .i = { 1, 1, 1, 1 } },
    { "one_element", X(1, 1, 1, 1), .i = { 1, 2, 3, 4 }, .f = { 1.5 } },
    { "none", X(2, 3, 4, 5), .i = { 0 } },
    { "zeros", X(2, 3, 4, 5), .i = { 1, 1, 1, 1 } },
    { "value", X(2, 3, 4, 5), .i = { 0, 2, 3, 1 }, .f = { -1.25 } },
    { "rank_3", X(3, 4, 5), .i = { 1, 2, 3, 4, LATTN_PAD_REPLICATE } },
    { "reflect", X(2, 3, 4, 5), .i = { 3, 4, 2, 1, LATTN_PAD_REFLECT } },
    { "reflect_none", X(2, 3, 1, 5), .i = { 0, 1, 0, 1, LATTN_PAD_REFLECT } },
    { "replicate", X(2, 3, 4, 5), .i = { 1, 7, 6, 0, LATTN_PAD_REPLICATE } },
    { "replicate_one", X(2, 3, 1, 1), .i = { 1, 2, 3, 4, LATTN_PAD_REPLICATE } },
    { "planes_many", X(300, 7, 2, 3), .i = { 1, 1, 1, 1, LATTN_PAD_REFLECT } },
    { "transposed", { { OT_DIMS(2, 2, 6, 8), .layout = OT_TRANSPOSED } }, .i = { 1, 2, 3, 4, LATTN_PAD_REFLECT } },
    { "sliced", { { OT_DIMS(2, 2, 6, 7), .layout = OT_SLICED } }, .i = { 1, 1, 1, 1 } },
    { "expanded", { { OT_DIMS(3, 2, 6, 6), .layout = OT_EXPANDED } }, .i = { 1, 1, 1, 1 } },
    { "special", { { OT_DIMS(2, 2, 9, 10), .fill = OT_SPECIAL } }, .i = { 2, 2, 2, 2, LATTN_PAD_REFLECT }, .flags = OT_NO_GRAD },
    { "cifar_crop", X(128, 3, 32, 32), .i = { 4, 4, 4, 4 }, .flags = OT_FULL | OT_BENCH },
};

static const struct ot_case up_cases[] = {
    { "empty", X(0, 3, 4, 4), .i = { 8, 8 } },
    { "one_element", X(1, 1, 1, 1), .i = { 3, 2 } },
    { "one_element_bilinear", X(1, 1, 1, 1), .i = { 3, 2, 1 } },
    { "rank_3", X(3, 4, 5), .i = { 8, 10 } },
    { "twice", X(2, 3, 4, 5), .i = { 8, 10 } },
    { "uneven", X(2, 3, 4, 5), .i = { 7, 13 } },
    { "smaller", X(2, 3, 9, 8), .i = { 4, 3 } },
    { "bilinear_twice", X(2, 3, 4, 5), .i = { 8, 10, 1 } },
    { "bilinear_uneven", X(2, 3, 4, 5), .i = { 7, 13, 1 } },
    { "bilinear_smaller", X(2, 3, 9, 8), .i = { 4, 3, 1 } },
    { "bilinear_same", X(2, 3, 4, 5), .i = { 4, 5, 1 } },
    { "corners", X(2, 3, 4, 5), .i = { 9, 7, 1, 1 } },
    { "corners_one_result", X(2, 3, 4, 5), .i = { 1, 1, 1, 1 } },
    { "corners_one_element", X(2, 3, 1, 1), .i = { 4, 5, 1, 1 } },
    { "corners_smaller", X(2, 3, 9, 8), .i = { 4, 3, 1, 1 } },
    { "planes_many", X(300, 7, 2, 3), .i = { 4, 5, 1 } },
    { "transposed", { { OT_DIMS(2, 2, 6, 8), .layout = OT_TRANSPOSED } }, .i = { 9, 9, 1 } },
    { "sliced", { { OT_DIMS(2, 2, 6, 7), .layout = OT_SLICED } }, .i = { 9, 9 } },
    { "expanded", { { OT_DIMS(3, 2, 6, 6), .layout = OT_EXPANDED } }, .i = { 9, 9, 1 } },
    { "special", { { OT_DIMS(2, 2, 9, 10), .fill = OT_SPECIAL } }, .i = { 18, 20 }, .flags = OT_NO_GRAD },
    { "unet", X(4, 64, 32, 32), .i = { 64, 64, 1 }, .flags = OT_FULL | OT_BENCH },
    { "unet_nearest", X(4, 64, 32, 32), .i = { 64, 64 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_pad2d = {
    .name = "pad2d",
    .n_inputs = 1,
    .build = pad_build,
    .reference = pad_reference,
    .bytes = pad_bytes,
    .cases = pad_cases,
    .n_cases = OT_COUNT(pad_cases),
    .tolerance = { .f32_rel = 1e-9 },
    .grad_tolerance = { .f32_rel = 2e-6, .f16_rel = 2e-3, .bf16_rel = 1.6e-2 },
};

const struct ot_op ot_op_upsample2d = {
    .name = "upsample2d",
    .n_inputs = 1,
    .build = up_build,
    .reference = up_reference,
    .bound = up_bound,
    .bytes = up_bytes,
    .cases = up_cases,
    .n_cases = OT_COUNT(up_cases),
    .tolerance = { .f32_rel = 2e-6 },
};
