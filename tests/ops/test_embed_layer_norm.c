// SPDX-License-Identifier: MIT
//
// embed_layer_norm beyond its op table (op_embed_layer_norm.c): the same bits as its parts, tables of one
// gradient after another, ids outside the table, refused arguments.

#include <math.h>
#include "harness/harness.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { V = 50, M = 9, B = 3, T = 7, C = 64, N = B * T * C };

struct embedding {
    lattn_tensor *word, *position, *type, *ids, *types, *weight, *bias, *dy;
};

static struct embedding make(lattn_ctx *ctx)
{
    static int32_t ids[B * T], types[B * T];
    struct embedding e;
    lattn_tensor **tables[] = { &e.word, &e.position, &e.type, &e.weight, &e.bias, &e.dy };
    const int64_t rows[] = { V, M, 2, 0, 0, B * T };
    for (size_t i = 0; i < COUNT(tables); i++) {
        const int64_t dims[] = { rows[i] ? rows[i] : C, C };
        *tables[i] = lattn_zeros(ctx, LATTN_DTYPE_F32, rows[i] ? 2 : 1, dims);
        EXPECT_OK(lattn_normal_(*tables[i], 0, 1));
    }
    e.dy = lattn_reshape(ctx, e.dy, 3, (int64_t[]){ B, T, C });
    for (int i = 0; i < B * T; i++) {
        ids[i] = (i * 17 + i / 5) % V;
        types[i] = i % 3 == 0;
    }
    e.ids = lattn_from_i32(ctx, 2, (int64_t[]){ B, T }, ids);
    e.types = lattn_from_i32(ctx, 2, (int64_t[]){ B, T }, types);
    return e;
}

static lattn_embed_layer_norm_args args_of(const struct embedding *e)
{
    return (lattn_embed_layer_norm_args){
        .position = e->position,
        .type = e->type,
        .types = e->types,
        .weight = e->weight,
        .bias = e->bias,
        .eps = 1e-12f,
        .p = 0.3f,
        .has_padding_idx = true,
        .padding_idx = 3,
    };
}

static lattn_tensor *parts(lattn_ctx *ctx, const struct embedding *e)
{
    lattn_tensor *x = lattn_embedding(ctx, e->word, e->ids, 3);
    lattn_tensor *type = lattn_embedding(ctx, e->type, e->types, -1);
    x = lattn_add(ctx, x, type);
    x = lattn_add(ctx, x, lattn_slice(ctx, e->position, 0, 0, T, 1));
    x = lattn_layer_norm(ctx, x, e->weight, e->bias, 1e-12f);
    return lattn_dropout(ctx, x, 0.3f);
}

// The result and the gradients of word, position, type, weight and bias, one behind the other.
enum { ALL = N + (V + M + 2 + 2) * C };

static void run(lattn_ctx *ctx, const struct embedding *e, bool fused, float *got)
{
    lattn_tensor *leaves[] = { e->word, e->position, e->type, e->weight, e->bias }, *grad[5];
    const int64_t sizes[] = { V * C, M * C, 2 * C, C, C };
    lattn_rng_set(ctx, (lattn_rng_state){ .seed = 5 });
    const lattn_embed_layer_norm_args args = args_of(e);
    lattn_tensor *y = fused ? lattn_embed_layer_norm(ctx, e->word, e->ids, &args) : parts(ctx, e);
    REQUIRE(y);
    EXPECT_OK(lattn_tensor_read_f32(y, got, N));
    EXPECT_OK(lattn_grad(ctx, &y, (lattn_tensor *[]){ e->dy }, 1, leaves, 5, false, grad));
    got += N;
    for (int i = 0; i < 5; i++) {
        EXPECT_OK(lattn_tensor_read_f32(grad[i], got, sizes[i]));
        got += sizes[i];
    }
}

