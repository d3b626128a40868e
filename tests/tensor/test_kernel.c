// SPDX-License-Identifier: MIT
//
// What lat_kernel_run does around a shader, with the shaders of prim.c: limits of the shared device
// are lowered while a test runs.

#include "harness/harness.h"
#include "lat_shaders.h"
#include "tensor/accumulate.abi.h"
#include "tensor/kernel.h"

static lattn_tensor *ramp(lattn_ctx *ctx, int64_t n, float step)
{
    float *v = malloc((size_t) n * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float) (i % 4093) * step;
    lattn_tensor *t = lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, &n, v);
    free(v);
    return t;
}

// y = a + b for two ramps, however it is cut.
static void expect_sum(lattn_ctx *ctx, int64_t n)
{
    lattn_tensor *a = ramp(ctx, n, 1), *b = ramp(ctx, n, 0.5f);
    lattn_tensor *y = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    REQUIRE(a && b && y);
    EXPECT_OK(lat_prim_add(y, a, b));
    float *v = malloc((size_t) n * sizeof *v);
    EXPECT_OK(lattn_tensor_read_f32(y, v, n));
    int64_t wrong = 0;
    for (int64_t i = 0; i < n; i++)
        wrong += v[i] != (float) (i % 4093) * 1.5f;
    EXPECT_EQ(wrong, 0);
    free(v);
}

GPU_TEST(kernel, long_bindings_are_cut)
{
    struct lat_caps *caps = &ctx->dev->caps;
    uint64_t before = caps->max_binding_bytes, dispatches = lattn_ctx_stats(ctx).dispatches;
    caps->max_binding_bytes = 65536;
    expect_sum(ctx, 100003);
    caps->max_binding_bytes = before;
    // 400,012 bytes in runs of at most 65,536 that are whole workgroups
    EXPECT(lattn_ctx_stats(ctx).dispatches - dispatches >= 7);
}

static void expect_cut_copies(lattn_ctx *ctx)
{
    EXPECT_OK(lattn_step_begin(ctx));
    expect_sum(ctx, 100003);
    // A transposed copy of a matrix of several bindings, back and forth.
    int64_t n = 300 * 301;
    lattn_tensor *m = lattn_reshape(ctx, ramp(ctx, n, 1), 2, (int64_t[]){ 300, 301 });
    lattn_tensor *t = lattn_contiguous(ctx, lattn_transpose(ctx, m, 0, 1));
    lattn_tensor *back = lattn_contiguous(ctx, lattn_transpose(ctx, t, 0, 1));
    float *v = malloc((size_t) n * sizeof *v);
    EXPECT_OK(lattn_tensor_read_f32(t, v, n));
    EXPECT(v[1] == 301 && v[300] == 1);
    EXPECT_OK(lattn_tensor_read_f32(back, v, n));
    int64_t wrong = 0;
    for (int64_t i = 0; i < n; i++)
        wrong += v[i] != (float) (i % 4093);
    EXPECT_EQ(wrong, 0);
    free(v);
    EXPECT_OK(lattn_step_end(ctx));
}

GPU_TEST(kernel, the_limit_profile_of_the_environment_gives_the_same)
{
    (void) ctx;
    lattn_ctx *small = lt_short_bindings(65536);
    REQUIRE(small);
    EXPECT_EQ(lat_caps(small)->max_binding_bytes, 65536);
    expect_cut_copies(small);
    lattn_ctx_destroy(&small);
}

GPU_TEST(kernel, many_workgroups_are_folded)
{
    uint32_t *max = ctx->dev->caps.max_groups, before = max[0];
    max[0] = 7;
    expect_sum(ctx, 100003);  // 98 groups: 14 rows of 7
    max[0] = 97;
    expect_sum(ctx, 100003);  // 2 rows of 49
    max[0] = before;
}

GPU_TEST(kernel, too_many_workgroups_are_refused)
{
    uint32_t *max = ctx->dev->caps.max_groups, x = max[0], y = max[1];
    max[0] = max[1] = 1;
    int64_t n = 100003;
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_STATUS(lat_prim_add(t, t, t), LATTN_ERR_UNSUPPORTED);
    max[0] = x;
    max[1] = y;
}

GPU_TEST(kernel, views_off_the_alignment_are_copied_and_copied_back)
{
    enum { N = 50 };
    for (int64_t at = 0; at < 5; at++) {
        lattn_tensor *whole = ramp(ctx, N, 1);
        lattn_tensor *part = lattn_slice(ctx, whole, 0, at, at + 40, 1);
        EXPECT_OK(lattn_add_(part, part));
        float v[N];
        EXPECT_OK(lattn_tensor_read_f32(whole, v, N));
        for (int i = 0; i < N; i++)
            EXPECT(v[i] == (float) (i >= at && i < at + 40 ? 2 * i : i));
    }
}

