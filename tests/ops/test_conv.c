// SPDX-License-Identifier: MIT
//
// Convolution where the table of cases does not reach: bindings longer than the device allows, a batch
// larger than the workspace, accumulated gradients, volumes, sequences, refused arguments.

#include "harness/harness.h"
#include "tensor/kernel.h"

static lattn_tensor *normal(lattn_ctx *ctx, int rank, const int64_t *dims)
{
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, rank, dims);
    return t && !lattn_normal_(t, 0, 1) ? t : NULL;
}

#define NORMAL(...)                                                                                \
    normal(ctx, (int) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),                      \
        (int64_t[]){ __VA_ARGS__ })

static float *read(lattn_tensor *t)
{
    int64_t n = t ? lattn_tensor_numel(t) : 0;
    float *v = calloc((size_t) n + 1, sizeof *v);
    EXPECT(t && v);
    if (t && v)
        EXPECT_OK(lattn_tensor_read_f32(t, v, n));
    return v;
}

// As a share of the largest value.
static double largest_difference(const float *a, const float *b, int64_t n)
{
    double worst = 0, largest = 1;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double) a[i] - (double) b[i]));
        largest = fmax(largest, fabs((double) a[i]));
    }
    return worst / largest;
}

// ---- limits ---------------------------------------------------------------------------------------

enum {
    IMAGES = 7,
    IN = 9,
    OUT = 17,
    SIDE = 11,
    X_N = IMAGES * IN * SIDE * SIDE,
    W_N = OUT * IN * 9
};

// Result and gradients of one layer.
struct results {
    float *v[3];
    int64_t n[3];
};

static struct results run_layer(lattn_ctx *ctx, const float *x, const float *w, int64_t stride)
{
    struct results r = { { NULL }, { 0 } };
    lattn_tensor *in[2] = { lt_tensor(ctx, 4, (int64_t[]){ IMAGES, IN, SIDE, SIDE }, x),
        lt_tensor(ctx, 4, (int64_t[]){ OUT, IN, 3, 3 }, w) };
    lattn_tensor *grad[2] = { NULL, NULL };
    if (!in[0] || !in[1])
        return r;
    for (int i = 0; i < 2; i++)
        EXPECT_OK(lattn_tensor_set_requires_grad(in[i], true));
    lattn_conv2d_params p = { .stride = { stride, stride }, .padding = { 1, 1 } };
    lattn_tensor *y = lattn_conv2d(ctx, in[0], in[1], NULL, &p);
    EXPECT(y != NULL);
    if (!y)
        return r;
    EXPECT_OK(lattn_grad(ctx, &y, &y, 1, in, 2, false, grad));
    lattn_tensor *const all[] = { y, grad[0], grad[1] };
    for (int i = 0; i < 3; i++) {
        r.n[i] = lattn_tensor_numel(all[i]);
        r.v[i] = read(all[i]);
    }
    return r;
}

// With bindings that hold one to three images.
static void compare_with_small_bindings(lattn_ctx *ctx, int64_t stride)
{
    float *x = read(NORMAL(IMAGES, IN, SIDE, SIDE)), *w = read(NORMAL(OUT, IN, 3, 3));
    struct results whole = run_layer(ctx, x, w, stride), cut = { { NULL }, { 0 } };
    lattn_ctx *small = lt_short_bindings(16384);
    if (small)
        cut = run_layer(small, x, w, stride);
    for (int i = 0; i < 3; i++) {
        EXPECT(whole.v[i] && cut.v[i]);
        if (whole.v[i] && cut.v[i])
            EXPECT_NEAR(largest_difference(whole.v[i], cut.v[i], whole.n[i]), 0, 1e-5);
        free(whole.v[i]);
        free(cut.v[i]);
    }
    lattn_ctx_destroy(&small);
    free(x);
    free(w);
}

