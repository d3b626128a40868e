// SPDX-License-Identifier: MIT
//
// conv3d: reference, cases, tolerances. Case parameters: i[0..2] stride, i[3..5] padding (depth,
// vertical, horizontal), i[6] groups, i[7] bits: 1 same, 2 ReLU, and dilation: of the depth times 10, of
// the plane times 1000 (0 = 1).
//
// Tolerance: as for conv2d.

#include <math.h>
#include "ops/reference.h"

enum { SAME = 1, RELU = 2, BITS = 10, DEPTH_DILATION = 10, PLANE_DILATION = 1000 };

static int64_t or_1(int64_t v)
{
    return v ? v : 1;
}

static int64_t dilation(const struct ot_case *c, int d)
{
    return or_1(d == 0 ? c->i[7] / DEPTH_DILATION % 100 : c->i[7] / PLANE_DILATION);
}

static bool has(const struct ot_case *c, int64_t bit)
{
    return c->i[7] % BITS & bit;
}

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    lattn_conv3d_params p = {
        .stride = { c->i[0], c->i[1], c->i[2] },
        .padding = { c->i[3], c->i[4], c->i[5] },
        .dilation = { dilation(c, 0), dilation(c, 1), dilation(c, 2) },
        .groups = c->i[6],
        .same = has(c, SAME),
        .epilogue = has(c, RELU) ? LATTN_EPILOGUE_RELU : LATTN_EPILOGUE_NONE,
    };
    return lattn_conv3d(ctx, in[0], in[1], in[2], &p);
}

// The element of x along dimension d that output position `at` and tap meet, or -1.
static int64_t meet(
    const struct ot_case *c, const struct ot_array *in, int d, int64_t at, int64_t tap)
{
    int64_t reach = dilation(c, d) * (in[1].dim[2 + d] - 1);
    int64_t before = has(c, SAME) ? reach / 2 : c->i[3 + d];
    int64_t i = at * or_1(c->i[d]) - before + tap * dilation(c, d);
    return i >= 0 && i < in[0].dim[2 + d] ? i : -1;
}

// One element of out, or with magnitudes the sum of its terms' absolute values.
static double element(const struct ot_case *c, const struct ot_array *in,
    const struct ot_array *out, int64_t i, bool magnitudes)
{
    const int64_t *x = in[0].dim, *w = in[1].dim, *y = out->dim;
    int64_t ox = i % y[4], oy = i / y[4] % y[3], oz = i / (y[4] * y[3]) % y[2];
    int64_t o = i / (y[4] * y[3] * y[2]) % y[1], n = i / (y[4] * y[3] * y[2] * y[1]);
    int64_t group = o / (y[1] / or_1(c->i[6]));
    double sum = in[2].v ? in[2].v[o] : 0;
    if (magnitudes)
        sum = fabs(sum);
    for (int64_t row = 0; row < w[1] * w[2] * w[3]; row++) {
        int64_t q = row / (w[2] * w[3]);
        int64_t sz = meet(c, in, 0, oz, row / w[3] % w[2]), sy = meet(c, in, 1, oy, row % w[3]);
        if (sz < 0 || sy < 0)
            continue;
        const double *from =
            in[0].v + (((n * x[1] + group * w[1] + q) * x[2] + sz) * x[3] + sy) * x[4];
        const double *weight = in[1].v + (o * w[1] * w[2] * w[3] + row) * w[4];
        for (int64_t tx = 0; tx < w[4]; tx++) {
            int64_t sx = meet(c, in, 2, ox, tx);
            if (sx >= 0)
                sum += magnitudes ? fabs(from[sx] * weight[tx]) : from[sx] * weight[tx];
        }
    }
    return sum;
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++) {
        double v = element(c, in, out, i, false);
        out->v[i] = has(c, RELU) && v < 0 ? 0 : v;
    }
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    const int64_t *w = in[1].dim;
    double terms = (double) (w[1] * w[2] * w[3] * w[4]);
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = element(c, in, out, i, true) * (terms + 2);
}

static double out_numel(const struct ot_case *c)
{
    const int64_t *x = c->in[0].dim, *w = c->in[1].dim;
    double n = (double) (x[0] * w[0]);
    for (int d = 0; d < 3; d++) {
        int64_t reach = dilation(c, d) * (w[2 + d] - 1);
        int64_t padding = has(c, SAME) ? reach : 2 * c->i[3 + d];
        n *= (double) ((x[2 + d] - reach - 1 + padding) / or_1(c->i[d]) + 1);
    }
    return n;
}

static double flops(const struct ot_case *c)
{
    const int64_t *w = c->in[1].dim;
    return 2 * out_numel(c) * (double) (w[1] * w[2] * w[3] * w[4]);
}

