// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "lattn/lattn.h"

static lattn_module *two_layers(lattn_ctx *ctx)
{
    lattn_module *m = NULL, *a = NULL, *b = NULL;
    lattn_linear_params params = { .in_features = 3, .out_features = 4 };
    EXPECT_OK(lattn_module_create(ctx, "two_layers", &m));
    EXPECT_OK(lattn_linear_create(ctx, &params, &a));
    params = (lattn_linear_params){ .in_features = 4, .out_features = 2, .no_bias = true };
    EXPECT_OK(lattn_linear_create(ctx, &params, &b));
    EXPECT_OK(lattn_module_add(m, "block.first", a));
    EXPECT_OK(lattn_module_add(m, "second", b));
    return m;
}

GPU_TEST(module, parameters_are_listed_in_order_with_full_names)
{
    lattn_module *m = two_layers(ctx);
    lattn_parameter list[8];
    int n = 0;
    EXPECT_OK(lattn_module_parameters(m, list, 8, &n));
    EXPECT_EQ(n, 3);
    EXPECT_STR(list[0].name, "block.first.weight");
    EXPECT_STR(list[1].name, "block.first.bias");
    EXPECT_STR(list[2].name, "second.weight");
    EXPECT(!list[0].no_decay && list[1].no_decay);
    EXPECT_EQ(lattn_module_numel(m), 12 + 4 + 8);
    EXPECT(lattn_module_parameter(m, "second.weight") == list[2].tensor);
    EXPECT(lattn_module_parameter(m, "second.bias") == NULL);
    lattn_module_destroy(&m);
}

GPU_TEST(module, a_name_is_taken_once)
{
    lattn_module *m = two_layers(ctx), *extra = NULL;
    EXPECT_OK(lattn_dropout_create(ctx, 0.5f, &extra));
    EXPECT_STATUS(lattn_module_add(m, "second", extra), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "second");
    lattn_module_destroy(&m);
}

GPU_TEST(module, frozen_parameters_get_no_gradient)
{
    lattn_module *m = two_layers(ctx);
    EXPECT_OK(lattn_module_set_requires_grad(m, false));
    EXPECT(!lattn_tensor_requires_grad(lattn_module_parameter(m, "second.weight")));
    lattn_module_destroy(&m);
}

GPU_TEST(module, the_wrong_kind_is_refused_with_both_names)
{
    lattn_module *m = NULL;
    float one = 1;
    EXPECT_OK(lattn_dropout_create(ctx, 0.5f, &m));
    lattn_linear_forward(ctx, m, lt_tensor(ctx, 1, (int64_t[]){ 1 }, &one), LATTN_EPILOGUE_NONE);
    lt_expect_error(ctx, LATTN_ERR_ARG, "dropout");
    lattn_module_destroy(&m);
}

GPU_TEST(init, normal_and_kaiming_have_their_spread)
{
    enum { ROWS = 64, COLS = 100, N = ROWS * COLS };
    static float v[N];
    const struct {
        lattn_init init;
        double std;
    } rules[] = {
        { { LATTN_INIT_NORMAL, 0.02f }, 0.02 },
        { { LATTN_INIT_TRUNC_NORMAL, 0.02f }, 0.02 * 0.8796 },
        { { LATTN_INIT_UNIFORM, 0.5f }, 0.5 / sqrt(3.0) },
        { { LATTN_INIT_XAVIER_UNIFORM, 0 }, sqrt(2.0 / (ROWS + COLS)) },
        { { LATTN_INIT_XAVIER_NORMAL, 0 }, sqrt(2.0 / (ROWS + COLS)) },
        { { LATTN_INIT_KAIMING_UNIFORM, 0 }, sqrt(2.0 / COLS) },
        { { LATTN_INIT_KAIMING_NORMAL, 0 }, sqrt(2.0 / COLS) },
    };
    lattn_tensor *t = NULL;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ ROWS, COLS }, &t));
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        double sum = 0, squares = 0;
        EXPECT_OK(lattn_init_(t, rules[r].init));
        EXPECT_OK(lattn_tensor_read_f32(t, v, N));
        for (int i = 0; i < N; i++) {
            sum += (double) v[i];
            squares += (double) v[i] * (double) v[i];
        }
        EXPECT_NEAR(sum / N, 0, 5 * rules[r].std / sqrt(N));
        EXPECT_NEAR(sqrt(squares / N), rules[r].std, 0.04 * rules[r].std);
    }
    lattn_tensor_release(&t);
}

