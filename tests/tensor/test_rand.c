// SPDX-License-Identifier: MIT

#include "base/rng.h"
#include "harness/harness.h"
#include "tensor/tensor.h"

enum { N = 4099 };

static void words_of(lattn_rng_state state, uint32_t op, int64_t element, uint32_t words[4])
{
    uint32_t key[2];
    lat_philox_key(state.seed, state.step, key);
    const uint32_t counter[4] = { (uint32_t) (element / 4), 0, op, 0 };
    lat_philox(key, counter, words);
}

GPU_TEST(rand, uniform_is_philox_of_seed_step_op_and_element)
{
    lattn_rng_state state = { .seed = 0x123456789abcdefull, .step = 77, .op = 5 };
    lattn_rng_set(ctx, state);
    int64_t n = N;
    static float v[N];
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_OK(lattn_uniform_(t, 0, 1));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    int wrong = 0;
    for (int64_t i = 0; i < N; i++) {
        uint32_t words[4];
        words_of(state, 5, i, words);
        wrong += v[i] != lat_philox_uniform(words[i % 4]);
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(lattn_rng_get(ctx).op, 6);
}

GPU_TEST(rand, bernoulli_is_a_threshold_on_the_words)
{
    int64_t n = N;
    static float v[N];
    lattn_rng_state state = lattn_rng_get(ctx);
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_OK(lattn_bernoulli_(t, 0.3f));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    int wrong = 0, ones = 0;
    for (int64_t i = 0; i < N; i++) {
        uint32_t words[4];
        words_of(state, state.op, i, words);
        wrong += v[i] != (words[i % 4] < (uint32_t) ((double) 0.3f * 0x1p32));
        ones += v[i] == 1;
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_NEAR(ones / (double) N, 0.3, 0.03);
    EXPECT_OK(lattn_bernoulli_(t, 1));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    for (int i = 0; i < N; i++)
        EXPECT(v[i] == 1);
}

static void moments(const float *v, double *mean, double *std)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        sum += v[i];
        squares += (double) v[i] * v[i];
    }
    *mean = sum / N;
    *std = sqrt(squares / N - *mean * *mean);
}

GPU_TEST(rand, normal_and_truncated_normal_have_their_moments)
{
    int64_t n = N;
    static float v[N];
    double mean, std;
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_OK(lattn_normal_(t, 3, 2));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    moments(v, &mean, &std);
    EXPECT_NEAR(mean, 3, 0.15);
    EXPECT_NEAR(std, 2, 0.1);

    EXPECT_OK(lattn_trunc_normal_(t, 0, 1, -2, 2));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    moments(v, &mean, &std);
    EXPECT_NEAR(mean, 0, 0.06);
    EXPECT_NEAR(std, 0.8796, 0.04);
    for (int i = 0; i < N; i++)
        EXPECT(v[i] >= -2 && v[i] <= 2);
}

// Quantiles of the truncated normal against the distribution function.
GPU_TEST(rand, truncated_normal_inverts_the_distribution_function)
{
    int64_t n = N;
    static float v[N];
    lattn_rng_state state = lattn_rng_get(ctx);
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_OK(lattn_trunc_normal_(t, 0.5f, 0.02f, 0.46f, 0.54f));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    double lo = erf(-2 / sqrt(2)), hi = erf(2 / sqrt(2));
    for (int64_t i = 0; i < N; i++) {
        uint32_t words[4];
        words_of(state, state.op, i, words);
        double u = (words[i % 4] >> 8) + 0.5;
        double z = ((double) v[i] - 0.5) / 0.02;
        EXPECT_NEAR((erf(z / sqrt(2)) - lo) / (hi - lo), u * 0x1p-24, 2e-5);
    }
}

