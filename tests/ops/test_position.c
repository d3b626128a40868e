// SPDX-License-Identifier: MIT
//
// Tables of positions: the formulas of their papers in double, and what they are for: products that
// depend on distances only.

#include "harness/harness.h"

static void read(lattn_tensor *t, float *v, int64_t n)
{
    EXPECT(t != NULL);
    if (t)
        EXPECT_OK(lattn_tensor_read_f32(t, v, n));
}

GPU_TEST(position, sinusoids_are_those_of_the_transformer)
{
    enum { N = 40, DIM = 7 };
    static float v[N * DIM];
    read(lattn_sinusoidal_positions(ctx, N, DIM), v, N * DIM);
    for (int p = 0; p < N; p++) {
        for (int i = 0; 2 * i < DIM; i++) {
            double angle = p / pow(10000, 2.0 * i / DIM);
            EXPECT_NEAR(v[p * DIM + 2 * i], sin(angle), 1e-7);
            if (2 * i + 1 < DIM)
                EXPECT_NEAR(v[p * DIM + 2 * i + 1], cos(angle), 1e-7);
        }
    }
}

// Products of one query and one key, turned to places m and n, in x [1, 2, 1, D].
static double turned_product(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *table, int m, int n)
{
    double sum = NAN;
    lattn_tensor *places = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ m, n });
    lattn_tensor *y = lattn_rotary(ctx, x, table, places, false);
    lattn_tensor *product =
        lattn_mul(ctx, lattn_slice(ctx, y, 1, 0, 1, 1), lattn_slice(ctx, y, 1, 1, 2, 1));
    EXPECT_OK(lattn_tensor_item(ctx, lattn_sum(ctx, product, NULL, 0, false), &sum));
    return sum;
}

GPU_TEST(position, rotary_products_depend_on_distance_only)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 2, 1, 16 });
    EXPECT_OK(lattn_normal_(x, 0, 1));
    lattn_rotary_params params = { .n_positions = 300, .dim = 16 };
    lattn_tensor *table = lattn_rotary_table(ctx, &params);
    double near = turned_product(ctx, x, table, 5, 2),
           far = turned_product(ctx, x, table, 295, 292);
    EXPECT_NEAR(near, far, 1e-4);
    EXPECT(fabs(near - turned_product(ctx, x, table, 5, 4)) > 1e-3);
}

GPU_TEST(position, rotary_scaling_stretches_angles)
{
    static float plain[64 * 8], linear[64 * 8], ntk[64 * 8];
    lattn_rotary_params params = { .n_positions = 64, .dim = 8, .factor = 4 };
    read(lattn_rotary_table(ctx, &params), plain, 64 * 8);
    params.scaling = LATTN_ROTARY_LINEAR;
    read(lattn_rotary_table(ctx, &params), linear, 64 * 8);
    params.scaling = LATTN_ROTARY_NTK;
    read(lattn_rotary_table(ctx, &params), ntk, 64 * 8);
    for (int i = 0; i < 8; i++)
        EXPECT_NEAR(linear[40 * 8 + i], plain[10 * 8 + i], 1e-6);
    EXPECT_NEAR(ntk[40 * 8], plain[40 * 8], 1e-6);          // the fastest wave stays,
    EXPECT_NEAR(ntk[40 * 8 + 3], plain[10 * 8 + 3], 1e-5);  // the slowest is as if all were
}

GPU_TEST(position, a_place_outside_the_table_is_visible)
{
    float v[8];
    lattn_rotary_params params = { .n_positions = 3, .dim = 4 };
    lattn_tensor *x = lattn_full(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 2, 1, 4 }, 1);
    lattn_tensor *places = lattn_from_i32(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 2, 3 });
    read(lattn_rotary(ctx, x, lattn_rotary_table(ctx, &params), places, false), v, 8);
    EXPECT(isfinite(v[0]) && isnan(v[4]));
}

GPU_TEST(position, arguments_that_do_not_fit_are_refused)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 2, 3, 4 });
    lattn_rotary_params wide = { .n_positions = 2, .dim = 6 }, odd = { .n_positions = 2, .dim = 3 };
    EXPECT(!lattn_rotary(ctx, x, lattn_rotary_table(ctx, &wide), NULL, false));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "rotary: x [1, 2, 3, 4] and table [2, 6] are not");
    EXPECT(!lattn_rotary_table(ctx, &odd));
    lt_expect_error(ctx, LATTN_ERR_ARG, "rotary_table: n_positions 2 must be >= 1 and dim 3 even");
    lattn_rotary_params good = { .n_positions = 2, .dim = 4 };
    lattn_tensor *three = lattn_from_i32(ctx, 1, (int64_t[]){ 3 }, (int32_t[]){ 0, 1, 2 });
    EXPECT(!lattn_rotary(ctx, x, lattn_rotary_table(ctx, &good), three, false));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "rotary: positions [3] are neither [2] nor [1, 2]");
    EXPECT(!lattn_fourier_features(ctx, x, 65));
    lt_expect_error(ctx, LATTN_ERR_ARG, "fourier_features: n_waves 65 is outside [1, 64]");
    EXPECT(!lattn_sinusoidal_positions(ctx, 0, 4));
    lt_expect_error(ctx, LATTN_ERR_ARG, "sinusoidal_positions: n 0");
    EXPECT(!lattn_relative_buckets(ctx, 3, 3, &(lattn_bucket_params){ .n_buckets = 3 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "3 buckets");
}

GPU_TEST(position, null_gives_null)
{
    EXPECT(!lattn_rotary(ctx, NULL, NULL, NULL, false));
    EXPECT(!lattn_fourier_features(ctx, NULL, 3));
}
