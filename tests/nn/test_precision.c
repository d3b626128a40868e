// SPDX-License-Identifier: MIT
//
// Modules in 16 bits: the f32 values behind their parameters, files, and what an optimiser does with both.

#include "base/alloc.h"
#include "harness/harness.h"
#include "optim/optim.h"

enum { IN = 5, OUT = 3, N = IN * OUT };

// A layer whose weights no 16-bit number has, in that dtype. NULL, and the test skipped, where the device
// has not.
static lattn_module *layer(lattn_ctx *ctx, lattn_dtype dtype, float weight[N])
{
    const lattn_linear_params params = { .in_features = IN, .out_features = OUT };
    lattn_module *m = NULL;
    for (int i = 0; i < N; i++)
        weight[i] = 0.1f + (float) i / 7;
    EXPECT_OK(lattn_linear_create(ctx, &params, &m));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(m, "weight"), weight, N));
    lattn_status st = lattn_module_to_dtype(m, dtype);
    if (st == LATTN_OK)
        return m;
    if (st == LATTN_ERR_DTYPE)
        lt_skip("%s", lattn_error(ctx));
    else
        EXPECT_OK(st);
    lattn_module_destroy(&m);
    return NULL;
}

static void expect_weight(lattn_tensor *t, const float want[N], lattn_dtype rounded)
{
    float got[N];
    EXPECT_OK(lattn_tensor_read_f32(t, got, N));
    for (int i = 0; i < N; i++) {
        uint16_t bits = 0;
        float v = want[i];
        if (rounded != LATTN_DTYPE_F32) {
            lat_convert_from_f32(rounded, &bits, &want[i], 1);
            lat_convert_to_f32(rounded, &v, &bits, 1);
        }
        EXPECT_NEAR(got[i], v, 0);
    }
}

GPU_TEST(precision, a_converted_module_keeps_its_f32_values)
{
    float want[N];
    lattn_module *m = layer(ctx, LATTN_DTYPE_F16, want);
    if (!m)
        return;
    lattn_tensor *t = lattn_module_parameter(m, "weight");
    EXPECT_EQ(lattn_module_dtype(m), LATTN_DTYPE_F16);
    EXPECT_EQ(lattn_tensor_dtype(t), LATTN_DTYPE_F16);
    expect_weight(t, want, LATTN_DTYPE_F16);
    expect_weight(lattn_module_master(m, "weight"), want, LATTN_DTYPE_F32);
    EXPECT_OK(lattn_module_to_dtype(m, LATTN_DTYPE_BF16));
    expect_weight(t, want, LATTN_DTYPE_BF16);
    EXPECT_OK(lattn_module_to_dtype(m, LATTN_DTYPE_F32));
    expect_weight(t, want, LATTN_DTYPE_F32);
    EXPECT(lattn_module_master(m, "weight") == t);
    lattn_module_destroy(&m);
}

GPU_TEST(precision, files_have_the_f32_values)
{
    char path[600];
    float want[N], other[N];
    lattn_safetensors *file = NULL;
    lattn_safetensors_entry entry;
    lattn_module *m = layer(ctx, LATTN_DTYPE_BF16, want);
    lattn_module *loaded = m ? layer(ctx, LATTN_DTYPE_BF16, other) : NULL;
    if (!loaded)
        return;
    snprintf(path, sizeof path, "%s/model.safetensors", lt_temp_dir());
    EXPECT_OK(lattn_module_save(m, path));
    EXPECT_OK(lattn_module_to_dtype(loaded, LATTN_DTYPE_F32));
    EXPECT_OK(lattn_fill_(lattn_module_parameter(loaded, "weight"), 0));
    EXPECT_OK(lattn_module_to_dtype(loaded, LATTN_DTYPE_BF16));
    EXPECT_OK(lattn_safetensors_open(path, NULL, &file));
    EXPECT_OK(lattn_safetensors_get(file, 0, &entry));
    EXPECT_STR(entry.dtype, "F32");
    EXPECT_OK(lattn_module_load(loaded, file, NULL, NULL));
    expect_weight(lattn_module_master(loaded, "weight"), want, LATTN_DTYPE_F32);
    expect_weight(lattn_module_parameter(loaded, "weight"), want, LATTN_DTYPE_BF16);
    lattn_safetensors_close(&file);
    lattn_module_destroy(&m);
    lattn_module_destroy(&loaded);
}

// One update with the gradient of factor * sum(layer(1, ...)).
static void train(lattn_ctx *ctx, lattn_module *m, lattn_optim *o, float factor)
{
    EXPECT_OK(lattn_step_begin(ctx));
    lattn_tensor *x = lattn_full(ctx, lattn_module_dtype(m), 2, (int64_t[]){ 1, IN }, 1);
    lattn_tensor *y = lattn_linear_forward(ctx, m, x, LATTN_EPILOGUE_NONE);
    y = lattn_sum(ctx, lattn_cast(ctx, y, LATTN_DTYPE_F32), NULL, 0, false);
    lattn_optim_zero_grad(o);
    EXPECT_OK(lattn_optim_backward(o, lattn_scale(ctx, y, factor, 0), 1));
    EXPECT_OK(lattn_optim_step(o));
    EXPECT_OK(lattn_step_end(ctx));
}

static void read_report(lattn_optim *o, float report[LATTN_OPTIM_REPORT_FLOATS])
{
    EXPECT_OK(lattn_tensor_read_f32(lattn_optim_report(o), report, LATTN_OPTIM_REPORT_FLOATS));
}

