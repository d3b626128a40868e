// SPDX-License-Identifier: MIT
//
// What the goldens do not say about losses and norms that are made of other ops: edges and sentences.

#include "harness/harness.h"

static lattn_tensor *zeros(lattn_ctx *ctx, lattn_dtype dtype, int64_t n, int64_t v)
{
    return lattn_zeros(ctx, dtype, v ? 2 : 1, (int64_t[]){ n, v });
}

static double item(lattn_ctx *ctx, lattn_tensor *t)
{
    double v = -1;
    EXPECT_OK(lattn_tensor_item(ctx, t, &v));
    return v;
}

GPU_TEST(class_loss, hinge_of_equal_logits_is_the_margin_of_the_others)
{
    bool half = lattn_ctx_device(ctx)->storage_f16;
    lattn_tensor *x = zeros(ctx, half ? LATTN_DTYPE_F16 : LATTN_DTYPE_F32, 3, 5),
                 *labels = zeros(ctx, LATTN_DTYPE_I32, 3, 0);
    EXPECT_NEAR(item(ctx, lattn_hinge_loss(ctx, x, labels, 1, LATTN_REDUCTION_MEAN)), 4, 1e-6);
    EXPECT_NEAR(item(ctx, lattn_hinge_loss(ctx, x, labels, 2, LATTN_REDUCTION_SUM)), 24, 1e-5);
}

GPU_TEST(class_loss, label_that_is_no_class_shows_as_nan)
{
    lattn_tensor *x = zeros(ctx, LATTN_DTYPE_F32, 2, 5),
                 *labels = zeros(ctx, LATTN_DTYPE_I32, 2, 0);
    EXPECT_OK(lattn_fill_(labels, 5));
    EXPECT(isnan(item(ctx, lattn_hinge_loss(ctx, x, labels, 1, LATTN_REDUCTION_MEAN))));
}

GPU_TEST(class_loss, soft_labels_of_one_class_are_cross_entropy)
{
    const float values[] = { 1, -2, 3, 0.5f }, one[] = { 0, 0, 0, 1 };
    const int64_t dims[] = { 1, 4 };
    lattn_tensor *x = lt_tensor(ctx, 2, dims, values), *t = lt_tensor(ctx, 2, dims, one);
    lattn_tensor *label = zeros(ctx, LATTN_DTYPE_I32, 1, 0);
    EXPECT_OK(lattn_fill_(label, 3));
    double want = item(ctx, lattn_cross_entropy(ctx, x, label, NULL));
    EXPECT_NEAR(item(ctx, lattn_cross_entropy_soft(ctx, x, t, LATTN_REDUCTION_MEAN)), want, 1e-6);
}

GPU_TEST(class_loss, wrong_arguments_are_refused)
{
    lattn_tensor *x = zeros(ctx, LATTN_DTYPE_F32, 2, 5),
                 *labels = zeros(ctx, LATTN_DTYPE_I32, 3, 0);
    EXPECT(!lattn_hinge_loss(ctx, x, labels, 1, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "labels are i32 [3], logits [2, 5] need i32 [2]");
    EXPECT(!lattn_hinge_loss(ctx, x, labels, 0, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_ARG, "margin 0");
    EXPECT(!lattn_hinge_loss(ctx, labels, labels, 1, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "logits are [3], they must be [N, V]");
    lattn_tensor *other = zeros(ctx, LATTN_DTYPE_F32, 2, 4);
    EXPECT(!lattn_cross_entropy_soft(ctx, x, other, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "logits [2, 5] and target [2, 4] differ");
    EXPECT(!lattn_focal_loss(ctx, x, x, 0.25f, -1, LATTN_REDUCTION_MEAN));
    lt_expect_error(ctx, LATTN_ERR_ARG, "gamma = -1");
    EXPECT(!lattn_focal_loss(ctx, x, x, 0.25f, 2, (lattn_reduction) 7));
    lt_expect_error(ctx, LATTN_ERR_ARG, "focal_loss: 7 is no reduction");
}

GPU_TEST(channel_norm, sixteen_bits_and_empty_images)
{
    const int64_t dims[] = { 2, 4, 3, 3 }, none[] = { 0, 4, 3, 3 };
    const lattn_local_response_args args = { .size = 3 };
    static const lattn_dtype dtypes[] = { LATTN_DTYPE_F32, LATTN_DTYPE_F16, LATTN_DTYPE_BF16 };
    for (int i = 0; i < 3; i++) {
        if (i && !lattn_ctx_device(ctx)->storage_f16)
            continue;
        lattn_tensor *x = lattn_zeros(ctx, dtypes[i], 4, dims), *w = zeros(ctx, dtypes[i], 4, 0);
        EXPECT_OK(lattn_fill_(w, 2));
        float want[72];
        for (int k = 0; k < 72; k++)
            want[k] = 2;
        lt_expect_near(ctx, lattn_group_norm(ctx, x, 2, w, w, 1e-5f), want, 72, 0);
        lt_expect_near(ctx, lattn_instance_norm(ctx, x, w, w, 1e-5f), want, 72, 0);
        EXPECT(lattn_local_response_norm(ctx, x, &args));
        lattn_tensor *empty = lattn_zeros(ctx, dtypes[i], 4, none);
        EXPECT(lattn_group_norm(ctx, empty, 2, w, w, 1e-5f));
        EXPECT(lattn_local_response_norm(ctx, empty, &args));
    }
}

GPU_TEST(channel_norm, wrong_arguments_are_refused)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 6, 5 });
    lattn_tensor *w = zeros(ctx, LATTN_DTYPE_F32, 5, 0);
    EXPECT(!lattn_group_norm(ctx, x, 4, NULL, NULL, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "4 groups do not divide the channels of x [2, 6, 5]");
    EXPECT(!lattn_group_norm(ctx, x, 2, w, NULL, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "weight is [5], x [2, 6, 5] needs [6]");
    EXPECT(!lattn_instance_norm(ctx, x, NULL, NULL, -1));
    lt_expect_error(ctx, LATTN_ERR_ARG, "instance_norm: eps = -1");
    EXPECT(!lattn_instance_norm(ctx, zeros(ctx, LATTN_DTYPE_F32, 2, 3), NULL, NULL, 1e-5f));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x is [2, 3], it must have 3 dimensions or more");
    EXPECT(!lattn_local_response_norm(ctx, x, &(lattn_local_response_args){ 0 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "size 0");
    EXPECT(!lattn_rms_norm(ctx, x, NULL, -1));
    lt_expect_error(ctx, LATTN_ERR_ARG, "rms_norm: eps = -1");
}
