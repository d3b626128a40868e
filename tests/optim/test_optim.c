// SPDX-License-Identifier: MIT
//
// What every optimiser does besides its rule: whose parameters it trains, its rate, its state on disk,
// the search for the gradient that is not finite.

#include "harness/harness.h"

enum { OUT = 2, IN = 3, N = OUT * IN };

static lattn_module *layer(lattn_ctx *ctx)
{
    lattn_module *m = NULL;
    lattn_linear_params params = { .in_features = IN, .out_features = OUT };
    EXPECT_OK(lattn_linear_create(ctx, &params, &m));
    return m;
}

static lattn_optim *adamw(lattn_ctx *ctx, lattn_module *m, float lr)
{
    lattn_optim *o = NULL;
    EXPECT_OK(lattn_adamw_create(ctx, m, &(lattn_adamw_params){ .common = { .lr = lr } }, &o));
    return o;
}

static lattn_optim *sgd(lattn_ctx *ctx, lattn_module *m, float momentum)
{
    lattn_optim *o = NULL;
    lattn_sgd_params params = { .common = { .lr = 0.5f }, .momentum = momentum };
    EXPECT_OK(lattn_sgd_create(ctx, m, &params, &o));
    return o;
}

// One update with the gradient of scale * sum(layer(1, 1, 1)).
static void train(lattn_ctx *ctx, lattn_module *m, lattn_optim *o, float scale)
{
    const float ones[IN] = { 1, 1, 1 };
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *x = lt_tensor(ctx, 2, (int64_t[]){ 1, IN }, ones);
    lattn_tensor *y = lattn_linear_forward(ctx, m, x, LATTN_EPILOGUE_NONE);
    y = lattn_scale(ctx, lattn_sum(ctx, y, NULL, 0, false), scale, 0);
    lattn_optim_zero_grad(o);
    EXPECT_OK(lattn_backward(ctx, y, NULL));
    EXPECT_OK(lattn_optim_step(o));
    EXPECT_OK(lattn_step_end(ctx));
}

static void read_weight(lattn_module *m, float w[N])
{
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_parameter(m, "weight"), w, N));
}

// With two, the second would take the gradients and the first train nothing.
GPU_TEST(optim, a_parameter_has_one_optimiser)
{
    lattn_module *m = layer(ctx);
    lattn_optim *first = adamw(ctx, m, 0.1f), *second = NULL;
    lattn_sgd_params params = { .common = { .lr = 0.1f } };
    EXPECT_STATUS(lattn_sgd_create(ctx, m, &params, &second), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(ctx), "sgd: parameter weight");
    EXPECT_CONTAINS(lattn_error(ctx), "another optimiser");
    EXPECT(!second);

    // The refusal has left the first as it was.
    float before[N], after[N];
    read_weight(m, before);
    train(ctx, m, first, 1);
    read_weight(m, after);
    for (int i = 0; i < N; i++)
        EXPECT_NEAR(after[i], before[i] - 0.1f, 1e-5);

    // With the first one gone the parameters are free again.
    lattn_optim_destroy(&first);
    second = sgd(ctx, m, 0);
    train(ctx, m, second, 1);
    read_weight(m, before);
    for (int i = 0; i < N; i++)
        EXPECT_NEAR(before[i], after[i] - 0.5f, 1e-5);
    lattn_optim_destroy(&second);
    lattn_module_destroy(&m);
}

GPU_TEST(optim, two_optimisers_share_a_model_by_freezing)
{
    lattn_module *m = NULL, *a = layer(ctx), *b = layer(ctx);
    EXPECT_OK(lattn_module_create(ctx, "two", &m));
    EXPECT_OK(lattn_module_add(m, "a", a));
    EXPECT_OK(lattn_module_add(m, "b", b));
    lattn_optim *of_a = adamw(ctx, a, 0.1f), *of_b = sgd(ctx, b, 0);
    float a0[N], a1[N], b0[N], b1[N];
    read_weight(a, a0);
    read_weight(b, b0);
    train(ctx, a, of_a, 1);
    train(ctx, b, of_b, 1);
    read_weight(a, a1);
    read_weight(b, b1);
    for (int i = 0; i < N; i++) {
        EXPECT_NEAR(a1[i], a0[i] - 0.1f, 1e-5);
        EXPECT_NEAR(b1[i], b0[i] - 0.5f, 1e-5);
    }
    lattn_optim_destroy(&of_a);
    lattn_optim_destroy(&of_b);
    lattn_module_destroy(&m);
}

GPU_TEST(optim, the_rate_of_the_next_step_can_be_set)
{
    lattn_module *m = layer(ctx);
    lattn_optim *o = sgd(ctx, m, 0);
    EXPECT_NEAR(lattn_optim_lr(o), 0.5, 0);
    EXPECT_OK(lattn_optim_set_lr(o, 0.25f));
    EXPECT_NEAR(lattn_optim_lr(o), 0.25, 0);
    const float bad[] = { -1, NAN, INFINITY };
    for (int i = 0; i < 3; i++) {
        EXPECT_STATUS(lattn_optim_set_lr(o, bad[i]), LATTN_ERR_ARG);
        EXPECT_CONTAINS(lattn_error(NULL), "lr is");
    }
    float before[N], after[N];
    read_weight(m, before);
    train(ctx, m, o, 1);
    read_weight(m, after);
    for (int i = 0; i < N; i++)
        EXPECT_NEAR(after[i], before[i] - 0.25f, 1e-5);
    EXPECT_EQ(lattn_optim_steps(o), 1);
    lattn_optim_destroy(&o);
    lattn_module_destroy(&m);
}

