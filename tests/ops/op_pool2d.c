// SPDX-License-Identifier: MIT
//
// max_pool2d, avg_pool2d, adaptive_avg_pool2d: references, cases, tolerances. Case parameters: i[0..7]
// kernel, stride, padding and dilation, each height and width (adaptive: i[0..1] the result); f[0]
// ceil_mode, f[1] exclude_pad, f[2] divisor.
//
// Gradients of max are checked where no two elements of a window are equal.

#include <math.h>
#include "ops/reference.h"

static lattn_pool2d_args args_of(const struct ot_case *c)
{
    return (lattn_pool2d_args){
        .kernel = { c->i[0], c->i[1] },
        .stride = { c->i[2], c->i[3] },
        .padding = { c->i[4], c->i[5] },
        .dilation = { c->i[6], c->i[7] },
        .ceil_mode = c->f[0] != 0,
        .exclude_pad = c->f[1] != 0,
        .divisor = (float) c->f[2],
    };
}

static lattn_tensor *max_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_pool2d_args args = args_of(c);
    return lattn_max_pool2d(ctx, in[0], &args);
}

static lattn_tensor *avg_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    const lattn_pool2d_args args = args_of(c);
    return lattn_avg_pool2d(ctx, in[0], &args);
}

static lattn_tensor *adaptive_build(
    lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_adaptive_avg_pool2d(ctx, in[0], c->i[0], c->i[1]);
}

// Row and column of a result, and the plane of x that it is made from.
struct place {
    const double *x;
    int64_t h, w, i, j;
};

static struct place place_of(const struct ot_array *in, const struct ot_array *out, int64_t o)
{
    int64_t w2 = out->dim[out->rank - 1], h2 = out->dim[out->rank - 2];
    int64_t h = in->dim[in->rank - 2], w = in->dim[in->rank - 1];
    return (struct place){ in->v + o / (h2 * w2) * h * w, h, w, o / w2 % h2, o % w2 };
}

static double max_at(const struct ot_case *c, struct place p)
{
    int64_t kw = c->i[1] ? c->i[1] : c->i[0];
    int64_t sh = c->i[2] ? c->i[2] : c->i[0], sw = c->i[3] ? c->i[3] : c->i[2] ? sh : kw;
    int64_t dh = c->i[6] ? c->i[6] : 1, dw = c->i[7] ? c->i[7] : dh;
    double best = -INFINITY;
    for (int64_t a = 0; a < c->i[0]; a++) {
        for (int64_t b = 0; b < kw; b++) {
            int64_t row = p.i * sh - c->i[4] + a * dh, column = p.j * sw - c->i[5] + b * dw;
            if (row < 0 || row >= p.h || column < 0 || column >= p.w)
                continue;
            double v = p.x[row * p.w + column];
            if (v > best || isnan(v))
                best = v;
        }
    }
    return best;
}

static void max_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t o = 0; o < out->n; o++)
        out->v[o] = max_at(c, place_of(in, out, o));
}

// Sum over [first, end) in both dimensions, or of absolute values.
static double sum_of(
    struct place p, const int64_t rows[2], const int64_t columns[2], bool magnitude)
{
    double sum = 0;
    for (int64_t r = rows[0]; r < rows[1]; r++)
        for (int64_t k = columns[0]; k < columns[1]; k++)
            sum += magnitude ? fabs(p.x[r * p.w + k]) : p.x[r * p.w + k];
    return sum;
}

static int64_t clip(int64_t v, int64_t n)
{
    return v < 0 ? 0 : v > n ? n : v;
}

static double avg_at(const struct ot_case *c, struct place p, bool magnitude)
{
    int64_t kernel[2] = { c->i[0], c->i[1] ? c->i[1] : c->i[0] };
    int64_t stride[2] = { c->i[2] ? c->i[2] : kernel[0], 0 };
    stride[1] = c->i[3] ? c->i[3] : c->i[2] ? stride[0] : kernel[1];
    int64_t size[2] = { p.h, p.w }, at[2] = { p.i, p.j }, window[2][2], count = 1, inside = 1;
    for (int d = 0; d < 2; d++) {
        int64_t first = at[d] * stride[d] - c->i[4 + d], end = first + kernel[d];
        end = end > size[d] + c->i[4 + d] ? size[d] + c->i[4 + d] : end;
        count *= end - first;
        window[d][0] = clip(first, size[d]);
        window[d][1] = clip(end, size[d]);
        inside *= window[d][1] - window[d][0];
    }
    double divisor = c->f[2] != 0 ? c->f[2] : (double) (c->f[1] != 0 ? inside : count);
    return sum_of(p, window[0], window[1], magnitude) / divisor;
}

