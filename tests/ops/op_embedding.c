// SPDX-License-Identifier: MIT
//
// embedding: reference, cases. Inputs the table [V, C] and the indices; i[0] is the padding index
// plus one (0 = none). The forward copies bits, so it is compared exactly; the gradient sums rows.

#include "ops/reference.h"

static lattn_tensor *build(lattn_ctx *ctx, lattn_tensor *const *in, const struct ot_case *c)
{
    return lattn_embedding(ctx, in[0], in[1], c->i[0] - 1);
}

// With a padding index, values of that row do reach the result; only its gradient is left out.
// Central differences cannot see that: those cases have no gradient check here, test_embedding.c
// has one of its own.
static void reference(const struct ot_case *c, const struct ot_array *in, struct ot_array *out)
{
    (void) c;
    int64_t n = in->dim[1];
    for (int64_t i = 0; i < in[1].n; i++)
        for (int64_t j = 0; j < n; j++)
            out->v[i * n + j] = in->v[(int64_t) in[1].v[i] * n + j];
}

static double bytes(const struct ot_case *c, size_t element)
{
    return 2 * ot_numel(&c->in[1]) * (double) c->in[0].dim[1] * (double) element;
}

// Reads a row for each token and writes the whole table.
static struct ot_work backward(const struct ot_case *c, size_t element, struct ot_work forward)
{
    return (struct ot_work){ forward.bytes / 2 + ot_numel(&c->in[0]) * (double) element, 0 };
}

static const char *shape(const int64_t *v, struct ot_case *c)
{
    enum { VOCAB, WIDTH, TOKENS };
    OT_RESIZE(&c->in[0], v[VOCAB], v[WIDTH]);
    OT_RESIZE(&c->in[1], v[TOKENS]);
    c->in[1].limit = v[VOCAB];
    return NULL;
}

// clang-format off
#define TABLE(v, n, t) { { OT_DIMS(v, n) }, { OT_DIMS(t), .fill = OT_INDEX, .limit = v } }
static const struct ot_case cases[] = {
    { "empty_index", TABLE(5, 3, 0), .flags = OT_EXACT },
    { "empty_rows", TABLE(5, 0, 4), .flags = OT_EXACT },
    { "one_element", TABLE(1, 1, 1), .flags = OT_EXACT },
    { "one_row", TABLE(1, 6, 50), .flags = OT_EXACT },
    { "rank_2_index", { { OT_DIMS(7, 8) }, { OT_DIMS(3, 5), .fill = OT_INDEX, .limit = 7 } }, .flags = OT_EXACT },
    { "rank_0_index", { { OT_DIMS(7, 8) }, { OT_SCALAR, .fill = OT_INDEX, .limit = 7 } }, .flags = OT_EXACT },
    // Tokens around the chunks of the sum (32) and the runs of the sort (32).
    { "tokens_31", TABLE(3, 4, 31), .flags = OT_EXACT },
    { "tokens_32", TABLE(3, 4, 32), .flags = OT_EXACT },
    { "tokens_33", TABLE(3, 5, 33), .flags = OT_EXACT },
    { "tokens_100_of_2", TABLE(2, 7, 100), .flags = OT_EXACT },
    { "tokens_1000", TABLE(40, 3, 1000), .flags = OT_EXACT },
    // Two and three digits of the sort.
    { "vocab_255", TABLE(255, 2, 300), .flags = OT_EXACT },
    { "vocab_256", TABLE(256, 2, 300), .flags = OT_EXACT },
    { "vocab_257", TABLE(257, 2, 300), .flags = OT_EXACT },
    { "vocab_70000", TABLE(70000, 1, 200), .flags = OT_EXACT },
    { "cols_127", TABLE(6, 127, 9), .flags = OT_EXACT },
    { "cols_128", TABLE(6, 128, 9), .flags = OT_EXACT },
    { "cols_129", TABLE(6, 129, 9), .flags = OT_EXACT },
    // Strips of several vectors in the form for CPUs, and ids cut at a chunk.
    { "strips", TABLE(2, 448, 70), .flags = OT_EXACT },
    { "padding", TABLE(6, 8, 30), .i = { 3 }, .flags = OT_EXACT | OT_NO_GRAD },
    { "transposed", { { OT_DIMS(9, 12), .layout = OT_TRANSPOSED }, { OT_DIMS(4, 6), .fill = OT_INDEX, .limit = 9, .layout = OT_TRANSPOSED } }, .flags = OT_EXACT },
    { "sliced", { { OT_DIMS(9, 12), .layout = OT_SLICED }, { OT_DIMS(12), .fill = OT_INDEX, .limit = 9, .layout = OT_SLICED } }, .flags = OT_EXACT },
    { "special", { { OT_DIMS(9, 12), .fill = OT_SPECIAL }, { OT_DIMS(20), .fill = OT_INDEX, .limit = 9 } }, .flags = OT_EXACT | OT_NO_GRAD },
    { "wordnet", TABLE(16000, 128, 2048), .flags = OT_EXACT | OT_FULL | OT_BENCH },
    { "bert_words", TABLE(30522, 768, 4096), .flags = OT_EXACT | OT_FULL | OT_BENCH | OT_NO_GRAD },
    { "bert_types", TABLE(2, 768, 4096), .flags = OT_EXACT | OT_FULL | OT_BENCH | OT_NO_GRAD },
};
// clang-format on

const struct ot_op ot_op_embedding = {
    .name = "embedding",
    .n_inputs = 2,
    .build = build,
    .reference = reference,
    .bytes = bytes,
    .backward = backward,
    .keys = OT_KEYS(OT_SIZE("vocab"), OT_SIZE("width"), OT_SIZE("tokens")),
    .shape = shape,
    .cases = cases,
    .n_cases = OT_COUNT(cases),
    .grad_tolerance = { .f32_rel = 1e-6 },
};
