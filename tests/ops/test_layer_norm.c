// SPDX-License-Identifier: MIT
//
// layer_norm and its fused form where the table of cases does not reach: cancellation, accumulated
// gradients, the fused form against its parts, evaluation, refused arguments.

#include "harness/harness.h"

// An argument of a macro: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })

enum { ROWS = 70, COLS = 24, N = ROWS * COLS };

static lattn_tensor *random_tensor(lattn_ctx *ctx, int rank, int64_t rows, int64_t cols)
{
    int64_t dims[] = { rows, cols };
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, rank, rank == 2 ? dims : dims + 1);
    if (!t || lattn_normal_(t, 0, 1))
        return NULL;
    return t;
}

static void read(lattn_tensor *t, float *v, int64_t n)
{
    EXPECT(t != NULL);
    if (t)
        EXPECT_OK(lattn_tensor_read_f32(t, v, n));
}

// The variance is that of the deviations: E[x^2] - mean^2 would be 0 or negative here.
GPU_TEST(layer_norm, small_deviations_from_a_large_mean_survive)
{
    lattn_tensor *x =
        lt_tensor(ctx, 1, (int64_t[]){ 4 }, (float[]){ 10000.0f, 10000.5f, 10001.0f, 10001.5f });
    lattn_tensor *y = lattn_layer_norm(ctx, x, NULL, NULL, 0);
    const float want[] = { -1.3416408f, -0.4472136f, 0.4472136f, 1.3416408f };
    lt_expect_near(ctx, y, want, 4, 1e-5);
}

GPU_TEST(layer_norm, constant_row_gives_the_bias)
{
    lattn_tensor *x = lattn_full(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 3 }, 7);
    lattn_tensor *bias = lt_tensor(ctx, 1, (int64_t[]){ 3 }, (float[]){ 1, 2, 3 });
    lt_expect_near(ctx, lattn_layer_norm(ctx, x, NULL, bias, 1e-12f), FLOATS(1, 2, 3), 3, 0);
}

GPU_TEST(layer_norm, second_backward_adds_to_the_first)
{
    lattn_tensor *x = NULL, *weight = NULL, *bias = NULL;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ ROWS, COLS }, &x));
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ COLS }, &weight));
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ COLS }, &bias));
    lattn_tensor *leaves[] = { x, weight, bias };
    const int64_t sizes[] = { N, COLS, COLS };
    lattn_tensor *g = random_tensor(ctx, 2, ROWS, COLS);
    static float once[3][N], twice[3][N];
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(lattn_normal_(leaves[i], 0, 1));
        EXPECT_OK(lattn_tensor_set_requires_grad(leaves[i], true));
    }
    for (int run = 0; run < 2; run++) {
        lattn_tensor *y = lattn_layer_norm(ctx, x, weight, bias, 1e-5f);
        EXPECT_OK(lattn_backward(ctx, y, &(lattn_backward_args){ .grad_output = g }));
        for (int i = 0; i < 3; i++)
            read(lattn_tensor_grad(leaves[i]), run ? twice[i] : once[i], sizes[i]);
    }
    for (int i = 0; i < 3; i++)
        for (int64_t k = 0; k < sizes[i]; k++)
            EXPECT_NEAR(twice[i][k], 2 * once[i][k], 1e-5);
    for (int i = 0; i < 3; i++)
        lattn_tensor_release(&leaves[i]);
}

