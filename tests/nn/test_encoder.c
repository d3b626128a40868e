// SPDX-License-Identifier: MIT
//
// Encoders as modules: both kinds of names, sizes that do not fit, and the tanh form of GELU, which no
// golden has.

#include "harness/harness.h"

enum { B = 2, T = 3, WIDTH = 8, HEADS = 2, INNER = 12, N = B * T * WIDTH, MAX_PARAMETERS = 64 };

static lattn_encoder_params params_of(lattn_names names)
{
    return (lattn_encoder_params){
        .n_layers = 1,
        .embed_dim = WIDTH,
        .n_heads = HEADS,
        .feedforward_dim = INNER,
        .names = names,
    };
}

static void expect_names(lattn_ctx *ctx, lattn_names names, const char *const *wanted, int n_wanted)
{
    lattn_module *m = NULL;
    lattn_parameter list[MAX_PARAMETERS];
    int n = 0;
    const lattn_encoder_params params = params_of(names);
    EXPECT_OK(lattn_encoder_create(ctx, &params, &m));
    EXPECT_OK(lattn_module_parameters(m, list, MAX_PARAMETERS, &n));
    EXPECT_EQ(n, n_wanted);
    for (int i = 0; i < n && i < n_wanted; i++)
        EXPECT_STR(list[i].name, wanted[i]);
    lattn_module_destroy(&m);
}

GPU_TEST(encoder, names_of_both_kinds)
{
    static const char *const torch[] = { "layers.0.self_attn.q_proj.weight",
        "layers.0.self_attn.q_proj.bias", "layers.0.self_attn.k_proj.weight",
        "layers.0.self_attn.k_proj.bias", "layers.0.self_attn.v_proj.weight",
        "layers.0.self_attn.v_proj.bias", "layers.0.self_attn.out_proj.weight",
        "layers.0.self_attn.out_proj.bias", "layers.0.norm1.weight", "layers.0.norm1.bias",
        "layers.0.linear1.weight", "layers.0.linear1.bias", "layers.0.linear2.weight",
        "layers.0.linear2.bias", "layers.0.norm2.weight", "layers.0.norm2.bias" };
    static const char *const bert[] = { "layer.0.attention.self.query.weight",
        "layer.0.attention.self.query.bias", "layer.0.attention.self.key.weight",
        "layer.0.attention.self.key.bias", "layer.0.attention.self.value.weight",
        "layer.0.attention.self.value.bias", "layer.0.attention.output.dense.weight",
        "layer.0.attention.output.dense.bias", "layer.0.attention.output.LayerNorm.weight",
        "layer.0.attention.output.LayerNorm.bias", "layer.0.intermediate.dense.weight",
        "layer.0.intermediate.dense.bias", "layer.0.output.dense.weight",
        "layer.0.output.dense.bias", "layer.0.output.LayerNorm.weight",
        "layer.0.output.LayerNorm.bias" };
    expect_names(ctx, LATTN_NAMES_TORCH, torch, sizeof torch / sizeof *torch);
    expect_names(ctx, LATTN_NAMES_BERT, bert, sizeof bert / sizeof *bert);
}

// With the same weights made of the same ops.
static lattn_tensor *by_hand(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, bool tanh_form)
{
    lattn_tensor *w1 = lattn_module_parameter(m, "linear1.weight"),
                 *b1 = lattn_module_parameter(m, "linear1.bias"),
                 *w2 = lattn_module_parameter(m, "linear2.weight"),
                 *b2 = lattn_module_parameter(m, "linear2.bias"),
                 *ones = lattn_full(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ WIDTH }, 1);
    lattn_tensor *h = lattn_layer_norm(ctx, x, ones, NULL, 1e-5f);
    h = lattn_linear(ctx, h, w1, b1, LATTN_EPILOGUE_NONE);
    h = tanh_form ? lattn_gelu_tanh(ctx, h) : lattn_gelu(ctx, h);
    return lattn_add(ctx, x, lattn_linear(ctx, h, w2, b2, LATTN_EPILOGUE_NONE));
}

