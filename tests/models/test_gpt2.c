// SPDX-License-Identifier: MIT
//
// GPT-2 against PyTorch (tests/golden/make_gpt2.py): the logits of a folder of Hugging Face, gradients, the
// same folder written again, token by token with a cache. And config.json, right and wrong.

#include "base/file.h"
#include "harness/harness.h"

enum { B = 2, T = 11, V = 61, C = 24, N_LOGITS = B * T * V };

static const char *folder(void)
{
    return lt_source_path("golden/gpt2");
}

static void read_golden(const char *name, lattn_dtype dtype, void *data, size_t bytes)
{
    lattn_safetensors *f = NULL;
    EXPECT_OK(lattn_safetensors_open(lt_source_path("golden/gpt2/golden.safetensors"), NULL, &f));
    REQUIRE(f != NULL);
    int64_t i = lattn_safetensors_find(f, name);
    REQUIRE(i >= 0);
    EXPECT_OK(lattn_safetensors_read(f, (size_t) i, dtype, data, bytes));
    lattn_safetensors_close(&f);
}

static lattn_tensor *ids_of(lattn_ctx *ctx)
{
    int32_t ids[B * T] = { 0 };
    read_golden("ids", LATTN_DTYPE_I32, ids, sizeof ids);
    return lattn_from_i32(ctx, 2, (int64_t[]){ B, T }, ids);
}

static void expect_values(const float *got, const char *golden, int64_t n, double tolerance)
{
    float *want = calloc((size_t) n, sizeof *want);
    double worst = 0;
    read_golden(golden, LATTN_DTYPE_F32, want, (size_t) n * sizeof *want);
    for (int64_t i = 0; i < n; i++) {
        double difference = fabs((double) got[i] - (double) want[i]);
        worst = difference <= worst ? worst : difference;
    }
    free(want);
    if (!(worst <= tolerance))
        lt_fail(__FILE__, __LINE__, "%s is off by %g", golden, worst);
}

static void expect_logits(lattn_tensor *logits)
{
    static float got[N_LOGITS];
    REQUIRE(logits && lattn_tensor_numel(logits) == N_LOGITS);
    EXPECT_OK(lattn_tensor_read_f32(logits, got, N_LOGITS));
    expect_values(got, "logits", N_LOGITS, 1e-5);
}

GPU_TEST(gpt2, a_folder_gives_pytorchs_logits)
{
    lattn_gpt2 *g = NULL;
    EXPECT_OK(lattn_gpt2_load(ctx, folder(), &g));
    REQUIRE(g != NULL);
    lattn_set_training(ctx, false);
    expect_logits(lattn_gpt2_logits(ctx, g, ids_of(ctx), NULL));
    lattn_set_training(ctx, true);
    lattn_gpt2_destroy(&g);
}

GPU_TEST(gpt2, what_is_written_is_read_again)
{
    lattn_gpt2 *g = NULL;
    const char *dir = lt_temp_dir();
    EXPECT_OK(lattn_gpt2_load(ctx, folder(), &g));
    EXPECT_OK(lattn_gpt2_save(g, dir));
    lattn_gpt2_destroy(&g);
    EXPECT_OK(lattn_gpt2_load(ctx, dir, &g));
    REQUIRE(g != NULL);
    lattn_set_training(ctx, false);
    expect_logits(lattn_gpt2_logits(ctx, g, ids_of(ctx), NULL));
    lattn_set_training(ctx, true);
    lattn_gpt2_destroy(&g);
}

// The mean cross-entropy of the next token, in evaluation mode: no dropout.
static lattn_tensor *loss_of(lattn_ctx *ctx, lattn_gpt2 *g)
{
    lattn_tensor *ids = ids_of(ctx);
    lattn_tensor *logits = lattn_slice(ctx, lattn_gpt2_logits(ctx, g, ids, NULL), 1, 0, T - 1, 1);
    lattn_tensor *next = lattn_contiguous(ctx, lattn_slice(ctx, ids, 1, 1, T, 1));
    return lattn_cross_entropy(ctx, lattn_reshape(ctx, logits, 2, (int64_t[]){ B * (T - 1), V }),
        lattn_reshape(ctx, next, 1, (int64_t[]){ B * (T - 1) }), NULL);
}

