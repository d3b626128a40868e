// SPDX-License-Identifier: MIT
//
// The reverse walk, on ops whose gradients are plain: mul, add, views.

#include "harness/harness.h"
#include "autograd/tape.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })
#define VALUES(...) ((float[]){ __VA_ARGS__ })

static lattn_tensor *leaf(lattn_ctx *ctx, int64_t n, const float *values)
{
    lattn_tensor *t;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, &n, &t));
    EXPECT_OK(lattn_tensor_write_f32(t, values, n));
    EXPECT_OK(lattn_tensor_set_requires_grad(t, true));
    return t;
}

static lattn_backward_args from(lattn_ctx *ctx, int64_t n, float v)
{
    return (lattn_backward_args){ .grad_output = lattn_full(ctx, LATTN_DTYPE_F32, 1, &n, v) };
}

GPU_TEST(backward, product_rule)
{
    lattn_tensor *x = leaf(ctx, 3, VALUES(1, 2, 3)), *y = leaf(ctx, 3, VALUES(4, 5, 6));
    lattn_tensor *z = lattn_mul(ctx, x, y);
    lattn_backward_args args = from(ctx, 3, 2);
    EXPECT_OK(lattn_backward(ctx, z, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(8, 10, 12), 3, 0);
    lt_expect_near(ctx, lattn_tensor_grad(y), VALUES(2, 4, 6), 3, 0);
    lattn_tensor_release(&x);
    lattn_tensor_release(&y);
}

GPU_TEST(backward, a_scalar_starts_from_one)
{
    lattn_tensor *x = leaf(ctx, 1, VALUES(3));
    EXPECT_OK(lattn_backward(ctx, lattn_mul(ctx, x, x), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(6), 1, 0);
    lattn_tensor_release(&x);
}

// The same leaf twice in one op, as a leaf without a gradient and with one.
GPU_TEST(backward, one_leaf_several_times_in_an_op)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(3, -1));
    for (int i = 1; i <= 3; i++) {
        lattn_backward_args args = from(ctx, 2, 1);
        EXPECT_OK(lattn_backward(ctx, lattn_mul(ctx, x, x), &args));
        lt_expect_near(
            ctx, lattn_tensor_grad(x), VALUES(6.0f * (float) i, -2.0f * (float) i), 2, 0);
    }
    lattn_tensor *sum = lattn_add(ctx, x, x);
    lattn_tensor_zero_grad(x);
    lattn_backward_args args = from(ctx, 2, 5);
    EXPECT_OK(lattn_backward(ctx, sum, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(10, 10), 2, 0);
    lattn_tensor_release(&x);
}

// y = x * x;  z = y + y * y;  dz/dx = (1 + 2 y) 2 x
GPU_TEST(backward, diamonds_add_up)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(2, -3));
    lattn_tensor *y = lattn_mul(ctx, x, x);
    lattn_tensor *z = lattn_add(ctx, y, lattn_mul(ctx, y, y));
    lattn_backward_args args = from(ctx, 2, 1);
    EXPECT_OK(lattn_backward(ctx, z, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(36, -114), 2, 0);
    lattn_tensor_release(&x);
}

// Residual connections: the gradient is handed on to both branches without a copy, and adding to
// one of them must not change the other. x_{i+1} = x_i + x_i * w
GPU_TEST(backward, shared_gradients_are_not_written_to)
{
    lattn_tensor *x0 = leaf(ctx, 1, VALUES(1)), *w = leaf(ctx, 1, VALUES(0.5f)), *x = x0;
    for (int i = 0; i < 4; i++)
        x = lattn_add(ctx, x, lattn_mul(ctx, x, w));
    lattn_tensor *g = lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(1), 1);
    lattn_backward_args args = { .grad_output = g };
    EXPECT_OK(lattn_backward(ctx, x, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x0), VALUES(5.0625f), 1, 1e-6);
    lt_expect_near(ctx, lattn_tensor_grad(w), VALUES(13.5f), 1, 1e-6);
    lt_expect_near(ctx, g, VALUES(1), 1, 0);  // the caller's tensor is untouched
    lattn_tensor_release(&x0);
    lattn_tensor_release(&w);
}

