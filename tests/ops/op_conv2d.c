// SPDX-License-Identifier: MIT
//
// conv2d: reference, cases, tolerances. Case parameters: i[0], i[1] stride, i[2], i[3] padding, i[4],
// i[5] dilation (vertical, horizontal), i[6] groups, i[7] bits: 1 same, 2 ReLU.
//
// Tolerance: as for matmul, a sum of K products is off by at most (K + 1) rounding errors of its terms'
// absolute sum; ReLU changes nothing about that. The winograd strategy has up to C + 11 roundings of a
// sum that is 64/9 of that one where all elements are alike: within the bound from 9 channels on, and with
// fewer because errors do not all add up. test_winograd.c has the bound of the algorithm itself.

#include <math.h>
#include <string.h>
#include "ops/reference.h"

enum { SAME = 1, RELU = 2 };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    lattn_conv2d_params p = {
        .stride = { c->i[0], c->i[1] },
        .padding = { c->i[2], c->i[3] },
        .dilation = { c->i[4], c->i[5] },
        .groups = c->i[6],
        .same = c->i[7] & SAME,
        .epilogue = c->i[7] & RELU ? LATTN_EPILOGUE_RELU : LATTN_EPILOGUE_NONE,
    };
    return lattn_conv2d(ctx, in[0], in[1], in[2], &p);
}

static int64_t or_1(int64_t v)
{
    return v ? v : 1;
}

// One element of out, or with magnitudes the sum of its terms' absolute values.
static double element(const struct ot_case *c, const struct ot_array *in,
    const struct ot_array *out, int64_t i, bool magnitudes)
{
    const int64_t *x = in[0].dim, *w = in[1].dim, *y = out->dim;
    int64_t ox = i % y[3], oy = i / y[3] % y[2], o = i / (y[3] * y[2]) % y[1];
    int64_t n = i / (y[3] * y[2] * y[1]), group = o / (y[1] / or_1(c->i[6]));
    int64_t dil_y = or_1(c->i[4]), dil_x = or_1(c->i[5]);
    int64_t first_y = oy * or_1(c->i[0]) - (c->i[7] & SAME ? dil_y * (w[2] - 1) / 2 : c->i[2]);
    int64_t first_x = ox * or_1(c->i[1]) - (c->i[7] & SAME ? dil_x * (w[3] - 1) / 2 : c->i[3]);
    double sum = in[2].v ? in[2].v[o] : 0;
    if (magnitudes)
        sum = fabs(sum);
    for (int64_t row = 0; row < w[1] * w[2]; row++) {  // of the kernel, of all channels
        int64_t q = row / w[2], sy = first_y + row % w[2] * dil_y;
        if (sy < 0 || sy >= x[2])
            continue;
        const double *from = in[0].v + ((n * x[1] + group * w[1] + q) * x[2] + sy) * x[3];
        const double *weight = in[1].v + (o * w[1] * w[2] + row) * w[3];
        for (int64_t tx = 0; tx < w[3]; tx++) {
            int64_t sx = first_x + tx * dil_x;
            if (sx < 0 || sx >= x[3])
                continue;
            double v = from[sx] * weight[tx];
            sum += magnitudes ? fabs(v) : v;
        }
    }
    return sum;
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++) {
        double v = element(c, in, out, i, false);
        out->v[i] = c->i[7] & RELU && v < 0 ? 0 : v;
    }
}

static void bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    double terms = (double) (in[1].dim[1] * in[1].dim[2] * in[1].dim[3]);
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = element(c, in, out, i, true) * (terms + 2);
}

static double out_numel(const struct ot_case *c)
{
    const int64_t *x = c->in[0].dim, *w = c->in[1].dim;
    double n = (double) (x[0] * w[0]);
    for (int d = 0; d < 2; d++) {
        int64_t reach = or_1(c->i[4 + d]) * (w[2 + d] - 1);
        int64_t padding = c->i[7] & SAME ? reach : 2 * c->i[2 + d];
        n *= (double) ((x[2 + d] - reach - 1 + padding) / or_1(c->i[d]) + 1);
    }
    return n;
}

static double flops(const struct ot_case *c)
{
    const int64_t *w = c->in[1].dim;
    return 2 * out_numel(c) * (double) (w[1] * w[2] * w[3]);
}

