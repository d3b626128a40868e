// SPDX-License-Identifier: MIT
//
// Updates in f16 and bf16 against PyTorch (tests/golden/make_mixed.py): losses, the loss scale and the final
// f32 weights of thirty updates, three of them with an infinity in the batch. The step is captured once and
// replayed, so that nothing but the device decides what is skipped.

#include "harness/harness.h"

enum { STEPS = 30, ROWS = 16, IN = 6, HIDDEN = 8, OUT = 3, INTERVAL = 6, N_BATCHES = 4 };
enum { N_WEIGHTS = HIDDEN * IN + HIDDEN + OUT * HIDDEN + OUT };

static const char *const names[] = { "first.weight", "first.bias", "second.weight", "second.bias" };

struct job {
    lattn_module *root, *first, *second;
    lattn_optim *optim;
    lattn_tensor *x, *labels;
};

// Values of a name, as make_mixed.py has them.
static void fill(const char *name, float *v, int64_t n)
{
    char full[64];
    snprintf(full, sizeof full, "mixed.%s", name);
    uint64_t seed = lt_name_seed(full);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float) lt_name_uniform(seed, i);
}

static void batch(int step, float x[ROWS * IN], int32_t labels[ROWS])
{
    char name[8];
    snprintf(name, sizeof name, "x%d", step % N_BATCHES);
    fill(name, x, (int64_t) ROWS * IN);
    for (int i = 0; i < ROWS; i++)
        labels[i] = (x[i * IN] + x[i * IN + 1] > 0) + (x[i * IN + 2] > 0.3f);
    if (step == 7 || step == 8 || step == 19)
        x[0] = INFINITY;
}

static lattn_status step(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    lattn_optim_zero_grad(j->optim);
    lattn_tensor *x = lattn_cast(ctx, j->x, lattn_module_dtype(j->root));
    lattn_tensor *h = lattn_linear_forward(ctx, j->first, x, LATTN_EPILOGUE_NONE);
    h = lattn_linear_forward(ctx, j->second, lattn_tanh(ctx, h), LATTN_EPILOGUE_NONE);
    outputs[0] = lattn_cross_entropy(ctx, h, j->labels, NULL);
    outputs[1] = lattn_optim_report(j->optim);
    lattn_status st = lattn_optim_backward(j->optim, outputs[0], 1);
    return st ? st : lattn_optim_step(j->optim);
}

static lattn_status make_layers(lattn_ctx *ctx, struct job *j)
{
    const lattn_linear_params first = { .in_features = IN, .out_features = HIDDEN };
    const lattn_linear_params second = { .in_features = HIDDEN, .out_features = OUT };
    lattn_status st = lattn_module_create(ctx, "mixed", &j->root);
    st = st ? st : lattn_linear_create(ctx, &first, &j->first);
    st = st ? st : lattn_module_add(j->root, "first", j->first);
    st = st ? st : lattn_linear_create(ctx, &second, &j->second);
    st = st ? st : lattn_module_add(j->root, "second", j->second);
    for (int i = 0; i < 4 && !st; i++) {
        float v[N_WEIGHTS];
        lattn_tensor *t = lattn_module_parameter(j->root, names[i]);
        fill(names[i], v, lattn_tensor_numel(t));
        st = lattn_tensor_write_f32(t, v, lattn_tensor_numel(t));
    }
    return st;
}

static lattn_status open_job(lattn_ctx *ctx, struct job *j, lattn_dtype dtype, bool adam)
{
    const lattn_loss_scale scale = { .init_scale = 32768, .growth_interval = INTERVAL };
    const lattn_adamw_params adamw = {
        .common = { .lr = 0.02f, .weight_decay = 0.01f, .max_grad_norm = 0.5f, .loss_scale = scale }
    };
    const lattn_sgd_params sgd = {
        .common = { .lr = 0.2f, .max_grad_norm = 0.5f, .loss_scale = scale },
        .momentum = 0.9f,
        .dampening = 0.1f
    };
    const int64_t dims[] = { ROWS, IN };
    lattn_status st = make_layers(ctx, j);
    st = st ? st : lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, dims, &j->x);
    st = st ? st : lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, dims, &j->labels);
    st = st ? st : lattn_module_to_dtype(j->root, dtype);
    if (st)
        return st;
    return adam ? lattn_adamw_create(ctx, j->root, &adamw, &j->optim)
                : lattn_sgd_create(ctx, j->root, &sgd, &j->optim);
}

