// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

GPU_TEST(step, retained_results_outlive_their_step)
{
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *x = lt_tensor(ctx, 1, DIMS(3), (float[]){ 1, 2, 3 });
    lattn_tensor *kept =
        lattn_tensor_retain(lattn_contiguous(ctx, lattn_slice(ctx, x, 0, 0, 3, 2)));
    EXPECT_EQ(kept->refs, 2);
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_EQ(kept->refs, 1);
    lt_expect_near(ctx, kept, ((float[]){ 1, 3 }), 2, 0);
    lattn_tensor_release(&kept);
    EXPECT(kept == NULL);
    lattn_tensor_release(&kept);
}

GPU_TEST(step, a_retained_view_keeps_the_memory)
{
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *x = lt_tensor(ctx, 1, DIMS(3), (float[]){ 1, 2, 3 });
    lattn_tensor *kept = lattn_tensor_retain(lattn_slice(ctx, x, 0, 1, 3, 1));
    EXPECT_OK(lattn_step_end(ctx));
    for (int i = 0; i < 3; i++) {  // other work that would take freed memory
        EXPECT_OK(lattn_step_begin(ctx));
        lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(3), -9);
        EXPECT_OK(lattn_step_end(ctx));
    }
    lt_expect_near(ctx, kept, ((float[]){ 2, 3 }), 2, 0);
    lattn_tensor_release(&kept);
}

GPU_TEST(step, inner_steps_release_only_their_own)
{
    size_t n = ctx->step.n;
    lattn_tensor *outer = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(2));
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(2));
    lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(2));
    EXPECT_EQ(ctx->step.n, n + 3);
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_EQ(ctx->step.n, n + 1);
    lt_expect_near(ctx, outer, ((float[]){ 0, 0 }), 2, 0);
}

GPU_TEST(step, the_random_stream_advances_at_the_outermost_end_only)
{
    // The harness has a step open, so this one is an inner one.
    lattn_rng_state before = lattn_rng_get(ctx);
    EXPECT_OK(lattn_step_begin(ctx));
    EXPECT_OK(lattn_uniform_(lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(4)), 0, 1));
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_EQ(lattn_rng_get(ctx).step, before.step);
    EXPECT_EQ(lattn_rng_get(ctx).op, before.op + 1);
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_EQ(lattn_rng_get(ctx).step, before.step + 1);
    EXPECT_EQ(lattn_rng_get(ctx).op, 0);
    EXPECT_OK(lattn_step_begin(ctx));
}

GPU_TEST(step, ending_too_often_is_an_error)
{
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_STATUS(lattn_step_end(ctx), LATTN_ERR_STATE);
    EXPECT_OK(lattn_step_begin(ctx));
}

GPU_TEST(step, ending_a_step_returns_the_kept_error_and_still_ends)
{
    size_t marks = ctx->marks.n;
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(2));
    lattn_reshape(ctx, x, 1, DIMS(3));
    EXPECT_STATUS(lattn_step_end(ctx), LATTN_ERR_SHAPE);
    EXPECT_EQ(ctx->marks.n, marks);
}

static void eager_step(lattn_ctx *ctx, lattn_tensor *p, lattn_dtype narrow)
{
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *y = lattn_contiguous(ctx, lattn_transpose(ctx, p, 0, 1));
    y = lattn_cast(ctx, y, narrow);
    lattn_backward_args args = { .grad_output = lattn_full(ctx, narrow, 2, DIMS(64, 64), 2) };
    EXPECT_OK(lattn_backward(ctx, y, &args));
    lattn_tensor_zero_grad(p);
    EXPECT_OK(lattn_step_end(ctx));
}

static bool allocated_nothing(const lattn_stats *a, const lattn_stats *b)
{
    return a->device_allocations == b->device_allocations &&
           a->slice_allocations == b->slice_allocations &&
           a->pipelines_created == b->pipelines_created && a->waits == b->waits &&
           a->host_allocations == b->host_allocations;
}

// A loop of eager steps reaches a steady state: no device memory, no slices, no host memory. How soon
// depends on how many submissions a busy machine lets pile up, so there are several rounds.
GPU_TEST(step, a_steady_loop_allocates_nothing)
{
    enum { ROUNDS = 8, STEPS = 4 };
    if (ctx->guards)
        return lt_skip("guard bands are memory of their own");
    lattn_tensor *p;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, DIMS(64, 64), &p));
    EXPECT_OK(lattn_tensor_set_requires_grad(p, true));
    EXPECT_OK(lattn_step_end(ctx));
    lattn_dtype narrow = lattn_ctx_device(ctx)->storage_f16 ? LATTN_DTYPE_F16 : LATTN_DTYPE_F32;
    bool steady = false;
    for (int round = 0; round < ROUNDS && !steady; round++) {
        EXPECT_OK(lattn_sync(ctx));
        lattn_stats before = lattn_ctx_stats(ctx);
        for (int i = 0; i < STEPS; i++)
            eager_step(ctx, p, narrow);
        lattn_stats after = lattn_ctx_stats(ctx);
        steady = allocated_nothing(&before, &after);
    }
    EXPECT(steady);
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor_release(&p);
}
