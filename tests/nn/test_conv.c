// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "lattn/lattn.h"
#include "lattn/nn.h"

static void expect_shape(lattn_tensor *t, int rank, const int64_t *dims)
{
    REQUIRE(t != NULL);
    EXPECT_EQ(lattn_tensor_rank(t), rank);
    for (int d = 0; d < rank && d < lattn_tensor_rank(t); d++)
        EXPECT_EQ(lattn_tensor_dim(t, d), dims[d]);
}
#define EXPECT_SHAPE(t, ...)                                                                       \
    expect_shape(t, (int) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),                  \
        (int64_t[]){ __VA_ARGS__ })

GPU_TEST(conv, parameters_have_pytorchs_names_and_shapes)
{
    lattn_module *two = NULL, *one = NULL, *three = NULL, *cube = NULL, *transpose = NULL;
    lattn_conv2d_layer_params p2 = {
        .in_channels = 4, .out_channels = 6, .kernel_size = { 3, 5 }, .conv.groups = 2
    };
    EXPECT_OK(lattn_conv2d_create(ctx, &p2, &two));
    EXPECT_SHAPE(lattn_module_parameter(two, "weight"), 6, 2, 3, 5);
    EXPECT_SHAPE(lattn_module_parameter(two, "bias"), 6);
    lattn_conv1d_layer_params p1 = {
        .in_channels = 4, .out_channels = 6, .kernel_size = 3, .no_bias = true
    };
    EXPECT_OK(lattn_conv1d_create(ctx, &p1, &one));
    EXPECT_SHAPE(lattn_module_parameter(one, "weight"), 6, 4, 3);
    EXPECT(!lattn_module_parameter(one, "bias"));
    lattn_conv3d_layer_params p3 = {
        .in_channels = 4, .out_channels = 6, .kernel_size = { 3, 1, 5 }, .conv.groups = 2
    };
    EXPECT_OK(lattn_conv3d_create(ctx, &p3, &three));
    EXPECT_SHAPE(lattn_module_parameter(three, "weight"), 6, 2, 3, 1, 5);
    EXPECT_SHAPE(lattn_module_parameter(three, "bias"), 6);
    p3 = (lattn_conv3d_layer_params){ .in_channels = 4, .out_channels = 6, .kernel_size = { 3 } };
    EXPECT_OK(lattn_conv3d_create(ctx, &p3, &cube));
    EXPECT_SHAPE(lattn_module_parameter(cube, "weight"), 6, 4, 3, 3, 3);
    lattn_conv_transpose2d_layer_params pt = {
        .in_channels = 4, .out_channels = 6, .kernel_size = { 2 }, .conv.groups = 2
    };
    EXPECT_OK(lattn_conv_transpose2d_create(ctx, &pt, &transpose));
    EXPECT_SHAPE(lattn_module_parameter(transpose, "weight"), 4, 3, 2, 2);
    EXPECT_SHAPE(lattn_module_parameter(transpose, "bias"), 6);
    lattn_module_destroy(&two);
    lattn_module_destroy(&one);
    lattn_module_destroy(&three);
    lattn_module_destroy(&cube);
    lattn_module_destroy(&transpose);
}