GPU_TEST(backward, the_given_gradient_is_never_written_to)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2));
    lattn_tensor *a = lattn_reshape(ctx, x, 2, DIMS(1, 2));
    lattn_tensor *b = lattn_reshape(ctx, a, 1, DIMS(2));
    lattn_tensor *g = lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(2), 3);
    lattn_backward_args args = { .grad_output = g };
    lattn_tensor *sum = lattn_add(ctx, b, lattn_mul(ctx, b, b));
    EXPECT_OK(lattn_backward(ctx, sum, &args));
    lt_expect_near(ctx, g, VALUES(3, 3), 2, 0);
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(9, 15), 2, 0);
    EXPECT_EQ(g->storage->grad_users, 0);
    lattn_tensor_release(&x);
}

GPU_TEST(backward, views_hand_gradients_through)
{
    lattn_tensor *x = leaf(ctx, 6, VALUES(1, 2, 3, 4, 5, 6));
    lattn_tensor *m = lattn_transpose(ctx, lattn_reshape(ctx, x, 2, DIMS(2, 3)), 0, 1);  // [3, 2]
    lattn_tensor *row = lattn_select(ctx, m, 0, 2);                                      // [3, 6]
    lattn_tensor *part = lattn_slice(ctx, m, 0, 0, 3, 2);  // [[1,4],[3,6]]
    lattn_tensor *y = lattn_add(ctx, lattn_mul(ctx, row, row), lattn_select(ctx, part, 0, -2));
    lattn_backward_args args = { .grad_output = lt_tensor(ctx, 1, DIMS(2), VALUES(1, 10)) };
    EXPECT_OK(lattn_backward(ctx, y, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(1, 0, 6, 10, 0, 120), 6, 0);
    lattn_tensor_release(&x);
}

GPU_TEST(backward, gradients_accumulate_until_zeroed)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2));
    EXPECT(lattn_tensor_grad(x) == NULL);
    for (int i = 1; i <= 2; i++) {
        lattn_backward_args args = from(ctx, 2, 1);
        EXPECT_OK(lattn_backward(ctx, lattn_mul(ctx, x, x), &args));
    }
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(4, 8), 2, 0);
    const struct lat_block *memory = x->grad->storage->block;
    lattn_tensor_zero_grad(x);
    EXPECT(lattn_tensor_grad(x) == NULL);
    lattn_backward_args args = from(ctx, 2, 1);
    EXPECT_OK(lattn_backward(ctx, lattn_mul(ctx, x, x), &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(2, 4), 2, 0);
    EXPECT(x->grad->storage->block == memory);  // kept, not made again
    lattn_tensor_release(&x);
}

// A leaf's first gradient needs neither a fill nor an add: the op writes it.
GPU_TEST(backward, a_first_gradient_is_one_dispatch)
{
    lattn_tensor *x = leaf(ctx, 64, (float[64]){ 0 });
    lattn_tensor *y = lattn_cast(ctx, x, LATTN_DTYPE_I32);
    EXPECT(!lattn_tensor_requires_grad(y));
    lattn_tensor *t = lattn_tanh(ctx, x);
    lattn_backward_args args = from(ctx, 64, 1);
    uint64_t before = lat_sched_pending(ctx->sched);
    EXPECT_OK(lattn_backward(ctx, t, &args));
    EXPECT_EQ(lat_sched_pending(ctx->sched) - before, 1);
    lattn_tensor_release(&x);
}

