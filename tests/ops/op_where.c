// SPDX-License-Identifier: MIT
//
// where: reference and cases. The result is one of the operands, bit for bit.

#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    (void) c;
    return lattn_where(ctx, in[0], in[1], in[2]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    for (int64_t i = 0; i < out->n; i++) {
        bool cond = in[0].v[ot_broadcast_at(&in[0], out, i)] != 0;
        const struct ot_array *from = cond ? &in[1] : &in[2];
        out->v[i] = from->v[ot_broadcast_at(from, out, i)];
    }
}

static double bytes(const struct ot_case *c, size_t element)
{
    double chosen = ot_broadcast_numel(&c->in[1], &c->in[2]);
    return ot_numel(&c->in[0]) +
           (ot_numel(&c->in[1]) + ot_numel(&c->in[2]) + chosen) * (double) element;
}

// clang-format off
#define COND(...) { OT_DIMS(__VA_ARGS__), .fill = OT_BOOL }
#define VALUE(...) { OT_DIMS(__VA_ARGS__), .fill = OT_NORMAL }
static const struct ot_case cases[] = {
    { "empty", { COND(0, 2), VALUE(2), VALUE(0, 2) }, .flags = OT_EXACT },
    { "one_element", { COND(1), VALUE(1), VALUE(1) }, .flags = OT_EXACT },
    { "rank_0", { { OT_SCALAR, .fill = OT_BOOL }, { OT_SCALAR }, { OT_SCALAR } }, .flags = OT_EXACT },
    { "same_shape", { COND(4, 5), VALUE(4, 5), VALUE(4, 5) }, .flags = OT_EXACT },
    { "group_less_one", { COND(1023), VALUE(1023), VALUE(1023) }, .flags = OT_EXACT },
    { "group", { COND(1024), VALUE(1024), VALUE(1024) }, .flags = OT_EXACT },
    { "group_and_one", { COND(1025), VALUE(1025), VALUE(1025) }, .flags = OT_EXACT },
    { "mask_of_rows", { COND(6, 1), VALUE(6, 7), VALUE(7) }, .flags = OT_EXACT },
    { "scalars", { COND(6, 7), { OT_SCALAR }, { OT_SCALAR } }, .flags = OT_EXACT },
    { "attention_mask", { COND(2, 1, 1, 5), VALUE(2, 3, 4, 5), { OT_SCALAR } }, .flags = OT_EXACT },
    { "all_broadcast", { COND(3, 1, 1), VALUE(1, 4, 1), VALUE(1, 1, 5) }, .flags = OT_EXACT },
    { "rank_8", { COND(2, 1, 2, 1, 2, 1, 2, 1), VALUE(1, 2, 1, 2, 1, 2, 1, 2),
        VALUE(2, 2, 1, 1, 2, 2, 1, 1) }, .flags = OT_EXACT },
    { "strided", { { OT_DIMS(6, 8), .fill = OT_BOOL, .layout = OT_TRANSPOSED },
        { OT_DIMS(6, 8), .layout = OT_SLICED }, { OT_DIMS(6, 8), .layout = OT_EXPANDED } },
        .flags = OT_EXACT },
    { "special", { COND(60), { OT_DIMS(60), .fill = OT_SPECIAL }, { OT_DIMS(1), .fill = OT_SPECIAL } },
        .flags = OT_EXACT | OT_NO_GRAD },
    { "i32_condition", { { OT_DIMS(6, 7), .fill = OT_INDEX, .limit = 2 }, VALUE(6, 7), VALUE(7) },
        .flags = OT_EXACT },
    { "bert_scores", { COND(32, 1, 1, 128), VALUE(32, 12, 128, 128), { OT_SCALAR } },
        .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_where = {
    .name = "where",
    .n_inputs = 3,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
};
