// SPDX-License-Identifier: MIT
//
// cast: reference and cases. i[0] is the dtype that the input under test is cast to. Rounding to
// nearest even is the runner's: results must be the reference rounded to their dtype.

#include <math.h>
#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_cast(ctx, in[0], (lattn_dtype) c->i[0]);
}

static double cut(double v, double lo, double hi)
{
    return isnan(v) ? 0 : trunc(fmin(fmax(v, lo), hi));
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++) {
        double v = in[0].v[i];
        out->v[i] = c->i[0] == LATTN_DTYPE_I32  ? cut(v, -2147483648.0, 2147483647.0)
                    : c->i[0] == LATTN_DTYPE_U8 ? cut(v, 0, 255)
                                                : v;
    }
}

static double bytes(const struct ot_case *c, size_t element)
{
    return ot_numel(&c->in[0]) * (double) (element + lattn_dtype_bytes((lattn_dtype) c->i[0]));
}

// clang-format off
#define TO(dtype) .i = { LATTN_DTYPE_##dtype }
#define X(...) { { OT_DIMS(__VA_ARGS__) } }
static const struct ot_case cases[] = {
    { "empty", X(0, 3), TO(F16), .flags = OT_EXACT },
    { "rank_0", { { OT_SCALAR } }, TO(BF16), .flags = OT_EXACT },
    { "one_element", X(1), TO(F16), .flags = OT_EXACT },
    { "to_f32", X(5, 7), TO(F32), .flags = OT_EXACT },
    { "to_f16", X(5, 7), TO(F16), .flags = OT_EXACT },
    { "to_bf16", X(5, 7), TO(BF16), .flags = OT_EXACT },
    { "group_less_one", X(1023), TO(BF16), .flags = OT_EXACT },
    { "group_and_one", X(1025), TO(F16), .flags = OT_EXACT },
    { "large_values", { { OT_DIMS(64), .fill = OT_BIG } }, TO(F16), .flags = OT_EXACT | OT_NO_GRAD },
    { "transposed", { { OT_DIMS(6, 9), .layout = OT_TRANSPOSED } }, TO(BF16), .flags = OT_EXACT },
    { "sliced", { { OT_DIMS(6, 9), .layout = OT_SLICED } }, TO(F16), .flags = OT_EXACT },
    { "expanded", { { OT_DIMS(6, 9), .layout = OT_EXPANDED } }, TO(F32), .flags = OT_EXACT },
    { "special_to_f32", { { OT_DIMS(60), .fill = OT_SPECIAL } }, TO(F32), .flags = OT_EXACT | OT_NO_GRAD },
    { "special_to_bf16", { { OT_DIMS(60), .fill = OT_SPECIAL } }, TO(BF16), .flags = OT_EXACT | OT_NO_GRAD },
    { "to_i32", { { OT_DIMS(64), .fill = OT_BIG } }, TO(I32), .flags = OT_EXACT | OT_NO_GRAD },
    { "to_u8", { { OT_DIMS(64), .fill = OT_BIG } }, TO(U8), .flags = OT_EXACT | OT_NO_GRAD },
    { "special_to_i32", { { OT_DIMS(60), .fill = OT_SPECIAL } }, TO(I32), .flags = OT_EXACT | OT_NO_GRAD },
    { "special_to_u8", { { OT_DIMS(60), .fill = OT_SPECIAL } }, TO(U8), .flags = OT_EXACT | OT_NO_GRAD },
    { "transposed_to_i32", { { OT_DIMS(6, 10), .fill = OT_SPECIAL, .layout = OT_TRANSPOSED } }, TO(I32),
        .flags = OT_EXACT | OT_NO_GRAD },
    { "transposed_to_u8", { { OT_DIMS(6, 10), .fill = OT_SPECIAL, .layout = OT_TRANSPOSED } }, TO(U8),
        .flags = OT_EXACT | OT_NO_GRAD },
    { "i32_to_f32", { { OT_DIMS(33), .fill = OT_INDEX, .limit = 30000 } }, TO(F32), .flags = OT_EXACT | OT_NO_GRAD },
    { "i32_to_u8", { { OT_DIMS(33), .fill = OT_INDEX, .limit = 1000 } }, TO(U8), .flags = OT_EXACT | OT_NO_GRAD },
    { "u8_to_f16", { { OT_DIMS(33), .fill = OT_BOOL } }, TO(F16), .flags = OT_EXACT | OT_NO_GRAD },
    { "u8_to_i32", { { OT_DIMS(3, 11), .fill = OT_BOOL, .layout = OT_TRANSPOSED } }, TO(I32),
        .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_activations", X(32, 128, 768), TO(F16), .flags = OT_EXACT | OT_FULL | OT_BENCH },
    { "bert_weights", X(30522, 768), TO(BF16), .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

// The gradient goes through the narrower of the two dtypes.
const struct ot_op ot_op_cast = {
    .name = "cast",
    .n_inputs = 1,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .grad_tolerance = { 8e-3, 1e-6, 8e-3, 1e-4, 2e-2, 1e-3 },
};