GPU_TEST(backward, a_leaf_may_be_the_output)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2)), *grad;
    lattn_backward_args args = from(ctx, 2, 3);
    EXPECT_OK(lattn_backward(ctx, x, &args));
    EXPECT_OK(lattn_backward(ctx, x, &args));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(6, 6), 2, 0);
    lt_expect_near(ctx, args.grad_output, VALUES(3, 3), 2, 0);
    EXPECT_OK(lattn_grad(ctx, &x, &args.grad_output, 1, &x, 1, false, &grad));
    lt_expect_near(ctx, grad, VALUES(3, 3), 2, 0);
    lattn_tensor_release(&x);
}

GPU_TEST(backward, errors_are_sentences)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2));
    lattn_tensor *y = lattn_mul(ctx, x, x),
                 *constant = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(2));
    EXPECT_STATUS(lattn_backward(ctx, y, NULL), LATTN_ERR_SHAPE);
    EXPECT_CONTAINS(lattn_error(ctx), "the output has shape [2]");
    EXPECT_STATUS(lattn_backward(ctx, constant, NULL), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "has no history");
    EXPECT_STATUS(lattn_backward(ctx, NULL, NULL), LATTN_ERR_ARG);
    lattn_backward_args args = from(ctx, 3, 1);
    EXPECT_STATUS(lattn_backward(ctx, y, &args), LATTN_ERR_SHAPE);
    args.grad_output = lattn_zeros(ctx, LATTN_DTYPE_I32, 1, DIMS(2));
    EXPECT_STATUS(lattn_backward(ctx, y, &args), LATTN_ERR_DTYPE);
    EXPECT(lattn_tensor_grad(x) == NULL);
    lattn_tensor_release(&x);
}

GPU_TEST(backward, an_earlier_error_comes_first)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2));
    lattn_tensor *loss = lattn_reshape(ctx, x, 1, DIMS(5));
    EXPECT_STATUS(lattn_backward(ctx, loss, NULL), LATTN_ERR_SHAPE);
    EXPECT_CONTAINS(lattn_error(ctx), "reshape: [2] has 2 elements");
    lattn_tensor_release(&x);
}

GPU_TEST(backward, a_second_one_needs_retain_graph)
{
    lattn_tensor *x = leaf(ctx, 1, VALUES(3));
    lattn_tensor *y = lattn_mul(ctx, x, x);
    lattn_backward_args keep = { .retain_graph = true };
    EXPECT_OK(lattn_backward(ctx, y, &keep));
    EXPECT_OK(lattn_backward(ctx, y, NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(12), 1, 0);
    EXPECT_STATUS(lattn_backward(ctx, y, NULL), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "freed by an earlier backward");
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(12), 1, 0);
    lattn_tensor_release(&x);
}

GPU_TEST(backward, a_value_changed_in_place_is_found)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2)), *w = leaf(ctx, 2, VALUES(3, 4));
    lattn_tensor *y = lattn_mul(ctx, x, w);
    EXPECT_OK(lattn_fill_(w, 0));
    lattn_backward_args args = from(ctx, 2, 1);
    size_t at = lat_path_push(ctx, "elsewhere");
    EXPECT_STATUS(lattn_backward(ctx, y, &args), LATTN_ERR_STATE);
    EXPECT_CONTAINS(
        lattn_error(ctx), "backward of mul: its input 1 of shape [2] was changed in place");
    EXPECT_STR(lat_path_text(ctx), "elsewhere");
    lat_path_pop(ctx, at);

    // Through a view of it, too; and an output that is kept.
    y = lattn_mul(ctx, x, w);
    EXPECT_OK(lattn_fill_(lattn_slice(ctx, x, 0, 0, 1, 1), 9));
    EXPECT_STATUS(lattn_backward(ctx, y, &args), LATTN_ERR_STATE);
    lattn_tensor *t = lattn_tanh(ctx, x);
    EXPECT_OK(lattn_add_(t, t));
    EXPECT_STATUS(lattn_backward(ctx, t, &args), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "changed in place");

    // Changing what backward does not need is fine.
    lattn_tensor *sum = lattn_add(ctx, x, w);
    EXPECT_OK(lattn_fill_(sum, 0));
    EXPECT_OK(lattn_fill_(x, 0));
    EXPECT_OK(lattn_backward(ctx, sum, &args));
    lattn_tensor_release(&x);
    lattn_tensor_release(&w);
}