// What is measured is written once, as if nothing had been; every direction is measured, and afterwards known.
GPU_TEST(conv2d, forms_can_be_measured)
{
    const int64_t stride = 1;
    if (!lt_sees(ctx, 1 << 20))  // with less there may be nothing to choose from
        return;
    float *x = read(NORMAL(IMAGES, IN, SIDE, SIDE)), *w = read(NORMAL(OUT, IN, 3, 3));
    lattn_ctx *own = NULL;  // what is measured goes with it
    REQUIRE(lattn_ctx_create(&(lattn_ctx_params){ .device = lattn_ctx_device(ctx)->uuid }, &own) ==
            LATTN_OK);
    struct results model = run_layer(own, x, w, stride);
    bool forward = false, weight = false;
    // The products inside are measured as well: theirs are tested elsewhere, and take long to compile.
    lat_strategy_disable(own, LAT_STRATEGY_COOPMAT, true);
    lat_strategy_disable(own, LAT_STRATEGY_SUBGROUP, true);
    lattn_set_tuning(own, true);
    struct results tuned = run_layer(own, x, w, stride);
    int n = lattn_tuning_count(own);
    struct results again = run_layer(own, x, w, stride);
    lattn_set_tuning(own, false);
    EXPECT_EQ(lattn_tuning_count(own), n);
    for (int i = 0; i < n; i++) {
        lattn_tuned t;
        EXPECT_OK(lattn_tuning_get(own, i, &t));
        EXPECT_EQ(t.n_wrong, 0);
        forward = forward || strcmp(t.op, "conv2d") == 0;
        weight = weight || strcmp(t.op, "conv2d_weight") == 0;
    }
    // Winograd's form is everywhere; of the weight gradient there may be base alone.
    EXPECT(forward || !lat_strategy_is_free(own));
    EXPECT(weight || !lat_loads_by_address(lat_caps(own)) || !lat_strategy_is_free(own));
    for (int i = 0; i < 3; i++) {
        EXPECT_NEAR(largest_difference(model.v[i], tuned.v[i], model.n[i]), 0, 1e-5);
        EXPECT_NEAR(largest_difference(tuned.v[i], again.v[i], tuned.n[i]), 0, 0);
        free(model.v[i]);
        free(tuned.v[i]);
        free(again.v[i]);
    }
    lattn_ctx_destroy(&own);
    free(x);
    free(w);
}

GPU_TEST(conv2d, bindings_longer_than_the_device_allows_are_cut)
{
    compare_with_small_bindings(ctx, 1);
}

GPU_TEST(conv2d, so_are_those_of_strided_layers)
{
    compare_with_small_bindings(ctx, 2);
}

// More images than the copy of the source may take: the same bits as with few.
GPU_TEST(conv2d, a_large_batch_gives_what_its_images_give)
{
    enum { MANY = 36, CHANNELS = 16, SIZE = 128, FEW = 2 };
    if (!lt_sees(ctx, CHANNELS * SIZE * SIZE * sizeof(float)))
        return;
    lattn_tensor *x = NORMAL(MANY, CHANNELS, SIZE, SIZE), *w = NORMAL(8, CHANNELS, 3, 3);
    lattn_conv2d_params p = { .stride = { 2, 2 }, .padding = { 1, 1 } };
    lattn_tensor *y = lattn_conv2d(ctx, x, w, NULL, &p);
    lattn_tensor *last = lattn_slice(ctx, x, 0, MANY - FEW, MANY, 1);
    lattn_tensor *few = lattn_conv2d(ctx, last, w, NULL, &p);
    float *a = read(lattn_slice(ctx, y, 0, MANY - FEW, MANY, 1)), *b = read(few);
    if (few)
        EXPECT_NEAR(largest_difference(a, b, lattn_tensor_numel(few)), 0, 0);
    free(a);
    free(b);
}

// ---- gradients that add up --------------------------------------------------------------------------

// Twice the same step: every gradient is twice that of one. Volumes take no p.
static void expect_doubled(lattn_ctx *ctx, lattn_tensor *const in[3], const lattn_conv2d_params *p)
{
    bool volume = lattn_tensor_rank(in[0]) == 5;
    float *once[3] = { NULL, NULL, NULL };
    for (int i = 0; i < 3; i++)
        EXPECT_OK(lattn_tensor_set_requires_grad(in[i], true));
    for (int pass = 1; pass <= 2; pass++) {
        lattn_tensor *y = volume ? lattn_conv3d(ctx, in[0], in[1], in[2], NULL)
                                 : lattn_conv2d(ctx, in[0], in[1], in[2], p);
        EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
        for (int i = 0; i < 3 && pass == 1; i++)
            once[i] = read(lattn_tensor_grad(in[i]));
    }
    for (int i = 0; i < 3; i++) {
        int64_t n = lattn_tensor_numel(in[i]);
        for (int64_t k = 0; k < n; k++)
            once[i][k] *= 2;
        lt_expect_near(ctx, lattn_tensor_grad(in[i]), once[i], (int) n, 2e-4);
        free(once[i]);
    }
}