// Everything an update may change: weights, their copies, both moments.
static size_t read_state(lattn_optim *o, unsigned char *out)
{
    const struct lat_flat *all[] = { o->weights, o->copies, o->moments[0], o->moments[1] };
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        lattn_tensor *t = all[i]->buffer[0];
        size_t bytes = (size_t) lattn_tensor_numel(t) * lattn_dtype_bytes(lattn_tensor_dtype(t));
        EXPECT_OK(lattn_tensor_read(t, out + n, bytes));
        n += bytes;
    }
    return n;
}

GPU_TEST(precision, a_skipped_update_changes_no_bit_and_halves_the_scale)
{
    static unsigned char before[65536], after[65536];
    const lattn_adamw_params params = { .common = { .lr = 0.1f,
                                            .weight_decay = 0.1f,
                                            .max_grad_norm = 1,
                                            .loss_scale = {
                                                .init_scale = 1024, .growth_interval = 2 } } };
    const float gradients[] = { 1, 100, 1, 1, 1, INFINITY, NAN, 1 };
    const float scales[] = { 1024, 512, 512, 1024, 1024, 512, 256, 256 };
    const int skipped[] = { 0, 1, 1, 1, 1, 2, 3, 3 }, in_a_row[] = { 0, 1, 0, 0, 0, 1, 2, 0 };
    float w[N], report[LATTN_OPTIM_REPORT_FLOATS];
    lattn_optim *o = NULL;
    lattn_module *m = layer(ctx, LATTN_DTYPE_F16, w);
    if (!m)
        return;
    REQUIRE(!lattn_adamw_create(ctx, m, &params, &o));
    for (int i = 0; i < 8; i++) {
        size_t n = read_state(o, before);
        train(ctx, m, o, gradients[i]);  // 100 * 1024 is above f16's 65504
        EXPECT_EQ(read_state(o, after), n);
        read_report(o, report);
        EXPECT_EQ(memcmp(before, after, n) == 0, in_a_row[i] > 0);
        EXPECT_NEAR(report[2], in_a_row[i] == 0, 0);
        EXPECT_NEAR(report[3], scales[i], 0);
        EXPECT_NEAR(report[4], skipped[i], 0);
        EXPECT_NEAR(report[5], in_a_row[i], 0);
    }
    // What is told is of the gradients without the scale: ones for all weights and biases.
    EXPECT_NEAR(report[0], sqrt(N + OUT), 1e-5);
    lattn_optim_destroy(&o);
    lattn_module_destroy(&m);
}

GPU_TEST(precision, batches_that_share_an_update_are_halved_in_f32)
{
    const lattn_sgd_params params = { .common = { .lr = 1 } };
    float w[N], got[N];
    lattn_optim *o = NULL;
    lattn_module *m = layer(ctx, LATTN_DTYPE_F16, w);
    if (!m)
        return;
    REQUIRE(!lattn_sgd_create(ctx, m, &params, &o));
    EXPECT_OK(lattn_step_begin(ctx));
    for (int i = 0; i < 2; i++) {
        // A gradient of 2^-26, which f16 does not have, from each.
        lattn_tensor *x = lattn_full(ctx, LATTN_DTYPE_F16, 2, (int64_t[]){ 1, IN }, 0x1p-13);
        lattn_tensor *y = lattn_linear_forward(ctx, m, x, LATTN_EPILOGUE_NONE);
        y = lattn_sum(ctx, lattn_cast(ctx, y, LATTN_DTYPE_F32), NULL, 0, false);
        EXPECT_OK(lattn_optim_backward(o, lattn_scale(ctx, y, 0x1p-13f, 0), 2));
    }
    EXPECT_OK(lattn_optim_step(o));
    EXPECT_OK(lattn_step_end(ctx));
    float report[LATTN_OPTIM_REPORT_FLOATS];
    read_report(o, report);
    EXPECT_NEAR(report[0], sqrt(N * 0x1p-52 + OUT * 0x1p-26), 1e-9);
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_master(m, "weight"), got, N));
    EXPECT_NEAR(got[0], w[0] - 0x1p-26f, 0);
    lattn_optim_destroy(&o);
    lattn_module_destroy(&m);
}

GPU_TEST(precision, what_cannot_be_converted_or_trained_is_refused)
{
    float w[N];
    lattn_optim *o = NULL;
    lattn_module *m = layer(ctx, LATTN_DTYPE_F16, w), *made = NULL;
    lattn_linear_params half = { .in_features = IN, .out_features = OUT, .dtype = LATTN_DTYPE_F16 };
    lattn_adamw_params params = { .common = { .lr = 0.1f } };
    if (!m)
        return;
    EXPECT_STATUS(lattn_module_to_dtype(m, LATTN_DTYPE_I32), LATTN_ERR_ARG);
    params.common.loss_scale.backoff_factor = 1;
    EXPECT_STATUS(lattn_adamw_create(ctx, m, &params, &o), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "loss scale");
    params.common.loss_scale.backoff_factor = 0;
    EXPECT_OK(lattn_adamw_create(ctx, m, &params, &o));
    EXPECT_STATUS(lattn_module_to_dtype(m, LATTN_DTYPE_F32), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(NULL), "an optimiser trains parameter weight");
    EXPECT_STATUS(lattn_optim_backward(o, NULL, 0), LATTN_ERR_ARG);
    lattn_optim_destroy(&o);

    EXPECT_OK(lattn_linear_create(ctx, &half, &made));
    EXPECT_STATUS(lattn_module_to_dtype(made, LATTN_DTYPE_F32), LATTN_ERR_DTYPE);
    EXPECT_STATUS(lattn_adamw_create(ctx, made, &params, &o), LATTN_ERR_DTYPE);
    EXPECT_CONTAINS(lattn_error(NULL), "parameter weight was made as f16");
    lattn_module_destroy(&made);
    lattn_module_destroy(&m);
}