GPU_TEST(layer_norm, wrong_arguments_are_refused)
{
    lattn_tensor *x = random_tensor(ctx, 2, 3, 4), *three = random_tensor(ctx, 1, 0, 3);
    EXPECT(!lattn_layer_norm(ctx, x, three, NULL, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "layer_norm: weight is [3]");
    EXPECT(!lattn_layer_norm(ctx, x, NULL, three, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "bias is [3]");
    EXPECT(!lattn_layer_norm(ctx, x, NULL, NULL, -1.0f));
    lt_expect_error(ctx, LATTN_ERR_ARG, "eps = -1");
    EXPECT(!lattn_layer_norm(ctx, x, NULL, NULL, NAN));
    lt_expect_error(ctx, LATTN_ERR_ARG, "eps");
    lattn_tensor *scalar = lattn_full(ctx, LATTN_DTYPE_F32, 0, NULL, 1);
    EXPECT(!lattn_layer_norm(ctx, scalar, NULL, NULL, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "scalar");
}

// ---- the fused form -------------------------------------------------------------------------------

// Same random numbers for both: dropout draws op number 0 of the same state.
GPU_TEST(dropout_add_layer_norm, is_its_parts)
{
    lattn_tensor *x = random_tensor(ctx, 2, ROWS, COLS), *res = random_tensor(ctx, 2, ROWS, COLS);
    lattn_tensor *weight = random_tensor(ctx, 1, 0, COLS), *bias = random_tensor(ctx, 1, 0, COLS);
    lattn_tensor *g = random_tensor(ctx, 2, ROWS, COLS);
    lattn_tensor *leaves[] = { x, res, weight, bias };
    const int64_t sizes[] = { N, N, COLS, COLS };
    static float out[2][N], grads[2][4][N];
    for (int i = 0; i < 4; i++)
        EXPECT_OK(lattn_tensor_set_requires_grad(leaves[i], true));
    for (int fused = 0; fused < 2; fused++) {
        lattn_rng_set(ctx, (lattn_rng_state){ .seed = 5 });
        lattn_tensor *y =
            fused ? lattn_dropout_add_layer_norm(ctx, x, res, weight, bias, 0.3f, 1e-5f)
                  : lattn_layer_norm(
                        ctx, lattn_add(ctx, res, lattn_dropout(ctx, x, 0.3f)), weight, bias, 1e-5f);
        lattn_tensor *grad[4];
        read(y, out[fused], N);
        EXPECT_OK(lattn_grad(ctx, &y, &g, 1, leaves, 4, false, grad));
        for (int i = 0; i < 4; i++)
            read(grad[i], grads[fused][i], sizes[i]);
    }
    for (int k = 0; k < N; k++)
        EXPECT_NEAR(out[1][k], out[0][k], 2e-6);
    for (int i = 0; i < 4; i++)
        for (int64_t k = 0; k < sizes[i]; k++)
            EXPECT_NEAR(grads[1][i][k], grads[0][i][k], 2e-5);
}

GPU_TEST(dropout_add_layer_norm, evaluation_draws_nothing)
{
    lattn_tensor *x = random_tensor(ctx, 2, 5, 8), *res = random_tensor(ctx, 2, 5, 8);
    static float fused[40], plain[40];
    read(lattn_layer_norm(ctx, lattn_add(ctx, x, res), NULL, NULL, 1e-5f), plain, 40);
    uint32_t op = lattn_rng_get(ctx).op;
    lattn_set_training(ctx, false);
    read(lattn_dropout_add_layer_norm(ctx, x, res, NULL, NULL, 0.5f, 1e-5f), fused, 40);
    lattn_set_training(ctx, true);
    EXPECT_EQ(lattn_rng_get(ctx).op, op);
    for (int k = 0; k < 40; k++)
        EXPECT_NEAR(fused[k], plain[k], 1e-6);
}

GPU_TEST(dropout_add_layer_norm, wrong_arguments_are_refused)
{
    lattn_tensor *x = random_tensor(ctx, 2, 3, 4), *other = random_tensor(ctx, 2, 4, 3);
    EXPECT(!lattn_dropout_add_layer_norm(ctx, x, other, NULL, NULL, 0, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x [3, 4] and residual [4, 3] differ");
    EXPECT(!lattn_dropout_add_layer_norm(ctx, x, x, NULL, NULL, 1, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_ARG, "p = 1 is outside [0, 1)");
    EXPECT(!lattn_dropout_add_layer_norm(ctx, NULL, x, NULL, NULL, 0, 1e-5f));
}