// Attention gives nothing when its output projection is zero, so the rest of a pre-norm layer is left.
GPU_TEST(encoder, both_forms_of_gelu_in_a_pre_norm_layer)
{
    for (int tanh_form = 0; tanh_form < 2; tanh_form++) {
        lattn_module *m = NULL;
        lattn_encoder_params params = params_of(LATTN_NAMES_TORCH);
        params.norm_first = true;
        params.feed_forward = tanh_form ? LATTN_FEED_FORWARD_GELU_TANH : LATTN_FEED_FORWARD_GELU;
        params.init = (lattn_init){ LATTN_INIT_NORMAL, 1 };
        params.has_init = true;
        EXPECT_OK(lattn_encoder_layer_create(ctx, &params, &m));
        EXPECT_OK(lattn_fill_(lattn_module_parameter(m, "self_attn.out_proj.weight"), 0));
        lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ B, T, WIDTH });
        EXPECT_OK(lattn_normal_(x, 0, 1));
        float want[N], other[N];
        double apart = 0;
        EXPECT_OK(lattn_tensor_read_f32(by_hand(ctx, m, x, tanh_form), want, N));
        EXPECT_OK(lattn_tensor_read_f32(by_hand(ctx, m, x, !tanh_form), other, N));
        lt_expect_near(ctx, lattn_encoder_layer_forward(ctx, m, x, NULL), want, N, 2e-5);
        for (int i = 0; i < N; i++)
            apart = fmax(apart, fabs((double) want[i] - (double) other[i]));
        EXPECT(apart > 1e-4);  // so the comparison can tell them apart
        lattn_module_destroy(&m);
    }
}

// Kernels of a forward pass.
static uint64_t dispatches_of(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    float y[N];
    uint64_t before = lattn_ctx_stats(ctx).dispatches;
    EXPECT_OK(lattn_tensor_read_f32(lattn_encoder_layer_forward(ctx, m, x, NULL), y, N));
    return lattn_ctx_stats(ctx).dispatches - before;
}

// Both sums of a pre-norm layer: with dropout two kernels each, without it none.
GPU_TEST(encoder, products_add_the_residual_where_nothing_is_dropped)
{
    lattn_module *m = NULL;
    lattn_encoder_params params = params_of(LATTN_NAMES_TORCH);
    params.norm_first = true;
    params.dropout = 0.1f;
    EXPECT_OK(lattn_encoder_layer_create(ctx, &params, &m));
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ B, T, WIDTH });
    bool training = lattn_is_training(ctx);
    lattn_set_training(ctx, true);
    dispatches_of(ctx, m, x);  // with those that make x and the parameters
    uint64_t dropping = dispatches_of(ctx, m, x);
    lattn_set_training(ctx, false);
    EXPECT_EQ(dropping - dispatches_of(ctx, m, x), 4);
    lattn_set_training(ctx, training);
    lattn_module_destroy(&m);
}

static void expect_refused(lattn_ctx *ctx, const lattn_encoder_params *params, const char *sentence)
{
    lattn_module *m = NULL;
    EXPECT_STATUS(lattn_encoder_create(ctx, params, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), sentence);
    EXPECT(!m);
}

GPU_TEST(encoder, sizes_that_do_not_fit_are_refused_with_values)
{
    const lattn_encoder_params good = params_of(LATTN_NAMES_TORCH);
    lattn_encoder_params params = good;
    params.n_heads = 3;
    expect_refused(ctx, &params, "n_heads 3 does not divide embed_dim 8");
    params = good;
    params.n_layers = -1;
    expect_refused(ctx, &params, "n_layers -1");
    params = good;
    params.dropout = 1;
    expect_refused(ctx, &params, "dropout 1 is outside [0, 1)");
    params = good;
    params.names = (lattn_names) 7;
    expect_refused(ctx, &params, "names 7");
    lattn_module *m = NULL;
    const lattn_attention_params attention = { .embed_dim = 8, .n_heads = 4, .n_kv_heads = 3 };
    EXPECT_STATUS(lattn_multihead_attention_create(ctx, &attention, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "n_kv_heads 3 does not divide n_heads 4");
    EXPECT(!m);

    EXPECT_OK(lattn_encoder_create(ctx, &good, &m));
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 1, 2, WIDTH + 1 });
    EXPECT(!lattn_encoder_forward(ctx, m, x, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "[1, 2, 9]");
    lattn_module_destroy(&m);
}