GPU_TEST(backward, sentences_carry_the_path_of_the_op)
{
    lattn_tensor *x = leaf(ctx, 2, VALUES(1, 2));
    size_t at = lat_path_push(ctx, "encoder.layer.3");
    lattn_tensor *y = lattn_mul(ctx, x, x);
    lat_path_pop(ctx, at);
    EXPECT_OK(lattn_fill_(x, 1));
    lattn_backward_args args = from(ctx, 2, 1);
    EXPECT_STATUS(lattn_backward(ctx, y, &args), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "encoder.layer.3: backward of mul");
    EXPECT_STR(lat_path_text(ctx), "");
    lattn_tensor_release(&x);
}

// Which ops run is decided in C, differently in every step.
GPU_TEST(backward, control_flow)
{
    lattn_tensor *x = leaf(ctx, 1, VALUES(2));
    for (int n = 1; n <= 5; n++) {
        lattn_tensor *y = x;
        for (int i = 1; i < n; i++)
            y = i % 2 ? lattn_mul(ctx, y, x) : lattn_add(ctx, y, x);
        lattn_tensor_zero_grad(x);
        double value;
        if (n == 1)
            continue;
        EXPECT_OK(lattn_backward(ctx, y, NULL));
        EXPECT_OK(lattn_tensor_item(ctx, lattn_tensor_grad(x), &value));
        // x^2, x^2 + x, x^3 + x^2, x^3 + x^2 + x at 2
        const double want[] = { 4, 5, 16, 17 };
        EXPECT_NEAR(value, want[n - 2], 0);
    }
    lattn_tensor_release(&x);
}

GPU_TEST(backward, a_chain_of_ten_thousand_ops)
{
    lattn_tensor *x = leaf(ctx, 1, VALUES(1));
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *y = x;
    for (int i = 0; i < 10000; i++)
        y = lattn_reshape(ctx, y, 1 + i % 2, DIMS(1, 1));
    EXPECT_OK(lattn_backward(ctx, y, NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(1), 1, 0);
    // Only the last tensor is left to hold the history; releasing it takes all of it apart.
    y = x;
    for (int i = 0; i < 10000; i++) {
        y = lattn_reshape(ctx, y, 1 + i % 2, DIMS(1, 1));
        if (i == 9999)
            lattn_tensor_retain(y);
    }
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT(((struct lat_autograd *) ctx->ext[LAT_EXT_AUTOGRAD])->live != NULL);
    lattn_tensor_release(&y);
    EXPECT(((struct lat_autograd *) ctx->ext[LAT_EXT_AUTOGRAD])->live == NULL);
    lattn_tensor_release(&x);
}

// A result that is retained keeps its history, so backward may come in a later step.
GPU_TEST(backward, history_outlives_the_step_with_its_tensor)
{
    lattn_tensor *x = leaf(ctx, 1, VALUES(3));
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *y = lattn_tensor_retain(lattn_mul(ctx, lattn_mul(ctx, x, x), x));
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_OK(lattn_backward(ctx, y, NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(27), 1, 0);
    lattn_tensor_release(&y);
    lattn_tensor_release(&x);
}

// Wide and deep: the same leaf reached along 2^20 paths, visited once per op.
GPU_TEST(backward, many_paths_are_walked_once)
{
    lattn_tensor *x = leaf(ctx, 1, VALUES(1)), *y = x;
    for (int i = 0; i < 20; i++)
        y = lattn_add(ctx, y, y);
    EXPECT_OK(lattn_backward(ctx, y, NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(1048576), 1, 0);
    lattn_tensor_release(&x);
}