static double bytes(const struct ot_case *c, size_t element_bytes)
{
    double bias = c->in[2].absent ? 0 : ot_numel(&c->in[2]);
    return (ot_numel(&c->in[0]) + ot_numel(&c->in[1]) + bias + out_numel(c)) *
           (double) element_bytes;
}

// clang-format off
#define X(n, c, z, h, w) { OT_DIMS(n, c, z, h, w) }
#define W(o, c, z, h, w) { OT_DIMS(o, c, z, h, w) }
#define BIAS(o) { OT_DIMS(o) }
#define NO_BIAS { OT_DIMS(1), .absent = true }
#define HOW(stride, padding, dilation, groups, bits)                    \
    .i = { stride, stride, stride, padding, padding, padding, groups,   \
           (bits) + (dilation) * (DEPTH_DILATION + PLANE_DILATION) }
static const struct ot_case cases[] = {
    { "no_images", { X(0, 3, 4, 5, 5), W(4, 3, 3, 3, 3), BIAS(4) }, HOW(1, 1, 1, 1, 0) },
    { "no_channels", { X(2, 0, 3, 5, 4), W(4, 0, 3, 3, 3), BIAS(4) }, HOW(1, 1, 1, 1, 0) },
    { "no_slices", { X(2, 3, 0, 5, 4), W(4, 3, 3, 3, 3), BIAS(4) }, HOW(1, 2, 1, 1, 0), .flags = OT_GEOMETRY },
    { "one_element", { X(1, 1, 1, 1, 1), W(1, 1, 1, 1, 1), BIAS(1) } },
    { "one_by_one", { X(2, 5, 3, 4, 5), W(3, 5, 1, 1, 1), BIAS(3) }, HOW(1, 0, 1, 1, RELU) },
    { "one_by_one_strided", { X(2, 5, 5, 4, 5), W(3, 5, 1, 1, 1), NO_BIAS }, HOW(2, 0, 1, 1, 0), .flags = OT_GEOMETRY },
    { "one_by_one_padded", { X(1, 3, 2, 3, 2), W(3, 3, 1, 1, 1), BIAS(3) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "cube", { X(2, 3, 5, 6, 7), W(5, 3, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0) },
    { "relu", { X(2, 3, 4, 5, 6), W(5, 3, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, RELU) },
    { "valid", { X(2, 3, 5, 6, 4), W(5, 3, 3, 2, 3), NO_BIAS }, .flags = OT_GEOMETRY },
    { "kernel_of_volume", { X(2, 3, 4, 3, 5), W(6, 3, 4, 3, 5), BIAS(6) }, .flags = OT_GEOMETRY },
    { "much_padding", { X(1, 2, 2, 3, 3), W(3, 2, 2, 2, 2), BIAS(3) }, HOW(1, 3, 1, 1, 0), .flags = OT_GEOMETRY },
    { "strided", { X(2, 3, 7, 6, 5), W(5, 3, 3, 3, 3), BIAS(5) }, HOW(2, 1, 1, 1, 0) },
    { "stride_3", { X(1, 2, 8, 7, 9), W(3, 2, 4, 4, 4), BIAS(3) }, HOW(3, 2, 1, 1, 0), .flags = OT_GEOMETRY },
    { "stride_beyond_kernel", { X(1, 2, 9, 8, 7), W(3, 2, 2, 2, 2), BIAS(3) }, HOW(4, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "dilated", { X(1, 3, 7, 6, 8), W(4, 3, 3, 3, 3), BIAS(4) }, HOW(1, 2, 2, 1, 0), .flags = OT_GEOMETRY },
    { "strided_dilated", { X(1, 2, 9, 10, 8), W(3, 2, 3, 3, 3), BIAS(3) }, HOW(2, 3, 3, 1, 0), .flags = OT_GEOMETRY },
    { "common_factor", { X(1, 2, 11, 9, 10), W(3, 2, 3, 2, 2), BIAS(3) }, HOW(4, 2, 2, 1, 0), .flags = OT_GEOMETRY },
    { "same_odd", { X(1, 3, 4, 5, 6), W(4, 3, 3, 5, 3), BIAS(4) }, HOW(1, 0, 1, 1, SAME), .flags = OT_GEOMETRY },
    { "same_even", { X(1, 3, 4, 5, 6), W(4, 3, 2, 4, 2), BIAS(4) }, HOW(1, 0, 1, 1, SAME), .flags = OT_GEOMETRY },
    { "unlike_sides", { X(2, 3, 6, 8, 7), W(4, 3, 2, 3, 1), BIAS(4) }, .i = { 3, 1, 2, 1, 0, 2, 1, 3 * DEPTH_DILATION },
      .flags = OT_GEOMETRY },
    { "in_depth_alone", { X(2, 4, 7, 3, 5), W(5, 4, 3, 1, 1), BIAS(5) }, .i = { 2, 1, 1, 1 } },
    { "in_planes_alone", { X(2, 4, 3, 5, 6), W(5, 4, 1, 3, 3), BIAS(5) }, .i = { 1, 1, 1, 0, 1, 1 } },
    { "in_rows_alone", { X(2, 4, 3, 5, 8), W(5, 4, 1, 1, 3), BIAS(5) }, .i = { 1, 1, 2, 0, 0, 1 }, .flags = OT_GEOMETRY },
    { "groups", { X(2, 6, 3, 4, 5), W(9, 2, 3, 3, 3), BIAS(9) }, HOW(1, 1, 1, 3, 0) },
    { "depthwise", { X(2, 5, 4, 5, 6), W(5, 1, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 5, 0) },
    { "depthwise_strided", { X(1, 4, 5, 6, 7), W(8, 1, 3, 3, 3), NO_BIAS }, HOW(2, 1, 1, 4, 0), .flags = OT_GEOMETRY },
    { "vectors", { X(2, 16, 3, 6, 7), W(32, 16, 3, 3, 3), BIAS(32) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "vectors_strided", { X(1, 17, 4, 9, 8), W(33, 17, 3, 3, 3), BIAS(33) }, HOW(2, 1, 1, 1, RELU), .flags = OT_GEOMETRY },
    { "stem", { X(1, 3, 4, 13, 11), W(17, 3, 3, 7, 7), NO_BIAS }, .i = { 1, 2, 2, 1, 3, 3 }, .flags = OT_GEOMETRY },
    { "x_transposed", { { OT_DIMS(2, 3, 4, 5, 6), .layout = OT_TRANSPOSED }, W(5, 3, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0) },
    { "x_expanded", { { OT_DIMS(2, 3, 4, 5, 6), .layout = OT_EXPANDED }, W(5, 3, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "weight_transposed", { X(2, 3, 4, 5, 6), { OT_DIMS(5, 3, 3, 3, 3), .layout = OT_TRANSPOSED }, BIAS(5) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "special", { { OT_DIMS(2, 1, 3, 5, 20), .fill = OT_SPECIAL }, { OT_DIMS(3, 1, 1, 1, 1), .fill = OT_AWAY }, NO_BIAS },
      HOW(2, 1, 1, 1, RELU), .flags = OT_NO_GRAD },
    { "integers", { { OT_DIMS(2, 20, 3, 6, 7), .fill = OT_INTEGERS }, { OT_DIMS(33, 20, 3, 3, 3), .fill = OT_INTEGERS },
                    { OT_DIMS(33), .fill = OT_INTEGERS } }, HOW(1, 1, 1, 1, 0), .flags = OT_EXACT | OT_NO_GRAD },
    // Layers of ResNet3D-18 and R(2+1)D-18 on 8 frames of 112x112 (Tran et al. 2018, arXiv:1711.11248,
    // table 1), one of a 3-D U-Net (Cicek et al. 2016, arXiv:1606.06650).
    { "r3d_stem", { X(1, 3, 8, 112, 112), W(64, 3, 3, 7, 7), NO_BIAS }, .i = { 1, 2, 2, 1, 3, 3 }, .flags = OT_FULL | OT_BENCH },
    { "r3d_layer1", { X(1, 64, 8, 56, 56), W(64, 64, 3, 3, 3), NO_BIAS }, HOW(1, 1, 1, 1, 0), .flags = OT_FULL | OT_BENCH },
    { "r3d_layer2_0", { X(1, 64, 8, 56, 56), W(128, 64, 3, 3, 3), NO_BIAS }, HOW(2, 1, 1, 1, 0), .flags = OT_FULL | OT_BENCH },
    { "r3d_layer4", { X(1, 512, 1, 7, 7), W(512, 512, 3, 3, 3), NO_BIAS }, HOW(1, 1, 1, 1, 0), .flags = OT_FULL | OT_BENCH },
    { "r2plus1d_space", { X(1, 64, 8, 56, 56), W(144, 64, 1, 3, 3), NO_BIAS }, .i = { 1, 1, 1, 0, 1, 1 }, .flags = OT_FULL | OT_BENCH },
    { "r2plus1d_time", { X(1, 144, 8, 56, 56), W(64, 144, 3, 1, 1), NO_BIAS }, .i = { 1, 1, 1, 1 }, .flags = OT_FULL | OT_BENCH },
    { "unet3d", { X(1, 32, 32, 32, 32), W(64, 32, 3, 3, 3), BIAS(64) }, HOW(1, 1, 1, 1, RELU), .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_conv3d = {
    .name = "conv3d",
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
