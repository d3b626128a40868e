// SPDX-License-Identifier: MIT
//
// Layers with a table or a normalisation, as modules: what they start with, what they forward.

#include "harness/harness.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })
#define VALUES(...) ((float[]){ __VA_ARGS__ })

static lattn_tensor *indices(lattn_ctx *ctx, int64_t n, const int32_t *values)
{
    return lattn_from_i32(ctx, 1, &n, values);
}

// ---- embedding --------------------------------------------------------------------------------

GPU_TEST(embedding_module, rows_and_the_padding_row)
{
    lattn_module *m = NULL;
    const lattn_embedding_params params = {
        .num_embeddings = 5,
        .embedding_dim = 3,
        .has_padding_idx = true,
        .padding_idx = 2,
    };
    EXPECT_OK(lattn_embedding_create(ctx, &params, &m));
    lattn_tensor *weight = lattn_module_parameter(m, "weight");
    float w[15];
    EXPECT_OK(lattn_tensor_read_f32(weight, w, 15));
    for (int i = 0; i < 15; i++)
        EXPECT((w[i] == 0) == (i / 3 == 2));  // normal, but the padding row starts at zero

    lattn_tensor *y = lattn_embedding_forward(ctx, m, indices(ctx, 3, (int32_t[]){ 4, 2, 4 }));
    lt_expect_near(ctx, y, VALUES(w[12], w[13], w[14], 0, 0, 0, w[12], w[13], w[14]), 9, 0);
    EXPECT_OK(lattn_backward(ctx, lattn_sum(ctx, y, NULL, 0, false), NULL));
    lt_expect_near(
        ctx, lattn_tensor_grad(weight), VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2), 15, 0);
    lattn_module_destroy(&m);
}

GPU_TEST(embedding_module, starts_by_the_rule_given)
{
    lattn_module *m = NULL;
    lattn_embedding_params params = {
        .num_embeddings = 2,
        .embedding_dim = 2,
        .init = { LATTN_INIT_ONES, 0 },
        .has_init = true,
    };
    EXPECT_OK(lattn_embedding_create(ctx, &params, &m));
    lt_expect_near(ctx, lattn_module_parameter(m, "weight"), VALUES(1, 1, 1, 1), 4, 0);
    lattn_module_destroy(&m);

    params.num_embeddings = 0;
    EXPECT_STATUS(lattn_embedding_create(ctx, &params, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "num_embeddings 0");
    params = (lattn_embedding_params){
        .num_embeddings = 4, .embedding_dim = 2, .has_padding_idx = true, .padding_idx = 4
    };
    EXPECT_STATUS(lattn_embedding_create(ctx, &params, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "padding_idx 4 is outside [0, 4)");
    EXPECT(!m);
}

// ---- layer norm -------------------------------------------------------------------------------

GPU_TEST(layer_norm_module, with_and_without_weights)
{
    lattn_module *m = NULL, *bare = NULL;
    EXPECT_OK(lattn_layer_norm_create(ctx, &(lattn_layer_norm_params){ .size = 4 }, &m));
    EXPECT_OK(lattn_layer_norm_create(
        ctx, &(lattn_layer_norm_params){ .size = 4, .no_affine = true }, &bare));
    lt_expect_near(ctx, lattn_module_parameter(m, "weight"), VALUES(1, 1, 1, 1), 4, 0);
    lt_expect_near(ctx, lattn_module_parameter(m, "bias"), VALUES(0, 0, 0, 0), 4, 0);
    EXPECT_EQ(lattn_module_n_parameters(bare), 0);

    lattn_tensor *x = lt_tensor(ctx, 2, DIMS(1, 4), VALUES(1, 2, 3, 6));
    double deviation = sqrt(3.5 + 1e-5);  // mean 3, variance 3.5
    float y[] = { (float) (-2 / deviation), (float) (-1 / deviation), 0, (float) (3 / deviation) };
    lt_expect_near(ctx, lattn_layer_norm_forward(ctx, bare, x), y, 4, 1e-6);
    lt_expect_near(ctx, lattn_module_forward(ctx, m, x), y, 4, 1e-6);

    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(m, "weight"), VALUES(2, 2, 2, 2), 4));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(m, "bias"), VALUES(1, 1, 1, 1), 4));
    for (int i = 0; i < 4; i++)
        y[i] = 2 * y[i] + 1;
    lt_expect_near(ctx, lattn_layer_norm_forward(ctx, m, x), y, 4, 1e-6);
    lattn_module_destroy(&m);
    lattn_module_destroy(&bare);
}