// The sums of rows are taken from the kept h in one and from v in the other, so gradients differ in their
// last bits; the random numbers do not.
GPU_TEST(embed_layer_norm, is_its_parts)
{
    static float got[2][ALL];
    struct embedding e = make(ctx);
    lattn_tensor *leaves[] = { e.word, e.position, e.type, e.weight, e.bias };
    for (size_t i = 0; i < COUNT(leaves); i++)
        EXPECT_OK(lattn_tensor_set_requires_grad(leaves[i], true));
    run(ctx, &e, false, got[0]);
    run(ctx, &e, true, got[1]);
    int dropped = 0;
    for (int i = 0; i < ALL; i++) {
        EXPECT_NEAR(got[1][i], got[0][i], 2e-5 + 2e-5 * fabs((double) got[0][i]));
        dropped += i < N && got[0][i] == 0;
        if (i < N)
            EXPECT_EQ(got[1][i] == 0, got[0][i] == 0);
    }
    EXPECT(dropped > N / 5 && dropped < N / 2);
}

GPU_TEST(embed_layer_norm, ids_outside_the_tables_are_nan)
{
    struct embedding e = make(ctx);
    lattn_embed_layer_norm_args args = args_of(&e);
    args.p = 0;
    const int32_t ids[] = { 1, V, -1, 2 }, types[] = { 0, 0, 1, 2 };
    lattn_tensor *i = lattn_from_i32(ctx, 1, (int64_t[]){ 4 }, ids);
    args.types = lattn_from_i32(ctx, 1, (int64_t[]){ 4 }, types);
    static float got[4 * C];
    EXPECT_OK(lattn_tensor_read_f32(lattn_embed_layer_norm(ctx, e.word, i, &args), got, 4 * C));
    for (int k = 0; k < 4 * C; k++)
        EXPECT_EQ(isnan(got[k]) != 0, k >= C);

    args.has_padding_idx = false;
    lattn_tensor *none = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 0, C });
    EXPECT_OK(lattn_tensor_read_f32(lattn_embed_layer_norm(ctx, none, i, &args), got, 4 * C));
    EXPECT(isnan(got[0]) && isnan(got[4 * C - 1]));
}

static void refused(lattn_ctx *ctx, const struct embedding *e, lattn_embed_layer_norm_args args,
    lattn_status status, const char *sentence)
{
    EXPECT(!lattn_embed_layer_norm(ctx, e->word, e->ids, &args));
    lt_expect_error(ctx, status, sentence);
}

GPU_TEST(embed_layer_norm, wrong_arguments_are_refused)
{
    struct embedding e = make(ctx);
    lattn_embed_layer_norm_args args = args_of(&e);
    args.p = 1;
    refused(ctx, &e, args, LATTN_ERR_ARG, "p = 1 is outside [0, 1)");
    args = args_of(&e);
    args.eps = -1;
    refused(ctx, &e, args, LATTN_ERR_ARG, "eps = -1 must be finite and not negative");
    args = args_of(&e);
    args.padding_idx = V;
    refused(ctx, &e, args, LATTN_ERR_ARG, "padding_idx 50 is outside the table [50, 64]");
    args = args_of(&e);
    args.type = NULL;
    refused(ctx, &e, args, LATTN_ERR_ARG, "types without a table of types");
    args = args_of(&e);
    args.position = e.type;
    refused(ctx, &e, args, LATTN_ERR_SHAPE, "position [2, 64] is not [7 or more, 64]");
    args = args_of(&e);
    args.types = lattn_from_i32(ctx, 1, (int64_t[]){ 1 }, (int32_t[]){ 0 });
    refused(ctx, &e, args, LATTN_ERR_SHAPE, "ids [3, 7] and types [1] differ");
    args = args_of(&e);
    args.types = e.dy;
    refused(ctx, &e, args, LATTN_ERR_DTYPE, "types is f32, not i32");
    args = args_of(&e);
    args.weight = e.position;
    refused(ctx, &e, args, LATTN_ERR_SHAPE, "needs [64]");
}