static void avg_reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t o = 0; o < out->n; o++)
        out->v[o] = avg_at(c, place_of(in, out, o), false);
}

static void avg_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    for (int64_t o = 0; o < b->n; o++) {
        double v = fabs(avg_at(c, place_of(in, b, o), true));
        b->v[o] = isfinite(v) ? v : 0;
    }
}

static double adaptive_at(
    const struct ot_array *in, const struct ot_array *out, int64_t o, bool magnitude)
{
    struct place p = place_of(in, out, o);
    int64_t h2 = out->dim[out->rank - 2], w2 = out->dim[out->rank - 1];
    int64_t rows[2] = { p.i * p.h / h2, ((p.i + 1) * p.h + h2 - 1) / h2 };
    int64_t columns[2] = { p.j * p.w / w2, ((p.j + 1) * p.w + w2 - 1) / w2 };
    int64_t count = (rows[1] - rows[0]) * (columns[1] - columns[0]);
    return sum_of(p, rows, columns, magnitude) / (double) count;
}

static void adaptive_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    for (int64_t o = 0; o < out->n; o++)
        out->v[o] = adaptive_at(in, out, o, false);
}

static void adaptive_bound(const struct ot_case *c, const struct ot_array *in, struct ot_array *b)
{
    (void) c;
    for (int64_t o = 0; o < b->n; o++) {
        double v = adaptive_at(in, b, o, true);
        b->v[o] = isfinite(v) ? v : 0;
    }
}

// x once, and the result: kernel and stride say how much smaller it is.
static double bytes(const struct ot_case *c, size_t element)
{
    double sh = (double) (c->i[2] ? c->i[2] : c->i[0]);
    double sw = (double) (c->i[3] ? c->i[3] : c->i[2] ? c->i[2] : c->i[1] ? c->i[1] : c->i[0]);
    return ot_numel(&c->in[0]) * (1 + 1 / (sh * sw)) * (double) element;
}

static double adaptive_bytes(const struct ot_case *c, size_t element)
{
    const struct ot_input *x = &c->in[0];
    double planes = ot_numel(x) / (double) (x->dim[x->rank - 1] * x->dim[x->rank - 2]);
    return (ot_numel(x) + planes * (double) (c->i[0] * c->i[1])) * (double) element;
}