GPU_TEST(rand, every_element_is_the_same_whatever_strides_dtype_or_cut)
{
    lattn_rng_state state = lattn_rng_get(ctx);
    static float a[N], b[N];
    int64_t n = N, back[2] = { 1, N }, over[2] = { N, 1 };
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_OK(lattn_uniform_(t, -1, 1));
    EXPECT_OK(lattn_tensor_read_f32(t, a, N));

    // every second element of something larger
    int64_t twice = 2 * N;
    lattn_rng_set(ctx, state);
    lattn_tensor *wide = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &twice);
    lattn_tensor *every = lattn_slice(ctx, wide, 0, 1, twice, 2);
    EXPECT_OK(lattn_uniform_(every, -1, 1));
    EXPECT_OK(lattn_tensor_read_f32(every, b, N));
    EXPECT(memcmp(a, b, sizeof a) == 0);

    // cut into runs
    uint64_t before = ctx->dev->caps.max_binding_bytes;
    ctx->dev->caps.max_binding_bytes = 4096;
    lattn_rng_set(ctx, state);
    lattn_tensor *cut = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, back);
    EXPECT_OK(lattn_uniform_(cut, -1, 1));
    ctx->dev->caps.max_binding_bytes = before;
    EXPECT_OK(lattn_tensor_read_f32(lattn_reshape(ctx, cut, 2, over), b, N));
    EXPECT(memcmp(a, b, sizeof a) == 0);

    if (lat_dtype_check(ctx, LATTN_DTYPE_BF16))
        return;
    lattn_rng_set(ctx, state);
    lattn_tensor *h = lattn_zeros(ctx, LATTN_DTYPE_BF16, 1, &n);
    EXPECT_OK(lattn_uniform_(h, -1, 1));
    EXPECT_OK(lattn_tensor_read_f32(h, b, N));
    for (int i = 0; i < N; i++)
        EXPECT(b[i] == lat_f32_from_bf16(lat_bf16_from_f32(a[i])));
}

GPU_TEST(rand, steps_and_ops_give_different_numbers)
{
    int64_t n = 8;
    float a[8], b[8];
    lattn_tensor *t;
    REQUIRE(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, &n, &t) == LATTN_OK);
    EXPECT_OK(lattn_uniform_(t, 0, 1));
    EXPECT_OK(lattn_tensor_read_f32(t, a, n));
    EXPECT_OK(lattn_uniform_(t, 0, 1));
    EXPECT_OK(lattn_tensor_read_f32(t, b, n));
    EXPECT(memcmp(a, b, sizeof a) != 0);
    lattn_rng_state state = lattn_rng_get(ctx);
    state.step++;
    state.op = 0;
    lattn_rng_set(ctx, state);
    EXPECT_OK(lattn_uniform_(t, 0, 1));
    EXPECT_OK(lattn_tensor_read_f32(t, b, n));
    EXPECT(memcmp(a, b, sizeof a) != 0);
    lattn_tensor_release(&t);
}

GPU_TEST(rand, bounds_are_checked_and_kept)
{
    int64_t n = N;
    static float v[N];
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, &n);
    EXPECT_STATUS(lattn_uniform_(t, 1, 0), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_normal_(t, 0, -1), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_bernoulli_(t, 1.5f), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_trunc_normal_(t, 0, 0, -1, 1), LATTN_ERR_ARG);
    // hi - lo rounds so that lo + 0.99999994 * (hi - lo) would reach hi
    EXPECT_OK(lattn_uniform_(t, 1, 1.0000001f));
    EXPECT_OK(lattn_tensor_read_f32(t, v, N));
    for (int i = 0; i < N; i++)
        EXPECT(v[i] == 1);
}

GPU_TEST(rand, numbers_that_are_not_finite_are_refused)
{
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 4 });
    const float bad[] = { NAN, INFINITY, -INFINITY };
    for (int i = 0; i < 3; i++) {
        EXPECT_STATUS(lattn_normal_(t, 0, bad[i]), LATTN_ERR_ARG);
        EXPECT_STATUS(lattn_normal_(t, bad[i], 1), LATTN_ERR_ARG);
        EXPECT_STATUS(lattn_trunc_normal_(t, 0, bad[i], -1, 1), LATTN_ERR_ARG);
        EXPECT_STATUS(lattn_trunc_normal_(t, bad[i], 1, -1, 1), LATTN_ERR_ARG);
        EXPECT_STATUS(lattn_uniform_(t, bad[i], 1), LATTN_ERR_ARG);
        EXPECT_STATUS(lattn_uniform_(t, 0, bad[i]), LATTN_ERR_ARG);
        EXPECT_STATUS(lattn_bernoulli_(t, bad[i]), LATTN_ERR_ARG);
    }
    EXPECT_STATUS(lattn_normal_(t, 0, INFINITY), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "std inf");
    EXPECT_STATUS(lattn_uniform_(t, -3e38f, 3e38f), LATTN_ERR_ARG);  // hi - lo overflows
    lt_expect_near(ctx, t, ((float[]){ 0, 0, 0, 0 }), 4, 0);
    // A tail may be open.
    EXPECT_OK(lattn_trunc_normal_(t, 0, 1, 0, INFINITY));
}