GPU_TEST(layer_norm_module, eps_is_inside_the_root)
{
    lattn_module *m = NULL;
    const lattn_layer_norm_params params = { .size = 2, .eps = 3 };
    EXPECT_OK(lattn_layer_norm_create(ctx, &params, &m));
    lattn_tensor *x = lt_tensor(ctx, 1, DIMS(2), VALUES(-1, 1));  // variance 1
    lt_expect_near(ctx, lattn_layer_norm_forward(ctx, m, x), VALUES(-0.5f, 0.5f), 2, 1e-6);
    lattn_module_destroy(&m);
    lattn_layer_norm_params bad = { .size = 0 };
    EXPECT_STATUS(lattn_layer_norm_create(ctx, &bad, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "size 0 must be >= 1");
    bad = (lattn_layer_norm_params){ .size = 2, .eps = NAN };
    EXPECT_STATUS(lattn_layer_norm_create(ctx, &bad, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "eps nan");
    EXPECT(!m);
}

// In evaluation dropout is off, so the fused form is the plain one of the sum.
GPU_TEST(layer_norm_module, residual_form_normalises_the_sum)
{
    lattn_module *m = NULL;
    EXPECT_OK(lattn_layer_norm_create(ctx, &(lattn_layer_norm_params){ .size = 2 }, &m));
    lattn_tensor *x = lt_tensor(ctx, 2, DIMS(2, 2), VALUES(1, 5, 2, 2));
    lattn_tensor *r = lt_tensor(ctx, 2, DIMS(2, 2), VALUES(0, -2, 7, 9));
    float y[4];
    lattn_set_training(ctx, false);
    lattn_tensor *plain = lattn_layer_norm_forward(ctx, m, lattn_add(ctx, x, r));
    EXPECT_OK(lattn_tensor_read_f32(plain, y, 4));
    lt_expect_near(ctx, lattn_layer_norm_residual_forward(ctx, m, x, r, 0.5f), y, 4, 1e-6);
    lattn_set_training(ctx, true);
    EXPECT(!lattn_layer_norm_residual_forward(ctx, m, x, r, 1));
    lt_expect_error(ctx, LATTN_ERR_ARG, "1");
    lattn_module_destroy(&m);
}

// ---- dropout ----------------------------------------------------------------------------------

GPU_TEST(dropout_module, off_in_evaluation)
{
    lattn_module *m = NULL;
    EXPECT_OK(lattn_dropout_create(ctx, 0.5f, &m));
    lattn_tensor *x = lt_tensor(ctx, 1, DIMS(3), VALUES(1, 2, 3));
    lattn_set_training(ctx, false);
    lt_expect_near(ctx, lattn_dropout_forward(ctx, m, x), VALUES(1, 2, 3), 3, 0);
    lattn_set_training(ctx, true);
    float y[3];
    EXPECT_OK(lattn_tensor_read_f32(lattn_dropout_forward(ctx, m, x), y, 3));
    for (int i = 0; i < 3; i++)
        EXPECT(y[i] == 0 || y[i] == 2 * (float) (i + 1));
    lattn_module_destroy(&m);
    const float bad[] = { -0.1f, 1, NAN };
    for (int i = 0; i < 3; i++)
        EXPECT_STATUS(lattn_dropout_create(ctx, bad[i], &m), LATTN_ERR_ARG);
    EXPECT(!m);
}
