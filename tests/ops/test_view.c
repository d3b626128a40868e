// SPDX-License-Identifier: MIT
//
// Beside the op table: bad arguments of views, cast and concat, and what must not copy.

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

GPU_TEST(view, bad_arguments_are_sentences)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, DIMS(2, 3));
    EXPECT(!lattn_reshape(ctx, x, 2, DIMS(4, -1)));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "reshape: [2, 3] has 6 elements and cannot become [4, -1]");
    EXPECT(!lattn_reshape(ctx, x, 2, DIMS(-1, -1)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, NULL);
    EXPECT(!lattn_reshape(ctx, x, 2, DIMS(INT64_MAX, INT64_MAX)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, NULL);
    EXPECT(!lattn_reshape(ctx, x, 9, DIMS(1, 1, 1, 1, 1, 1, 1, 2, 3)));
    lt_expect_error(ctx, LATTN_ERR_ARG, "rank 9");
    EXPECT(!lattn_permute(ctx, x, (int[]){ 1, 1 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "names a dimension of [2, 3] twice");
    EXPECT(!lattn_slice(ctx, x, 0, 0, 1, 0));
    lt_expect_error(ctx, LATTN_ERR_ARG, "step 0");
    EXPECT(!lattn_select(ctx, x, 1, 3));
    lt_expect_error(ctx, LATTN_ERR_ARG, "index 3 is outside [-3, 3)");
    EXPECT(!lattn_expand(ctx, x, 2, DIMS(4, 3)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "[2, 3] does not broadcast to [4, 3]");
    EXPECT(!lattn_expand(ctx, x, 1, DIMS(3)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, NULL);
    EXPECT(!lattn_cast(ctx, x, (lattn_dtype) 77));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "77 is no dtype");
}

GPU_TEST(view, views_share_memory)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, DIMS(2, 3, 4));
    EXPECT(lattn_reshape(ctx, x, 2, DIMS(6, 4))->storage == x->storage);
    EXPECT(lattn_transpose(ctx, x, 0, 2)->storage == x->storage);
    EXPECT(lattn_slice(ctx, x, 2, 1, 4, 2)->storage == x->storage);
    EXPECT(lattn_select(ctx, x, 1, -1)->storage == x->storage);
    // A transposed matrix can be split along either side, but not be joined.
    lattn_tensor *t = lattn_transpose(ctx, lattn_reshape(ctx, x, 2, DIMS(4, 6)), 0, 1);
    EXPECT(lattn_reshape(ctx, t, 3, DIMS(2, 3, 4))->storage == x->storage);
    EXPECT(lattn_reshape(ctx, t, 1, DIMS(24))->storage != x->storage);
    EXPECT(lattn_contiguous(ctx, x) == x && lattn_cast(ctx, x, LATTN_DTYPE_F32) == x);
}

GPU_TEST(view, concat_of_many_and_of_mismatches)
{
    enum { N = 40 };
    lattn_tensor *xs[N];
    float want[N];
    for (int i = 0; i < N; i++) {
        want[i] = (float) i;
        xs[i] = lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(1), i);
    }
    lt_expect_near(ctx, lattn_concat(ctx, xs, N, 0), want, N, 0);
    EXPECT(!lattn_concat(ctx, xs, 0, 0));
    lt_expect_error(ctx, LATTN_ERR_ARG, "0 tensors");
    xs[1] = lattn_zeros(ctx, LATTN_DTYPE_I32, 1, DIMS(1));
    EXPECT(!lattn_concat(ctx, xs, 2, 0));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "input 1 is i32 [1]");
    xs[1] = NULL;
    EXPECT(!lattn_concat(ctx, xs, 2, 0));
    EXPECT_OK(lattn_ctx_status(ctx));
}