GPU_TEST(conv2d, gradients_add_to_what_is_there)
{
    lattn_tensor *const few[] = { NORMAL(2, 3, 7, 8), NORMAL(4, 3, 3, 3), NORMAL(4) };
    expect_doubled(ctx, few, &(lattn_conv2d_params){ .stride = { 2, 2 }, .padding = { 1, 1 } });
    lattn_tensor *const many[] = { NORMAL(2, 16, 7, 8), NORMAL(32, 16, 3, 3), NORMAL(32) };
    expect_doubled(
        ctx, many, &(lattn_conv2d_params){ .padding = { 1, 1 }, .epilogue = LATTN_EPILOGUE_RELU });
    lattn_tensor *const depthwise[] = { NORMAL(2, 5, 7, 8), NORMAL(5, 1, 3, 3), NORMAL(5) };
    expect_doubled(ctx, depthwise, &(lattn_conv2d_params){ .stride = { 3, 3 }, .groups = 5 });
    lattn_tensor *const one[] = { NORMAL(2, 5, 4, 5), NORMAL(6, 5, 1, 1), NORMAL(6) };
    expect_doubled(ctx, one, NULL);
    lattn_tensor *const film[] = { NORMAL(2, 3, 4, 5, 6), NORMAL(4, 3, 3, 3, 3), NORMAL(4) };
    expect_doubled(ctx, film, NULL);
}

// ---- volumes ----------------------------------------------------------------------------------------

// More slices than the workspace holds: the same bits as with few.
GPU_TEST(conv3d, a_long_film_gives_what_its_parts_give)
{
    enum { FILMS = 2, CHANNELS = 16, SLICES = 40, SIZE = 64, FROM = 28, OUT_CHANNELS = 8 };
    const lattn_conv3d_params p = { .stride = { 1, 2, 2 }, .padding = { 1 } };
    if (!lt_sees(ctx, CHANNELS * SLICES * SIZE * SIZE * sizeof(float)))
        return;
    lattn_tensor *x = NORMAL(FILMS, CHANNELS, SLICES, SIZE, SIZE);
    lattn_tensor *w = NORMAL(OUT_CHANNELS, CHANNELS, 3, 1, 1);
    lattn_tensor *whole = lattn_conv3d(ctx, x, w, NULL, &p);
    lattn_tensor *end = lattn_conv3d(ctx, lattn_slice(ctx, x, 2, FROM, SLICES, 1), w, NULL, &p);
    float *a = read(lattn_slice(ctx, whole, 2, FROM + 1, SLICES, 1));
    float *b = read(lattn_slice(ctx, end, 2, 1, SLICES - FROM, 1));
    int64_t n = (int64_t) FILMS * OUT_CHANNELS * (SLICES - FROM - 1) * SIZE * SIZE / 4;
    if (whole && end)
        EXPECT_NEAR(largest_difference(a, b, n), 0, 0);
    free(a);
    free(b);
}

// The weight's gradient where that of the result is 1 everywhere.
static float *weight_gradient(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *w, lattn_dtype dtype)
{
    lattn_tensor *x_cast = lattn_cast(ctx, x, dtype), *grad = NULL;
    lattn_tensor *w_cast = lattn_detach(ctx, lattn_cast(ctx, w, dtype));
    EXPECT_OK(lattn_tensor_set_requires_grad(w_cast, true));
    lattn_tensor *y =
        lattn_conv3d(ctx, x_cast, w_cast, NULL, &(lattn_conv3d_params){ .stride = { 1, 2, 2 } });
    EXPECT(y != NULL);
    if (y) {
        lattn_tensor *ones = lattn_full(ctx, dtype, 5,
            (int64_t[]){ 2, lattn_tensor_dim(y, 1), lattn_tensor_dim(y, 2), lattn_tensor_dim(y, 3),
                lattn_tensor_dim(y, 4) },
            1);
        EXPECT_OK(lattn_grad(ctx, &y, &ones, 1, &w_cast, 1, false, &grad));
    }
    return read(grad);
}

// Rounded to 16 bits once, after all parts of the images.
GPU_TEST(conv3d, parts_of_a_16_bit_weight_gradient_add_up_in_f32)
{
    enum { W_ELEMENTS = 8 * 16 * 3 };
    if (!lattn_ctx_device(ctx)->storage_f16) {
        lt_skip("no 16-bit storage");
        return;
    }
    lattn_tensor *x = lattn_cast(ctx, NORMAL(2, 16, 42, 64, 64), LATTN_DTYPE_BF16);
    lattn_tensor *w = NORMAL(8, 16, 3, 1, 1);
    float *want = weight_gradient(ctx, x, w, LATTN_DTYPE_F32);
    float *got = weight_gradient(ctx, x, w, LATTN_DTYPE_BF16);
    double worst = 0;
    for (int i = 0; i < W_ELEMENTS; i++)
        worst =
            fmax(worst, fabs((double) got[i] - (double) want[i]) / (fabs((double) want[i]) + 1));
    EXPECT(worst < 1.01 / 256);
    free(want);
    free(got);
}

