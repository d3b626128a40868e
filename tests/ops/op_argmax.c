// SPDX-License-Identifier: MIT
//
// argmax: the first of the largest; a NaN counts as the largest.
// Case parameters: i[0] the dimension, i[1] keepdim.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_argmax(ctx, in[0], (int) c->i[0], c->i[1] != 0);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int dim = (int) (c->i[0] < 0 ? c->i[0] + in->rank : c->i[0]);
    int64_t inner = 1, n = in->dim[dim];
    for (int d = dim + 1; d < in->rank; d++)
        inner *= in->dim[d];
    for (int64_t o = 0; o < out->n; o++) {
        const double *x = in->v + o / inner * n * inner + o % inner;
        int64_t best = 0;
        for (int64_t k = 1; k < n && !isnan(x[best * inner]); k++)
            if (isnan(x[k * inner]) || x[k * inner] > x[best * inner])
                best = k;
        out->v[o] = (double) best;
    }
}

static double bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (double) element;
}

// clang-format off
#define INPUT(fill_, ...) { { OT_DIMS(__VA_ARGS__), .fill = fill_ } }
static const struct ot_case cases[] = {
    { "empty", INPUT(OT_NORMAL, 0, 4), .i = { -1 } },
    { "one_element", INPUT(OT_NORMAL, 1), .i = { 0 } },
    { "rows", INPUT(OT_NORMAL, 5, 26), .i = { -1 } },
    { "rows_keepdim", INPUT(OT_NORMAL, 5, 26), .i = { 1, 1 } },
    { "row_255", INPUT(OT_NORMAL, 3, 255), .i = { -1 } },
    { "row_256", INPUT(OT_NORMAL, 3, 256), .i = { -1 } },
    { "row_257", INPUT(OT_NORMAL, 3, 257), .i = { -1 } },
    { "ties", INPUT(OT_INTEGERS, 40, 100), .i = { -1 } },
    { "columns", INPUT(OT_INTEGERS, 100, 7), .i = { 0 } },
    { "middle", INPUT(OT_INTEGERS, 4, 50, 70), .i = { 1 } },
    { "special", INPUT(OT_SPECIAL, 30, 13), .i = { -1 } },
    { "special_columns", INPUT(OT_SPECIAL, 13, 30), .i = { 0 } },
    { "transposed", { { OT_DIMS(9, 14), .layout = OT_TRANSPOSED } }, .i = { -1 } },
    { "sliced", { { OT_DIMS(9, 14), .layout = OT_SLICED } }, .i = { -1 } },
    { "expanded", { { OT_DIMS(9, 14), .layout = OT_EXPANDED } }, .i = { 0 } },
    { "bert_vocab", INPUT(OT_NORMAL, 128, 30522), .i = { -1 }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_argmax = {
    .name = "argmax",
    .n_inputs = 1,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .exact = true,
};
