// SPDX-License-Identifier: MIT
//
// The batch norm module: running statistics while training, in evaluation, replayed and saved.

#include "harness/harness.h"
#include "lattn/lattn.h"

enum { IMAGES = 4, CHANNELS = 3, PLANE = 5, N = IMAGES * CHANNELS * PLANE };

static const int64_t dims[] = { IMAGES, CHANNELS, PLANE };

static void fill(float *v, int seed)
{
    for (int i = 0; i < N; i++)
        v[i] = (float) ((i * 37 + seed * 61) % 101) / 25 + (float) (i / PLANE % CHANNELS * seed);
}

static lattn_tensor *batch(lattn_ctx *ctx, int seed)
{
    float v[N];
    fill(v, seed);
    return lt_tensor(ctx, 3, dims, v);
}

// What PyTorch does to running statistics: momentum 0.1, unbiased variance.
static void update(int seed, double *mean, double *var)
{
    float v[N];
    fill(v, seed);
    for (int c = 0; c < CHANNELS; c++) {
        const double n = IMAGES * PLANE;
        double sum = 0, square = 0;
        for (int i = 0; i < N; i++)
            sum += i / PLANE % CHANNELS == c ? v[i] : 0;
        for (int i = 0; i < N; i++)
            square += i / PLANE % CHANNELS == c ? (v[i] - sum / n) * (v[i] - sum / n) : 0;
        mean[c] += 0.1 * (sum / n - mean[c]);
        var[c] += 0.1 * (square / (n - 1) - var[c]);
    }
}

static void expect_running(
    lattn_ctx *ctx, lattn_module *m, const double *mean, const double *var, int batches)
{
    float m32[CHANNELS], v32[CHANNELS];
    int32_t count = -1;
    for (int c = 0; c < CHANNELS; c++) {
        m32[c] = (float) mean[c];
        v32[c] = (float) var[c];
    }
    lt_expect_near(ctx, lattn_module_buffer(m, "running_mean"), m32, CHANNELS, 1e-5);
    lt_expect_near(ctx, lattn_module_buffer(m, "running_var"), v32, CHANNELS, 1e-5);
    lattn_tensor *tracked = lattn_module_buffer(m, "num_batches_tracked");
    EXPECT_OK(lattn_tensor_read(tracked, &count, sizeof count));
    EXPECT_EQ(count, batches);
}

static lattn_module *make(lattn_ctx *ctx)
{
    lattn_module *m = NULL;
    const lattn_batch_norm_params params = { .num_features = CHANNELS };
    EXPECT_OK(lattn_batch_norm_create(ctx, &params, &m));
    return m;
}

GPU_TEST(batch_norm, training_changes_running_statistics_and_evaluation_uses_them)
{
    lattn_module *m = make(ctx);
    double mean[CHANNELS] = { 0 }, var[CHANNELS] = { 1, 1, 1 };
    for (int seed = 1; seed <= 3; seed++) {
        EXPECT(lattn_batch_norm_forward(ctx, m, batch(ctx, seed)));
        update(seed, mean, var);
    }
    expect_running(ctx, m, mean, var, 3);
    float v[N], want[N];
    fill(v, 5);
    for (int i = 0; i < N; i++) {
        int c = i / PLANE % CHANNELS;
        want[i] = (float) ((v[i] - mean[c]) / sqrt(var[c] + 1e-5));
    }
    lattn_set_training(ctx, false);
    lt_expect_near(ctx, lattn_batch_norm_forward(ctx, m, batch(ctx, 5)), want, N, 1e-5);
    lattn_set_training(ctx, true);
    expect_running(ctx, m, mean, var, 3);
    lattn_module_destroy(&m);
}

// One channel of the batch is not finite: the others go on.
GPU_TEST(batch_norm, a_channel_that_is_not_finite_keeps_its_running_statistics)
{
    const float bad[] = { INFINITY, NAN };
    lattn_module *m = make(ctx);
    double mean[CHANNELS] = { 0 }, var[CHANNELS] = { 1, 1, 1 };
    for (int seed = 1; seed <= 2; seed++) {
        float v[N];
        fill(v, seed);
        v[PLANE] = bad[seed - 1];  // of channel 1
        EXPECT(lattn_batch_norm_forward(ctx, m, lt_tensor(ctx, 3, dims, v)));
        update(seed, mean, var);
        mean[1] = 0;
        var[1] = 1;
    }
    expect_running(ctx, m, mean, var, 2);
    lattn_module_destroy(&m);
}

