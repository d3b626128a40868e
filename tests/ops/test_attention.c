// SPDX-License-Identifier: MIT
//
// attention where the table of cases does not reach: against the unfused form, projections read in
// place, how much is dropped, memory, refused arguments.

#include "harness/harness.h"

enum { B = 2, H = 4, HK = 2, T = 19, S = 23, D = 12, N_Q = B * H * T * D, N_K = B * HK * S * D };

static lattn_tensor *normal(lattn_ctx *ctx, int64_t b, int64_t h, int64_t t, int64_t d)
{
    int64_t dims[] = { b, h, t, d };
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, dims);
    return x && !lattn_normal_(x, 0, 1) ? x : NULL;
}

static void read(lattn_tensor *t, float *v, int64_t n)
{
    EXPECT(t != NULL);
    if (t)
        EXPECT_OK(lattn_tensor_read_f32(t, v, n));
}

static double largest_difference(const float *a, const float *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double difference = fabs((double) a[i] - (double) b[i]);
        worst = difference <= worst ? worst : difference;  // NaN is large
    }
    return worst;
}

// ---- against the unfused form -----------------------------------------------------------------------

// Result and gradients of one form for the same inputs.
struct outcome {
    float out[N_Q], dq[N_Q], dk[N_K], dv[N_K];
};

static void apply(lattn_ctx *ctx, lattn_tensor *const qkv[3], const lattn_attention_args *args,
    bool fused, struct outcome *o)
{
    lattn_tensor *y = fused ? lattn_attention(ctx, qkv[0], qkv[1], qkv[2], args)
                            : lattn_attention_unfused(ctx, qkv[0], qkv[1], qkv[2], args, NULL);
    lattn_tensor *g = lattn_full(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ B, H, T, D }, 0.5),
                 *grads[3] = { NULL };
    REQUIRE(y && g);
    y = lattn_mul(ctx, y, y);
    EXPECT_OK(lattn_grad(ctx, &y, &g, 1, qkv, 3, false, grads));
    read(y, o->out, N_Q);
    read(grads[0], o->dq, N_Q);
    read(grads[1], o->dk, N_K);
    read(grads[2], o->dv, N_K);
}

GPU_TEST(attention, agrees_with_the_unfused_form)
{
    lattn_tensor *qkv[] = { normal(ctx, B, H, T, D), normal(ctx, B, HK, S, D),
        normal(ctx, B, HK, S, D) };
    REQUIRE(qkv[0] && qkv[1] && qkv[2]);
    for (int i = 0; i < 3; i++)
        EXPECT_OK(lattn_tensor_set_requires_grad(qkv[i], true));
    lattn_attention_args args = {
        .mask = normal(ctx, 1, H, T, S),
        .key_lengths = lattn_from_i32(ctx, 1, (int64_t[]){ B }, (int32_t[]){ 17, 0 }),
        .causal = true,
        .alibi = true,
        .window = 9,
    };
    static struct outcome fused, unfused;
    apply(ctx, qkv, &args, true, &fused);
    apply(ctx, qkv, &args, false, &unfused);
    EXPECT_NEAR(largest_difference(fused.out, unfused.out, N_Q), 0, 1e-5);
    EXPECT_NEAR(largest_difference(fused.dq, unfused.dq, N_Q), 0, 2e-5);
    EXPECT_NEAR(largest_difference(fused.dk, unfused.dk, N_K), 0, 5e-5);
    EXPECT_NEAR(largest_difference(fused.dv, unfused.dv, N_K), 0, 5e-5);
}

GPU_TEST(attention, unfused_weights_of_a_query_sum_to_one)
{
    lattn_tensor *weights = NULL;
    lattn_tensor *y = lattn_attention_unfused(ctx, normal(ctx, B, H, T, D),
        normal(ctx, B, HK, S, D), normal(ctx, B, HK, S, D), NULL, &weights);
    REQUIRE(y && weights);
    EXPECT_EQ(lattn_tensor_dim(weights, 3), S);
    float sums[B * H * T], ones[B * H * T];
    read(lattn_sum(ctx, weights, (int[]){ 3 }, 1, false), sums, B * H * T);
    for (int i = 0; i < B * H * T; i++)
        ones[i] = 1;
    EXPECT_NEAR(largest_difference(sums, ones, B * H * T), 0, 1e-5);
}

// ---- projections ------------------------------------------------------------------------------------

GPU_TEST(attention, heads_of_a_projection_are_read_in_place)
{
    lattn_tensor *packed = normal(ctx, B, T, H, D);  // [B, T, H * D] as a projection gives it
    lattn_tensor *q = lattn_transpose(ctx, packed, 1, 2), *copy = lattn_contiguous(ctx, q);
    REQUIRE(q && copy);
    EXPECT_OK(lattn_sync(ctx));
    uint64_t before = lattn_ctx_stats(ctx).dispatches;
    lattn_tensor *y = lattn_attention(ctx, q, q, q, NULL);
    lattn_tensor *joined =
        lattn_reshape(ctx, lattn_transpose(ctx, y, 1, 2), 3, (int64_t[]){ B, T, H * D });
    EXPECT_OK(lattn_sync(ctx));
    EXPECT_EQ(lattn_ctx_stats(ctx).dispatches - before, 1);

    static float got[N_Q], want[N_Q];
    read(joined, got, N_Q);
    read(lattn_transpose(ctx, lattn_attention(ctx, copy, copy, copy, NULL), 1, 2), want, N_Q);
    EXPECT_EQ(memcmp(got, want, sizeof got), 0);
}

// ---- dropout ------------------------------------------------------------------------------------------

