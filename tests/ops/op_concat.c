// SPDX-License-Identifier: MIT
//
// concat: reference and cases. i[0] is the dimension.

#include "ops/reference.h"

enum { N_INPUTS = 3 };

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    int n = 0;
    while (n < N_INPUTS && in[n])
        n++;
    return lattn_concat(ctx, in, n, (int) c->i[0]);
}

static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int dim = (int) (c->i[0] < 0 ? c->i[0] + out->rank : c->i[0]);
    int64_t inner = 1, start = 0;
    for (int d = dim + 1; d < out->rank; d++)
        inner *= out->dim[d];
    for (int k = 0; k < N_INPUTS && !c->in[k].absent; k++) {
        int64_t size = in[k].dim[dim];
        for (int64_t i = 0; i < in[k].n; i++) {
            int64_t outer = i / (size * inner), row = i / inner % size;
            out->v[(outer * out->dim[dim] + start + row) * inner + i % inner] = in[k].v[i];
        }
        start += size;
    }
}

static double bytes(const struct ot_case *c, size_t element)
{
    double n = 0;
    for (int k = 0; k < N_INPUTS; k++)
        n += c->in[k].absent ? 0 : ot_numel(&c->in[k]);
    return 2 * n * (double) element;
}

// clang-format off
#define X(...) { OT_DIMS(__VA_ARGS__) }
#define NONE { .absent = true }
static const struct ot_case cases[] = {
    { "empty", { X(0, 3), X(0, 3), X(0, 3) }, .i = { 0 }, .flags = OT_EXACT },
    { "one_empty", { X(2, 3), X(0, 3), X(1, 3) }, .i = { 0 }, .flags = OT_EXACT },
    { "single", { X(2, 3), NONE, NONE }, .i = { 0 }, .flags = OT_EXACT },
    { "one_element", { X(1), X(1), X(1) }, .i = { 0 }, .flags = OT_EXACT },
    { "rows", { X(2, 3), X(4, 3), X(1, 3) }, .i = { 0 }, .flags = OT_EXACT },
    { "columns", { X(5, 3), X(5, 4), X(5, 1) }, .i = { -1 }, .flags = OT_EXACT },
    { "middle", { X(2, 3, 5), X(2, 1, 5), X(2, 4, 5) }, .i = { 1 }, .flags = OT_EXACT },
    { "group_and_one", { X(1025), X(1023), X(1024) }, .i = { 0 }, .flags = OT_EXACT },
    { "rank_8", { X(1, 2, 1, 2, 1, 2, 1, 2), X(1, 2, 1, 2, 1, 2, 3, 2), NONE }, .i = { 6 }, .flags = OT_EXACT },
    { "strided", { { OT_DIMS(6, 5), .layout = OT_TRANSPOSED }, { OT_DIMS(6, 3), .layout = OT_SLICED },
        { OT_DIMS(6, 2), .layout = OT_EXPANDED } }, .i = { 1 }, .flags = OT_EXACT },
    { "i32", { { OT_DIMS(7), .fill = OT_INDEX, .limit = 1 << 30 }, { OT_DIMS(4), .fill = OT_INDEX, .limit = 9 },
        NONE }, .i = { 0 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "u8", { { OT_DIMS(7), .fill = OT_BOOL }, { OT_DIMS(4), .fill = OT_BOOL }, NONE }, .i = { 0 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "special", { { OT_DIMS(6, 5), .fill = OT_SPECIAL }, X(6, 5), NONE }, .i = { 1 },
        .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_qkv", { X(32, 128, 768), X(32, 128, 768), X(32, 128, 768) }, .i = { 2 },
        .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_concat = {
    .name = "concat",
    .n_inputs = N_INPUTS,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
};
