// SPDX-License-Identifier: MIT
//
// What the op table does not say about the activations and the dropout of image networks.

#include "harness/harness.h"

GPU_TEST(activation, maxout_is_the_largest_of_neighbouring_channels)
{
    const int64_t dims[] = { 1, 4, 2 };
    const float values[] = { 1, 5, /**/ 3, 2, /**/ -1, -7, /**/ -2, 0 };
    lattn_tensor *x = lt_tensor(ctx, 3, dims, values);
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_maxout(ctx, x, 2), *dx = NULL;
    const float largest[] = { 3, 5, /**/ -1, 0 }, grads[] = { 1, 2, 3, 4 };
    lt_expect_near(ctx, y, largest, 4, 0);
    const int64_t grad_dims[] = { 1, 2, 2 };
    lattn_tensor *dy = lt_tensor(ctx, 3, grad_dims, grads);
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &x, 1, false, &dx));
    const float want[] = { 0, 2, /**/ 1, 0, /**/ 3, 0, /**/ 0, 4 };
    lt_expect_near(ctx, dx, want, 8, 0);
}

GPU_TEST(activation, wrong_arguments_are_refused)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 6, 5 });
    EXPECT(!lattn_maxout(ctx, x, 4));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "x is [2, 6, 5], it must be [N, C, ...] with channels in groups of 4");
    EXPECT(!lattn_maxout(ctx, x, 0));
    lt_expect_error(ctx, LATTN_ERR_ARG, "k = 0");
    EXPECT(!lattn_prelu(ctx, x, lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 5 })));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "weight is [5], x [2, 6, 5] needs [1] or its channels");
    EXPECT(!lattn_softplus(ctx, x, 0, 20));
    lt_expect_error(ctx, LATTN_ERR_ARG, "beta 0 must be positive");
    EXPECT(!lattn_dropout2d(ctx, x, 1));
    lt_expect_error(ctx, LATTN_ERR_ARG, "dropout2d: p = 1 is outside [0, 1)");
    EXPECT(!lattn_dropout2d(ctx, lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 5 }), 0.5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x is [5], it must have 2 dimensions or more");
}

GPU_TEST(activation, dropout_of_rows_is_off_in_evaluation)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 6, 5 });
    lattn_set_training(ctx, false);
    EXPECT(lattn_dropout2d(ctx, x, 0.5f) == x);
    EXPECT(lattn_drop_path(ctx, x, 0.5f) == x);
    lattn_set_training(ctx, true);
    EXPECT(lattn_drop_path(ctx, x, 0.5f) != x);
}
