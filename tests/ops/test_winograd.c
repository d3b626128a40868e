// SPDX-License-Identifier: MIT
//
// The winograd strategy of convolution where the table of cases does not reach: its own error bound, what
// NaN and infinity reach, parts of a batch, and when it is chosen.

#define LATTN_EXPERIMENTAL
#include "harness/harness.h"
#include "lattn/introspect.h"
#include "tensor/kernel.h"

enum {
    N = 2,
    C = 15,  // so that 64 tiles' squares fit the smallest binding
    O = 9,
    H = 11,
    W = 14,
    X_N = N * C * H * W,
    W_N = O * C * 9,
    Y_N = N * O * H * W
};

static float x_values[X_N], w_values[W_N], y_values[Y_N];

static uint32_t state;

// [-1, 1)
static float draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (float) (state >> 8) * 0x1p-23f - 1;
}

static void draw_all(uint32_t seed)
{
    state = seed;
    for (int i = 0; i < X_N; i++)
        x_values[i] = draw();
    for (int i = 0; i < W_N; i++)
        w_values[i] = draw();
}

// 3x3 with padding 1, into y_values.
static void run(lattn_ctx *ctx, const char *strategy)
{
    EXPECT_OK(lattn_step_begin(ctx));
    lat_strategy_force(ctx, lat_strategy_kind_of(strategy));
    lattn_tensor *x = lt_tensor(ctx, 4, (int64_t[]){ N, C, H, W }, x_values);
    lattn_tensor *w = lt_tensor(ctx, 4, (int64_t[]){ O, C, 3, 3 }, w_values);
    lattn_tensor *y = lattn_conv2d(ctx, x, w, NULL, &(lattn_conv2d_params){ .padding = { 1, 1 } });
    EXPECT_EQ(lat_strategy_taken(ctx) >> lat_strategy_kind_of(strategy) & 1, 1);
    lat_strategy_force(ctx, -1);
    if (y)
        EXPECT_OK(lattn_tensor_read_f32(y, y_values, Y_N));
    EXPECT(y != NULL);
    EXPECT_OK(lattn_step_end(ctx));
}

static double x_at(int n, int c, int y, int x)
{
    bool inside = y >= 0 && y < H && x >= 0 && x < W;
    return inside ? x_values[((n * C + c) * H + y) * W + x] : 0;
}

// ---- errors -----------------------------------------------------------------------------------------

// Of one result: the sum, and the sum of absolute values that Winograd's algorithm makes of it: every
// matrix and every operand with its absolute values. Rounding errors scale with that.
static void reference(int n, int o, int y, int x, double *sum, double *magnitude)
{
    static const double bt[4][4] = { { 1, 0, 1, 0 }, { 0, 1, 1, 0 }, { 0, 1, 1, 0 },
        { 0, 1, 0, 1 } };
    static const double g[4][3] = { { 1, 0, 0 }, { .5, .5, .5 }, { .5, .5, .5 }, { 0, 0, 1 } };
    static const double at[2][4] = { { 1, 1, 1, 0 }, { 0, 1, 1, 1 } };
    *sum = *magnitude = 0;
    for (int c = 0; c < C; c++) {
        const float *w = &w_values[(o * C + c) * 9];
        for (int k = 0; k < 9; k++)
            *sum += (double) w[k] * x_at(n, c, y + k / 3 - 1, x + k % 3 - 1);
        for (int i = 0; i < 16; i++) {
            double u = 0, v = 0;
            for (int k = 0; k < 9; k++)
                u += g[i / 4][k / 3] * g[i % 4][k % 3] * fabs((double) w[k]);
            for (int k = 0; k < 16; k++)
                v += bt[i / 4][k / 4] * bt[i % 4][k % 4] *
                     fabs(x_at(n, c, y / 2 * 2 + k / 4 - 1, x / 2 * 2 + k % 4 - 1));
            *magnitude += at[y % 2][i / 4] * at[x % 2][i % 4] * u * v;
        }
    }
}

// A kernel's square takes 4 roundings, a tile's 2, the sums over channels C + 1, the last transform 4. One
// element in 50 is ten thousand times the others.
GPU_TEST(winograd, errors_keep_to_the_bound_of_the_algorithm)
{
    const double roundings = 4 + 2 + C + 1 + 4, unit = 0x1p-24;
    draw_all(1);
    for (int i = 0; i < X_N; i += 50)
        x_values[i] *= 1e4f;
    run(ctx, "winograd");
    double worst = 0;
    for (int i = 0; i < Y_N; i++) {
        double sum, magnitude;
        reference(i / (O * H * W), i / (H * W) % O, i / W % H, i % W, &sum, &magnitude);
        worst = fmax(worst, fabs((double) y_values[i] - sum) / (roundings * unit * magnitude));
    }
    EXPECT(worst <= 1);
    EXPECT(worst > 0);
}

// ---- NaN and infinity -----------------------------------------------------------------------------------

// At element (y, x) of image 0: the results that see it, of every channel, and no others.
static void expect_reach(lattn_ctx *ctx, float value, int y, int x)
{
    static float clean[Y_N];
    draw_all(2);
    run(ctx, "winograd");
    memcpy(clean, y_values, sizeof clean);
    x_values[(3 * H + y) * W + x] = value;
    run(ctx, "winograd");
    for (int i = 0; i < Y_N; i++) {
        bool sees = i < O * H * W && abs(i / W % H - y) <= 1 && abs(i % W - x) <= 1;
        if (sees ? isfinite(y_values[i]) : y_values[i] != clean[i]) {
            lt_fail(__FILE__, __LINE__, "element %d is %g, %g without %g at (%d, %d)", i,
                (double) y_values[i], (double) clean[i], (double) value, y, x);
            return;
        }
    }
}

