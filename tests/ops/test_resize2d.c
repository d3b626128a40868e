// SPDX-License-Identifier: MIT
//
// Sentences of pad2d, upsample2d and pixel_shuffle.

#include "harness/harness.h"

GPU_TEST(resize2d, wrong_arguments_are_refused)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 2, 6, 4, 5 });
    const lattn_pad2d_args mirror = { .before = { 4, 0 }, .mode = LATTN_PAD_REFLECT };
    EXPECT(!lattn_pad2d(ctx, x, &mirror));
    lt_expect_error(
        ctx, LATTN_ERR_ARG, "pad2d: height padding 4, 0 of x [2, 6, 4, 5] is outside [0, 3]");
    EXPECT(!lattn_pad2d(ctx, x, &(lattn_pad2d_args){ .after = { 0, -1 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "width padding 0, -1");
    EXPECT(!lattn_pad2d(ctx, x, &(lattn_pad2d_args){ .mode = (lattn_pad_mode) 9 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "9 is no mode");
    EXPECT(!lattn_upsample2d(ctx, x, &(lattn_upsample2d_args){ .height = 4 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "width 0 from x [2, 6, 4, 5] is outside");
    EXPECT(!lattn_upsample2d(ctx, x, &(lattn_upsample2d_args){ 8, 8, .align_corners = true }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "align_corners is for bilinear");
    EXPECT(!lattn_pixel_shuffle(ctx, x, 2));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x is [2, 6, 4, 5]");
    EXPECT(!lattn_pixel_shuffle(ctx, x, 0));
    lt_expect_error(ctx, LATTN_ERR_ARG, "factor 0");
    lattn_tensor *flat = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 4, 5 });
    EXPECT(!lattn_pad2d(ctx, flat, &(lattn_pad2d_args){ .value = 1 }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "pad2d: x is [4, 5], it must be [N, C, H, W]");
}
