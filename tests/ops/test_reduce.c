// SPDX-License-Identifier: MIT
//
// Reductions: refused arguments, runs of nothing, ties.

#include "harness/harness.h"

// Arguments of macros: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })
#define INTS(...) ((int[]){ __VA_ARGS__ })
#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

static lattn_tensor *zeros(lattn_ctx *ctx, int64_t rows, int64_t cols)
{
    return lattn_zeros(ctx, LATTN_DTYPE_F32, 2, DIMS(rows, cols));
}

GPU_TEST(reduce, dims_out_of_range_are_refused)
{
    EXPECT(!lattn_sum(ctx, zeros(ctx, 2, 3), INTS(2), 1, false));
    lt_expect_error(ctx, LATTN_ERR_ARG, "sum: dim 2 is outside [-2, 2)");
    EXPECT(!lattn_argmax(ctx, zeros(ctx, 2, 3), -3, false));
    lt_expect_error(ctx, LATTN_ERR_ARG, "argmax: dim -3 is outside [-2, 2)");
}

GPU_TEST(reduce, a_dim_given_twice_is_refused)
{
    EXPECT(!lattn_mean(ctx, zeros(ctx, 2, 3), INTS(1, -1), 2, false));
    lt_expect_error(ctx, LATTN_ERR_ARG, "mean: dim -1 is given twice");
}

GPU_TEST(reduce, integers_are_refused)
{
    int64_t n = 3;
    EXPECT(!lattn_norm(ctx, lattn_zeros(ctx, LATTN_DTYPE_I32, 1, &n), NULL, 0, false));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "norm: dtype i32");
}

GPU_TEST(reduce, null_gives_null_without_an_error)
{
    EXPECT(!lattn_sum(ctx, NULL, NULL, 0, false));
    EXPECT(!lattn_argmax(ctx, NULL, 0, false));
    EXPECT_OK(lattn_ctx_status(ctx));
}

GPU_TEST(reduce, the_largest_of_nothing_is_refused)
{
    EXPECT(!lattn_max(ctx, zeros(ctx, 2, 0), INTS(1), 1, false));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "max: [2, 0] has no element");
    EXPECT(!lattn_argmax(ctx, zeros(ctx, 2, 0), 1, false));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "argmax: [2, 0] has no element");
}

GPU_TEST(reduce, runs_of_nothing)
{
    int one = 1;
    lt_expect_near(ctx, lattn_sum(ctx, zeros(ctx, 2, 0), &one, 1, false), FLOATS(0, 0), 2, 0);
    lt_expect_near(ctx, lattn_norm(ctx, zeros(ctx, 2, 0), &one, 1, false), FLOATS(0, 0), 2, 0);
    float v[2] = { 0, 0 };
    EXPECT_OK(lattn_tensor_read_f32(lattn_mean(ctx, zeros(ctx, 2, 0), &one, 1, false), v, 2));
    EXPECT(isnan(v[0]) && isnan(v[1]));
}

GPU_TEST(reduce, ties_share_the_gradient_of_a_maximum)
{
    lattn_tensor *x = lattn_detach(ctx, lt_tensor(ctx, 2, DIMS(2, 3), FLOATS(5, 1, 5, 2, 7, 3)));
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_max(ctx, x, INTS(1), 1, false);
    EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), FLOATS(0.5f, 0, 0.5f, 0, 1, 0), 6, 0);
}

GPU_TEST(reduce, the_norm_of_zeros_sends_no_gradient)
{
    lattn_tensor *x = lattn_detach(ctx, zeros(ctx, 1, 3));
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    EXPECT_OK(lattn_backward(ctx, lattn_norm(ctx, x, NULL, 0, false), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), FLOATS(0, 0, 0), 3, 0);
}