static double bytes(const struct ot_case *c, size_t element_bytes)
{
    double bias = c->in[2].absent ? 0 : ot_numel(&c->in[2]);
    return (ot_numel(&c->in[0]) + ot_numel(&c->in[1]) + bias + out_numel(c)) *
           (double) element_bytes;
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { N, C, H, W, K, KERNEL, STRIDE, PADDING, GROUPS };
    if (v[C] % v[GROUPS] || v[K] % v[GROUPS])
        return "c and k have to be multiples of groups";
    if (v[KERNEL] > v[H] + 2 * v[PADDING] || v[KERNEL] > v[W] + 2 * v[PADDING])
        return "the kernel is larger than the padded image";
    OT_RESIZE(&c->in[0], v[N], v[C], v[H], v[W]);
    OT_RESIZE(&c->in[1], v[K], v[C] / v[GROUPS], v[KERNEL], v[KERNEL]);
    c->in[2].absent = true;
    const int64_t how[] = { v[STRIDE], v[STRIDE], v[PADDING], v[PADDING], 1, 1, v[GROUPS], 0 };
    memcpy(c->i, how, sizeof how);
    return NULL;
}

// clang-format off
#define X(n, c, h, w) { OT_DIMS(n, c, h, w) }
#define W(o, c, h, w) { OT_DIMS(o, c, h, w) }
#define BIAS(o) { OT_DIMS(o) }
#define NO_BIAS { OT_DIMS(1), .absent = true }
#define HOW(stride, padding, dilation, groups, bits) \
    .i = { stride, stride, padding, padding, dilation, dilation, groups, bits }
#define LAYER(name_, n, c, size, o, f, stride, padding, groups)                                    \
    { name_, { X(n, c, size, size), W(o, (c) / (groups), f, f), NO_BIAS },                         \
      HOW(stride, padding, 1, groups, 0), .flags = OT_FULL | OT_BENCH }