GPU_TEST(batch_norm, frozen_holds_to_running_statistics_while_training)
{
    lattn_module *m = make(ctx);
    const double mean[CHANNELS] = { 0 }, var[CHANNELS] = { 1, 1, 1 };
    EXPECT_OK(lattn_batch_norm_set_frozen(m, true));
    float v[N];
    fill(v, 2);
    lt_expect_near(ctx, lattn_batch_norm_forward(ctx, m, batch(ctx, 2)), v, N, 1e-4);
    expect_running(ctx, m, mean, var, 0);
    lattn_module_destroy(&m);
}

GPU_TEST(batch_norm, freezing_a_tree_freezes_every_norm_in_it)
{
    lattn_module *root = NULL, *inner = NULL, *m = make(ctx);
    const double mean[CHANNELS] = { 0 }, var[CHANNELS] = { 1, 1, 1 };
    EXPECT_OK(lattn_sequential_create(ctx, &root));
    EXPECT_OK(lattn_sequential_create(ctx, &inner));
    EXPECT_OK(lattn_sequential_append(inner, m));
    EXPECT_OK(lattn_sequential_append(root, inner));
    EXPECT_OK(lattn_batch_norm_set_frozen(root, true));
    EXPECT(lattn_module_forward(ctx, root, batch(ctx, 2)) != NULL);
    expect_running(ctx, m, mean, var, 0);
    lattn_module_destroy(&root);
}

struct job {
    lattn_module *m;
    lattn_tensor *x;
};

static lattn_status record(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    outputs[0] =
        lattn_sum(ctx, lattn_batch_norm_relu_forward(ctx, j->m, j->x, NULL), NULL, 0, false);
    lattn_tensor_zero_grad(lattn_module_parameter(j->m, "weight"));
    lattn_tensor_zero_grad(lattn_module_parameter(j->m, "bias"));
    return lattn_backward(ctx, outputs[0], NULL);
}

GPU_TEST(batch_norm, replayed_steps_change_running_statistics)
{
    struct job j = { .m = make(ctx) };
    double mean[CHANNELS] = { 0 }, var[CHANNELS] = { 1, 1, 1 };
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 3, dims, &j.x));
    const lattn_graph_params params = {
        .fn = record, .user = &j, .inputs = &j.x, .n_inputs = 1, .n_outputs = 1
    };
    lattn_graph *graph = NULL;
    EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
    REQUIRE(graph != NULL);
    expect_running(ctx, j.m, mean, var, 0);  // recording is not running
    for (int seed = 1; seed <= 4; seed++) {
        float v[N];
        fill(v, seed);
        EXPECT_OK(lattn_graph_write(graph, 0, v, sizeof v));
        EXPECT_OK(lattn_graph_run(graph));
        update(seed, mean, var);
    }
    expect_running(ctx, j.m, mean, var, 4);
    lattn_graph_destroy(&graph);
    lattn_tensor_release(&j.x);
    lattn_module_destroy(&j.m);
}

// The second forward changes what the first one wrote; backward of neither needs it.
GPU_TEST(batch_norm, two_forwards_before_one_backward)
{
    lattn_module *m = make(ctx);
    lattn_tensor *a = lattn_batch_norm_forward(ctx, m, batch(ctx, 1));
    lattn_tensor *b = lattn_batch_norm_forward(ctx, m, batch(ctx, 2));
    lattn_tensor *loss = lattn_sum(ctx, lattn_mul(ctx, a, b), NULL, 0, false);
    EXPECT_OK(lattn_backward(ctx, loss, NULL));
    EXPECT(lattn_tensor_grad(lattn_module_parameter(m, "weight")));
    lattn_module_destroy(&m);
}