GPU_TEST(conv, forward_uses_the_settings_of_the_layer)
{
    lattn_module *two = NULL, *one = NULL, *three = NULL, *transpose = NULL;
    lattn_conv2d_layer_params p2 = { .in_channels = 3,
        .out_channels = 5,
        .kernel_size = { 3 },
        .conv = { .stride = { 2, 2 }, .padding = { 1, 1 }, .epilogue = LATTN_EPILOGUE_RELU } };
    EXPECT_OK(lattn_conv2d_create(ctx, &p2, &two));
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 2, 3, 8, 9 });
    EXPECT_OK(lattn_normal_(x, 0, 1));
    lattn_tensor *y = lattn_conv2d_forward(ctx, two, x);
    EXPECT_SHAPE(y, 2, 5, 4, 5);
    float v[2 * 5 * 4 * 5], least = 1;
    EXPECT_OK(lattn_tensor_read_f32(y, v, 200));
    for (int i = 0; i < 200; i++)
        least = v[i] < least ? v[i] : least;
    EXPECT_NEAR(least, 0, 0);

    lattn_conv1d_layer_params p1 = {
        .in_channels = 3, .out_channels = 5, .kernel_size = 4, .conv.stride = 2
    };
    EXPECT_OK(lattn_conv1d_create(ctx, &p1, &one));
    EXPECT_SHAPE(lattn_conv1d_forward(
                     ctx, one, lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 3, 8 })),
        2, 5, 3);
    lattn_conv3d_layer_params p3 = {
        .in_channels = 3, .out_channels = 5, .kernel_size = { 2 }, .conv.stride = { 1, 2, 3 }
    };
    EXPECT_OK(lattn_conv3d_create(ctx, &p3, &three));
    EXPECT_SHAPE(lattn_module_forward(ctx, three,
                     lattn_zeros(ctx, LATTN_DTYPE_F32, 5, (int64_t[]){ 2, 3, 4, 8, 9 })),
        2, 5, 3, 4, 3);
    lattn_conv_transpose2d_layer_params pt = {
        .in_channels = 3, .out_channels = 5, .kernel_size = { 2 }, .conv.stride = { 2, 2 }
    };
    EXPECT_OK(lattn_conv_transpose2d_create(ctx, &pt, &transpose));
    EXPECT_SHAPE(lattn_conv_transpose2d_forward(ctx, transpose, x), 2, 5, 16, 18);
    lattn_module_destroy(&two);
    lattn_module_destroy(&one);
    lattn_module_destroy(&three);
    lattn_module_destroy(&transpose);
}

// U(-b, b) with b = 1/sqrt(fan_in), here 1/sqrt(8 * 9).
GPU_TEST(conv, weight_and_bias_start_as_in_pytorch)
{
    enum { N = 64 * 8 * 9 };
    static float v[N];
    lattn_module *m = NULL;
    lattn_conv2d_layer_params p = { .in_channels = 8, .out_channels = 64, .kernel_size = { 3 } };
    EXPECT_OK(lattn_conv2d_create(ctx, &p, &m));
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_parameter(m, "weight"), v, N));
    double bound = 1 / sqrt(72.0), squares = 0, largest = 0;
    for (int i = 0; i < N; i++) {
        squares += (double) v[i] * (double) v[i];
        largest = fmax(largest, fabs((double) v[i]));
    }
    EXPECT_NEAR(sqrt(squares / N), bound / sqrt(3.0), 0.03 * bound);
    EXPECT(largest <= bound && largest > 0.99 * bound);
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_parameter(m, "bias"), v, 64));
    for (int i = 0; i < 64; i++)
        EXPECT(fabs((double) v[i]) <= bound);
    lattn_module_destroy(&m);
}

GPU_TEST(conv, a_given_start_is_taken_and_the_bias_is_zero)
{
    float v[9], bias[3];
    lattn_module *m = NULL;
    lattn_conv2d_layer_params p = { .in_channels = 1,
        .out_channels = 3,
        .kernel_size = { 1, 3 },
        .has_init = true,
        .init = { LATTN_INIT_ONES, 0 } };
    EXPECT_OK(lattn_conv2d_create(ctx, &p, &m));
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_parameter(m, "weight"), v, 9));
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_parameter(m, "bias"), bias, 3));
    EXPECT(v[0] == 1 && v[8] == 1 && bias[0] == 0 && bias[2] == 0);
    lattn_module_destroy(&m);
}

GPU_TEST(conv, settings_that_make_no_layer_are_refused)
{
    lattn_module *m = NULL;
    lattn_conv2d_layer_params p = { .in_channels = 4, .out_channels = 6 };
    EXPECT_STATUS(lattn_conv2d_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "kernel size 0 x 0 must be >= 1");
    p = (lattn_conv2d_layer_params){
        .in_channels = 4, .out_channels = 6, .kernel_size = { 3 }, .conv.groups = 4
    };
    EXPECT_STATUS(lattn_conv2d_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(
        lattn_error(NULL), "conv2d: groups 4 do not divide in_channels 4 and out_channels 6");
    lattn_conv3d_layer_params p3 = { .in_channels = 4, .out_channels = 6, .kernel_size = { 3, 1 } };
    EXPECT_STATUS(lattn_conv3d_create(ctx, &p3, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(
        lattn_error(NULL), "conv3d: in_channels 4, out_channels 6 and kernel size 3 x 1 x 0");
    EXPECT(m == NULL);
}