// clang-format off
#define POOL_CASES(fill_)                                                                                      \
    { "empty", { { OT_DIMS(0, 3, 4, 4), .fill = fill_ } }, .i = { 2 } },                                       \
    { "no_channels", { { OT_DIMS(2, 0, 4, 4), .fill = fill_ } }, .i = { 2 } },                                 \
    { "one_element", { { OT_DIMS(1, 1, 1, 1), .fill = fill_ } }, .i = { 1 } },                                 \
    { "rank_3", { { OT_DIMS(3, 6, 8), .fill = fill_ } }, .i = { 2 } },                                         \
    { "two_by_two", { { OT_DIMS(2, 3, 8, 8), .fill = fill_ } }, .i = { 2, 2, 2, 2 } },                         \
    { "odd_size", { { OT_DIMS(2, 3, 7, 9), .fill = fill_ } }, .i = { 2 } },                                    \
    { "ceil", { { OT_DIMS(2, 3, 7, 9), .fill = fill_ } }, .i = { 2 }, .f = { 1 } },                            \
    { "ceil_padding", { { OT_DIMS(2, 2, 7, 10), .fill = fill_ } }, .i = { 3, 3, 2, 2, 1, 1 }, .f = { 1 } },    \
    { "ceil_starts_outside", { { OT_DIMS(1, 2, 5, 5), .fill = fill_ } }, .i = { 1, 2, 3, 3, 0, 1 }, .f = { 1 } }, \
    { "overlap", { { OT_DIMS(2, 3, 9, 11), .fill = fill_ } }, .i = { 3, 3, 1, 1, 1, 1 } },                     \
    { "resnet_stem_small", { { OT_DIMS(2, 3, 12, 12), .fill = fill_ } }, .i = { 3, 3, 2, 2, 1, 1 } },          \
    { "gaps", { { OT_DIMS(2, 2, 10, 11), .fill = fill_ } }, .i = { 2, 2, 4, 3 } },                             \
    { "unequal", { { OT_DIMS(2, 2, 9, 8), .fill = fill_ } }, .i = { 3, 2, 2, 1, 1, 0 } },                      \
    { "whole_plane", { { OT_DIMS(2, 1, 7, 7), .fill = fill_ } }, .i = { 7 } },                                 \
    { "group_less_one", { { OT_DIMS(1, 1, 15, 17), .fill = fill_ } }, .i = { 1, 1, 1, 1 } },                   \
    { "group", { { OT_DIMS(1, 1, 16, 16), .fill = fill_ } }, .i = { 1, 1, 1, 1 } },                            \
    { "group_and_one", { { OT_DIMS(1, 1, 1, 257), .fill = fill_ } }, .i = { 1, 1, 1, 1 } },                    \
    { "planes_many", { { OT_DIMS(300, 7, 3, 3), .fill = fill_ } }, .i = { 3, 3, 1, 1, 1, 1 }, .flags = OT_ONLY_F32 }, \
    { "strip", { { OT_DIMS(2, 3, 6, 32), .fill = fill_ } }, .i = { 2 }, .flags = OT_ONLY_F32 },                \
    { "strip_and_more", { { OT_DIMS(2, 3, 7, 51), .fill = fill_ } }, .i = { 2, 3 }, .flags = OT_ONLY_F32 },    \
    { "transposed", { { OT_DIMS(2, 2, 6, 8), .fill = fill_, .layout = OT_TRANSPOSED } }, .i = { 2 } },         \
    { "sliced", { { OT_DIMS(2, 2, 6, 7), .fill = fill_, .layout = OT_SLICED } }, .i = { 3, 3, 2, 2, 1, 1 } },  \
    { "expanded", { { OT_DIMS(3, 2, 6, 6), .fill = fill_, .layout = OT_EXPANDED } }, .i = { 2 } },             \
    { "special", { { OT_DIMS(2, 2, 9, 10), .fill = OT_SPECIAL } }, .i = { 2 }, .flags = OT_NO_GRAD },          \
    { "big", { { OT_DIMS(1, 2, 6, 6), .fill = OT_BIG } }, .i = { 3, 3, 1, 1, 1, 1 }, .flags = OT_NO_GRAD },    \
    { "small_cnn", { { OT_DIMS(128, 32, 28, 28), .fill = OT_NORMAL } }, .i = { 2 }, .flags = OT_FULL | OT_BENCH }, \
    { "resnet_stem", { { OT_DIMS(8, 64, 112, 112), .fill = OT_NORMAL } }, .i = { 3, 3, 2, 2, 1, 1 }, .flags = OT_FULL | OT_BENCH }

static const struct ot_case max_cases[] = {
    POOL_CASES(OT_DISTINCT),
    { "dilation", { { OT_DIMS(2, 2, 9, 9), .fill = OT_DISTINCT } }, .i = { 3, 3, 1, 1, 1, 1, 2, 2 } },
    { "dilation_stride", { { OT_DIMS(1, 3, 11, 8), .fill = OT_DISTINCT } }, .i = { 2, 3, 2, 1, 1, 1, 3, 2 } },
    { "dilation_strip", { { OT_DIMS(1, 3, 9, 40), .fill = OT_DISTINCT } }, .i = { 2, 2, 2, 2, 0, 0, 2, 3 }, .flags = OT_ONLY_F32 },
    { "dilation_past_image", { { OT_DIMS(1, 2, 1, 1), .fill = OT_DISTINCT } }, .i = { 2, 2, 1, 1, 1, 1, 2, 2 }, .flags = OT_NO_GRAD },
    { "special_strip", { { OT_DIMS(2, 2, 9, 50), .fill = OT_SPECIAL } }, .i = { 2 }, .flags = OT_NO_GRAD },
    { "ties", { { OT_DIMS(2, 3, 8, 8), .fill = OT_INTEGERS } }, .i = { 2 }, .flags = OT_NO_GRAD | OT_EXACT },
};