GPU_TEST(batch_norm, buffers_are_no_parameters_but_are_saved)
{
    lattn_module *m = make(ctx), *other = make(ctx), *root = NULL;
    lattn_parameter list[4];
    int n = 0;
    EXPECT_OK(lattn_module_create(ctx, "net", &root));
    EXPECT_OK(lattn_module_add(root, "bn1", m));
    EXPECT_EQ(lattn_module_n_parameters(root), 2);
    EXPECT_EQ(lattn_module_n_buffers(root), 3);
    EXPECT_OK(lattn_module_buffers(root, list, 4, &n));
    EXPECT_EQ(n, 3);
    EXPECT_STR(list[0].name, "bn1.running_mean");
    EXPECT_STR(list[2].name, "bn1.num_batches_tracked");
    EXPECT(!lattn_module_parameter(root, "bn1.running_mean"));

    EXPECT(lattn_batch_norm_forward(ctx, m, batch(ctx, 3)));
    char path[512];
    snprintf(path, sizeof path, "%s/bn.safetensors", lt_temp_dir());
    EXPECT_OK(lattn_module_save(m, path));
    lattn_safetensors *file = NULL;
    lattn_load_report report;
    EXPECT_OK(lattn_safetensors_open(path, NULL, &file));
    EXPECT_OK(lattn_module_load(other, file, NULL, &report));
    EXPECT_EQ(report.n_loaded, 5);
    lattn_safetensors_close(&file);
    double mean[CHANNELS] = { 0 }, var[CHANNELS] = { 1, 1, 1 };
    update(3, mean, var);
    expect_running(ctx, other, mean, var, 1);
    lattn_module_destroy(&root);
    lattn_module_destroy(&other);
}

// Files of torchvision's first years have no count of batches.
GPU_TEST(batch_norm, file_may_lack_the_count_of_batches)
{
    static const char *const names[] = { "weight", "bias", "running_mean", "running_var" };
    const float ones[CHANNELS] = { 1, 1, 1 };
    const int64_t size = CHANNELS;
    lattn_named_array items[4];
    for (int i = 0; i < 4; i++)
        items[i] = (lattn_named_array){ names[i], LATTN_DTYPE_F32, 1, &size, ones };
    char path[512];
    snprintf(path, sizeof path, "%s/bn_old.safetensors", lt_temp_dir());
    EXPECT_OK(lattn_safetensors_save_arrays(path, items, 4));
    lattn_module *m = make(ctx);
    lattn_safetensors *file = NULL;
    lattn_load_report report;
    EXPECT_OK(lattn_safetensors_open(path, NULL, &file));
    EXPECT_OK(lattn_module_load(m, file, NULL, &report));
    EXPECT_EQ(report.n_missing, 1);
    EXPECT_STR(report.missing, "num_batches_tracked");
    lattn_safetensors_close(&file);
    lattn_module_destroy(&m);
}

GPU_TEST(batch_norm, wrong_arguments_are_refused)
{
    lattn_module *m = NULL;
    EXPECT_STATUS(lattn_batch_norm_create(ctx, &(lattn_batch_norm_params){ 0 }, &m), LATTN_ERR_ARG);
    m = make(ctx);
    const int64_t one[] = { 1, CHANNELS }, wide[] = { 2, 7, 5 };
    EXPECT(!lattn_batch_norm_forward(ctx, m, lattn_zeros(ctx, LATTN_DTYPE_F32, 3, wide)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "running_mean is [3], x [2, 7, 5] needs [7]");
    EXPECT(!lattn_batch_norm_forward(ctx, m, lattn_zeros(ctx, LATTN_DTYPE_F32, 1, wide)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "x is [2], it must be [N, C, ...]");
    EXPECT(!lattn_batch_norm_forward(ctx, m, lattn_zeros(ctx, LATTN_DTYPE_F32, 2, one)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "more than one value per channel");
    lattn_tensor *x = batch(ctx, 1);
    EXPECT(!lattn_batch_norm_relu_forward(ctx, m, x, lattn_zeros(ctx, LATTN_DTYPE_F32, 3, wide)));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "residual is [2, 7, 5], x is [4, 3, 5]");
    EXPECT(!lattn_batch_norm(ctx, x, NULL, NULL, &(lattn_batch_norm_args){ .momentum = 2 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "momentum = 2");
    EXPECT(!lattn_batch_norm(ctx, x, NULL, NULL, &(lattn_batch_norm_args){ .frozen = true }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "frozen needs both");
    EXPECT_STATUS(lattn_batch_norm_set_frozen(NULL, true), LATTN_ERR_ARG);
    lattn_module_destroy(&m);
}