GPU_TEST(kernel, a_coarse_alignment_changes_nothing)
{
    uint32_t *align = &ctx->dev->caps.buffer_alignment, before = *align;
    *align = 256;
    enum { N = 600 };
    lattn_tensor *whole = ramp(ctx, N, 1);
    lattn_tensor *odd = lattn_slice(ctx, whole, 0, 33, N, 7);
    float v[N];
    EXPECT_OK(lattn_tensor_read_f32(odd, v, lattn_tensor_numel(odd)));
    for (int64_t i = 0; i < lattn_tensor_numel(odd); i++)
        EXPECT(v[i] == (float) (33 + 7 * i));
    *align = before;
}

GPU_TEST(kernel, a_kernel_that_cannot_be_cut_says_so)
{
    int64_t n = 100003;
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    struct accumulate_push push = { .n = (uint32_t) n };
    struct lat_kernel k = {
        .shader = &lat_shader_accumulate,
        .t = LATTN_DTYPE_F32,
        .u = LAT_NO_DTYPE,
        .read = { t, t },
        .n_read = 2,
        .write = { t },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = 98,
    };
    uint64_t before = ctx->dev->caps.max_binding_bytes;
    ctx->dev->caps.max_binding_bytes = 65536;
    EXPECT_STATUS(lat_kernel_run(ctx, &k), LATTN_ERR_UNSUPPORTED);
    EXPECT_CONTAINS(lattn_error(ctx), "binding 0 has 400012 bytes");
    ctx->dev->caps.max_binding_bytes = before;
    k.t = 12;
    EXPECT_STATUS(lat_kernel_run(ctx, &k), LATTN_ERR_UNSUPPORTED);
}

// ---- guards -------------------------------------------------------------------------------------

// Adds n + extra elements of a tensor of n.
static lattn_status overrun(lattn_ctx *ctx, lattn_tensor *t, uint32_t extra)
{
    struct accumulate_push push = { .n = (uint32_t) lat_numel(t) + extra };
    struct lat_kernel k = {
        .shader = &lat_shader_accumulate,
        .t = (int) t->dtype,
        .u = LAT_NO_DTYPE,
        .read = { ctx->dummy, ctx->dummy },
        .n_read = 2,
        .write = { t },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .groups = 1,
    };
    return lat_kernel_run(ctx, &k);
}

TEST(kernel, guards_find_a_store_behind_the_end)
{
    setenv("LATTN_CHECK", "guard", 1);
    lattn_ctx *ctx = NULL;
    lattn_status st = lattn_ctx_create(NULL, &ctx);
    unsetenv("LATTN_CHECK");
    if (st == LATTN_ERR_NO_DEVICE)
        return lt_skip("no device");
    REQUIRE(st == LATTN_OK);
    for (int dtype = 0; dtype <= LATTN_DTYPE_U8; dtype++) {
        if (lat_dtype_check(ctx, (lattn_dtype) dtype))
            continue;
        for (int64_t n = 5; n < 8; n++) {
            EXPECT_OK(lattn_step_begin(ctx));
            lattn_tensor *t = lattn_full(ctx, (lattn_dtype) dtype, 1, &n, 1);
            EXPECT_OK(overrun(ctx, t, 0));
            EXPECT_OK(lat_guard_check(ctx));
            t = lattn_full(ctx, (lattn_dtype) dtype, 1, &n, 1);
            EXPECT_OK(overrun(ctx, t, 1));
            EXPECT_STATUS(lattn_step_end(ctx), LATTN_ERR_INTERNAL);
            EXPECT_CONTAINS(lattn_error(ctx), "guard: byte 0 behind a tensor");
        }
    }
    // The host's writes of odd lengths respect the bands, and so do copies and random numbers.
    if (!lat_dtype_check(ctx, LATTN_DTYPE_U8) && !lat_dtype_check(ctx, LATTN_DTYPE_F16)) {
        EXPECT_OK(lattn_step_begin(ctx));
        int64_t n = 7;
        lattn_tensor *u = lattn_full(ctx, LATTN_DTYPE_U8, 1, &n, 3);
        EXPECT_OK(lattn_tensor_write(u, "1234567", 7));
        lattn_tensor *h = lattn_cast(ctx, u, LATTN_DTYPE_F16);
        EXPECT_OK(lattn_uniform_(h, 0, 1));
        EXPECT(lattn_contiguous(ctx, lattn_slice(ctx, h, 0, 1, 6, 2)));
        EXPECT_OK(lattn_step_end(ctx));
    }
    lattn_ctx_destroy(&ctx);
}
