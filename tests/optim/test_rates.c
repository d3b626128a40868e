// SPDX-License-Identifier: MIT
//
// Rates of their own: one update of SGD with gradients of one moves each weight by its rate.

#include "harness/harness.h"

enum { FEATURES = 1500 };  // a weight lies across two chunks of the arena

static lattn_module *network(lattn_ctx *ctx)
{
    static const char *const names[] = { "stem", "body", "head" };
    lattn_module *m = NULL;
    EXPECT_OK(lattn_module_create(ctx, "network", &m));
    for (int i = 0; i < 3; i++) {
        lattn_module *child = NULL;
        lattn_linear_params params = { .in_features = FEATURES, .out_features = 1 };
        EXPECT_OK(lattn_linear_create(ctx, &params, &child));
        EXPECT_OK(lattn_module_add(m, names[i], child));
    }
    return m;
}

// All weights are 1 and all gradients 1 when the update comes.
static void update(lattn_ctx *ctx, lattn_module *m, lattn_optim *optim)
{
    lattn_tensor *sum = NULL;
    lattn_parameter list[6];
    int n = 0;
    EXPECT_OK(lattn_module_parameters(m, list, 6, &n));
    for (int i = 0; i < n; i++) {
        if (!lattn_tensor_requires_grad(list[i].tensor))
            continue;
        EXPECT_OK(lattn_fill_(list[i].tensor, 1));
        lattn_tensor *part = lattn_sum(ctx, list[i].tensor, NULL, 0, false);
        sum = sum ? lattn_add(ctx, sum, part) : part;
    }
    EXPECT_OK(lattn_backward(ctx, sum, NULL));
    EXPECT_OK(lattn_optim_step(optim));
}

static void expect_all(lattn_module *m, const char *name, int n, double value)
{
    static float got[FEATURES];
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_parameter(m, name), got, n));
    for (int i = 0; i < n; i++) {
        if (!(fabs((double) got[i] - value) <= 1e-6)) {
            lt_fail(__FILE__, __LINE__, "%s[%d] is %.9g, expected %.9g", name, i, (double) got[i],
                value);
            return;
        }
    }
}

GPU_TEST(rates, each_parameter_moves_by_its_own)
{
    lattn_module *m = network(ctx);
    lattn_optim *optim = NULL;
    EXPECT_OK(lattn_module_scale_lr(m, "stem", 0.25f));
    EXPECT_OK(lattn_module_scale_lr(m, "body", 0.5f));
    EXPECT_OK(lattn_module_scale_lr(m, "*.bias", 2));
    EXPECT_OK(lattn_module_scale_lr(m, "body.bias", 0));
    lattn_sgd_params sgd = { .common = { .lr = 0.1f, .weight_decay = 1 } };
    REQUIRE(lattn_sgd_create(ctx, m, &sgd, &optim) == LATTN_OK);
    update(ctx, m, optim);
    expect_all(m, "stem.weight", FEATURES, 1 - 0.025 * 2);  // gradient and decay
    expect_all(m, "stem.bias", 1, 1 - 0.05);
    expect_all(m, "body.weight", FEATURES, 1 - 0.05 * 2);
    expect_all(m, "body.bias", 1, 1);
    expect_all(m, "head.weight", FEATURES, 1 - 0.1 * 2);
    expect_all(m, "head.bias", 1, 1 - 0.2);
    lattn_optim_destroy(&optim);
    lattn_module_destroy(&m);
}

GPU_TEST(rates, adamw_has_them_too_and_frozen_layers_stay)
{
    lattn_module *m = network(ctx);
    lattn_optim *optim = NULL;
    lattn_adamw_params adamw = { .common = { .lr = 0.1f } };
    EXPECT_OK(lattn_module_scale_lr(m, "body", 0.5f));
    EXPECT_OK(lattn_fill_(lattn_module_parameter(m, "stem.weight"), 3));
    EXPECT_OK(lattn_module_freeze(m, "stem"));
    REQUIRE(lattn_adamw_create(ctx, m, &adamw, &optim) == LATTN_OK);
    update(ctx, m, optim);
    expect_all(m, "stem.weight", FEATURES, 3);
    expect_all(m, "body.weight", FEATURES, 0.95);
    expect_all(m, "head.weight", FEATURES, 0.9);
    lattn_optim_destroy(&optim);
    lattn_module_destroy(&m);
}
