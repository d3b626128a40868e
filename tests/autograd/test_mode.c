// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })
#define VALUES(...) ((float[]){ __VA_ARGS__ })

static lattn_tensor *leaf(lattn_ctx *ctx, float value)
{
    lattn_tensor *t;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(1), &t));
    EXPECT_OK(lattn_fill_(t, value));
    EXPECT_OK(lattn_tensor_set_requires_grad(t, true));
    return t;
}

GPU_TEST(mode, no_grad_records_nothing_and_nests)
{
    lattn_tensor *x = leaf(ctx, 2);
    lattn_no_grad_begin(ctx);
    lattn_no_grad_begin(ctx);
    EXPECT(!lattn_grad_enabled(ctx));
    lattn_no_grad_end(ctx);
    lattn_tensor *y = lattn_mul(ctx, x, x);
    EXPECT(!lattn_tensor_requires_grad(y) && !y->node);
    lattn_no_grad_end(ctx);
    EXPECT(lattn_grad_enabled(ctx));
    EXPECT(lattn_tensor_requires_grad(lattn_mul(ctx, x, x)));
    lattn_no_grad_end(ctx);
    lt_expect_error(ctx, LATTN_ERR_STATE, "lattn_no_grad_end without");
    lattn_tensor_release(&x);
}

// y = x * detach(x): the second factor is a constant
GPU_TEST(mode, detach_cuts_the_history_and_shares_memory)
{
    lattn_tensor *x = leaf(ctx, 3);
    lattn_tensor *d = lattn_detach(ctx, x);
    EXPECT(d != x && d->storage == x->storage && !lattn_tensor_requires_grad(d));
    EXPECT_OK(lattn_backward(ctx, lattn_mul(ctx, x, d), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(3), 1, 0);
    EXPECT(lattn_detach(ctx, NULL) == NULL);
    lattn_tensor_release(&x);
}

// A detached result can become a leaf of its own.
GPU_TEST(mode, a_detached_result_may_ask_for_gradients)
{
    lattn_tensor *x = leaf(ctx, 3);
    lattn_tensor *y = lattn_mul(ctx, x, x);
    EXPECT_STATUS(lattn_tensor_set_requires_grad(y, true), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "made by mul");
    lattn_tensor *d = lattn_detach(ctx, y);
    EXPECT_OK(lattn_tensor_set_requires_grad(d, true));
    EXPECT_OK(lattn_backward(ctx, lattn_mul(ctx, d, d), NULL));
    lt_expect_near(ctx, lattn_tensor_grad(d), VALUES(18), 1, 0);
    EXPECT(lattn_tensor_grad(x) == NULL);
    lattn_tensor_release(&x);
}

GPU_TEST(mode, integers_have_no_gradient)
{
    lattn_tensor *t;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, DIMS(2), &t));
    EXPECT_STATUS(lattn_tensor_set_requires_grad(t, true), LATTN_ERR_DTYPE);
    EXPECT_STATUS(lattn_tensor_set_requires_grad(NULL, true), LATTN_ERR_ARG);
    lattn_tensor_release(&t);
}

GPU_TEST(mode, only_tensors_that_lead_to_a_leaf_are_recorded)
{
    lattn_tensor *x = leaf(ctx, 3), *c = lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(1), 2);
    EXPECT(!lattn_mul(ctx, c, c)->node);
    EXPECT(lattn_mul(ctx, c, x)->node);
    EXPECT_OK(lattn_tensor_set_requires_grad(x, false));
    EXPECT(!lattn_mul(ctx, c, x)->node);
    lattn_tensor_release(&x);
}

GPU_TEST(mode, training_is_the_default)
{
    EXPECT(lattn_is_training(ctx));
    lattn_set_training(ctx, false);
    EXPECT(!lattn_is_training(ctx));
    lattn_set_training(ctx, true);
}
