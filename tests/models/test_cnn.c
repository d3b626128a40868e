// SPDX-License-Identifier: MIT
//
// Networks for images: text of layers, summary, config.json. Against PyTorch: test_cnn_golden.c.

#include "harness/harness.h"

// ---- layers from text -----------------------------------------------------------------------------

GPU_TEST(cnn, layers_that_cannot_be_name_layer_and_reason)
{
    static const struct {
        const char *layers, *sentence;
    } cases[] = {
        { "", "layer 1: there is no layer \"\"; there are conv, " },
        { "conv 8 3, blur 3", "layer 2: there is no layer \"blur\"" },
        { "conv 8", "layer 1: \"conv\" needs channels and a kernel" },
        { "maxpool", "layer 1: \"maxpool\" needs a kernel" },
        { "relu 3", "layer 1: it does not take \"3\"" },
        { "conv 8 3 stride=0", "stride is \"0\", allowed are 1 to 255" },
        { "relu, conv 8 9 pad=0", "layer 2: conv of kernel 9x9 does not fit 8x8" },
        { "fc 4, conv 8 3", "layer 2: conv needs an image, here it is flat (4)" },
        { "res(res(res(res(res(relu)))))", "parentheses are nested more than 4 deep" },
        { "res(conv 8 3", "a ) is missing" },
        { "conv 8 3 groups=2", "layer 1: groups=2 do not divide 3 channels in and 8 out" },
        { "relu)", "a comma is expected at \")\"" },
        { "res(conv 8 3 pad=0)", "which no 1x1 shortcut does" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lattn_cnn_config config = {
            .layers = cases[i].layers, .height = 8, .width = 8, .num_classes = 2
        };
        lattn_cnn *cnn = NULL;
        EXPECT_STATUS(lattn_cnn_create(ctx, &config, &cnn), LATTN_ERR_FORMAT);
        EXPECT_CONTAINS(lattn_error(NULL), cases[i].sentence);
        EXPECT(cnn == NULL);
    }
}

static void keep_last(void *user, const lattn_layer_info *layer)
{
    *(lattn_layer_info *) user = *layer;
}

GPU_TEST(cnn, summary_counts_parameters)
{
    static const struct {
        const char *architecture, *layers;
        int side, classes;
        int64_t n_parameters;
    } cases[] = {
        { "resnet18", NULL, 64, 1000, 11689512 },
        { "mobilenet_v2", NULL, 64, 1000, 3504872 },
        { "vit_ti_16", NULL, 224, 1000, 5717416 },
        // 3*8*9 + 8; body 8*16*9 + 16, shortcut 8*16 + 2*16; 16*4*4*2 + 2
        { NULL, "conv 8 3, relu, res(conv 16 3 stride=2)", 8, 2, 224 + 1168 + 160 + 514 },
    };
    // A whole feature map or weight must fit into a binding.
    bool small = lattn_ctx_device(ctx)->max_binding_bytes < 1 << 24;
    for (size_t i = small ? 3 : 0; i < sizeof cases / sizeof *cases; i++) {
        lattn_cnn_config config = { .architecture = cases[i].architecture,
            .layers = cases[i].layers,
            .height = cases[i].side,
            .width = cases[i].side,
            .num_classes = cases[i].classes };
        lattn_layer_info last = { 0 };
        lattn_cnn *cnn = NULL;
        REQUIRE(lattn_cnn_create(ctx, &config, &cnn) == LATTN_OK);
        EXPECT_OK(lattn_cnn_summary(ctx, cnn, keep_last, &last));
        EXPECT_EQ(last.n_parameters, cases[i].n_parameters);
        EXPECT_EQ(last.dim[1], cases[i].classes);
        lattn_cnn_destroy(&cnn);
    }
}

// ---- rates ----------------------------------------------------------------------------------------

// Factor on the rate of the parameter with that name.
static double rate_of(lattn_module *m, const char *name)
{
    int n = lattn_module_n_parameters(m);
    lattn_parameter *list = calloc((size_t) n + 1, sizeof *list);
    double factor = -1;
    EXPECT_OK(lattn_module_parameters(m, list, n, &n));
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            factor = (double) list[i].lr_factor;
    free(list);
    return factor;
}

GPU_TEST(cnn, layer_decay_falls_from_head_to_stem)
{
    lattn_cnn_config config = { .layers = "conv 4 3, bn, relu, res(conv 8 3 stride=2), fc 5, relu",
        .height = 8,
        .width = 8,
        .num_classes = 2 };
    lattn_cnn *cnn = NULL;
    int n = 0;
    REQUIRE(lattn_cnn_create(ctx, &config, &cnn) == LATTN_OK);
    lattn_module *m = lattn_cnn_module(cnn);
    EXPECT_OK(lattn_cnn_layer_decay(cnn, 0.5, &n));
    EXPECT_EQ(n, 4);
    static const struct {
        const char *name;
        double factor;
    } rates[] = { { "0.weight", 0.125 }, { "1.bias", 0.125 }, { "3.body.0.weight", 0.25 },
        { "3.shortcut.1.weight", 0.25 }, { "5.weight", 0.5 }, { "7.bias", 1 } };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rate_of(m, rates[i].name) != rates[i].factor)
            lt_fail(__FILE__, __LINE__, "%s: %g, expected %g", rates[i].name,
                rate_of(m, rates[i].name), rates[i].factor);
    EXPECT_STATUS(lattn_cnn_layer_decay(cnn, 0, NULL), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "0 is outside (0, 1]");
    lattn_cnn_destroy(&cnn);
}