static void close_job(struct job *j)
{
    lattn_optim_destroy(&j->optim);
    lattn_tensor_release(&j->x);
    lattn_tensor_release(&j->labels);
    lattn_module_destroy(&j->root);
}

static void read_golden(
    lattn_safetensors *f, const char *which, const char *what, float *out, size_t n)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", which, what);
    int64_t i = lattn_safetensors_find(f, name);
    REQUIRE(i >= 0);
    EXPECT_OK(lattn_safetensors_read(f, (size_t) i, LATTN_DTYPE_F32, out, n * sizeof *out));
}

static void expect_weights(struct job *j, const float *want, double tolerance)
{
    for (int i = 0; i < 4; i++) {
        float got[N_WEIGHTS];
        lattn_tensor *t = lattn_module_master(j->root, names[i]);
        int64_t n = lattn_tensor_numel(t);
        EXPECT_OK(lattn_tensor_read_f32(t, got, n));
        for (int64_t k = 0; k < n; k++)
            EXPECT_NEAR(got[k], *want++, tolerance);
    }
}

static void run_steps(
    struct job *j, lattn_graph *graph, lattn_safetensors *f, const char *which, double tolerance)
{
    float losses[STEPS], scales[STEPS], skipped[STEPS], final[N_WEIGHTS], n_skipped = 0;
    read_golden(f, which, "losses", losses, STEPS);
    read_golden(f, which, "scales", scales, STEPS);
    read_golden(f, which, "skipped", skipped, STEPS);
    read_golden(f, which, "final", final, N_WEIGHTS);
    for (int i = 0; i < STEPS; i++) {
        float x[ROWS * IN], loss = 0, report[LATTN_OPTIM_REPORT_FLOATS];
        int32_t labels[ROWS];
        unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
        batch(i, x, labels);
        EXPECT_OK(lattn_optim_advance(j->optim, lattn_optim_lr(j->optim), hyper, sizeof hyper));
        EXPECT_OK(lattn_graph_write(graph, 0, x, sizeof x));
        EXPECT_OK(lattn_graph_write(graph, 1, labels, sizeof labels));
        EXPECT_OK(lattn_graph_write(graph, 2, hyper, sizeof hyper));
        EXPECT_OK(lattn_graph_run(graph));
        EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss, sizeof loss));
        EXPECT_OK(lattn_graph_read(graph, 1, 0, report, sizeof report));
        n_skipped += skipped[i];
        EXPECT_NEAR(loss, losses[i], tolerance);
        EXPECT_NEAR(report[2], 1 - skipped[i], 0);
        EXPECT_NEAR(report[3], scales[i], 0);
        EXPECT_NEAR(report[4], n_skipped, 0);
    }
    expect_weights(j, final, tolerance);
}

// Rounding of sums at other places moves a 16-bit value to its neighbour now and then: 2^-11 of it in f16,
// 2^-8 in bf16. Updates are of the size of the rate, 0.02, or more.
static void follow(
    lattn_ctx *ctx, const char *which, lattn_dtype dtype, bool adam, double tolerance)
{
    struct job j = { 0 };
    lattn_safetensors *f = NULL;
    lattn_status st = open_job(ctx, &j, dtype, adam);
    if (st == LATTN_ERR_DTYPE) {
        lt_skip("%s", lattn_error(ctx));
    } else {
        EXPECT_OK(st);
        lattn_tensor *inputs[] = { j.x, j.labels, lattn_optim_hyper(j.optim) };
        lattn_graph_params params = {
            .fn = step, .user = &j, .inputs = inputs, .n_inputs = 3, .n_outputs = 2
        };
        lattn_graph *graph = NULL;
        EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
        EXPECT_OK(
            lattn_safetensors_open(lt_source_path("golden/mixed/updates.safetensors"), NULL, &f));
        if (graph && f)
            run_steps(&j, graph, f, which, tolerance);
        lattn_safetensors_close(&f);
        lattn_graph_destroy(&graph);
    }
    close_job(&j);
}

GPU_TEST(mixed, f16_follows_pytorch_through_overflows)
{
    follow(ctx, "f16.adamw", LATTN_DTYPE_F16, true, 1e-3);
    follow(ctx, "f16.sgd", LATTN_DTYPE_F16, false, 1e-3);
}

GPU_TEST(mixed, bf16_follows_pytorch_without_a_scale)
{
    follow(ctx, "bf16.adamw", LATTN_DTYPE_BF16, true, 8e-3);
    follow(ctx, "bf16.sgd", LATTN_DTYPE_BF16, false, 8e-3);
}