// The shared embedding gets its gradient from both ends.
GPU_TEST(gpt2, gradients_are_pytorchs)
{
    lattn_gpt2 *g = NULL;
    float got[V * C], loss = 0;
    double ours = 0;
    EXPECT_OK(lattn_gpt2_load(ctx, folder(), &g));
    REQUIRE(g != NULL);
    lattn_set_training(ctx, false);
    lattn_tensor *l = loss_of(ctx, g);
    EXPECT_OK(lattn_tensor_item(ctx, l, &ours));
    read_golden("loss", LATTN_DTYPE_F32, &loss, sizeof loss);
    EXPECT_NEAR(ours, (double) loss, 1e-5);
    EXPECT_OK(lattn_backward(ctx, l, NULL));
    lattn_module *m = lattn_gpt2_module(g);
    lattn_tensor *wte = lattn_module_parameter(m, "wte.weight");
    EXPECT_OK(lattn_tensor_read_f32(lattn_tensor_grad(wte), got, V * C));
    expect_values(got, "grad/wte.weight", V * C, 1e-6);
    lattn_tensor *down = lattn_module_parameter(m, "h.layers.1.linear2.weight");
    lattn_tensor *theirs =
        lattn_contiguous(ctx, lattn_transpose(ctx, lattn_tensor_grad(down), 0, 1));
    static float wide[4 * C * C];
    EXPECT_OK(lattn_tensor_read_f32(theirs, wide, 4 * C * C));
    expect_values(wide, "grad/h.1.mlp.c_proj.weight", 4 * C * C, 1e-6);
    lattn_set_training(ctx, true);
    lattn_gpt2_destroy(&g);
}

GPU_TEST(gpt2, a_cache_gives_the_same_logits)
{
    lattn_gpt2 *g = NULL;
    lattn_kv_cache *cache = NULL;
    EXPECT_OK(lattn_gpt2_load(ctx, folder(), &g));
    REQUIRE(g != NULL);
    EXPECT_OK(lattn_gpt2_cache(g, B, T, &cache));
    lattn_tensor *ids = ids_of(ctx), *parts[T];
    lattn_set_training(ctx, false);
    lattn_no_grad_begin(ctx);
    for (int t = 0; t < T; t++) {
        lattn_tensor *one = lattn_contiguous(ctx, lattn_slice(ctx, ids, 1, t, t + 1, 1));
        parts[t] = lattn_gpt2_logits(ctx, g, one, cache);
    }
    expect_logits(lattn_concat(ctx, parts, T, 1));
    lattn_no_grad_end(ctx);
    lattn_set_training(ctx, true);
    EXPECT_STATUS(lattn_gpt2_cache(g, B, 17, &(lattn_kv_cache *){ NULL }), LATTN_ERR_ARG);
    lattn_kv_cache_destroy(&cache);
    lattn_gpt2_destroy(&g);
}

GPU_TEST(gpt2, too_many_tokens_are_refused)
{
    lattn_gpt2 *g = NULL;
    lattn_gpt2_config c = {
        .vocab_size = 9, .n_positions = 4, .n_embd = 8, .n_layer = 1, .n_head = 2
    };
    EXPECT_OK(lattn_gpt2_create(ctx, &c, &g));
    REQUIRE(g != NULL);
    EXPECT_EQ(lattn_gpt2_get_config(g)->n_inner, 32);
    EXPECT_EQ(lattn_gpt2_get_config(g)->eos_token_id, 8);
    EXPECT(!lattn_gpt2_logits(
        ctx, g, lattn_zeros(ctx, LATTN_DTYPE_I32, 2, (int64_t[]){ 1, 5 }), NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "gpt2: 5 tokens, n_positions is 4");
    lattn_gpt2_destroy(&g);
    c.n_head = 3;
    EXPECT_STATUS(lattn_gpt2_create(ctx, &c, &g), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "n_embd 8 must be a multiple of n_head 3");
}

static void expect_config(const char *text, lattn_status st, const char *part)
{
    char path[512];
    snprintf(path, sizeof path, "%s/config.json", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, text, strlen(text)));
    lattn_gpt2_config c;
    EXPECT_STATUS(lattn_gpt2_config_load(path, &c), st);
    if (st)
        EXPECT_CONTAINS(lattn_error(NULL), part);
}

TEST(gpt2, config_json_is_checked)
{
    expect_config("{}", LATTN_OK, "");
    expect_config("{\"n_inner\": null, \"eos_token_id\": null}", LATTN_OK, "");
    expect_config("{\"n_layer\": 0}", LATTN_ERR_FORMAT, "n_layer");
    expect_config("{\"n_head\": 7}", LATTN_ERR_FORMAT, "n_embd 768 must be a multiple of n_head 7");
    expect_config("{\"resid_pdrop\": 1}", LATTN_ERR_FORMAT, "resid_pdrop");
    expect_config("{\"activation_function\": \"relu\"}", LATTN_ERR_UNSUPPORTED, "\"relu\"");
    expect_config("{\"model_type\": \"bert\"}", LATTN_ERR_UNSUPPORTED, "\"bert\", not gpt2");
    expect_config(
        "{\"scale_attn_by_inverse_layer_idx\": true}", LATTN_ERR_UNSUPPORTED, "scale_attn");
}
