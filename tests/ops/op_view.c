// SPDX-License-Identifier: MIT
//
// reshape, permute, slice, expand: references and cases. Values are moved, never computed, so every
// result is exact.
//
//     reshape, expand   i[] the new shape, f[0] its rank
//     permute           i[] the order
//     slice             i[] dim, start, end, step

#include "ops/reference.h"

enum { MAX_RANK = LATTN_MAX_RANK };

// ---- reshape ------------------------------------------------------------------------------------

static lattn_tensor *reshape_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_reshape(ctx, in[0], (int) c->f[0], c->i);
}

static void reshape_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = in[0].v[i];
}

// clang-format off
#define X(...) { { OT_DIMS(__VA_ARGS__) } }
#define STRIDED(kind, ...) { { OT_DIMS(__VA_ARGS__), .layout = kind } }
#define SHAPE(...) .i = { __VA_ARGS__ }, .f = { OT_NARGS(__VA_ARGS__) }
static const struct ot_case reshape_cases[] = {
    { "empty", X(0, 3), SHAPE(3, 0), .flags = OT_EXACT },
    { "one_element", X(1), SHAPE(1, 1, 1), .flags = OT_EXACT },
    { "from_rank_0", { { OT_SCALAR } }, SHAPE(1), .flags = OT_EXACT },
    { "to_rank_0", X(1, 1), .f = { 0 }, .flags = OT_EXACT },
    { "split", X(6, 4), SHAPE(2, 3, 4), .flags = OT_EXACT },
    { "join", X(2, 3, 4), SHAPE(6, 4), .flags = OT_EXACT },
    { "rest", X(2, 3, 4), SHAPE(4, -1), .flags = OT_EXACT },
    { "across", X(4, 6), SHAPE(3, 8), .flags = OT_EXACT },
    { "rank_8", X(2, 2, 2, 2, 2, 2, 2, 2), SHAPE(4, 4, 16), .flags = OT_EXACT },
    { "transposed_copies", STRIDED(OT_TRANSPOSED, 5, 7), SHAPE(35), .flags = OT_EXACT },
    { "transposed_stays_a_view", STRIDED(OT_TRANSPOSED, 6, 4), SHAPE(2, 3, 4), .flags = OT_EXACT },
    { "sliced", STRIDED(OT_SLICED, 6, 4), SHAPE(3, 2, 2, 2), .flags = OT_EXACT },
    { "expanded", STRIDED(OT_EXPANDED, 4, 6), SHAPE(2, 2, 6), .flags = OT_EXACT },
    { "expanded_copies", STRIDED(OT_EXPANDED, 4, 6), SHAPE(24), .flags = OT_EXACT },
    { "special", { { OT_DIMS(8, 9), .fill = OT_SPECIAL } }, SHAPE(72), .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_heads", X(32, 128, 768), SHAPE(32, 128, 12, 64), .flags = OT_EXACT | OT_FULL },
};
// clang-format on

const struct ot_op ot_op_reshape = {
    .name = "reshape",
    .n_inputs = 1,
    .build = reshape_build,
    .reference = reshape_reference,
    .cases = reshape_cases,
    .n_cases = OT_COUNT(reshape_cases),
};

// ---- permute ------------------------------------------------------------------------------------

static lattn_tensor *permute_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    int order[MAX_RANK];
    for (int d = 0; d < MAX_RANK; d++)
        order[d] = (int) c->i[d];
    return lattn_permute(ctx, in[0], order);
}

static void permute_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    for (int64_t i = 0; i < out->n; i++) {
        int64_t index[MAX_RANK] = { 0 }, rest = i, at = 0;
        for (int d = out->rank - 1; d >= 0; d--) {
            int64_t from = c->i[d] < 0 ? c->i[d] + out->rank : c->i[d];
            index[from] = rest % out->dim[d];
            rest /= out->dim[d];
        }
        for (int d = 0; d < in[0].rank; d++)
            at = at * in[0].dim[d] + index[d];
        out->v[i] = in[0].v[at];
    }
}

// clang-format off
static const struct ot_case permute_cases[] = {
    { "empty", X(0, 3), .i = { 1, 0 }, .flags = OT_EXACT },
    { "rank_0", { { OT_SCALAR } }, .flags = OT_EXACT },
    { "identity", X(3, 4), .i = { 0, 1 }, .flags = OT_EXACT },
    { "matrix", X(5, 7), .i = { 1, 0 }, .flags = OT_EXACT },
    { "negative", X(2, 3, 4), .i = { -1, 0, -2 }, .flags = OT_EXACT },
    { "rotate", X(2, 3, 4, 5), .i = { 3, 0, 1, 2 }, .flags = OT_EXACT },
    { "rank_8", X(2, 1, 3, 2, 1, 2, 2, 2), .i = { 7, 6, 5, 4, 3, 2, 1, 0 }, .flags = OT_EXACT },
    { "of_transposed", STRIDED(OT_TRANSPOSED, 3, 4, 5), .i = { 2, 0, 1 }, .flags = OT_EXACT },
    { "of_sliced", STRIDED(OT_SLICED, 3, 4, 5), .i = { 2, 0, 1 }, .flags = OT_EXACT },
    { "of_expanded", STRIDED(OT_EXPANDED, 3, 4, 5), .i = { 2, 0, 1 }, .flags = OT_EXACT },
    { "special", { { OT_DIMS(8, 9), .fill = OT_SPECIAL } }, .i = { 1, 0 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_heads", X(32, 128, 12, 64), .i = { 0, 2, 1, 3 }, .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_permute = {
    .name = "permute",
    .n_inputs = 1,
    .build = permute_build,
    .reference = permute_reference,
    .cases = permute_cases,
    .n_cases = OT_COUNT(permute_cases),
};

// ---- slice --------------------------------------------------------------------------------------

static lattn_tensor *slice_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_slice(ctx, in[0], (int) c->i[0], c->i[1], c->i[2], c->i[3]);
}

// Python's x[start:end:step]
static void slice_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    int dim = (int) (c->i[0] < 0 ? c->i[0] + in[0].rank : c->i[0]);
    int64_t size = in[0].dim[dim], start = c->i[1] < 0 ? c->i[1] + size : c->i[1], inner = 1;
    if (start < 0)
        start = 0;
    for (int d = dim + 1; d < in[0].rank; d++)
        inner *= in[0].dim[d];
    for (int64_t i = 0; i < out->n; i++) {
        int64_t outer = i / (out->dim[dim] * inner), k = i / inner % out->dim[dim];
        out->v[i] = in[0].v[(outer * size + start + k * c->i[3]) * inner + i % inner];
    }
}