static void count_outputs(void *user, const lattn_module *m, lattn_tensor *out)
{
    char path[64];
    EXPECT(out != NULL);
    lattn_module_path(m, path, sizeof path);
    snprintf(
        (char *) user + strlen(user), 200 - strlen(user), "%s:%s ", lattn_module_kind(m), path);
}

GPU_TEST(module, sequential_runs_its_children_in_order_and_an_observer_sees_them)
{
    lattn_module *all = NULL, *inner = NULL, *a = NULL, *flat = NULL;
    lattn_linear_params params = { .in_features = 6, .out_features = 2 };
    EXPECT_OK(lattn_sequential_create(ctx, &all));
    EXPECT_OK(lattn_sequential_create(ctx, &inner));
    EXPECT_OK(lattn_flatten_create(ctx, &flat));
    EXPECT_OK(lattn_linear_create(ctx, &params, &a));
    EXPECT_OK(lattn_sequential_append(all, flat));
    EXPECT_OK(lattn_sequential_append(inner, a));
    EXPECT_OK(lattn_module_add(all, "head", inner));
    EXPECT(lattn_module_parameter(all, "head.0.weight") != NULL);

    char seen[200] = "";
    lattn_module_observe(all, count_outputs, seen);
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 4, 2, 3 });
    lattn_tensor *y = lattn_module_forward(ctx, all, x);
    EXPECT_EQ(lattn_tensor_dim(y, 0), 4);
    EXPECT_EQ(lattn_tensor_dim(y, 1), 2);
    EXPECT_STR(seen, "flatten:0 linear:head.0 sequential:head sequential: ");
    lattn_module_destroy(&all);
}

GPU_TEST(module, an_error_inside_a_sequential_names_the_path)
{
    lattn_module *all = NULL, *a = NULL;
    lattn_linear_params params = { .in_features = 6, .out_features = 2 };
    EXPECT_OK(lattn_sequential_create(ctx, &all));
    EXPECT_OK(lattn_linear_create(ctx, &params, &a));
    EXPECT_OK(lattn_module_add(all, "fc", a));
    lattn_module_forward(ctx, all, lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 4, 5 }));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "fc");
    lattn_module_destroy(&all);
}

GPU_TEST(module, a_module_of_several_inputs_has_no_common_forward)
{
    lattn_module *m = NULL;
    lattn_attention_params params = { .embed_dim = 4, .n_heads = 2 };
    EXPECT_OK(lattn_multihead_attention_create(ctx, &params, &m));
    lattn_module_forward(ctx, m, lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 1, 2, 4 }));
    lt_expect_error(ctx, LATTN_ERR_ARG, "forward function of its kind");
    lattn_module_destroy(&m);
}

// Otherwise counting its parameters would never end.
GPU_TEST(module, cannot_be_inside_itself)
{
    lattn_module *a = NULL, *b = NULL, *c = NULL;
    EXPECT_OK(lattn_module_create(ctx, "a", &a));
    EXPECT_OK(lattn_module_create(ctx, "b", &b));
    EXPECT_OK(lattn_module_create(ctx, "c", &c));
    EXPECT_OK(lattn_module_add(a, "b", b));
    EXPECT_OK(lattn_module_add(b, "c", c));
    EXPECT_STATUS(lattn_module_add(a, "a", a), LATTN_ERR_STATE);
    EXPECT_STATUS(lattn_module_add(c, "a", a), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(NULL), "\"a\" would be inside itself");
    EXPECT_STATUS(lattn_module_add(a, "again", c), LATTN_ERR_STATE);
    EXPECT_CONTAINS(lattn_error(NULL), "has a parent already");
    EXPECT_EQ(lattn_module_n_parameters(a), 0);
    lattn_module_destroy(&a);
}