static const struct ot_case cases[] = {
    { "no_images", { X(0, 3, 5, 5), W(4, 3, 3, 3), BIAS(4) }, HOW(1, 1, 1, 1, 0) },
    { "no_channels", { X(2, 0, 5, 4), W(4, 0, 3, 3), BIAS(4) }, HOW(1, 1, 1, 1, 0) },
    { "one_element", { X(1, 1, 1, 1), W(1, 1, 1, 1), BIAS(1) } },
    { "one_by_one", { X(2, 5, 6, 7), W(3, 5, 1, 1), BIAS(3) } },
    { "one_by_one_relu", { X(2, 9, 6, 7), W(40, 9, 1, 1), BIAS(40) }, HOW(1, 0, 1, 1, RELU), .flags = OT_GEOMETRY },
    { "one_by_one_groups", { X(2, 6, 5, 7), W(9, 2, 1, 1), BIAS(9) }, HOW(1, 0, 1, 3, 0), .flags = OT_GEOMETRY },
    { "one_by_one_strided", { X(2, 5, 6, 7), W(3, 5, 1, 1), NO_BIAS }, HOW(2, 0, 1, 1, 0), .flags = OT_GEOMETRY },
    { "one_by_one_padded", { X(2, 3, 4, 5), W(3, 3, 1, 1), BIAS(3) }, HOW(1, 2, 1, 1, 0), .flags = OT_GEOMETRY },
    { "three_by_three", { X(2, 3, 7, 9), W(5, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0) },
    { "relu", { X(2, 3, 7, 9), W(5, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, RELU) },
    { "valid", { X(2, 3, 7, 9), W(5, 3, 3, 3), NO_BIAS }, .flags = OT_GEOMETRY },
    { "kernel_of_image", { X(3, 4, 5, 6), W(7, 4, 5, 6), BIAS(7) }, .flags = OT_GEOMETRY },
    { "much_padding", { X(1, 2, 3, 4), W(3, 2, 2, 2), BIAS(3) }, HOW(1, 4, 1, 1, 0), .flags = OT_GEOMETRY },
    { "strided", { X(2, 3, 8, 9), W(5, 3, 3, 3), BIAS(5) }, HOW(2, 1, 1, 1, 0) },
    { "stride_3", { X(2, 3, 11, 10), W(5, 3, 4, 4), BIAS(5) }, HOW(3, 2, 1, 1, 0), .flags = OT_GEOMETRY },
    { "stride_beyond_kernel", { X(2, 3, 11, 13), W(4, 3, 2, 2), BIAS(4) }, HOW(4, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "dilated", { X(2, 3, 9, 10), W(5, 3, 3, 3), BIAS(5) }, HOW(1, 2, 2, 1, 0), .flags = OT_GEOMETRY },
    { "strided_dilated", { X(2, 3, 12, 13), W(5, 3, 3, 3), BIAS(5) }, HOW(2, 2, 3, 1, 0), .flags = OT_GEOMETRY },
    { "common_factor", { X(1, 2, 13, 14), W(3, 2, 3, 3), BIAS(3) }, HOW(4, 2, 2, 1, 0), .flags = OT_GEOMETRY },
    { "same_odd", { X(2, 3, 6, 7), W(4, 3, 3, 5), BIAS(4) }, HOW(1, 0, 1, 1, SAME), .flags = OT_GEOMETRY },
    { "same_even", { X(2, 3, 6, 7), W(4, 3, 4, 2), BIAS(4) }, HOW(1, 0, 1, 1, SAME), .flags = OT_GEOMETRY },
    { "same_dilated", { X(2, 3, 6, 7), W(4, 3, 2, 3), BIAS(4) }, HOW(1, 0, 3, 1, SAME), .flags = OT_GEOMETRY },
    { "unlike_sides", { X(2, 3, 8, 11), W(4, 3, 2, 5), BIAS(4) }, .i = { 2, 3, 0, 4, 3, 1, 1 }, .flags = OT_GEOMETRY },
    { "row", { X(2, 5, 1, 40), W(6, 5, 1, 3), BIAS(6) }, .i = { 1, 2, 0, 1 }, .flags = OT_GEOMETRY },
    { "column", { X(2, 5, 40, 1), W(6, 5, 3, 1), BIAS(6) }, .i = { 1, 1, 1, 0 }, .flags = OT_GEOMETRY },
    { "groups", { X(2, 6, 7, 8), W(9, 2, 3, 3), BIAS(9) }, HOW(1, 1, 1, 3, 0) },
    { "groups_strided", { X(2, 6, 7, 8), W(4, 3, 3, 3), BIAS(4) }, HOW(2, 1, 1, 2, RELU), .flags = OT_GEOMETRY },
    { "depthwise", { X(2, 6, 7, 9), W(6, 1, 3, 3), BIAS(6) }, HOW(1, 1, 1, 6, 0) },
    { "depthwise_relu", { X(2, 6, 7, 9), W(6, 1, 3, 3), BIAS(6) }, HOW(1, 1, 1, 6, RELU), .flags = OT_GEOMETRY },
    { "depthwise_strided", { X(2, 5, 8, 9), W(5, 1, 3, 3), NO_BIAS }, HOW(2, 1, 1, 5, 0), .flags = OT_GEOMETRY },
    { "depthwise_multiplied", { X(2, 4, 7, 6), W(12, 1, 3, 3), BIAS(12) }, HOW(1, 1, 1, 4, 0), .flags = OT_GEOMETRY },
    { "depthwise_dilated_5x5", { X(1, 3, 12, 11), W(3, 1, 5, 5), BIAS(3) }, HOW(2, 4, 2, 3, 0), .flags = OT_GEOMETRY },
    { "tile_less_one", { X(1, 7, 7, 9), W(31, 7, 3, 3), BIAS(31) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "tile", { X(1, 8, 8, 8), W(32, 8, 3, 3), BIAS(32) }, HOW(1, 1, 1, 1, RELU) },
    { "tile_and_one", { X(1, 9, 5, 13), W(33, 9, 3, 3), BIAS(33) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "several_images", { X(5, 16, 6, 7), W(40, 16, 3, 3), BIAS(40) }, HOW(1, 1, 1, 1, 0), .flags = OT_NO_GRAD | OT_GEOMETRY },
    { "vectors", { X(2, 16, 5, 7), W(32, 16, 3, 3), BIAS(32) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "vectors_strided", { X(1, 32, 11, 10), W(33, 32, 3, 3), BIAS(33) }, HOW(2, 1, 1, 1, RELU), .flags = OT_GEOMETRY },
    { "vectors_groups", { X(1, 64, 4, 7), W(48, 32, 3, 3), BIAS(48) }, HOW(1, 1, 1, 2, 0), .flags = OT_GEOMETRY },
    { "vectors_dilated", { X(1, 17, 7, 8), W(35, 17, 3, 3), NO_BIAS }, HOW(1, 3, 2, 1, 0), .flags = OT_GEOMETRY },
    { "vectors_one_by_one", { X(3, 40, 7, 7), W(36, 40, 1, 1), BIAS(36) }, HOW(1, 0, 1, 1, 0), .flags = OT_GEOMETRY },
    { "vectors_one_by_one_strided", { X(2, 40, 7, 7), W(36, 40, 1, 1), BIAS(36) }, HOW(2, 0, 1, 1, 0), .flags = OT_GEOMETRY },
    { "stem", { X(1, 3, 15, 17), W(33, 3, 7, 7), NO_BIAS }, HOW(2, 3, 1, 1, 0), .flags = OT_GEOMETRY },
    { "x_transposed", { { OT_DIMS(2, 3, 7, 9), .layout = OT_TRANSPOSED }, W(5, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0) },
    { "x_sliced", { { OT_DIMS(2, 3, 7, 9), .layout = OT_SLICED }, W(5, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "x_expanded", { { OT_DIMS(2, 3, 7, 9), .layout = OT_EXPANDED }, W(5, 3, 3, 3), BIAS(5) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "weight_transposed", { X(2, 3, 7, 9), { OT_DIMS(5, 3, 3, 3), .layout = OT_TRANSPOSED }, BIAS(5) }, HOW(1, 1, 1, 1, 0), .flags = OT_GEOMETRY },
    { "special", { { OT_DIMS(2, 1, 9, 20), .fill = OT_SPECIAL }, { OT_DIMS(3, 1, 1, 1), .fill = OT_AWAY }, NO_BIAS },
      HOW(2, 1, 1, 1, 0), .flags = OT_NO_GRAD },
    { "special_relu", { { OT_DIMS(2, 1, 9, 20), .fill = OT_SPECIAL }, { OT_DIMS(3, 1, 1, 1), .fill = OT_AWAY }, NO_BIAS },
      HOW(1, 1, 1, 1, RELU), .flags = OT_NO_GRAD },
    { "special_bias", { X(2, 3, 5, 5), W(80, 3, 3, 3), { OT_DIMS(80), .fill = OT_SPECIAL } }, HOW(1, 1, 1, 1, 0), .flags = OT_NO_GRAD | OT_GEOMETRY },
    { "integers", { { OT_DIMS(3, 20, 9, 10), .fill = OT_INTEGERS }, { OT_DIMS(33, 20, 3, 3), .fill = OT_INTEGERS },
                    { OT_DIMS(33), .fill = OT_INTEGERS } }, HOW(1, 1, 1, 1, 0), .flags = OT_EXACT | OT_NO_GRAD },
    { "integers_strided", { { OT_DIMS(2, 24, 13, 10), .fill = OT_INTEGERS }, { OT_DIMS(33, 24, 3, 3), .fill = OT_INTEGERS },
                            { OT_DIMS(33), .fill = OT_INTEGERS } }, HOW(2, 1, 1, 1, RELU), .flags = OT_EXACT | OT_NO_GRAD },
#include "ops/cases/resnet.h"
#include "ops/cases/mobilenet_v2.h"
#include "ops/cases/cifar.h"
};
// clang-format on

const struct ot_op ot_op_conv2d = {
    .name = "conv2d",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bound = bound,
    .bytes = bytes,
    .flops = flops,
    .backward = ot_backward_product,
    .keys = OT_KEYS(OT_SIZE("n"), OT_SIZE("c"), OT_SIZE("h"), OT_SIZE("w"), OT_SIZE("k"),
        { "kernel", 1, 255, OT_MUST }, { "stride", 1, 255, 1 }, { "padding", 0, 255, 0 },
        OT_SIZE_OR("groups", 1)),
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.2e-7 },
    .grad_tolerance = { .f32_rel = 5e-6 },
};
