// SPDX-License-Identifier: MIT
//
// conv_transpose2d: reference, cases, tolerances. Case parameters as in op_conv2d.c, but i[7] is
// output_padding in both directions, and 100 more with ReLU.
//
// The reference scatters, as the definition does: each element of x adds its multiple of the kernel.

#include <math.h>
#include "ops/reference.h"

enum { RELU = 100 };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    lattn_conv_transpose2d_params p = {
        .stride = { c->i[0], c->i[1] },
        .padding = { c->i[2], c->i[3] },
        .dilation = { c->i[4], c->i[5] },
        .groups = c->i[6],
        .output_padding = { c->i[7] % RELU, c->i[7] % RELU },
        .epilogue = c->i[7] >= RELU ? LATTN_EPILOGUE_RELU : LATTN_EPILOGUE_NONE,
    };
    return lattn_conv_transpose2d(ctx, in[0], in[1], in[2], &p);
}

static int64_t or_1(int64_t v)
{
    return v ? v : 1;
}

// Adds what element i of x gives, or with magnitudes the absolute values.
static void scatter(const struct ot_case *c, const struct ot_array *in, struct ot_array *out,
    int64_t i, bool magnitudes)
{
    const int64_t *x = in[0].dim, *w = in[1].dim, *y = out->dim;
    int64_t sx = i % x[3], sy = i / x[3] % x[2], q = i / (x[3] * x[2]) % x[1];
    int64_t n = i / (x[3] * x[2] * x[1]), group = q / (x[1] / or_1(c->i[6]));
    for (int64_t k = 0; k < w[1] * w[2] * w[3]; k++) {
        int64_t m = k / (w[2] * w[3]), ty = k / w[3] % w[2], tx = k % w[3];
        int64_t oy = sy * or_1(c->i[0]) + ty * or_1(c->i[4]) - c->i[2];
        int64_t ox = sx * or_1(c->i[1]) + tx * or_1(c->i[5]) - c->i[3];
        if (oy < 0 || oy >= y[2] || ox < 0 || ox >= y[3])
            continue;
        double v = in[0].v[i] * in[1].v[q * w[1] * w[2] * w[3] + k];
        out->v[((n * y[1] + group * w[1] + m) * y[2] + oy) * y[3] + ox] += magnitudes ? fabs(v) : v;
    }
}

static void fill(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out, bool magnitudes)
{
    int64_t plane = out->dim[2] * out->dim[3];
    for (int64_t i = 0; i < out->n; i++) {
        double b = in[2].v ? in[2].v[i / plane % out->dim[1]] : 0;
        out->v[i] = magnitudes ? fabs(b) : b;
    }
    for (int64_t i = 0; i < in[0].n; i++)
        scatter(c, in, out, i, magnitudes);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    fill(c, in, out, false);
    for (int64_t i = 0; i < out->n && c->i[7] >= RELU; i++)
        if (out->v[i] < 0)
            out->v[i] = 0;
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    fill(c, in, out, true);
    double terms = (double) (in[1].dim[0] * in[1].dim[2] * in[1].dim[3]);
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] *= terms + 2;
}

static double flops(const struct ot_case *c)
{
    const int64_t *w = c->in[1].dim;
    return 2 * ot_numel(&c->in[0]) * (double) (w[1] * w[2] * w[3]);
}

static double bytes(const struct ot_case *c, size_t element)
{
    const int64_t *x = c->in[0].dim, *w = c->in[1].dim;
    double out = (double) (x[0] * w[1] * or_1(c->i[6]));
    for (int d = 0; d < 2; d++)
        out *= (double) ((x[2 + d] - 1) * or_1(c->i[d]) - 2 * c->i[2 + d] +
                         or_1(c->i[4 + d]) * (w[2 + d] - 1) + c->i[7] % RELU + 1);
    return (ot_numel(&c->in[0]) + ot_numel(&c->in[1]) + out) * (double) element;
}

// clang-format off
#define X(n, c, h, w) { OT_DIMS(n, c, h, w) }
#define W(c, o, h, w) { OT_DIMS(c, o, h, w) }
#define BIAS(o) { OT_DIMS(o) }
#define NO_BIAS { OT_DIMS(1), .absent = true }
#define HOW(stride, padding, dilation, groups, more) \
    .i = { stride, stride, padding, padding, dilation, dilation, groups, more }
