// SPDX-License-Identifier: MIT
//
// Losses where the table of cases does not reach: ignored and impossible labels, huge logits, values
// from PyTorch, refused arguments.

#include "harness/harness.h"

// An argument of a macro: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })

enum { ROWS = 3, CLASSES = 4 };

static lattn_tensor *logits_of(lattn_ctx *ctx)
{
    static const float values[ROWS * CLASSES] = { 1, -2, 0.5f, 3, 0, 0.25f, -1, 2, -0.5f, 1.5f, 1,
        0 };
    return lt_tensor(ctx, 2, (int64_t[]){ ROWS, CLASSES }, values);
}

static lattn_tensor *labels_of(lattn_ctx *ctx, int32_t a, int32_t b, int32_t c)
{
    return lattn_from_i32(ctx, 1, (int64_t[]){ ROWS }, (int32_t[]){ a, b, c });
}

// Loss and gradient of the logits, for a mean.
static void run(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *labels, float *loss, float *grad)
{
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_cross_entropy(ctx, x, labels, NULL), *dx = NULL;
    EXPECT(y != NULL);
    if (!y)
        return;
    EXPECT_OK(lattn_grad(ctx, &y, NULL, 1, &x, 1, false, &dx));
    EXPECT_OK(lattn_tensor_read_f32(y, loss, 1));
    EXPECT_OK(lattn_tensor_read_f32(dx, grad, lattn_tensor_numel(x)));
}

GPU_TEST(cross_entropy, all_labels_ignored_is_zero_with_zero_gradient)
{
    float loss = -1, grad[ROWS * CLASSES];
    run(ctx, logits_of(ctx), labels_of(ctx, -100, -100, -100), &loss, grad);
    EXPECT(loss == 0);
    for (int i = 0; i < ROWS * CLASSES; i++)
        EXPECT(grad[i] == 0);
}

GPU_TEST(cross_entropy, label_that_is_no_class_is_nan)
{
    float loss, grad[ROWS * CLASSES];
    const int32_t wrong[] = { CLASSES, -1, INT32_MAX, INT32_MIN };
    for (int k = 0; k < 4; k++) {
        run(ctx, logits_of(ctx), labels_of(ctx, 0, wrong[k], 1), &loss, grad);
        EXPECT(isnan(loss));
        EXPECT(!isnan(grad[0]) && isnan(grad[CLASSES]) && !isnan(grad[2 * CLASSES]));
    }
}

GPU_TEST(cross_entropy, huge_logits_stay_finite)
{
    lattn_tensor *x =
        lt_tensor(ctx, 2, (int64_t[]){ 2, 2 }, (float[]){ 3e38f, -3e38f, 1e4f, 1e4f });
    lattn_tensor *labels = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 0, 1 });
    lattn_cross_entropy_args none = { .reduction = LATTN_REDUCTION_NONE };
    lt_expect_near(ctx, lattn_cross_entropy(ctx, x, labels, &none), FLOATS(0, 0.6931472f), 2, 1e-6);
}

GPU_TEST(cross_entropy, masked_logits)
{
    // -inf under a label is infinitely wrong, elsewhere it is a class that is ruled out.
    const float values[] = { 0, -INFINITY, 0, -INFINITY, 0, 0, -INFINITY, -INFINITY, -INFINITY };
    lattn_tensor *x = lt_tensor(ctx, 2, (int64_t[]){ 3, 3 }, values);
    lattn_tensor *labels = labels_of(ctx, 0, 0, 1);
    lattn_cross_entropy_args none = { .reduction = LATTN_REDUCTION_NONE };
    lt_expect_near(ctx, lattn_cross_entropy(ctx, x, labels, &none),
        FLOATS(0.6931472f, INFINITY, NAN), 3, 1e-6);
}

// What torch.nn.functional.cross_entropy of PyTorch 1.13 gives in double for logits_of(), labels
// 3, 1, 2 and weights 1, 2, 0.5, 0.25.
static const struct {
    lattn_reduction reduction;
    bool weights;
    float smoothing;
    int32_t ignore_index;
    float want;
} pytorch[] = {
    { LATTN_REDUCTION_MEAN, false, 0.0f, -100, 1.14480551f },
    { LATTN_REDUCTION_MEAN, false, 0.0f, 1, 0.688871855f },
    { LATTN_REDUCTION_MEAN, false, 0.1f, -100, 1.23855551f },
    { LATTN_REDUCTION_MEAN, false, 0.1f, 1, 0.832621855f },
    { LATTN_REDUCTION_MEAN, true, 0.0f, -100, 1.72787423f },
    { LATTN_REDUCTION_MEAN, true, 0.0f, 1, 0.851077991f },
    { LATTN_REDUCTION_MEAN, true, 0.1f, -100, 1.80341919f },
    { LATTN_REDUCTION_MEAN, true, 0.1f, 1, 1.40485482f },
    { LATTN_REDUCTION_SUM, false, 0.0f, -100, 3.43441653f },
    { LATTN_REDUCTION_SUM, false, 0.0f, 1, 1.37774371f },
    { LATTN_REDUCTION_SUM, false, 0.1f, -100, 3.71566653f },
    { LATTN_REDUCTION_SUM, false, 0.1f, 1, 1.66524371f },
    { LATTN_REDUCTION_SUM, true, 0.0f, -100, 4.75165414f },
    { LATTN_REDUCTION_SUM, true, 0.0f, 1, 0.638308493f },
    { LATTN_REDUCTION_SUM, true, 0.1f, -100, 4.95940277f },
    { LATTN_REDUCTION_SUM, true, 0.1f, 1, 1.05364112f },
};

