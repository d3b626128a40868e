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

GPU_TEST(grad, leaves_and_results_as_inputs)
{
    lattn_tensor *x = leaf(ctx, 2), *w = leaf(ctx, 5), *unused = leaf(ctx, 1);
    lattn_tensor *y = lattn_mul(ctx, x, w);  // 10
    lattn_tensor *z = lattn_mul(ctx, y, y);  // 100
    lattn_tensor *inputs[] = { y, x, unused, y }, *grads[4];
    EXPECT_OK(lattn_grad(ctx, &z, NULL, 1, inputs, 4, false, grads));
    lt_expect_near(ctx, grads[0], VALUES(20), 1, 0);
    lt_expect_near(ctx, grads[1], VALUES(100), 1, 0);
    EXPECT(grads[2] == NULL);
    EXPECT(grads[3] == grads[0]);
    // Nothing is accumulated anywhere.
    EXPECT(lattn_tensor_grad(x) == NULL && lattn_tensor_grad(w) == NULL);
    lattn_tensor_release(&x);
    lattn_tensor_release(&w);
    lattn_tensor_release(&unused);
}

GPU_TEST(grad, several_outputs_with_given_gradients)
{
    lattn_tensor *x = leaf(ctx, 3);
    lattn_tensor *outputs[] = { lattn_mul(ctx, x, x), lattn_add(ctx, x, x) };
    lattn_tensor *given[] = { lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(1), 10), NULL }, *grad;
    EXPECT_OK(lattn_grad(ctx, outputs, given, 2, &x, 1, false, &grad));
    lt_expect_near(ctx, grad, VALUES(62), 1, 0);
    lattn_tensor_release(&x);
}

// An input that is the output of an op whose own inputs are asked for, too: what it is answered must
// not change on the way further up.
GPU_TEST(grad, answers_are_not_changed_afterwards)
{
    lattn_tensor *x = leaf(ctx, 2);
    lattn_tensor *a = lattn_reshape(ctx, x, 2, DIMS(1, 1));
    lattn_tensor *b = lattn_reshape(ctx, a, 1, DIMS(1));
    lattn_tensor *z = lattn_add(ctx, lattn_mul(ctx, b, b), lattn_reshape(ctx, a, 1, DIMS(1)));
    lattn_tensor *inputs[] = { b, a, x }, *grads[3];
    EXPECT_OK(lattn_grad(ctx, &z, NULL, 1, inputs, 3, true, grads));
    lt_expect_near(ctx, grads[0], VALUES(4), 1, 0);
    lt_expect_near(ctx, grads[1], VALUES(5), 1, 0);
    lt_expect_near(ctx, grads[2], VALUES(5), 1, 0);
    EXPECT_OK(lattn_backward(ctx, z, NULL));
    lt_expect_near(ctx, lattn_tensor_grad(x), VALUES(5), 1, 0);
    lattn_tensor_release(&x);
}

GPU_TEST(grad, inputs_must_require_gradients)
{
    lattn_tensor *x = leaf(ctx, 2), *constant = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(1)),
                 *grad;
    lattn_tensor *y = lattn_mul(ctx, x, constant);
    EXPECT_STATUS(lattn_grad(ctx, &y, NULL, 1, &constant, 1, false, &grad), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_grad(ctx, &constant, NULL, 1, &x, 1, false, &grad), LATTN_ERR_STATE);
    EXPECT(grad == NULL);
    lattn_tensor_release(&x);
}
