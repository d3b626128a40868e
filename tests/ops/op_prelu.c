// SPDX-License-Identifier: MIT
//
// prelu: reference, cases, tolerances. Inputs x and weight.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    (void) c;
    return lattn_prelu(ctx, in[0], in[1]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    int64_t plane = 1;
    for (int d = 2; d < in->rank; d++)
        plane *= in->dim[d];
    for (int64_t i = 0; i < out->n; i++) {
        double x = in->v[i], w = in[1].v[in[1].n == 1 ? 0 : i / plane % in[1].n];
        out->v[i] = x > 0 ? x : w * x;
    }
}

// clang-format off
#define CASE(name_, c_, ...) { name_, { { OT_DIMS(__VA_ARGS__), .fill = OT_AWAY }, { OT_DIMS(c_) } }, .i = { 0 } }
static const struct ot_case cases[] = {
    CASE("empty", 3, 0, 3, 4),
    CASE("one_element", 1, 1),
    CASE("one_for_all", 1, 3, 5, 7),
    CASE("rank_2", 5, 7, 5),
    CASE("rank_4", 3, 4, 3, 5, 5),
    CASE("group_less_one", 11, 3, 11, 31),
    CASE("group", 4, 4, 4, 64),
    CASE("group_and_one", 5, 5, 5, 41),
    { "scalar_weight", { { OT_DIMS(40), .fill = OT_AWAY }, { OT_SCALAR } }, .i = { 0 } },
    { "transposed", { { OT_DIMS(2, 3, 6, 8), .fill = OT_AWAY, .layout = OT_TRANSPOSED }, { OT_DIMS(3) } }, .i = { 0 } },
    { "sliced", { { OT_DIMS(2, 3, 6), .fill = OT_AWAY, .layout = OT_SLICED }, { OT_DIMS(3), .layout = OT_SLICED } }, .i = { 0 } },
    { "special", { { OT_DIMS(4, 5, 30), .fill = OT_SPECIAL }, { OT_DIMS(5) } }, .flags = OT_NO_GRAD },
    { "small_cnn", { { OT_DIMS(128, 32, 28, 28), .fill = OT_AWAY }, { OT_DIMS(32) } }, .flags = OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_prelu = {
    .name = "prelu",
    .n_inputs = 2,
    .build = build,
    .reference = reference,
    .bytes = ot_bytes_in_out,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 1.5e-7 },
    .grad_tolerance = { .f32_rel = 2e-6 },
};
