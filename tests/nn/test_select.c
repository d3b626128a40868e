// SPDX-License-Identifier: MIT
//
// Parameters chosen by name: patterns, rates, freezing.

#include "harness/harness.h"

TEST(select, patterns_fit_a_path_or_its_beginning)
{
    static const struct {
        const char *name, *pattern;
        bool fits;
    } cases[] = {
        { "layer1.0.conv1.weight", "layer1", true },
        { "layer1.0.conv1.weight", "layer1.0", true },
        { "layer1.0.conv1.weight", "layer1.0.conv1.weight", true },
        { "layer10.0.weight", "layer1", false },
        { "layer1.0.conv1.weight", "layer?.0.conv1", true },
        { "layer1.0.conv1.weight", "conv1", false },
        { "layer1.0.conv1.weight", "*conv1", true },
        { "layer1.0.conv1.weight", "*.weight", true },
        { "layer1.0.conv1.weight", "*.bias", false },
        { "layer1.0.conv1.weight", "*", true },
        { "layer1.0.conv1.weight", "**l*0*w*", true },
        { "layer1.0.conv1.weight", "", false },
        { "layer1.0.conv1.weight", "layer1.", false },
        { "aab", "*ab", true },
        { "abcabd", "*abd", true },
        { "ab", "ab?", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (lattn_name_fits(cases[i].name, cases[i].pattern) != cases[i].fits)
            lt_fail(__FILE__, __LINE__, "\"%s\" and \"%s\"", cases[i].name, cases[i].pattern);
}

// conv, bn, head: 0.weight, 0.bias, 1.weight, 1.bias, head.weight, head.bias
static lattn_module *small_network(lattn_ctx *ctx)
{
    lattn_module *m = NULL, *conv = NULL, *norm = NULL, *head = NULL;
    EXPECT_OK(lattn_sequential_create(ctx, &m));
    EXPECT_OK(lattn_conv2d_create(ctx,
        &(lattn_conv2d_layer_params){
            .in_channels = 1, .out_channels = 2, .kernel_size = { 3 }, .conv.padding = { 1, 1 } },
        &conv));
    EXPECT_OK(lattn_batch_norm_create(ctx, &(lattn_batch_norm_params){ .num_features = 2 }, &norm));
    EXPECT_OK(lattn_linear_create(
        ctx, &(lattn_linear_params){ .in_features = 2, .out_features = 2 }, &head));
    EXPECT_OK(lattn_sequential_append(m, conv));
    EXPECT_OK(lattn_sequential_append(m, norm));
    EXPECT_OK(lattn_module_add(m, "head", head));
    return m;
}

enum { N_PARAMETERS = 6 };

static void list_all(lattn_module *m, lattn_parameter list[N_PARAMETERS])
{
    int n = 0;
    EXPECT_OK(lattn_module_parameters(m, list, N_PARAMETERS, &n));
    EXPECT_EQ(n, N_PARAMETERS);
}

GPU_TEST(select, factors_of_the_rate_multiply)
{
    static const float want[N_PARAMETERS] = { 0.5f, 0.25f, 0.5f, 0.25f, 1, 0.5f };
    lattn_module *m = small_network(ctx);
    lattn_parameter list[N_PARAMETERS];
    EXPECT_OK(lattn_module_scale_lr(m, "?", 0.5f));
    EXPECT_OK(lattn_module_scale_lr(m, "*.bias", 0.5f));
    list_all(m, list);
    for (int i = 0; i < N_PARAMETERS; i++)
        EXPECT_NEAR(list[i].lr_factor, want[i], 0);
    EXPECT_STATUS(lattn_module_scale_lr(m, "tail", 0.5f), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "no parameter fits \"tail\"");
    EXPECT_STATUS(lattn_module_scale_lr(m, "head", -1), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "the factor -1 must be 0 or more");
    EXPECT_STATUS(lattn_module_scale_lr(m, "head", NAN), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_module_scale_lr(m, NULL, 1), LATTN_ERR_ARG);
    lattn_module_destroy(&m);
}

// Whether a batch changes the running statistics.
static bool follows(lattn_ctx *ctx, lattn_module *m)
{
    float before[2], after[2];
    lattn_tensor *mean = lattn_module_buffer(m, "1.running_mean");
    EXPECT_OK(lattn_tensor_read_f32(mean, before, 2));
    lattn_set_training(ctx, true);
    lattn_tensor *x = lattn_full(ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ 1, 1, 2, 2 }, 5);
    lattn_tensor *y = lattn_module_forward(ctx, m, x);
    EXPECT(y != NULL);
    EXPECT_OK(lattn_tensor_read_f32(mean, after, 2));
    return before[0] != after[0];
}

GPU_TEST(select, freezing_takes_gradients_and_holds_norms)
{
    lattn_module *m = small_network(ctx);
    lattn_parameter list[N_PARAMETERS];
    EXPECT_OK(lattn_module_freeze(m, "1.bias"));
    list_all(m, list);
    for (int i = 0; i < N_PARAMETERS; i++)
        EXPECT_EQ(lattn_tensor_requires_grad(list[i].tensor), i != 3);
    EXPECT(follows(ctx, m));
    EXPECT_OK(lattn_module_freeze(m, "1"));
    EXPECT(!follows(ctx, m));
    EXPECT_STATUS(lattn_module_freeze(m, "2"), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "no parameter fits \"2\"");
    lattn_module_destroy(&m);
}