// With equal scores and values of one a query's result is the share of kept weights / (1 - p).
static double kept_share(lattn_ctx *ctx, float p)
{
    enum { LONG = 128, QUERIES = 64 };
    lattn_tensor *q = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 2, QUERIES, 1 });
    lattn_tensor *v = lattn_full(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 2, LONG, 1 }, 1);
    lattn_attention_args args = { .dropout = p };
    double mean = -1;
    lattn_tensor *y = lattn_attention(ctx, q, v, v, &args);
    EXPECT_OK(lattn_tensor_item(ctx, lattn_mean(ctx, y, NULL, 0, false), &mean));
    return mean * (1 - (double) p);
}

GPU_TEST(attention, drops_the_asked_share)
{
    EXPECT_NEAR(kept_share(ctx, 0.1f), 0.9, 0.01);
    EXPECT_NEAR(kept_share(ctx, 0.5f), 0.5, 0.02);
}

GPU_TEST(attention, does_not_drop_in_evaluation)
{
    lattn_set_training(ctx, false);
    double share = kept_share(ctx, 0.5f);
    lattn_set_training(ctx, true);
    EXPECT_NEAR(share, 0.5, 1e-6);  // nothing kept back: a mean of 1
}

// ---- memory -------------------------------------------------------------------------------------------

// Device memory that forward and backward over n tokens take, in a context of their own. Few keys are
// unpadded, so that it is quick; memory does not know.
static double bytes_of(int64_t n)
{
    lattn_ctx *ctx = NULL;
    EXPECT_OK(lattn_ctx_create(NULL, &ctx));
    if (!ctx)
        return 0;
    lattn_tensor *qkv[3], *grads[3];
    for (int i = 0; i < 3; i++) {
        qkv[i] = normal(ctx, 1, 1, n, 4);
        EXPECT_OK(lattn_tensor_set_requires_grad(qkv[i], true));
    }
    lattn_attention_args args = {
        .key_lengths = lattn_from_i32(ctx, 1, (int64_t[]){ 1 }, (int32_t[]){ 256 }),
    };
    lattn_tensor *y = lattn_attention(ctx, qkv[0], qkv[1], qkv[2], &args);
    lattn_tensor *g = lattn_full(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 1, n, 4 }, 1);
    EXPECT(y && g);
    if (y && g)
        EXPECT_OK(lattn_grad(ctx, &y, &g, 1, qkv, 3, false, grads));
    EXPECT_OK(lattn_sync(ctx));
    double bytes = (double) lattn_ctx_stats(ctx).used_bytes_peak;
    lattn_ctx_destroy(&ctx);
    return bytes;
}

GPU_TEST(attention, memory_grows_with_the_length_and_not_its_square)
{
    if (!lt_sees(ctx, 16 << 20))
        return;
    double short_one = bytes_of(4096), long_one = bytes_of(16384);
    // The weights of 16384 tokens would be 1 GiB, those of 4096 a sixteenth of that. Inputs, result,
    // gradients and row sums are about 200 bytes a token.
    EXPECT(long_one < 16384.0 * 16384.0);
    EXPECT(long_one - short_one < (16384.0 - 4096.0) * 512);
}

// ---- refused ----------------------------------------------------------------------------------------

GPU_TEST(attention, arguments_that_do_not_fit_are_refused)
{
    lattn_tensor *q = normal(ctx, B, H, T, D), *k = normal(ctx, B, HK, S, D);
    lattn_tensor *three = normal(ctx, B, 3, S, D), *wide = normal(ctx, B, H, T, 257);
    EXPECT(!lattn_attention(ctx, q, three, three, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "attention: q [2, 4, 19, 12], k [2, 3, 23, 12]");
    EXPECT(!lattn_attention(ctx, q, k, q, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "k and v differ");
    EXPECT(!lattn_attention(ctx, wide, wide, wide, NULL));
    lt_expect_error(ctx, LATTN_ERR_UNSUPPORTED, "attention: head size 257 is more than 256");
    lattn_attention_args dropout = { .dropout = 1 };
    EXPECT(!lattn_attention(ctx, q, k, k, &dropout));
    lt_expect_error(ctx, LATTN_ERR_ARG, "attention: dropout 1 is outside [0, 1)");
    lattn_attention_args mask = { .mask = normal(ctx, 1, 1, S, T) };
    EXPECT(!lattn_attention(ctx, q, k, k, &mask));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "attention: mask [1, 1, 23, 19] does not broadcast");
    lattn_attention_args lengths = { .key_lengths = normal(ctx, 1, 1, 1, B) };
    EXPECT(!lattn_attention(ctx, q, k, k, &lengths));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "attention: key_lengths is f32, not i32");
}

GPU_TEST(attention, null_gives_null)
{
    EXPECT(!lattn_attention(ctx, NULL, NULL, NULL, NULL));
    EXPECT(!lattn_attention_unfused(ctx, NULL, NULL, NULL, NULL, NULL));
}

GPU_TEST(attention, a_scale_that_is_not_finite_is_refused)
{
    const int64_t dims[] = { 1, 1, 2, 4 };
    lattn_tensor *q = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, dims);
    const float bad[] = { NAN, INFINITY, -INFINITY };
    for (int i = 0; i < 3; i++) {
        const lattn_attention_args args = { .scale = bad[i] };
        EXPECT(!lattn_attention(ctx, q, q, q, &args));
        lt_expect_error(ctx, LATTN_ERR_ARG, "attention: scale");
        EXPECT(!lattn_attention_unfused(ctx, q, q, q, &args, NULL));
        lt_expect_error(ctx, LATTN_ERR_ARG, "attention: scale");
    }
    const lattn_attention_args negative = { .scale = -1 };
    EXPECT(lattn_attention(ctx, q, q, q, &negative) != NULL);
}
