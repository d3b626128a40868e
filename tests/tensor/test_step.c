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

// A loop of eager steps reaches a steady state: no device memory, no slices, no host memory.
GPU_TEST(step, a_steady_loop_allocates_nothing)
{
    if (ctx->guards)
        return lt_skip("guard bands are memory of their own");
    lattn_tensor *p;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, DIMS(64, 64), &p));
    EXPECT_OK(lattn_tensor_set_requires_grad(p, true));
    EXPECT_OK(lattn_step_end(ctx));
    lattn_dtype narrow = lattn_ctx_device(ctx)->storage_f16 ? LATTN_DTYPE_F16 : LATTN_DTYPE_F32;
    lattn_stats before = { 0 }, after;
    for (int i = 0; i < 12; i++) {
        if (i == 8) {  // as many submissions as were in flight before can be again
            EXPECT_OK(lattn_sync(ctx));
            before = lattn_ctx_stats(ctx);
        }
        EXPECT_OK(lattn_step_begin(ctx));
        lattn_tensor *y = lattn_contiguous(ctx, lattn_transpose(ctx, p, 0, 1));
        y = lattn_cast(ctx, y, narrow);
        lattn_backward_args args = { .grad_output = lattn_full(ctx, narrow, 2, DIMS(64, 64), 2) };
        EXPECT_OK(lattn_backward(ctx, y, &args));
        lattn_tensor_zero_grad(p);
        EXPECT_OK(lattn_step_end(ctx));
    }
    after = lattn_ctx_stats(ctx);
    EXPECT_EQ(after.device_allocations, before.device_allocations);
    EXPECT_EQ(after.slice_allocations, before.slice_allocations);
    EXPECT_EQ(after.pipelines_created, before.pipelines_created);
    EXPECT_EQ(after.waits, before.waits);
    EXPECT_EQ(after.host_allocations, before.host_allocations);
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor_release(&p);
}