// ---- sequences --------------------------------------------------------------------------------------

GPU_TEST(conv1d, is_conv2d_with_one_row)
{
    lattn_tensor *x = NORMAL(2, 3, 20), *w = NORMAL(4, 3, 5), *b = NORMAL(4);
    lattn_conv1d_params p = { .stride = 2, .padding = 3, .dilation = 2 };
    lattn_tensor *y = lattn_conv1d(ctx, x, w, b, &p);
    REQUIRE(y != NULL);
    EXPECT_EQ(lattn_tensor_rank(y), 3);
    EXPECT_EQ(lattn_tensor_dim(y, 2), 9);
    lattn_conv2d_params flat = { .stride = { 1, 2 }, .padding = { 0, 3 }, .dilation = { 1, 2 } };
    lattn_tensor *same = lattn_conv2d(ctx, lattn_reshape(ctx, x, 4, (int64_t[]){ 2, 3, 1, 20 }),
        lattn_reshape(ctx, w, 4, (int64_t[]){ 4, 3, 1, 5 }), b, &flat);
    float *want = read(same);
    lt_expect_near(ctx, y, want, 2 * 4 * 9, 0);
    free(want);
}

// ---- refused ----------------------------------------------------------------------------------------

GPU_TEST(conv2d, a_kernel_beyond_the_image_is_refused_with_the_rule)
{
    lattn_conv2d_params p = { .stride = { 2, 2 }, .padding = { 1, 1 }, .dilation = { 3, 1 } };
    EXPECT(!lattn_conv2d(ctx, NORMAL(1, 2, 4, 9), NORMAL(3, 2, 3, 3), NULL, &p));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "conv2d: x [1, 2, 4, 9], weight [3, 2, 3, 3]: the kernel is longer than the padded height: "
        "H2 = "
        "(H1 - D (F - 1) - 1 + 2P)/S + 1 = (4 - 3 (3 - 1) - 1 + 2 * 1)/2 + 1");
}

