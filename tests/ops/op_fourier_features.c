// SPDX-License-Identifier: MIT
//
// fourier_features: reference, cases, tolerances. Input x; i[0] is n_waves.
//
// sin(pi v) and cos(pi v) are off by a few units of 1, not of their own value, where they cross zero
// next to a quarter turn. The gradient's terms are as large as 2^k pi and cancel.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_fourier_features(ctx, in[0], (int) c->i[0]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++) {
        double turns = fmod(ldexp(in->v[i / 2 / c->i[0]], (int) (i / 2 % c->i[0])), 2);
        out->v[i] = isinf(in->v[i / 2 / c->i[0]]) ? NAN
                    : i % 2                       ? cos(3.14159265358979323846 * turns)
                                                  : sin(3.14159265358979323846 * turns);
    }
}

static double bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (1 + 2 * (double) c->i[0]) * (double) element;
}

// clang-format off
static const struct ot_case cases[] = {
    { "empty", { { OT_DIMS(3, 0) } }, .i = { 4 } },
    { "one_element", { { OT_DIMS(1) } }, .i = { 1 } },
    { "one_wave", { { OT_DIMS(5, 3) } }, .i = { 1 } },
    { "points", { { OT_DIMS(4, 7, 3) } }, .i = { 6 } },
    { "group_less_one", { { OT_DIMS(51) } }, .i = { 5 } },
    { "group", { { OT_DIMS(64) } }, .i = { 4 } },
    { "group_and_one", { { OT_DIMS(257) } }, .i = { 1 } },
    { "transposed", { { OT_DIMS(6, 5), .layout = OT_TRANSPOSED } }, .i = { 3 } },
    { "sliced", { { OT_DIMS(6, 5), .layout = OT_SLICED } }, .i = { 3 } },
    { "expanded", { { OT_DIMS(6, 5), .layout = OT_EXPANDED } }, .i = { 3 } },
    { "many_waves", { { OT_DIMS(9, 2) } }, .i = { 24 }, .flags = OT_NO_GRAD },
    { "all_waves", { { OT_DIMS(9, 2) } }, .i = { 64 }, .flags = OT_NO_GRAD },
    { "big", { { OT_DIMS(40), .fill = OT_BIG } }, .i = { 10 }, .flags = OT_NO_GRAD },
    { "special", { { OT_DIMS(60), .fill = OT_SPECIAL } }, .i = { 3 }, .flags = OT_NO_GRAD },
    { "nerf", { { OT_DIMS(65536, 3) } }, .i = { 10 }, .flags = OT_FULL | OT_BENCH | OT_NO_GRAD },
};
// clang-format on

const struct ot_op ot_op_fourier_features = {
    .name = "fourier_features",
    .n_inputs = 1,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .tolerance = { .f32_rel = 2e-7, .f32_abs = 1e-7 },
    .grad_tolerance = { .f32_rel = 5e-6, .f32_abs = 3e-4 },
};
