// SPDX-License-Identifier: MIT
//
// Weights as torchvision has them, into networks of the same and of other tasks.

#include "harness/harness.h"
#include "models/torchvision.h"
#include "nn/module.h"

static lattn_cnn *network(lattn_ctx *ctx, const char *architecture, int64_t side, int n_classes)
{
    lattn_cnn_config config = {
        .architecture = architecture, .height = side, .width = side, .num_classes = n_classes
    };
    lattn_cnn *cnn = NULL;
    EXPECT_OK(lattn_cnn_create(ctx, &config, &cnn));
    return cnn;
}

// A file of a new network with 20 classes, in the test's folder.
static const char *file_of(lattn_ctx *ctx, const char *architecture, int64_t side, lattn_cnn **out)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s.safetensors", lt_temp_dir(), architecture);
    *out = network(ctx, architecture, side, 20);
    lt_save_as_torchvision(*out, path);
    return path;
}

// Elements of a tensor that differ; -1 when the sizes do.
static int64_t differences(lattn_cnn *a, lattn_cnn *b, const char *name)
{
    lattn_tensor *x = lattn_module_parameter(lattn_cnn_module(a), name);
    lattn_tensor *y = lattn_module_parameter(lattn_cnn_module(b), name);
    if (!x || !y || lattn_tensor_numel(x) != lattn_tensor_numel(y))
        return -1;
    int64_t n = lattn_tensor_numel(x), different = 0;
    float *values = malloc(2 * (size_t) n * sizeof *values);
    EXPECT_OK(lattn_tensor_read_f32(x, values, n));
    EXPECT_OK(lattn_tensor_read_f32(y, values + n, n));
    for (int64_t i = 0; i < n; i++)
        different += values[i] != values[n + i];
    free(values);
    return different;
}

static bool is_small(lattn_ctx *ctx)
{
    return lattn_ctx_device(ctx)->max_binding_bytes < 1 << 24;
}

GPU_TEST(cnn_weights, a_file_of_the_same_classes_is_loaded_whole)
{
    lattn_cnn *from = NULL;
    lattn_load_report report;
    if (is_small(ctx))
        return;
    const char *path = file_of(ctx, "mobilenet_v2", 32, &from);
    lattn_cnn *to = network(ctx, "mobilenet_v2", 32, 20);
    EXPECT_OK(lattn_cnn_load_weights(to, path, &report));
    EXPECT_EQ(report.n_missing, 0);
    EXPECT_EQ(report.n_unused, 0);
    EXPECT_EQ(differences(from, to, "features.0.0.weight"), 0);
    EXPECT_EQ(differences(from, to, "classifier.1.weight"), 0);
    int32_t count = 0;
    EXPECT_OK(lattn_tensor_read(
        lattn_module_buffer(lattn_cnn_module(to), "features.0.1.num_batches_tracked"), &count,
        sizeof count));
    EXPECT_EQ(count, 5);
    lattn_cnn_destroy(&from);
    lattn_cnn_destroy(&to);
}

GPU_TEST(cnn_weights, the_head_stays_new_where_classes_differ)
{
    lattn_cnn *from = NULL;
    lattn_load_report report;
    if (is_small(ctx))
        return;
    const char *path = file_of(ctx, "mobilenet_v2", 32, &from);
    lattn_cnn *to = network(ctx, "mobilenet_v2", 32, 3);
    EXPECT_OK(lattn_cnn_load_weights(to, path, &report));
    EXPECT_STR(report.missing, "classifier.1.weight, classifier.1.bias");
    EXPECT_EQ(report.n_unused, 2);
    EXPECT_EQ(differences(from, to, "features.18.0.weight"), 0);
    EXPECT_EQ(differences(from, to, "classifier.1.weight"), -1);
    lattn_cnn_destroy(&to);

    to = network(ctx, "resnet18", 32, 20);
    EXPECT_STATUS(lattn_cnn_load_weights(to, path, &report), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "conv1.weight");
    lattn_cnn_destroy(&from);
    lattn_cnn_destroy(&to);
}

// Its linear layers are called linear_1 and linear_2 there.
GPU_TEST(cnn_weights, a_vit_takes_positions_of_another_image_size)
{
    lattn_cnn *from = NULL;
    lattn_load_report report;
    const char *path = file_of(ctx, "vit_ti_16", 64, &from);
    lattn_cnn *to = network(ctx, "vit_ti_16", 64, 20);
    EXPECT_OK(lattn_cnn_load_weights(to, path, &report));
    EXPECT(report.n_missing == 0 && report.n_unused == 0);
    EXPECT_EQ(differences(from, to, "encoder.pos_embedding"), 0);
    EXPECT_EQ(differences(from, to, "encoder.layers.encoder_layer_3.mlp.3.weight"), 0);
    lattn_cnn_destroy(&to);

    to = network(ctx, "vit_ti_16", 112, 20);
    EXPECT_OK(lattn_cnn_load_weights(to, path, &report));
    EXPECT(report.n_missing == 0 && report.n_unused == 0);
    enum { WIDTH = 192, OLD = 17 * WIDTH, NEW = 50 * WIDTH };
    static float a[OLD], b[NEW];
    EXPECT_OK(lattn_tensor_read_f32(
        lattn_module_parameter(lattn_cnn_module(from), "encoder.pos_embedding"), a, OLD));
    EXPECT_OK(lattn_tensor_read_f32(
        lattn_module_parameter(lattn_cnn_module(to), "encoder.pos_embedding"), b, NEW));
    EXPECT(memcmp(a, b, 2 * WIDTH * sizeof *a) == 0);  // class token, first corner
    EXPECT_NEAR(b[NEW - 1], a[OLD - 1], 1e-7);         // last corner
    lattn_cnn_destroy(&from);
    lattn_cnn_destroy(&to);
}

GPU_TEST(cnn_weights, positions_that_are_no_square_are_refused)
{
    lattn_cnn *from = NULL, *to = NULL;
    lattn_cnn_config config = {
        .architecture = "vit_ti_16", .height = 64, .width = 48, .num_classes = 20
    };
    char path[4096];
    snprintf(path, sizeof path, "%s/vit.safetensors", lt_temp_dir());
    REQUIRE(lattn_cnn_create(ctx, &config, &from) == LATTN_OK);
    lt_save_as_torchvision(from, path);
    to = network(ctx, "vit_ti_16", 112, 20);
    EXPECT_STATUS(lattn_cnn_load_weights(to, path, NULL), LATTN_ERR_SHAPE);
    EXPECT_CONTAINS(lattn_error(NULL), "encoder.pos_embedding");
    EXPECT_CONTAINS(lattn_error(NULL), "[1, 13, 192]");
    lattn_cnn_destroy(&from);
    lattn_cnn_destroy(&to);
}
