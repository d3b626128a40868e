// SPDX-License-Identifier: MIT
//
// What the table of cases cannot say about the element-by-element ops: refused arguments, NULL,
// dropout's modes, and gradients through an operand that is used twice.

#include "harness/harness.h"
#include <math.h>

// Arguments of macros: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })
#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

static lattn_tensor *ones(lattn_ctx *ctx, lattn_dtype dtype, int64_t n)
{
    return lattn_full(ctx, dtype, 1, &n, 1);
}

GPU_TEST(pointwise, shapes_that_do_not_broadcast_are_refused)
{
    lattn_tensor *y = lattn_add(ctx, ones(ctx, LATTN_DTYPE_F32, 3), ones(ctx, LATTN_DTYPE_F32, 4));
    EXPECT(!y);
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "add: shapes [3] and [4] do not broadcast");
}

GPU_TEST(pointwise, integers_are_refused)
{
    lattn_tensor *i = ones(ctx, LATTN_DTYPE_I32, 3);
    EXPECT(!lattn_mul(ctx, i, i));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "mul: dtype i32");
    i = ones(ctx, LATTN_DTYPE_I32, 3);
    EXPECT(!lattn_gelu(ctx, i));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "gelu: dtype i32");
}

GPU_TEST(pointwise, two_dtypes_are_refused)
{
    if (!lattn_ctx_device(ctx)->storage_f16) {
        lt_skip("no 16-bit storage");
        return;
    }
    EXPECT(!lattn_sub(ctx, ones(ctx, LATTN_DTYPE_F32, 3), ones(ctx, LATTN_DTYPE_F16, 3)));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "sub: dtypes f32 and f16 differ");
}

GPU_TEST(pointwise, null_gives_null_without_an_error)
{
    lattn_tensor *x = ones(ctx, LATTN_DTYPE_F32, 2);
    EXPECT(!lattn_add(ctx, NULL, x));
    EXPECT(!lattn_div(ctx, x, NULL));
    EXPECT(!lattn_exp(ctx, NULL));
    EXPECT(!lattn_where(ctx, NULL, x, x));
    EXPECT(!lattn_clamp(ctx, NULL, 0, 1));
    EXPECT(!lattn_dropout(ctx, NULL, 0.5f));
    EXPECT_OK(lattn_ctx_status(ctx));
}

GPU_TEST(pointwise, clamp_refuses_an_empty_interval)
{
    EXPECT(!lattn_clamp(ctx, ones(ctx, LATTN_DTYPE_F32, 2), 1, 0));
    lt_expect_error(ctx, LATTN_ERR_ARG, "clamp: lo 1 is not at most hi 0");
    EXPECT(!lattn_clamp(ctx, ones(ctx, LATTN_DTYPE_F32, 2), NAN, 0));
    lt_expect_error(ctx, LATTN_ERR_ARG, "clamp");
}

GPU_TEST(pointwise, where_refuses_a_float_condition)
{
    lattn_tensor *x = ones(ctx, LATTN_DTYPE_F32, 2);
    EXPECT(!lattn_where(ctx, x, x, x));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "where: the condition is f32");
}

// A view that starts between two offsets that the device can bind.
GPU_TEST(pointwise, views_may_start_anywhere)
{
    float v[40], want[30];
    for (int i = 0; i < 40; i++)
        v[i] = (float) i;
    lattn_tensor *x = lt_tensor(ctx, 1, DIMS(40), v);
    for (int start = 0; start < 8; start++) {
        lattn_tensor *a = lattn_slice(ctx, x, 0, start, start + 30, 1);
        for (int i = 0; i < 30; i++)
            want[i] = (float) (2 * (i + start));
        lt_expect_near(ctx, lattn_add(ctx, a, a), want, 30, 0);
        lt_expect_near(ctx, lattn_scale(ctx, a, 2, 0), want, 30, 0);
    }
}

GPU_TEST(pointwise, an_operand_used_twice_gets_both_gradients)
{
    lattn_tensor *x = lattn_detach(ctx, lt_tensor(ctx, 1, DIMS(3), FLOATS(1, -2, 3)));
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    // x x + x + sum x: the derivative of the sum over it is 2 x + 1 + 3
    lattn_tensor *sum = lattn_sum(ctx, x, NULL, 0, true);
    lattn_tensor *y = lattn_add(ctx, lattn_add(ctx, lattn_mul(ctx, x, x), x), sum);
    EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), FLOATS(6, 0, 10), 3, 0);
}

// ---- dropout ------------------------------------------------------------------------------------

GPU_TEST(dropout, probabilities_outside_of_0_to_1_are_refused)
{
    const float bad[] = { -0.1f, 1, 1.5f, NAN };
    for (int i = 0; i < 4; i++) {
        EXPECT(!lattn_dropout(ctx, ones(ctx, LATTN_DTYPE_F32, 2), bad[i]));
        lt_expect_error(ctx, LATTN_ERR_ARG, "is outside [0, 1)");
    }
}

GPU_TEST(dropout, evaluation_leaves_x_alone)
{
    lattn_tensor *x = ones(ctx, LATTN_DTYPE_F32, 5);
    EXPECT(lattn_dropout(ctx, x, 0) == x);
    lattn_set_training(ctx, false);
    EXPECT(lattn_dropout(ctx, x, 0.5f) == x);
    lattn_set_training(ctx, true);
    EXPECT(lattn_dropout(ctx, x, 0.5f) != x);
}

GPU_TEST(dropout, drops_its_share_and_keeps_the_mean)
{
    enum { N = 40000 };
    static float v[N];
    lattn_tensor *y = lattn_dropout(ctx, ones(ctx, LATTN_DTYPE_F32, N), 0.3f);
    EXPECT_OK(lattn_tensor_read_f32(y, v, N));
    double sum = 0;
    int dropped = 0;
    for (int i = 0; i < N; i++) {
        sum += v[i];
        dropped += v[i] == 0;
    }
    // Five standard deviations: sqrt(0.3 * 0.7 / 40000) = 0.0023.
    EXPECT_NEAR((double) dropped / N, 0.3, 0.0115);
    EXPECT_NEAR(sum / N, 1, 0.0165);
}

GPU_TEST(dropout, two_ops_of_a_step_draw_different_masks)
{
    enum { N = 256 };
    float a[N], b[N];
    lattn_tensor *x = ones(ctx, LATTN_DTYPE_F32, N);
    EXPECT_OK(lattn_tensor_read_f32(lattn_dropout(ctx, x, 0.5f), a, N));
    EXPECT_OK(lattn_tensor_read_f32(lattn_dropout(ctx, x, 0.5f), b, N));
    EXPECT(memcmp(a, b, sizeof a) != 0);
}

GPU_TEST(dropout, backward_uses_the_mask_of_forward)
{
    enum { N = 300 };
    float y[N];
    lattn_tensor *x = lattn_detach(ctx, ones(ctx, LATTN_DTYPE_F32, N));
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *out = lattn_dropout(ctx, x, 0.4f);
    EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, out, NULL, 0, false), NULL));
    EXPECT_OK(lattn_tensor_read_f32(out, y, N));
    lt_expect_near(ctx, lattn_tensor_grad(x), y, N, 0);
}