GPU_TEST(optim, a_loaded_state_goes_on_where_the_saved_one_was)
{
    char path[600];
    snprintf(path, sizeof path, "%s/optim.safetensors", lt_temp_dir());
    lattn_module *m = layer(ctx), *copy = layer(ctx);
    lattn_optim *o = adamw(ctx, m, 0.1f), *other = adamw(ctx, copy, 0.1f);
    for (int i = 0; i < 3; i++)
        train(ctx, m, o, (float) (i + 1));
    EXPECT_OK(lattn_optim_save(o, path));
    EXPECT_OK(lattn_optim_load(other, path));
    EXPECT_EQ(lattn_optim_steps(other), 3);
    EXPECT_OK(
        lattn_copy_(lattn_module_parameter(copy, "weight"), lattn_module_parameter(m, "weight")));
    train(ctx, m, o, -2);
    train(ctx, copy, other, -2);
    float a[N], b[N];
    read_weight(m, a);
    read_weight(copy, b);
    EXPECT(memcmp(a, b, sizeof a) == 0);
    EXPECT_EQ(lattn_optim_steps(other), 4);
    lattn_optim_destroy(&o);
    lattn_optim_destroy(&other);
    lattn_module_destroy(&m);
    lattn_module_destroy(&copy);
}

// Other names, another shape, no file: each one sentence, and the state stays as it was.
GPU_TEST(optim, a_state_of_other_parameters_is_refused)
{
    char path[600];
    snprintf(path, sizeof path, "%s/other.safetensors", lt_temp_dir());
    lattn_module *m = layer(ctx), *wide = NULL;
    lattn_linear_params params = { .in_features = IN + 1, .out_features = OUT };
    EXPECT_OK(lattn_linear_create(ctx, &params, &wide));
    lattn_optim *o = adamw(ctx, m, 0.1f), *of_wide = adamw(ctx, wide, 0.1f);
    train(ctx, m, o, 1);
    EXPECT_OK(lattn_optim_save(of_wide, path));
    EXPECT_STATUS(lattn_optim_load(o, path), LATTN_ERR_SHAPE);
    EXPECT_CONTAINS(lattn_error(NULL), "\"weight.exp_avg\" is [2, 4], the parameter is [2, 3]");
    EXPECT_EQ(lattn_optim_steps(o), 1);
    lattn_optim_destroy(&o);

    o = sgd(ctx, m, 0.9f);
    EXPECT_STATUS(lattn_optim_load(o, path), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "\"weight.momentum_buffer\" is missing");
    EXPECT_STATUS(lattn_optim_load(o, "/nowhere/at/all"), LATTN_ERR_IO);
    lattn_optim_destroy(&o);
    lattn_optim_destroy(&of_wide);
    lattn_module_destroy(&m);
    lattn_module_destroy(&wide);
}

GPU_TEST(optim, the_first_gradient_that_is_not_finite_is_named)
{
    lattn_module *m = layer(ctx);
    lattn_optim *o = adamw(ctx, m, 0.1f);
    const char *name = "unset";
    float before[N], after[N], report[LATTN_OPTIM_REPORT_FLOATS];
    train(ctx, m, o, 1);
    EXPECT_OK(lattn_optim_first_not_finite(o, &name));
    EXPECT(!name);
    read_weight(m, before);
    train(ctx, m, o, INFINITY);
    EXPECT_OK(lattn_optim_first_not_finite(o, &name));
    EXPECT_STR(name, "weight");
    // Such a step changes nothing, and the report says so.
    read_weight(m, after);
    EXPECT(memcmp(before, after, sizeof before) == 0);
    EXPECT_OK(lattn_tensor_read_f32(lattn_optim_report(o), report, LATTN_OPTIM_REPORT_FLOATS));
    EXPECT_NEAR(report[2], 0, 0);
    lattn_optim_destroy(&o);
    lattn_module_destroy(&m);
}

// In the wrong order nothing is lost but the weights.
GPU_TEST(optim, may_outlive_its_module)
{
    lattn_module *m = layer(ctx);
    lattn_optim *o = adamw(ctx, m, 0.1f);
    lattn_module_destroy(&m);
    lattn_module *other = layer(ctx);  // takes the handles that became free
    lattn_optim *of_other = adamw(ctx, other, 0.1f), *second = NULL;
    lattn_optim_destroy(&o);
    const lattn_adamw_params params = { .common = { .lr = 0.1f } };
    EXPECT_STATUS(lattn_adamw_create(ctx, other, &params, &second), LATTN_ERR_STATE);
    lattn_optim_destroy(&of_other);
    lattn_module_destroy(&other);
}