// The same projections, apart and packed, give the same result, also across.
GPU_TEST(module, packed_attention_is_attention)
{
    lattn_module *apart = NULL, *packed = NULL;
    lattn_attention_params params = { .embed_dim = 6, .n_heads = 2 };
    static const char *const names[] = { "q_proj", "k_proj", "v_proj" };
    float w[3 * 36], b[3 * 6], x[2 * 3 * 6], y[2 * 5 * 6], want[36];
    for (int i = 0; i < 108; i++)
        w[i] = 0.1f * (float) (i * 7 % 13 - 6);
    for (int i = 0; i < 18; i++)
        b[i] = 0.1f * (float) (i % 5);
    for (int i = 0; i < 60; i++)
        y[i] = 0.3f * (float) (i * 5 % 11 - 5);
    for (int i = 0; i < 36; i++)
        x[i] = 0.2f * (float) (i * 3 % 7 - 3);
    EXPECT_OK(lattn_multihead_attention_create(ctx, &params, &apart));
    params.names = LATTN_NAMES_TORCH_PACKED;
    EXPECT_OK(lattn_multihead_attention_create(ctx, &params, &packed));
    EXPECT_EQ(lattn_module_n_parameters(packed), 4);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.weight", names[i]);
        EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(apart, name), w + 36 * i, 36));
        snprintf(name, sizeof name, "%s.bias", names[i]);
        EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(apart, name), b + 6 * i, 6));
    }
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(packed, "in_proj_weight"), w, 108));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(packed, "in_proj_bias"), b, 18));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(packed, "out_proj.weight"), w, 36));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(apart, "out_proj.weight"), w, 36));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(apart, "out_proj.bias"), b, 6));
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(packed, "out_proj.bias"), b, 6));
    for (int across = 0; across < 2; across++) {
        lattn_tensor *query = lattn_from_f32(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 3, 6 }, x);
        lattn_tensor *keys =
            across ? lattn_from_f32(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 5, 6 }, y) : NULL;
        EXPECT_OK(lattn_tensor_read_f32(
            lattn_multihead_attention_forward(ctx, apart, query, keys, NULL), want, 36));
        lt_expect_near(
            ctx, lattn_multihead_attention_forward(ctx, packed, query, keys, NULL), want, 36, 1e-6);
    }
    lattn_module_destroy(&apart);
    lattn_module_destroy(&packed);
}

static double loss_of_attention(
    lattn_ctx *ctx, lattn_module *m, const float *weight, int n, bool backward)
{
    float x[2 * 3 * 4];
    double loss = 0;
    for (int i = 0; i < 24; i++)
        x[i] = 0.3f * (float) (i * 5 % 7 - 3);
    EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(m, "in_proj_weight"), weight, n));
    lattn_tensor *in = lattn_from_f32(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, 3, 4 }, x);
    lattn_tensor *out = lattn_multihead_attention_forward(ctx, m, in, NULL, NULL);
    lattn_tensor *l = lattn_sum(ctx, lattn_mul(ctx, out, out), NULL, 0, false);
    EXPECT_OK(lattn_tensor_item(ctx, l, &loss));
    if (backward)
        EXPECT_OK(lattn_backward(ctx, l, NULL));
    return loss;
}

// Rows of query, key and value get their gradients: against central differences of the loss.
GPU_TEST(module, packed_attention_has_gradients)
{
    enum { N = 12 * 4, EVERY = 5 };
    const float step = 1e-2f;
    lattn_attention_params params = {
        .embed_dim = 4, .n_heads = 2, .names = LATTN_NAMES_TORCH_PACKED
    };
    lattn_module *m = NULL;
    float w[N], grad[N];
    for (int i = 0; i < N; i++)
        w[i] = 0.2f * (float) (i * 7 % 11 - 5);
    REQUIRE(lattn_multihead_attention_create(ctx, &params, &m) == LATTN_OK);
    loss_of_attention(ctx, m, w, N, true);
    EXPECT_OK(lattn_tensor_read_f32(
        lattn_tensor_grad(lattn_module_parameter(m, "in_proj_weight")), grad, N));
    for (int i = 0; i < N; i += EVERY) {
        float up[N], down[N];
        memcpy(up, w, sizeof w);
        memcpy(down, w, sizeof w);
        up[i] += step;
        down[i] -= step;
        double slope =
            loss_of_attention(ctx, m, up, N, false) - loss_of_attention(ctx, m, down, N, false);
        EXPECT_NEAR((double) grad[i], slope / (2 * (double) step), 5e-3);
    }
    lattn_module_destroy(&m);
}