GPU_TEST(cross_entropy, values_of_pytorch)
{
    lattn_tensor *x = logits_of(ctx), *labels = labels_of(ctx, 3, 1, 2);
    lattn_tensor *w = lt_tensor(ctx, 1, (int64_t[]){ CLASSES }, (float[]){ 1, 2, 0.5f, 0.25f });
    for (size_t i = 0; i < sizeof pytorch / sizeof pytorch[0]; i++) {
        lattn_cross_entropy_args args = {
            .class_weights = pytorch[i].weights ? w : NULL,
            .label_smoothing = pytorch[i].smoothing,
            .ignore_index = pytorch[i].ignore_index,
            .has_ignore_index = true,
            .reduction = pytorch[i].reduction,
        };
        lt_expect_near(ctx, lattn_cross_entropy(ctx, x, labels, &args), &pytorch[i].want, 1, 4e-6);
    }
}

GPU_TEST(cross_entropy, two_runs_have_the_same_bits)
{
    enum { N = 3000, V = 26 };
    static int32_t labels[N];
    for (int i = 0; i < N; i++)
        labels[i] = i * 7 % V;
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ N, V });
    lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ N }, labels);
    REQUIRE(x && t);
    EXPECT_OK(lattn_normal_(x, 0, 2));
    static float grad[2][N * V];
    float loss[2];
    for (int k = 0; k < 2; k++)
        run(ctx, x, t, &loss[k], grad[k]);
    EXPECT(memcmp(&loss[0], &loss[1], sizeof loss[0]) == 0);
    EXPECT(memcmp(grad[0], grad[1], sizeof grad[0]) == 0);
}

GPU_TEST(cross_entropy, wrong_arguments_are_refused)
{
    lattn_tensor *x = logits_of(ctx), *labels = labels_of(ctx, 0, 1, 2);
    EXPECT(!lattn_cross_entropy(ctx, x, x, NULL));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "labels are f32, not i32");
    lattn_tensor *two = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 0, 1 });
    EXPECT(!lattn_cross_entropy(ctx, x, two, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "labels are [2]");
    EXPECT(
        !lattn_cross_entropy(ctx, x, labels, &(lattn_cross_entropy_args){ .label_smoothing = 1 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "label_smoothing");
    EXPECT(!lattn_cross_entropy(
        ctx, x, labels, &(lattn_cross_entropy_args){ .reduction = (lattn_reduction) 7 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "7 is no reduction");
    lattn_tensor *w = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 3 });
    EXPECT(!lattn_cross_entropy(ctx, x, labels, &(lattn_cross_entropy_args){ .class_weights = w }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "class weights are [3]");
    lattn_tensor *flat = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 3 });
    EXPECT(!lattn_cross_entropy(ctx, flat, labels, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "logits [3] are not [N, V]");
}

GPU_TEST(bce_with_logits, confident_and_right_is_a_small_loss_not_zero)
{
    lattn_tensor *x = lt_tensor(ctx, 1, (int64_t[]){ 2 }, (float[]){ 20, -1000 });
    lattn_tensor *t = lt_tensor(ctx, 1, (int64_t[]){ 2 }, (float[]){ 1, 1 });
    lattn_tensor *y = lattn_bce_with_logits(ctx, x, t, LATTN_REDUCTION_NONE);
    float got[2] = { 0 };
    REQUIRE(y);
    EXPECT_OK(lattn_tensor_read_f32(y, got, 2));
    EXPECT_NEAR(got[0], 2.0611536e-9, 1e-14);
    EXPECT_NEAR(got[1], 1000, 1e-4);
}

GPU_TEST(mse_loss, shapes_must_agree)
{
    lattn_tensor *a = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 3 });
    lattn_tensor *b = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 1 });
    EXPECT(!lattn_mse_loss(ctx, a, b, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "mse_loss: x [2, 3] and target [2, 1] differ");
}