GPU_TEST(conv2d, shapes_must_fit)
{
    lattn_tensor *x = NORMAL(1, 4, 5, 5);
    EXPECT(!lattn_conv2d(ctx, NORMAL(4, 5, 5), NORMAL(3, 4, 3, 3), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x and weight need four dimensions");
    EXPECT(!lattn_conv2d(ctx, x, NORMAL(3, 5, 3, 3), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "conv2d: x [1, 4, 5, 5], weight [3, 5, 3, 3], bias none, groups 1: channels of x are not "
        "groups");
    EXPECT(!lattn_conv2d(ctx, x, NORMAL(3, 2, 3, 3), NULL, &(lattn_conv2d_params){ .groups = 2 }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "groups do not divide the channels of the result");
    EXPECT(!lattn_conv2d(ctx, x, NORMAL(3, 4, 0, 3), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "the kernel is empty");
    EXPECT(!lattn_conv2d(ctx, x, NORMAL(3, 4, 3, 3), NORMAL(4), NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "bias is not [channels of the result]");
}

GPU_TEST(conv2d, arguments_must_make_sense)
{
    lattn_tensor *x = NORMAL(1, 4, 5, 5), *w = NORMAL(4, 4, 3, 3);
    EXPECT(!lattn_conv2d(ctx, x, w, NULL, &(lattn_conv2d_params){ .stride = { 1, -2 } }));
    lt_expect_error(
        ctx, LATTN_ERR_ARG, "conv2d: stride -2, dilation 1 and groups 1 must be positive");
    EXPECT(!lattn_conv2d(ctx, x, w, NULL, &(lattn_conv2d_params){ .padding = { -1, 0 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "padding -1 not negative");
    EXPECT(!lattn_conv2d(ctx, x, w, NULL, &(lattn_conv2d_params){ .groups = -1 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "groups -1");
    EXPECT(
        !lattn_conv2d(ctx, x, w, NULL, &(lattn_conv2d_params){ .same = true, .stride = { 2, 1 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "same is for stride 1");
    EXPECT(
        !lattn_conv2d(ctx, x, w, NULL, &(lattn_conv2d_params){ .epilogue = LATTN_EPILOGUE_GELU }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "conv2d: no epilogue 1");
}

GPU_TEST(conv3d, shapes_and_arguments_must_fit)
{
    lattn_tensor *x = NORMAL(1, 4, 3, 5, 5), *w = NORMAL(4, 4, 3, 3, 3);
    lattn_conv3d_params p = { .stride = { 2, 1, 1 }, .dilation = { 3, 1, 1 } };
    EXPECT(!lattn_conv3d(ctx, x, w, NULL, &p));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "conv3d: x [1, 4, 3, 5, 5], weight [4, 4, 3, 3, 3]: the kernel is longer than the padded "
        "depth: H2 = (H1 - D (F - 1) - 1 + 2P)/S + 1 = (3 - 3 (3 - 1) - 1 + 2 * 0)/2 + 1");
    EXPECT(!lattn_conv3d(ctx, NORMAL(1, 4, 5, 5), w, NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x and weight need five dimensions");
    EXPECT(!lattn_conv3d(ctx, x, NORMAL(4, 3, 3, 3, 3), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "conv3d: x [1, 4, 3, 5, 5], weight [4, 3, 3, 3, 3], bias none, groups 1: channels of x");
    EXPECT(!lattn_conv3d(ctx, x, NORMAL(4, 4, 3, 3, 0), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "the kernel is empty");
    EXPECT(!lattn_conv3d(ctx, x, w, NULL, &(lattn_conv3d_params){ .stride = { 1, 1, -1 } }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "conv3d: stride -1, dilation 1 and groups 1");
    p = (lattn_conv3d_params){ .same = true, .padding = { 1, 0, 0 } };
    EXPECT(!lattn_conv3d(ctx, x, w, NULL, &p));
    lt_expect_error(ctx, LATTN_ERR_ARG,
        "conv3d: same is for stride 1 and no padding besides, not stride 1 and padding 1 of the "
        "depth");
    p = (lattn_conv3d_params){ .epilogue = LATTN_EPILOGUE_GELU };
    EXPECT(!lattn_conv3d(ctx, x, w, NULL, &p));
    lt_expect_error(ctx, LATTN_ERR_ARG, "conv3d: no epilogue 1");
}

GPU_TEST(conv2d, dtypes_must_agree)
{
    lattn_tensor *w = lattn_zeros(ctx, LATTN_DTYPE_I32, 4, (int64_t[]){ 1, 1, 1, 1 });
    EXPECT(!lattn_conv2d(ctx, NORMAL(1, 1, 2, 2), w, NULL, NULL));
    lt_expect_error(
        ctx, LATTN_ERR_DTYPE, "conv2d: dtypes of x, weight and bias (f32, i32, none) differ");
}

GPU_TEST(conv1d, needs_three_dimensions)
{
    EXPECT(!lattn_conv1d(ctx, NORMAL(4, 5), NORMAL(1, 4, 3), NULL, NULL));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "conv1d: x [4, 5] and weight [1, 4, 3] need three dimensions");
}

GPU_TEST(conv_transpose2d, arguments_must_fit)
{
    lattn_tensor *x = NORMAL(1, 4, 2, 2), *w = NORMAL(4, 3, 3, 3);
    lattn_conv_transpose2d_params p = { .padding = { 0, 2 } };
    EXPECT(!lattn_conv_transpose2d(ctx, x, w, NULL, &p));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "the width is H2 = (H1 - 1) S - 2P + D (F - 1) + output_padding + 1 = (2 - 1) 1 - 2 * 2 + "
        "1 (3 "
        "- 1) + 0 + 1");
    p = (lattn_conv_transpose2d_params){ .stride = { 2, 2 }, .output_padding = { 2, 0 } };
    EXPECT(!lattn_conv_transpose2d(ctx, x, w, NULL, &p));
    lt_expect_error(ctx, LATTN_ERR_ARG, "output_padding 2 is not below stride 2 or dilation 1");
    EXPECT(!lattn_conv_transpose2d(ctx, x, NORMAL(3, 4, 3, 3), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "channels of x and weight differ");
    EXPECT(
        !lattn_conv_transpose2d(ctx, x, w, NULL, &(lattn_conv_transpose2d_params){ .groups = 3 }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "groups do not divide the channels of x");
    EXPECT(!lattn_conv_transpose2d(ctx, x, w, NORMAL(4), NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "bias is not [channels of the result]");
}

GPU_TEST(conv2d, null_gives_null)
{
    EXPECT(!lattn_conv2d(ctx, NULL, NULL, NULL, NULL));
    EXPECT(!lattn_conv1d(ctx, NULL, NULL, NULL, NULL));
    EXPECT(!lattn_conv3d(ctx, NULL, NULL, NULL, NULL));
    EXPECT(!lattn_conv_transpose2d(ctx, NULL, NULL, NULL, NULL));
}
