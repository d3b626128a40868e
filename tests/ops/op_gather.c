// SPDX-License-Identifier: MIT
//
// gather: reference, cases. Inputs x and index; i[0] is the dimension. The forward copies bits.

#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_gather(ctx, in[0], (int) c->i[0], in[1]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int dim = (int) (c->i[0] < 0 ? c->i[0] + in->rank : c->i[0]);
    for (int64_t i = 0; i < out->n; i++) {
        int64_t rest = i, at = 0, stride = 1;
        for (int d = in->rank - 1; d >= 0; d--) {
            int64_t index = rest % in[1].dim[d];
            rest /= in[1].dim[d];
            at += (d == dim ? (int64_t) in[1].v[i] : index) * stride;
            stride *= in->dim[d];
        }
        out->v[i] = in->v[at];
    }
}

static double bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[1]) * (2 * (double) element + 4);
}

// clang-format off
static const struct ot_case cases[] = {
    { "empty_index", { { OT_DIMS(3, 4) }, { OT_DIMS(3, 0), .fill = OT_INDEX, .limit = 4 } }, .i = { 1 }, .flags = OT_EXACT },
    { "one_element", { { OT_DIMS(1) }, { OT_DIMS(1), .fill = OT_INDEX, .limit = 1 } }, .i = { 0 }, .flags = OT_EXACT },
    { "rank_0", { { OT_SCALAR }, { OT_SCALAR, .fill = OT_INDEX, .limit = 1 } }, .i = { 0 }, .flags = OT_EXACT },
    { "rank_1", { { OT_DIMS(9) }, { OT_DIMS(20), .fill = OT_INDEX, .limit = 9 } }, .i = { 0 }, .flags = OT_EXACT },
    { "one_per_row", { { OT_DIMS(70, 5) }, { OT_DIMS(70, 1), .fill = OT_INDEX, .limit = 5 } }, .i = { 1 }, .flags = OT_EXACT },
    { "many_per_row", { { OT_DIMS(3, 5) }, { OT_DIMS(3, 300), .fill = OT_INDEX, .limit = 5 } }, .i = { -1 }, .flags = OT_EXACT },
    { "first_dim", { { OT_DIMS(6, 33) }, { OT_DIMS(10, 33), .fill = OT_INDEX, .limit = 6 } }, .i = { 0 }, .flags = OT_EXACT },
    { "middle_dim", { { OT_DIMS(2, 7, 5) }, { OT_DIMS(2, 4, 5), .fill = OT_INDEX, .limit = 7 } }, .i = { 1 }, .flags = OT_EXACT },
    { "smaller_index", { { OT_DIMS(6, 7, 5) }, { OT_DIMS(4, 3, 2), .fill = OT_INDEX, .limit = 7 } }, .i = { 1 }, .flags = OT_EXACT },
    { "n_255", { { OT_DIMS(255, 2) }, { OT_DIMS(255, 1), .fill = OT_INDEX, .limit = 2 } }, .i = { 1 }, .flags = OT_EXACT },
    { "n_257", { { OT_DIMS(257, 2) }, { OT_DIMS(257, 1), .fill = OT_INDEX, .limit = 2 } }, .i = { 1 }, .flags = OT_EXACT },
    { "inner_300", { { OT_DIMS(2, 3, 300) }, { OT_DIMS(2, 2, 300), .fill = OT_INDEX, .limit = 3 } }, .i = { 1 }, .flags = OT_EXACT },
    { "transposed", { { OT_DIMS(8, 9), .layout = OT_TRANSPOSED }, { OT_DIMS(8, 4), .fill = OT_INDEX, .limit = 9, .layout = OT_TRANSPOSED } }, .i = { 1 }, .flags = OT_EXACT },
    { "sliced", { { OT_DIMS(8, 9), .layout = OT_SLICED }, { OT_DIMS(8, 4), .fill = OT_INDEX, .limit = 9, .layout = OT_SLICED } }, .i = { 1 }, .flags = OT_EXACT },
    { "special", { { OT_DIMS(6, 30), .fill = OT_SPECIAL }, { OT_DIMS(6, 30), .fill = OT_INDEX, .limit = 30 } }, .i = { 1 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "masked_tokens", { { OT_DIMS(32, 128, 768) }, { OT_DIMS(32, 20, 768), .fill = OT_INDEX, .limit = 128 } }, .i = { 1 }, .flags = OT_EXACT | OT_FULL | OT_BENCH | OT_NO_GRAD },
};
// clang-format on

const struct ot_op ot_op_gather = {
    .name = "gather",
    .n_inputs = 2,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .grad_tolerance = { .f32_rel = 1e-6 },
};
