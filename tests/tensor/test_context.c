// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

GPU_TEST(context, the_first_error_sticks_until_a_status_is_asked_for)
{
    lattn_tensor *x = lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 });
    EXPECT(lattn_transpose(ctx, x, 0, 5) == NULL);
    EXPECT_CONTAINS(lattn_error(ctx), "transpose: dim 5 is outside [-1, 1)");
    // All mathematics returns NULL meanwhile, and says nothing new.
    EXPECT(lattn_reshape(ctx, x, 1, DIMS(2)) == NULL);
    EXPECT(lattn_zeros(ctx, LATTN_DTYPE_F32, 0, NULL) == NULL);
    EXPECT(lattn_cast(ctx, x, LATTN_DTYPE_I32) == NULL);
    EXPECT(lattn_reshape(ctx, NULL, 1, DIMS(2)) == NULL);
    float v[2];
    EXPECT_STATUS(lattn_tensor_read_f32(x, v, 2), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "transpose: dim 5");
    // Taken once, it is gone.
    EXPECT_OK(lattn_tensor_read_f32(x, v, 2));
    EXPECT(lattn_reshape(ctx, x, 1, DIMS(2)) != NULL);
}

GPU_TEST(context, sentences_start_with_the_module_path)
{
    size_t root = lat_path_push(ctx, "encoder");
    size_t inner = lat_path_push(ctx, "layer.3");
    lat_fail(ctx, LATTN_ERR_SHAPE, "matmul: %d and %d differ", 64, 128);
    lat_path_pop(ctx, inner);
    EXPECT_STR(lat_path_text(ctx), "encoder");
    lat_path_pop(ctx, root);
    EXPECT_STR(lat_path_text(ctx), "");
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "encoder.layer.3: matmul: 64 and 128 differ");
}

GPU_TEST(context, very_long_paths_and_sentences_are_cut)
{
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    for (int i = 0; i < 10; i++)
        lat_path_push(ctx, name);
    char sentence[3000];
    memset(sentence, 'y', sizeof sentence - 1);
    sentence[sizeof sentence - 1] = 0;
    lat_fail(ctx, LATTN_ERR_ARG, "%s", sentence);
    lat_path_pop(ctx, 0);
    EXPECT(strlen(lattn_error(ctx)) < 1024);
    EXPECT_STATUS(lattn_ctx_status(ctx), LATTN_ERR_ARG);
}

GPU_TEST(context, a_failing_status_call_leaves_its_sentence)
{
    lattn_tensor *t;
    EXPECT_STATUS(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(-1), &t), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "shape [-1] has a negative size");
    EXPECT_OK(lattn_ctx_status(ctx));
}

TEST(context, an_unknown_device_is_named)
{
    lattn_ctx *ctx = (lattn_ctx *) &ctx;
    lattn_ctx_params params = { .device = "no such card" };
    lattn_status st = lattn_ctx_create(&params, &ctx);
    EXPECT(st == LATTN_ERR_ARG || st == LATTN_ERR_NO_DEVICE);
    EXPECT(ctx == NULL);
    EXPECT(strlen(lattn_error(NULL)) > 0);
    lattn_ctx_destroy(&ctx);
}

// What a program forgets to release goes with the context, whatever hangs on it.
TEST(context, destroying_frees_retained_tensors_and_histories)
{
    int64_t live = lat_alloc_live();
    lattn_ctx *ctx;
    lattn_status st = lattn_ctx_create(NULL, &ctx);
    if (st == LATTN_ERR_NO_DEVICE)
        return lt_skip("no device");
    REQUIRE(st == LATTN_OK);
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *p, *q;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(100), &p));
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(100), &q));
    EXPECT_OK(lattn_tensor_set_requires_grad(p, true));
    lattn_tensor_retain(lattn_cast(ctx, p, LATTN_DTYPE_F16));
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_ctx_destroy(&ctx);
    lattn_ctx_destroy(&ctx);
    EXPECT_EQ(lat_alloc_live(), live);
}

// Makes a context, uses most of this layer, destroys it.
static lattn_status whole_life(void)
{
    lattn_ctx *ctx;
    lattn_tensor *p = NULL, *y = NULL;
    float v[15];
    LAT_TRY(lattn_ctx_create(NULL, &ctx));
    lattn_status st = lattn_step_begin(ctx);
    if (!st)
        st = lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, DIMS(3, 5), &p);
    if (!st)
        st = lattn_tensor_set_requires_grad(p, true);
    if (!st) {
        lattn_backward_args args = { .grad_output =
                                         lattn_zeros(ctx, LATTN_DTYPE_F32, 2, DIMS(5, 3)) };
        y = lattn_contiguous(ctx, lattn_transpose(ctx, p, 0, 1));
        st = y && args.grad_output ? lattn_backward(ctx, y, &args) : lattn_ctx_status(ctx);
    }
    if (!st)
        st = lattn_tensor_read_f32(lattn_tensor_grad(p), v, 15);
    if (!st)
        st = lattn_step_end(ctx);
    lattn_ctx_destroy(&ctx);
    return st;
}

// Host memory running out anywhere: an error or nothing, no crash, and nothing leaked.
TEST(context, every_host_allocation_may_fail)
{
    if (whole_life())
        return lt_skip("no device");
    int64_t live = lat_alloc_live();
    int64_t before = (int64_t) lat_alloc_count();
    EXPECT_OK(whole_life());
    int64_t total = (int64_t) lat_alloc_count() - before;
    int failures = 0;
    for (int64_t n = 0; n < total; n++) {
        lat_alloc_fail_at(n);
        failures += whole_life() != LATTN_OK;
        lat_alloc_fail_at(-1);
        if (lat_alloc_live() != live)
            lt_fail(__FILE__, __LINE__, "failing allocation %lld of %lld leaks %lld block(s)",
                (long long) n, (long long) total, (long long) (lat_alloc_live() - live));
        live = lat_alloc_live();
    }
    EXPECT(failures > total / 2);
}