static const struct ot_case cases[] = {
    { "no_images", { X(0, 3, 5, 5), W(3, 4, 3, 3), BIAS(4) }, HOW(1, 1, 1, 1, 0) },
    { "no_channels", { X(2, 0, 3, 4), W(0, 4, 3, 3), BIAS(4) }, HOW(1, 1, 1, 1, 0) },
    { "one_element", { X(1, 1, 1, 1), W(1, 1, 1, 1), BIAS(1) } },
    { "one_by_one", { X(2, 5, 6, 7), W(5, 3, 1, 1), BIAS(3) }, .flags = OT_GEOMETRY },
    { "one_by_one_strided", { X(2, 5, 4, 5), W(5, 3, 1, 1), BIAS(3) }, HOW(2, 0, 1, 1, 1), .flags = OT_GEOMETRY },
    { "three_by_three", { X(2, 3, 7, 9), W(3, 5, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0) },
    { "doubled", { X(2, 4, 5, 6), W(4, 3, 2, 2), BIAS(3) }, HOW(2, 0, 1, 1, 0), .flags = OT_GEOMETRY },
    { "doubled_4x4_relu", { X(2, 4, 5, 6), W(4, 3, 4, 4), BIAS(3) }, HOW(2, 1, 1, 1, RELU) },
    { "output_padding", { X(2, 4, 5, 6), W(4, 3, 3, 3), BIAS(3) }, HOW(2, 1, 1, 1, 1), .flags = OT_GEOMETRY },
    { "stride_beyond_kernel", { X(2, 3, 4, 5), W(3, 4, 2, 2), BIAS(4) }, HOW(4, 0, 1, 1, 2), .flags = OT_GEOMETRY },
    { "cut_by_padding", { X(1, 3, 6, 7), W(3, 4, 3, 3), BIAS(4) }, HOW(1, 3, 1, 1, 0), .flags = OT_GEOMETRY },
    { "strided_dilated", { X(2, 3, 5, 6), W(3, 4, 3, 3), NO_BIAS }, HOW(3, 2, 2, 1, 2), .flags = OT_GEOMETRY },
    { "unlike_sides", { X(2, 3, 5, 4), W(3, 4, 2, 5), BIAS(4) }, .i = { 2, 3, 0, 1, 3, 1, 1, 1 }, .flags = OT_GEOMETRY },
    { "groups", { X(2, 6, 5, 4), W(6, 3, 3, 3), BIAS(6) }, HOW(2, 1, 1, 2, 0), .flags = OT_GEOMETRY },
    { "depthwise", { X(2, 5, 5, 4), W(5, 1, 4, 4), BIAS(5) }, HOW(2, 1, 1, 5, 0) },
    { "vectors", { X(2, 32, 7, 8), W(32, 32, 3, 3), BIAS(32) }, HOW(2, 1, 1, 1, 1), .flags = OT_NO_GRAD | OT_GEOMETRY },
    { "vectors_one_step", { X(2, 24, 7, 8), W(24, 33, 3, 3), BIAS(33) }, HOW(1, 1, 1, 1, RELU), .flags = OT_NO_GRAD | OT_GEOMETRY },
    { "vectors_small", { X(1, 16, 5, 6), W(16, 16, 2, 2), BIAS(16) }, HOW(2, 0, 1, 1, 0), .flags = OT_GEOMETRY },
    { "x_transposed", { { OT_DIMS(2, 3, 5, 6), .layout = OT_TRANSPOSED }, W(3, 4, 3, 3), BIAS(4) }, HOW(2, 1, 1, 1, 0) },
    { "special", { { OT_DIMS(2, 1, 9, 20), .fill = OT_SPECIAL }, { OT_DIMS(1, 3, 1, 1), .fill = OT_AWAY }, NO_BIAS },
      HOW(2, 0, 1, 1, RELU), .flags = OT_NO_GRAD },
    { "integers", { { OT_DIMS(2, 20, 9, 10), .fill = OT_INTEGERS }, { OT_DIMS(20, 33, 3, 3), .fill = OT_INTEGERS },
                    { OT_DIMS(33), .fill = OT_INTEGERS } }, HOW(2, 1, 1, 1, 1), .flags = OT_EXACT | OT_NO_GRAD },
    // The last layers of DCGAN's generator and of a U-Net.
    { "dcgan", { X(2, 256, 16, 16), W(256, 128, 4, 4), NO_BIAS }, HOW(2, 1, 1, 1, 0), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "unet", { X(1, 128, 56, 56), W(128, 64, 2, 2), BIAS(64) }, HOW(2, 0, 1, 1, 0), .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
};
// clang-format on

const struct ot_op ot_op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.2e-7 },
    .grad_tolerance = { .f32_rel = 5e-6 },
};
