// SPDX-License-Identifier: MIT
//
// AdamW's own settings; the update itself is an op with a reference (ops/op_adamw.c).

#include "harness/harness.h"

// Three updates of one parameter against plain arithmetic; the gradients are 1, -2, 4.
static void expect_updates(lattn_ctx *ctx, const lattn_adamw_params *params, double b1, double b2)
{
    const lattn_linear_params one = { .in_features = 1, .out_features = 1, .no_bias = true };
    const float start = 3;
    lattn_module *m = NULL;
    lattn_optim *optim = NULL;
    lattn_parameter weight;
    int n = 0;
    REQUIRE(!lattn_linear_create(ctx, &one, &m));
    EXPECT_OK(lattn_module_parameters(m, &weight, 1, &n));
    EXPECT_OK(lattn_tensor_write(weight.tensor, &start, sizeof start));
    EXPECT_OK(lattn_adamw_create(ctx, m, params, &optim));
    double p = 3, first = 0, second = 0;
    for (int t = 1; t <= 3 && optim; t++) {
        float g = t == 1 ? 1 : t == 2 ? -2 : 4, got = 0;
        EXPECT_OK(lattn_step_begin(ctx));
        lattn_tensor *x = lt_tensor(ctx, 2, (int64_t[]){ 1, 1 }, &g);
        lattn_tensor *y = lattn_linear_forward(ctx, m, x, LATTN_EPILOGUE_NONE);
        EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
        EXPECT_OK(lattn_optim_step(optim));
        lattn_optim_zero_grad(optim);
        EXPECT_OK(lattn_step_end(ctx));
        first = b1 * first + (1 - b1) * (double) g;
        second = b2 * second + (1 - b2) * (double) g * (double) g;
        p -= 0.1 * first / (1 - pow(b1, t)) / (sqrt(second / (1 - pow(b2, t))) + 1e-8);
        EXPECT_OK(lattn_tensor_read_f32(weight.tensor, &got, 1));
        EXPECT_NEAR(got, p, 1e-5);
    }
    lattn_optim_destroy(&optim);
    lattn_module_destroy(&m);
}

GPU_TEST(adamw, betas_of_zero_are_meant)
{
    lattn_adamw_params params = { .common = { .lr = 0.1f } };
    expect_updates(ctx, &params, 0.9, 0.999);
    params.has_betas = true;
    expect_updates(ctx, &params, 0, 0);
    params.beta2 = 0.5f;
    expect_updates(ctx, &params, 0, 0.5);
    params.beta1 = 0.25f;
    params.beta2 = 0;
    expect_updates(ctx, &params, 0.25, 0);
}

GPU_TEST(adamw, betas_out_of_range_or_without_has_betas_are_refused)
{
    const lattn_linear_params one = { .in_features = 1, .out_features = 1 };
    static const float bad[][2] = { { 1, 0.9f }, { -0.1f, 0.9f }, { 0.9f, 1 }, { NAN, 0.9f },
        { 0.9f, INFINITY } };
    lattn_module *m = NULL;
    lattn_optim *optim = NULL;
    REQUIRE(!lattn_linear_create(ctx, &one, &m));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lattn_adamw_params params = { .beta1 = bad[i][0], .beta2 = bad[i][1], .has_betas = true };
        EXPECT_STATUS(lattn_adamw_create(ctx, m, &params, &optim), LATTN_ERR_ARG);
        EXPECT(optim == NULL);
    }
    lattn_adamw_params params = { .beta1 = 0.5f };
    EXPECT_STATUS(lattn_adamw_create(ctx, m, &params, &optim), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "has_betas");
    lattn_module_destroy(&m);
}