GPU_TEST(cnn, layers_of_architectures_are_their_blocks)
{
    static const struct {
        const char *architecture;
        int n;
    } cases[] = {
        { "lenet", 5 },          // two convolutions, three linear layers
        { "mobilenet_v2", 20 },  // stem, 17 blocks, last convolution, head
        { "vit_ti_16", 14 },     // patches, 12 layers, head
        { "resnet18", 10 },      // stem, 8 blocks, head
    };
    bool small = lattn_ctx_device(ctx)->max_binding_bytes < 1 << 24;
    for (size_t i = 0; i < (small ? 1 : sizeof cases / sizeof *cases); i++) {
        lattn_cnn_config config = {
            .architecture = cases[i].architecture, .height = 32, .width = 32, .num_classes = 10
        };
        lattn_cnn *cnn = NULL;
        int n = 0;
        REQUIRE(lattn_cnn_create(ctx, &config, &cnn) == LATTN_OK);
        EXPECT_OK(lattn_cnn_layer_decay(cnn, 0.75, &n));
        EXPECT_EQ(n, cases[i].n);
        lattn_cnn_destroy(&cnn);
    }
}

// ---- config.json ----------------------------------------------------------------------------------

TEST(cnn, config_round_trip)
{
    const char *labels[] = { "cat", "dog" };
    lattn_cnn_config c = { .layers = "conv 8 3, relu",
        .channels = 1,
        .height = 28,
        .width = 30,
        .num_classes = 2,
        .labels = labels,
        .has_normalisation = true,
        .mean = { 0.1307f },
        .std = { 0.3081f } };
    lattn_cnn_config d = { 0 };
    char path[1024];
    snprintf(path, sizeof path, "%s/cnn_config.json", lt_temp_dir());
    EXPECT_OK(lattn_cnn_config_save(&c, path));
    REQUIRE(lattn_cnn_config_load(path, &d) == LATTN_OK);
    EXPECT(d.architecture == NULL && d.has_normalisation);
    EXPECT_STR(d.layers, c.layers);
    EXPECT(d.channels == 1 && d.height == 28 && d.width == 30 && d.num_classes == 2);
    EXPECT_STR(d.labels[1], "dog");
    EXPECT(d.mean[0] == c.mean[0] && d.std[0] == c.std[0]);
    lattn_cnn_config_free(&d);
}

TEST(cnn, bad_config_names_field_and_value)
{
    static const char sizes[] = "\"height\":8,\"width\":8,\"num_classes\":2";
    static const struct {
        const char *rest, *sentence;
    } cases[] = {
        { "\"layers\":\"relu\"", "\"channels\" is missing" },
        { "\"layers\":\"relu\",\"channels\":5", "\"channels\" is 5, expected 1 to 4" },
        { "\"channels\":1", "either architecture or layers" },
        { "\"layers\":\"relu\",\"channels\":1,\"labels\":[\"a\"]", "num_classes = 2 names" },
        { "\"layers\":\"relu\",\"channels\":1,\"labels\":[\"a\",1]", "labels[1] is no text" },
        { "\"layers\":\"relu\",\"channels\":1,\"mean\":[0]", "std must be a list" },
        { "\"layers\":\"relu\",\"channels\":1,\"mean\":[0],\"std\":[0]", "std positive" },
    };
    char path[1024];
    snprintf(path, sizeof path, "%s/cnn_bad.json", lt_temp_dir());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lattn_cnn_config c;
        FILE *f = fopen(path, "w");
        REQUIRE(f != NULL);
        fprintf(f, "{%s,%s}", cases[i].rest, sizes);
        fclose(f);
        EXPECT_STATUS(lattn_cnn_config_load(path, &c), LATTN_ERR_FORMAT);
        EXPECT_CONTAINS(lattn_error(NULL), cases[i].sentence);
    }
}
