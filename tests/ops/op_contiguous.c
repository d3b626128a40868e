// SPDX-License-Identifier: MIT
//
// contiguous: reference and cases. The copy is exact, also for NaN and denormals.

#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    (void) c;
    return lattn_contiguous(ctx, in[0]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = in[0].v[i];
}

// clang-format off
#define X(kind, ...) { { OT_DIMS(__VA_ARGS__), .layout = kind } }
static const struct ot_case cases[] = {
    { "empty", X(OT_TRANSPOSED, 0, 3), .flags = OT_EXACT },
    { "one_element", X(OT_SLICED, 1), .flags = OT_EXACT },
    { "already", X(OT_CONTIGUOUS, 5, 7), .flags = OT_EXACT },
    { "group_less_one", X(OT_SLICED, 1023), .flags = OT_EXACT },
    { "group", X(OT_SLICED, 1024), .flags = OT_EXACT },
    { "group_and_one", X(OT_SLICED, 1025), .flags = OT_EXACT },
    { "transposed", X(OT_TRANSPOSED, 5, 7), .flags = OT_EXACT },
    { "tile", X(OT_TRANSPOSED, 32, 32), .flags = OT_EXACT },
    { "tile_less_one", X(OT_TRANSPOSED, 31, 33), .flags = OT_EXACT },
    { "tiles_and_one", X(OT_TRANSPOSED, 3, 65, 97), .flags = OT_EXACT },
    { "thin", X(OT_TRANSPOSED, 1000, 2), .flags = OT_EXACT },
    { "sliced", X(OT_SLICED, 6, 5), .flags = OT_EXACT },
    { "expanded", X(OT_EXPANDED, 6, 5), .flags = OT_EXACT },
    { "rank_8", X(OT_TRANSPOSED, 2, 1, 2, 3, 1, 2, 3, 2), .flags = OT_EXACT },
    { "i32", { { OT_DIMS(6, 7), .fill = OT_INDEX, .limit = 1 << 30, .layout = OT_TRANSPOSED } },
        .flags = OT_EXACT | OT_NO_GRAD },
    { "u8", { { OT_DIMS(6, 7), .fill = OT_BOOL, .layout = OT_TRANSPOSED } }, .flags = OT_EXACT | OT_NO_GRAD },
    { "special", { { OT_DIMS(8, 9), .fill = OT_SPECIAL, .layout = OT_TRANSPOSED } },
        .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_scores", X(OT_TRANSPOSED, 32, 12, 128, 128), .flags = OT_EXACT | OT_FULL | OT_BENCH },
    { "bert_weight", X(OT_TRANSPOSED, 768, 3072), .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_contiguous = {
    .name = "contiguous",
    .n_inputs = 1,
    .build = build,
    .reference = reference,
    .bytes = ot_bytes_in_out,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
};