// clang-format off
static const struct ot_case slice_cases[] = {
    { "empty_input", X(0, 3), .i = { 0, 0, 5, 1 }, .flags = OT_EXACT },
    { "empty_result", X(4, 3), .i = { 0, 3, 2, 1 }, .flags = OT_EXACT },
    { "one_element", X(1), .i = { 0, 0, 1, 1 }, .flags = OT_EXACT },
    { "whole", X(5, 3), .i = { 0, 0, 5, 1 }, .flags = OT_EXACT },
    { "first_rows", X(5, 3), .i = { 0, 0, 2, 1 }, .flags = OT_EXACT },
    { "odd_start", X(5, 3), .i = { 0, 1, 4, 1 }, .flags = OT_EXACT },
    { "columns", X(5, 7), .i = { 1, 2, 5, 1 }, .flags = OT_EXACT },
    { "step", X(5, 7), .i = { -1, 1, 7, 3 }, .flags = OT_EXACT },
    { "step_past_the_end", X(5, 7), .i = { 0, 2, 5, 100 }, .flags = OT_EXACT },
    { "negative", X(5, 7), .i = { 1, -3, -1, 1 }, .flags = OT_EXACT },
    { "cut_off", X(5, 7), .i = { 1, -100, 100, 2 }, .flags = OT_EXACT },
    { "middle", X(3, 6, 4), .i = { 1, 1, 6, 2 }, .flags = OT_EXACT },
    { "of_transposed", STRIDED(OT_TRANSPOSED, 6, 5), .i = { 0, 1, 5, 2 }, .flags = OT_EXACT },
    { "of_sliced", STRIDED(OT_SLICED, 6, 5), .i = { 1, 1, 5, 2 }, .flags = OT_EXACT },
    { "of_expanded", STRIDED(OT_EXPANDED, 6, 5), .i = { 0, 1, 5, 2 }, .flags = OT_EXACT },
    { "special", { { OT_DIMS(8, 9), .fill = OT_SPECIAL } }, .i = { 1, 2, 8, 1 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_qkv", X(32, 128, 2304), .i = { 2, 768, 1536, 1 }, .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

const struct ot_op ot_op_slice = {
    .name = "slice",
    .n_inputs = 1,
    .build = slice_build,
    .reference = slice_reference,
    .cases = slice_cases,
    .n_cases = OT_COUNT(slice_cases),
};

// ---- expand -------------------------------------------------------------------------------------

static lattn_tensor *expand_build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_expand(ctx, in[0], (int) c->f[0], c->i);
}

static void expand_reference(
    const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    for (int64_t i = 0; i < out->n; i++)
        out->v[i] = in[0].v[ot_broadcast_at(&in[0], out, i)];
}

// clang-format off
static const struct ot_case expand_cases[] = {
    { "empty", X(1, 3), SHAPE(0, 3), .flags = OT_EXACT },
    { "from_rank_0", { { OT_SCALAR } }, SHAPE(3, 2), .flags = OT_EXACT },
    { "same", X(3, 4), SHAPE(3, 4), .flags = OT_EXACT },
    { "rows", X(1, 7), SHAPE(5, 7), .flags = OT_EXACT },
    { "columns", X(5, 1), SHAPE(5, 7), .flags = OT_EXACT },
    { "keep", X(5, 1), SHAPE(-1, 7), .flags = OT_EXACT },
    { "new_dims", X(4), SHAPE(2, 3, 4), .flags = OT_EXACT },
    { "middle", X(2, 1, 3), SHAPE(2, 5, 3), .flags = OT_EXACT },
    { "group_and_one", X(1, 3), SHAPE(1025, 3), .flags = OT_EXACT },
    { "of_transposed", STRIDED(OT_TRANSPOSED, 4, 1, 3), SHAPE(4, 5, 3), .flags = OT_EXACT },
    { "of_sliced", STRIDED(OT_SLICED, 4, 1, 3), SHAPE(4, 5, 3), .flags = OT_EXACT },
    { "special", { { OT_DIMS(9), .fill = OT_SPECIAL } }, SHAPE(4, 9), .flags = OT_EXACT | OT_NO_GRAD },
    { "bert_mask", X(32, 1, 1, 128), SHAPE(32, 12, 128, 128), .flags = OT_EXACT | OT_FULL | OT_BENCH },
};
// clang-format on

// A gradient is a sum over what was repeated.
const struct ot_op ot_op_expand = {
    .name = "expand",
    .n_inputs = 1,
    .build = expand_build,
    .reference = expand_reference,
    .cases = expand_cases,
    .n_cases = OT_COUNT(expand_cases),
    .grad_tolerance = { 1e-5, 1e-5, 4e-3, 4e-3, 3e-2, 3e-2 },
};
