// SPDX-License-Identifier: MIT

#include "harness/harness.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

static void expect_print(const char *name, lattn_tensor *t, const char *want)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    EXPECT_OK(lattn_tensor_print(to, name, t));
    fclose(to);
    EXPECT_STR(text, want);
    free(text);
}

GPU_TEST(print, nests_brackets)
{
    lattn_tensor *t = lattn_from_i32(ctx, 3, DIMS(2, 2, 2), (int32_t[]){ 1, 2, 3, 4, 5, 6, 7, -8 });
    expect_print("t", t, "t: i32 [2, 2, 2]\n[[[1, 2],\n  [3, 4]],\n [[5, 6],\n  [7, -8]]]\n");
    expect_print(NULL, lattn_full(ctx, LATTN_DTYPE_F32, 0, NULL, 0.5), "f32 []\n0.5\n");
    expect_print("e", lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(0)), "e: f32 [0]\n[]\n");
}

GPU_TEST(print, shortens_long_dimensions_and_follows_strides)
{
    int32_t v[16];
    for (int i = 0; i < 16; i++)
        v[i] = i;
    lattn_tensor *t = lattn_from_i32(ctx, 2, DIMS(8, 2), v);
    expect_print("t", lattn_transpose(ctx, t, 0, 1),
        "t: i32 [2, 8]\n[[0, 2, 4, ..., 10, 12, 14],\n [1, 3, 5, ..., 11, 13, 15]]\n");
}