GPU_TEST(winograd, what_is_not_finite_reaches_the_results_that_see_it)
{
    for (int k = 0; k < 2; k++) {
        const float value = k ? INFINITY : NAN;
        expect_reach(ctx, value, 0, 0);
        expect_reach(ctx, value, H - 1, W - 1);
        for (int at = 0; at < 16; at++)  // all places in a square
            expect_reach(ctx, value, 4 + at / 4, 5 + at % 4);
    }
}

// ---- parts -----------------------------------------------------------------------------------------------

enum { MANY = 9, CHANNELS = 16, SIZE = 29, MADE = 24, IMAGE = CHANNELS * SIZE * SIZE };
enum { SQUARES_64 = 64 * 64 * MADE + 1024 };
enum { PLANE = (SIZE - 2) * (SIZE - 2), RESULT = MADE * PLANE, MANY_N = MANY * RESULT };

static float batch[MANY * IMAGE], kernels[MADE * CHANNELS * 9];

// The first n images.
static void run_batch(lattn_ctx *ctx, const float *images, int n, float *out)
{
    EXPECT_OK(lattn_step_begin(ctx));
    lat_strategy_force(ctx, LAT_STRATEGY_WINOGRAD);
    lattn_tensor *x = lt_tensor(ctx, 4, (int64_t[]){ n, CHANNELS, SIZE, SIZE }, images);
    lattn_tensor *w = lt_tensor(ctx, 4, (int64_t[]){ MADE, CHANNELS, 3, 3 }, kernels);
    lattn_tensor *y = lattn_conv2d(ctx, x, w, NULL, NULL);
    EXPECT_EQ(lat_strategy_taken(ctx) >> LAT_STRATEGY_WINOGRAD & 1, 1);
    lat_strategy_force(ctx, -1);
    EXPECT(y != NULL);
    if (y)
        EXPECT_OK(lattn_tensor_read_f32(y, out, (int64_t) n * RESULT));
    EXPECT_OK(lattn_step_end(ctx));
}

// The batch is the same bits as its images one by one: 1,764 tiles of 2,560 bytes are more than the
// workspace of a CPU, and than bindings of 128 KiB, which hold the squares of 64 and an image.
static void expect_parts(lattn_ctx *ctx)
{
    static float all[MANY_N], one[RESULT];
    if (!lt_sees(ctx, SQUARES_64))
        return;
    state = 3;
    for (int i = 0; i < MANY * IMAGE; i++)
        batch[i] = draw();
    for (int i = 0; i < MADE * CHANNELS * 9; i++)
        kernels[i] = draw();
    run_batch(ctx, batch, MANY, all);
    for (int n = 0; n < MANY; n++) {
        run_batch(ctx, batch + n * IMAGE, 1, one);
        EXPECT(memcmp(all + n * RESULT, one, sizeof one) == 0);
    }
}

GPU_TEST(winograd, a_large_batch_gives_what_its_images_give)
{
    expect_parts(ctx);
}

GPU_TEST(winograd, short_bindings_give_the_same)
{
    (void) ctx;
    lattn_ctx *small = lt_short_bindings(131072);
    if (small)
        expect_parts(small);
    lattn_ctx_destroy(&small);
}

// ---- choice -----------------------------------------------------------------------------------------------

enum { LARGEST = 128 * 128 * 64 + 1024 };  // squares of the largest kernel here, and an alignment

static uint32_t taken_by(lattn_ctx *ctx, lattn_dtype dtype, int64_t c, int64_t o, int64_t size)
{
    lat_strategy_force(ctx, -1);
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *x = lattn_zeros(ctx, dtype, 4, (int64_t[]){ 2, c, size, size });
    lattn_tensor *w = lattn_zeros(ctx, dtype, 4, (int64_t[]){ o, c, 3, 3 });
    EXPECT(lattn_conv2d(ctx, x, w, NULL, NULL) != NULL);
    uint32_t taken = lat_strategy_taken(ctx);
    EXPECT_OK(lattn_step_end(ctx));
    return taken >> LAT_STRATEGY_WINOGRAD & 1;
}

GPU_TEST(winograd, runs_where_it_was_measured_to_be_faster)
{
    if (!lt_sees(ctx, LARGEST))
        return;
    bool faster = lat_caps(ctx)->is_lavapipe;
    EXPECT_EQ(taken_by(ctx, LATTN_DTYPE_F32, 64, 64, 30), faster);
    EXPECT_EQ(taken_by(ctx, LATTN_DTYPE_F32, 128, 128, 16), faster);
    if (lattn_ctx_device(ctx)->storage_f16)
        EXPECT_EQ(taken_by(ctx, LATTN_DTYPE_F16, 64, 64, 30), faster);
    EXPECT_EQ(taken_by(ctx, LATTN_DTYPE_F32, 3, 64, 32), 0);
    EXPECT_EQ(taken_by(ctx, LATTN_DTYPE_F32, 1, 32, 28), 0);
}

GPU_TEST(winograd, is_switched_off_by_name)
{
    if (!lt_sees(ctx, LARGEST))
        return;
    EXPECT_OK(lattn_strategy_disable(ctx, "winograd", true));
    EXPECT_EQ(taken_by(ctx, LATTN_DTYPE_F32, 64, 64, 30), 0);
    EXPECT_OK(lattn_strategy_disable(ctx, "winograd", false));
}
