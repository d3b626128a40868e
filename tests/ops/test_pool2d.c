// SPDX-License-Identifier: MIT
//
// What the op table does not say about pooling: sentences, ties, and gradients that add up.

#include "harness/harness.h"

static lattn_tensor *image(lattn_ctx *ctx, int64_t h, int64_t w)
{
    return lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 2, 3, h, w });
}

GPU_TEST(pool2d, window_that_does_not_fit_says_the_rule)
{
    const lattn_pool2d_args args = { .kernel = { 3 }, .stride = { 2 }, .dilation = { 2 } };
    EXPECT(!lattn_max_pool2d(ctx, image(ctx, 8, 4), &args));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "max_pool2d: x is [2, 3, 8, 4]; W2 = (W1 + 2P - D(F - 1) - 1)/S + 1 = (4 + 2*0 - 2*(3 - 1) "
        "- "
        "1)/2 + 1 is below 1");
}

GPU_TEST(pool2d, bad_arguments_are_refused)
{
    EXPECT(!lattn_max_pool2d(ctx, image(ctx, 4, 4), &(lattn_pool2d_args){ .stride = { 2 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "kernel 0 is outside");
    EXPECT(!lattn_avg_pool2d(
        ctx, image(ctx, 4, 4), &(lattn_pool2d_args){ .kernel = { 2 }, .padding = { 0, 2 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "padding 2 is not between 0 and half the kernel, 2/2");
    EXPECT(!lattn_avg_pool2d(
        ctx, image(ctx, 4, 4), &(lattn_pool2d_args){ .kernel = { 2 }, .dilation = { 1, 2 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "dilation 1 x 2");
    EXPECT(!lattn_max_pool2d(
        ctx, image(ctx, 4, 4), &(lattn_pool2d_args){ .kernel = { 2 }, .divisor = 3 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "avg_pool2d");
    EXPECT(!lattn_adaptive_avg_pool2d(ctx, image(ctx, 4, 4), 0, 2));
    lt_expect_error(ctx, LATTN_ERR_ARG, "0 x 2 results");
    EXPECT(!lattn_adaptive_avg_pool2d(ctx, image(ctx, 0, 4), 2, 2));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "[2, 3, 0, 4]");
    lattn_tensor *flat = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 4, 4 });
    EXPECT(!lattn_max_pool2d(ctx, flat, &(lattn_pool2d_args){ .kernel = { 2 } }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x is [4, 4], it must be [N, C, H, W] or [C, H, W]");
}

// Windows overlap in one column; the largest element of both is the one they share.
GPU_TEST(pool2d, gradient_goes_to_the_first_maximum_and_adds_up)
{
    const float values[] = { 1, 2, 7, 7, 0, /**/ 7, 7, 7, 1, 0 };
    lattn_tensor *x = lt_tensor(ctx, 3, (int64_t[]){ 1, 2, 5 }, values);
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    const lattn_pool2d_args args = { .kernel = { 1, 3 }, .stride = { 1, 2 } };
    lattn_tensor *y = lattn_max_pool2d(ctx, x, &args);
    const float largest[] = { 7, 7, 7, 7 };
    lt_expect_near(ctx, y, largest, 4, 0);
    lattn_tensor *dy = lt_tensor(ctx, 3, (int64_t[]){ 1, 2, 2 }, (const float[]){ 1, 2, 3, 4 });
    lattn_tensor *dx = NULL;
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &x, 1, false, &dx));
    const float want[] = { 0, 0, 3, 0, 0, /**/ 3, 0, 4, 0, 0 };
    lt_expect_near(ctx, dx, want, 10, 0);
}