static const struct ot_case avg_cases[] = {
    POOL_CASES(OT_NORMAL),
    { "exclude_pad", { { OT_DIMS(2, 2, 7, 6) } }, .i = { 3, 3, 2, 2, 1, 1 }, .f = { 0, 1 } },
    { "exclude_pad_ceil", { { OT_DIMS(2, 2, 8, 6) } }, .i = { 3, 3, 2, 2, 1, 1 }, .f = { 1, 1 } },
    { "divisor", { { OT_DIMS(2, 2, 6, 6) } }, .i = { 3, 3, 2, 2, 1, 1 }, .f = { 0, 0, 5 } },
};

static const struct ot_case adaptive_cases[] = {
    { "empty", { { OT_DIMS(0, 3, 4, 4) } }, .i = { 2, 2 } },
    { "one_element", { { OT_DIMS(1, 1, 1, 1) } }, .i = { 1, 1 } },
    { "global", { { OT_DIMS(2, 3, 7, 7) } }, .i = { 1, 1 } },
    { "global_rank_3", { { OT_DIMS(3, 5, 9) } }, .i = { 1, 1 } },
    { "one_row", { { OT_DIMS(2, 3, 7, 5) } }, .i = { 1, 5 } },
    { "even", { { OT_DIMS(2, 3, 8, 12) } }, .i = { 4, 3 } },
    { "uneven", { { OT_DIMS(2, 3, 7, 10) } }, .i = { 3, 4 } },
    { "same_size", { { OT_DIMS(2, 3, 5, 6) } }, .i = { 5, 6 } },
    { "larger", { { OT_DIMS(2, 2, 3, 4) } }, .i = { 7, 9 } },
    { "planes_many", { { OT_DIMS(300, 7, 3, 3) } }, .i = { 2, 2 } },
    { "transposed", { { OT_DIMS(2, 2, 6, 8), .layout = OT_TRANSPOSED } }, .i = { 4, 3 } },
    { "sliced", { { OT_DIMS(2, 2, 6, 7), .layout = OT_SLICED } }, .i = { 3, 3 } },
    { "expanded", { { OT_DIMS(3, 2, 6, 6), .layout = OT_EXPANDED } }, .i = { 2, 5 } },
    { "special", { { OT_DIMS(2, 2, 9, 10), .fill = OT_SPECIAL } }, .i = { 4, 4 }, .flags = OT_NO_GRAD },
    { "alexnet", { { OT_DIMS(16, 256, 13, 13) } }, .i = { 6, 6 }, .flags = OT_FULL | OT_BENCH },
    { "resnet_head", { { OT_DIMS(32, 2048, 7, 7) } }, .i = { 1, 1 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

// No arithmetic: rounding is none.
const struct ot_op ot_op_max_pool2d = {
    .name = "max_pool2d",
    .n_inputs = 1,
    .build = max_build,
    .reference = max_reference,
    .bytes = bytes,
    .cases = max_cases,
    .n_cases = OT_COUNT(max_cases),
    .tolerance = { .f32_rel = 1e-9 },
    .grad_tolerance = { .f32_rel = 1e-6, .f16_rel = 2e-3, .bf16_rel = 1.6e-2 },
};

const struct ot_op ot_op_avg_pool2d = {
    .name = "avg_pool2d",
    .n_inputs = 1,
    .build = avg_build,
    .reference = avg_reference,
    .bound = avg_bound,
    .bytes = bytes,
    .cases = avg_cases,
    .n_cases = OT_COUNT(avg_cases),
    .tolerance = { .f32_rel = 2e-6 },
};

const struct ot_op ot_op_adaptive_avg_pool2d = {
    .name = "adaptive_avg_pool2d",
    .n_inputs = 1,
    .build = adaptive_build,
    .reference = adaptive_reference,
    .bound = adaptive_bound,
    .bytes = adaptive_bytes,
    .cases = adaptive_cases,
    .n_cases = OT_COUNT(adaptive_cases),
    .tolerance = { .f32_rel = 2e-6 },
};
