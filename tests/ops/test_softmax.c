// SPDX-License-Identifier: MIT
//
// softmax and log_softmax where the table of cases does not reach: exact special values, gradients
// of masked rows, refused arguments.

#include "harness/harness.h"

// An argument of a macro: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })

#define ROW(...)                                                                                   \
    lt_tensor(ctx, 1, (int64_t[]){ sizeof((float[]){ __VA_ARGS__ }) / sizeof(float) },             \
        (float[]){ __VA_ARGS__ })

GPU_TEST(softmax, huge_logits_stay_finite)
{
    lt_expect_near(ctx, lattn_softmax(ctx, ROW(1e30f, 1e30f), 0), FLOATS(0.5f, 0.5f), 2, 1e-6);
    lt_expect_near(ctx, lattn_softmax(ctx, ROW(3.4e38f, -3.4e38f), 0), FLOATS(1, 0), 2, 0);
}

GPU_TEST(softmax, all_masked_row_gives_zeros)
{
    lattn_tensor *x =
        lt_tensor(ctx, 2, (int64_t[]){ 2, 2 }, (float[]){ -INFINITY, -INFINITY, 0, 0 });
    lt_expect_near(ctx, lattn_softmax(ctx, x, 1), FLOATS(0, 0, 0.5f, 0.5f), 4, 1e-6);
}

GPU_TEST(softmax, large_negative_mask_is_a_number_as_any_other)
{
    // Masks of -10000 or of the least float leave a row without -inf: it is uniform, as in PyTorch.
    lattn_tensor *y = lattn_softmax(ctx, ROW(-3.4028235e38f, -3.4028235e38f), 0);
    lt_expect_near(ctx, y, FLOATS(0.5f, 0.5f), 2, 1e-6);
}

GPU_TEST(softmax, nan_and_inf_spoil_their_row_only)
{
    const float values[] = { NAN, 1, -INFINITY, INFINITY, 1, 2, 3, 3, -INFINITY };
    const float want[] = { NAN, NAN, NAN, NAN, NAN, NAN, 0.5f, 0.5f, 0 };
    lattn_tensor *x = lt_tensor(ctx, 2, (int64_t[]){ 3, 3 }, values);
    lt_expect_near(ctx, lattn_softmax(ctx, x, -1), want, 9, 1e-6);
}

GPU_TEST(softmax, masked_rows_have_a_zero_gradient)
{
    lattn_tensor *x = ROW(-INFINITY, -INFINITY, -INFINITY), *grad;
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_softmax(ctx, x, 0), *dy = ROW(1, 2, 3);
    REQUIRE(y && dy);
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &x, 1, false, &grad));
    lt_expect_near(ctx, grad, FLOATS(0, 0, 0), 3, 0);
}

GPU_TEST(softmax, dim_out_of_range_is_refused)
{
    EXPECT(!lattn_softmax(ctx, ROW(1, 2), 1));
    lt_expect_error(ctx, LATTN_ERR_ARG, "softmax: dim 1 is outside [-1, 1)");
    EXPECT(!lattn_softmax(ctx, ROW(1, 2), -2));
    lt_expect_error(ctx, LATTN_ERR_ARG, "dim -2");
}

GPU_TEST(softmax, integers_are_refused)
{
    lattn_tensor *x = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 1, 2 });
    EXPECT(!lattn_softmax(ctx, x, 0));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "softmax: dtype i32");
}

GPU_TEST(softmax, null_gives_null)
{
    EXPECT(!lattn_softmax(ctx, NULL, 0) && !lattn_log_softmax(ctx, NULL, 0));
}

GPU_TEST(log_softmax, all_masked_row_gives_minus_infinity)
{
    lattn_tensor *y = lattn_log_softmax(ctx, ROW(-INFINITY, -INFINITY), 0);
    lt_expect_near(ctx, y, FLOATS(-INFINITY, -INFINITY), 2, 0);
}

GPU_TEST(log_softmax, masked_entry_gives_minus_infinity)
{
    lattn_tensor *y = lattn_log_softmax(ctx, ROW(0, -INFINITY, 0), 0);
    lt_expect_near(ctx, y, FLOATS(-0.6931472f, -INFINITY, -0.6931472f), 3, 1e-6);
}
