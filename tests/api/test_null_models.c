// SPDX-License-Identifier: MIT
//
// NULL where it has no meaning: modules, models, optimisers, training; and whether every public function
// is in one of the two files. The macros are those of test_null.c.

#include <dirent.h>
#include "api/null.h"

// ---- the tree ---------------------------------------------------------------------------------

GPU_TEST(null, modules)
{
    lattn_module *m = NULL, *child = NULL;
    lattn_tensor *t = lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 }), *lent = NULL;
    lattn_parameter list[1];
    int n;
    REFUSED(lattn_module_create(ctx, "m", NULL));
    REQUIRE(!lattn_module_create(ctx, NULL, &m));  // a kind is optional
    REFUSED(lattn_module_add(m, "x", NULL));
    REQUIRE(!lattn_module_create(ctx, "child", &child));
    REFUSED(lattn_module_add(NULL, "x", child));  // child is gone now
    REQUIRE(!lattn_module_create(ctx, "child", &child));
    REFUSED(lattn_module_add(m, NULL, child));
    const lattn_parameter_params params = { .rank = 1, .dims = DIMS(2) }, shapeless = { .rank = 1 };
    REFUSED(lattn_module_add_parameter(NULL, "w", &params, &lent));
    REFUSED(lattn_module_add_parameter(m, NULL, &params, &lent));
    REFUSED(lattn_module_add_parameter(m, "w", NULL, &lent));
    REFUSED(lattn_module_add_parameter(m, "w", &shapeless, &lent));
    REFUSED(lattn_module_add_buffer(NULL, "w", &params, &lent));
    REFUSED(lattn_module_add_buffer(m, NULL, &params, &lent));
    REFUSED(lattn_module_add_buffer(m, "w", NULL, &lent));
    EXPECT_OK(lattn_module_add_buffer(m, "b", &params, NULL));  // whoever needs it asks by name
    EXPECT_OK(lattn_module_add_parameter(m, "w", &params, NULL));
    REFUSED(lattn_init_(NULL, (lattn_init){ LATTN_INIT_ZEROS, 0 }));
    NOTHING(lattn_module_n_parameters(NULL));
    NOTHING(lattn_module_n_buffers(NULL));
    NOTHING(lattn_module_numel(NULL));
    REFUSED(lattn_module_parameters(NULL, list, 1, &n));
    REFUSED(lattn_module_parameters(m, NULL, 1, &n));
    REFUSED(lattn_module_parameters(m, list, 1, NULL));
    REFUSED(lattn_module_buffers(NULL, list, 1, &n));
    REFUSED(lattn_module_buffers(m, NULL, 1, &n));
    REFUSED(lattn_module_buffers(m, list, 1, NULL));
    NOTHING(lattn_module_parameter(NULL, "w"));
    NOTHING(lattn_module_parameter(m, NULL));
    NOTHING(lattn_module_buffer(NULL, "b"));
    NOTHING(lattn_module_buffer(m, NULL));
    KEPT(lattn_module_forward(ctx, NULL, t));
    FINE(lattn_module_observe(NULL, NULL, NULL));
    EXPECT_STR(lattn_module_kind(NULL), "");
    char path[4] = "abc";
    NOTHING(lattn_module_path(NULL, path, sizeof path));
    EXPECT_STR(path, "");
    NOTHING(lattn_module_path(m, NULL, 0));
    REFUSED(lattn_module_set_requires_grad(NULL, true));
    REFUSED(lattn_module_to_dtype(NULL, LATTN_DTYPE_F16));
    NOTHING(lattn_module_dtype(NULL));
    NOTHING(lattn_module_master(NULL, "weight"));
    NOTHING(lattn_module_master(m, NULL));
    REFUSED(lattn_module_freeze(NULL, "*"));
    REFUSED(lattn_module_freeze(m, NULL));
    REFUSED(lattn_module_scale_lr(NULL, "*", 1));
    REFUSED(lattn_module_scale_lr(m, NULL, 1));
    NOTHING(lattn_name_fits(NULL, "*"));
    NOTHING(lattn_name_fits("a", NULL));
    REFUSED(lattn_sequential_append(NULL, NULL));
    REFUSED(lattn_sequential_append(m, NULL));
    REFUSED(lattn_batch_norm_set_frozen(NULL, true));
    lattn_module_destroy(&m);
    FINE(lattn_module_destroy(&m));
    FINE(lattn_module_destroy(NULL));
}

// Parameters of a layer have sizes, so there are no defaults for all of them.
GPU_TEST(null, creating_layers)
{
    lattn_module *m = NULL;
    const lattn_linear_params linear = { .in_features = 2, .out_features = 2 };
    REFUSED(lattn_sequential_create(ctx, NULL));
    REFUSED(lattn_flatten_create(ctx, NULL));
    REFUSED(lattn_linear_create(ctx, NULL, &m));
    REFUSED(lattn_linear_create(ctx, &linear, NULL));
    REFUSED(lattn_conv2d_create(ctx, NULL, &m));
    REFUSED(lattn_conv2d_create(ctx, &(lattn_conv2d_layer_params){ 0 }, NULL));
    REFUSED(lattn_rnn_create(ctx, NULL, &m));
    REFUSED(lattn_rnn_create(ctx, &(lattn_rnn_params){ 0 }, NULL));
    REFUSED(lattn_lstm_create(ctx, NULL, &m));
    REFUSED(lattn_lstm_create(ctx, &(lattn_rnn_params){ 0 }, NULL));
    REFUSED(lattn_gru_create(ctx, NULL, &m));
    REFUSED(lattn_gru_create(ctx, &(lattn_rnn_params){ 0 }, NULL));
    REFUSED(lattn_rnn_cell_create(ctx, NULL, &m));
    REFUSED(lattn_rnn_cell_create(ctx, &(lattn_rnn_params){ 0 }, NULL));
    REFUSED(lattn_lstm_cell_create(ctx, NULL, &m));
    REFUSED(lattn_lstm_cell_create(ctx, &(lattn_rnn_params){ 0 }, NULL));
    REFUSED(lattn_gru_cell_create(ctx, NULL, &m));
    REFUSED(lattn_gru_cell_create(ctx, &(lattn_rnn_params){ 0 }, NULL));
    REFUSED(lattn_conv3d_create(ctx, NULL, &m));
    REFUSED(lattn_conv3d_create(ctx, &(lattn_conv3d_layer_params){ 0 }, NULL));
    REFUSED(lattn_conv1d_create(ctx, NULL, &m));
    REFUSED(lattn_conv1d_create(ctx, &(lattn_conv1d_layer_params){ 0 }, NULL));
    REFUSED(lattn_conv_transpose2d_create(ctx, NULL, &m));
    REFUSED(lattn_conv_transpose2d_create(ctx, &(lattn_conv_transpose2d_layer_params){ 0 }, NULL));
    REFUSED(lattn_layer_norm_create(ctx, NULL, &m));
    REFUSED(lattn_layer_norm_create(ctx, &(lattn_layer_norm_params){ 0 }, NULL));
    REFUSED(lattn_batch_norm_create(ctx, NULL, &m));
    REFUSED(lattn_batch_norm_create(ctx, &(lattn_batch_norm_params){ 0 }, NULL));
    REFUSED(lattn_activation_create(ctx, LATTN_ACTIVATION_RELU, NULL));
    REFUSED(lattn_max_pool2d_create(ctx, NULL, &m));
    REFUSED(lattn_max_pool2d_create(ctx, &(lattn_pool2d_args){ 0 }, NULL));
    REFUSED(lattn_avg_pool2d_create(ctx, NULL, &m));
    REFUSED(lattn_avg_pool2d_create(ctx, &(lattn_pool2d_args){ 0 }, NULL));
    REFUSED(lattn_adaptive_avg_pool2d_create(ctx, 1, 1, NULL));
    REFUSED(lattn_embedding_create(ctx, NULL, &m));
    REFUSED(lattn_embedding_create(ctx, &(lattn_embedding_params){ 0 }, NULL));
    REFUSED(lattn_dropout_create(ctx, 0.5f, NULL));
    REFUSED(lattn_multihead_attention_create(ctx, NULL, &m));
    REFUSED(lattn_multihead_attention_create(ctx, &(lattn_attention_params){ 0 }, NULL));
    REFUSED(lattn_encoder_layer_create(ctx, NULL, &m));
    REFUSED(lattn_encoder_layer_create(ctx, &(lattn_encoder_params){ 0 }, NULL));
    REFUSED(lattn_encoder_create(ctx, NULL, &m));
    REFUSED(lattn_encoder_create(ctx, &(lattn_encoder_params){ 0 }, NULL));
    REFUSED(lattn_decoder_layer_create(ctx, NULL, &m));
    REFUSED(lattn_decoder_layer_create(ctx, &(lattn_encoder_params){ 0 }, NULL));
    REFUSED(lattn_decoder_create(ctx, NULL, &m));
    REFUSED(lattn_decoder_create(ctx, &(lattn_encoder_params){ 0 }, NULL));
    REFUSED(lattn_rms_norm_create(ctx, NULL, &m));
    REFUSED(lattn_rms_norm_create(ctx, &(lattn_rms_norm_params){ 0 }, NULL));
    EXPECT(!m);
}

GPU_TEST(null, kv_cache)
{
    lattn_kv_cache *cache = NULL;
    REFUSED(lattn_kv_cache_create(ctx, NULL, &cache));
    REFUSED(lattn_kv_cache_create(ctx, &(lattn_kv_cache_params){ 0 }, NULL));
    NOTHING(lattn_kv_cache_length(NULL));
    REFUSED(lattn_kv_cache_truncate(NULL, 0));
    FINE(lattn_kv_cache_destroy(&cache));
    FINE(lattn_kv_cache_destroy(NULL));
}

GPU_TEST(null, forward_of_layers)
{
    lattn_tensor *t = lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 });
    lattn_module *m = NULL;
    KEPT(lattn_linear_forward(ctx, NULL, t, LATTN_EPILOGUE_NONE));
    KEPT(lattn_linear_residual_forward(ctx, NULL, t, t));
    KEPT(lattn_conv2d_forward(ctx, NULL, t));
    KEPT(lattn_conv3d_forward(ctx, NULL, t));
    KEPT(lattn_rnn_forward(ctx, NULL, t, NULL, NULL));
    KEPT(lattn_lstm_forward(ctx, NULL, t, NULL, NULL));
    KEPT(lattn_gru_forward(ctx, NULL, t, NULL, NULL));
    KEPT(lattn_rnn_cell_forward(ctx, NULL, t, NULL));
    KEPT(lattn_lstm_cell_forward(ctx, NULL, t, NULL, NULL));
    KEPT(lattn_gru_cell_forward(ctx, NULL, t, NULL));
    KEPT(lattn_conv1d_forward(ctx, NULL, t));
    KEPT(lattn_conv_transpose2d_forward(ctx, NULL, t));
    KEPT(lattn_layer_norm_forward(ctx, NULL, t));
    KEPT(lattn_layer_norm_residual_forward(ctx, NULL, t, t, 0));
    KEPT(lattn_batch_norm_forward(ctx, NULL, t));
    KEPT(lattn_batch_norm_relu_forward(ctx, NULL, t, NULL));
    NOTHING(lattn_activate(ctx, LATTN_ACTIVATION_RELU, NULL));
    KEPT(lattn_embedding_forward(ctx, NULL, t));
    KEPT(lattn_dropout_forward(ctx, NULL, t));
    KEPT(lattn_multihead_attention_forward(ctx, NULL, t, NULL, NULL));
    KEPT(lattn_encoder_layer_forward(ctx, NULL, t, NULL));
    KEPT(lattn_encoder_forward(ctx, NULL, t, NULL));
    KEPT(lattn_decoder_layer_forward(ctx, NULL, t, t, NULL, NULL));
    KEPT(lattn_decoder_forward(ctx, NULL, t, t, NULL, NULL));
    KEPT(lattn_rms_norm_forward(ctx, NULL, t));

    const lattn_encoder_params params = {
        .n_layers = 1, .embed_dim = 2, .n_heads = 1, .feedforward_dim = 2
    };
    EXPECT_OK(lattn_encoder_create(ctx, &params, &m));
    NOTHING(lattn_encoder_forward(ctx, m, NULL, NULL));
    lattn_module_destroy(&m);
    EXPECT_OK(lattn_encoder_layer_create(ctx, &params, &m));
    NOTHING(lattn_encoder_layer_forward(ctx, m, NULL, NULL));
    lattn_module_destroy(&m);
    EXPECT_OK(lattn_dropout_create(ctx, 0.5f, &m));
    NOTHING(lattn_module_forward(ctx, m, NULL));
    lattn_module_destroy(&m);
    EXPECT_OK(lattn_ctx_status(ctx));
}

// ---- models -----------------------------------------------------------------------------------

GPU_TEST(null, bert)
{
    lattn_bert *bert = NULL;
    lattn_bert_config config = { .vocab_size = 8,
        .hidden_size = 4,
        .num_hidden_layers = 1,
        .num_attention_heads = 1,
        .intermediate_size = 4,
        .max_position_embeddings = 4 };
    lattn_tensor *t = lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 });
    REFUSED(lattn_bert_config_load(NULL, &config));
    REFUSED(lattn_bert_config_load("nowhere", NULL));
    REFUSED(lattn_bert_config_save(NULL, "nowhere"));
    REFUSED(lattn_bert_config_save(&config, NULL));
    FINE(lattn_bert_config_free(NULL));
    REFUSED(lattn_bert_create(ctx, &config, NULL));
    REFUSED(lattn_bert_create(ctx, NULL, &bert));
    REFUSED(lattn_bert_load(ctx, NULL, 0, NULL, NULL, &bert));
    REFUSED(lattn_bert_load(ctx, "nowhere", 0, NULL, NULL, NULL));
    REFUSED(lattn_bert_save(NULL, "nowhere"));
    NOTHING(lattn_bert_module(NULL));
    NOTHING(lattn_bert_get_config(NULL));
    REFUSED(lattn_bert_check_vocab(NULL, 1));
    KEPT(lattn_bert_encode(ctx, NULL, &(lattn_bert_inputs){ 0 }));
    KEPT(lattn_bert_pool(ctx, NULL, t));
    KEPT(lattn_bert_classify(ctx, NULL, &(lattn_bert_inputs){ 0 }));
    REQUIRE(!lattn_bert_create(ctx, &config, &bert));
    REFUSED(lattn_bert_save(bert, NULL));
    KEPT(lattn_bert_encode(ctx, bert, NULL));
    KEPT(lattn_bert_classify(ctx, bert, NULL));
    NOTHING(lattn_bert_pool(ctx, bert, NULL));
    NOTHING(lattn_bert_encode(ctx, bert, &(lattn_bert_inputs){ 0 }));
    NOTHING(lattn_bert_classify(ctx, bert, &(lattn_bert_inputs){ 0 }));
    lattn_bert_destroy(&bert);
    FINE(lattn_bert_destroy(&bert));
    FINE(lattn_bert_destroy(NULL));

    lattn_module *m = NULL;
    lattn_safetensors *file = NULL;
    REQUIRE(!lattn_module_create(ctx, "m", &m));
    REFUSED(lattn_module_load(NULL, file, NULL, NULL));
    REFUSED(lattn_module_load(m, NULL, NULL, NULL));
    REFUSED(lattn_module_save(NULL, "nowhere"));
    REFUSED(lattn_module_save(m, NULL));
    lattn_module_destroy(&m);
}

GPU_TEST(null, cnn)
{
    lattn_cnn *cnn = NULL;
    lattn_cnn_config config = {
        .layers = "relu", .channels = 1, .height = 2, .width = 2, .num_classes = 2
    };
    lattn_tensor *t = lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 });
    REFUSED(lattn_cnn_config_load(NULL, &config));
    REFUSED(lattn_cnn_config_load("nowhere", NULL));
    REFUSED(lattn_cnn_config_save(NULL, "nowhere"));
    REFUSED(lattn_cnn_config_save(&config, NULL));
    FINE(lattn_cnn_config_free(NULL));
    REFUSED(lattn_cnn_create(ctx, NULL, &cnn));
    REFUSED(lattn_cnn_create(ctx, &config, NULL));
    REFUSED(lattn_cnn_load(ctx, NULL, &cnn));
    REFUSED(lattn_cnn_load(ctx, "nowhere", NULL));
    REFUSED(lattn_cnn_load_weights(NULL, "nowhere", NULL));
    REFUSED(lattn_cnn_layer_decay(NULL, 0.5, NULL));
    REFUSED(lattn_cnn_save(NULL, "nowhere"));
    NOTHING(lattn_cnn_module(NULL));
    NOTHING(lattn_cnn_head(NULL));
    NOTHING(lattn_cnn_get_config(NULL));
    KEPT(lattn_cnn_forward(ctx, NULL, t));
    REFUSED(lattn_cnn_summary(ctx, NULL, (lattn_layer_fn) abort, NULL));
    REQUIRE(!lattn_cnn_create(ctx, &config, &cnn));
    REFUSED(lattn_cnn_load_weights(cnn, NULL, NULL));
    REFUSED(lattn_cnn_save(cnn, NULL));
    REFUSED(lattn_cnn_summary(ctx, cnn, NULL, NULL));
    NOTHING(lattn_cnn_forward(ctx, cnn, NULL));
    EXPECT_OK(lattn_ctx_status(ctx));
    lattn_cnn_destroy(&cnn);
    FINE(lattn_cnn_destroy(&cnn));
    FINE(lattn_cnn_destroy(NULL));
}

GPU_TEST(null, gpt2)
{
    lattn_gpt2 *gpt2 = NULL;
    lattn_kv_cache *cache = NULL;
    lattn_gpt2_config config = {
        .vocab_size = 8, .n_positions = 4, .n_embd = 4, .n_inner = 4, .n_layer = 1, .n_head = 1
    };
    lattn_tensor *t = lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 });
    REFUSED(lattn_gpt2_config_load(NULL, &config));
    REFUSED(lattn_gpt2_config_load("nowhere", NULL));
    REFUSED(lattn_gpt2_config_save(NULL, "nowhere"));
    REFUSED(lattn_gpt2_config_save(&config, NULL));
    REFUSED(lattn_gpt2_create(ctx, NULL, &gpt2));
    REFUSED(lattn_gpt2_create(ctx, &config, NULL));
    REFUSED(lattn_gpt2_load(ctx, NULL, &gpt2));
    REFUSED(lattn_gpt2_load(ctx, "nowhere", NULL));
    REFUSED(lattn_gpt2_save(NULL, "nowhere"));
    NOTHING(lattn_gpt2_module(NULL));
    NOTHING(lattn_gpt2_get_config(NULL));
    KEPT(lattn_gpt2_logits(ctx, NULL, t, NULL));
    REFUSED(lattn_gpt2_cache(NULL, 1, 1, &cache));
    REQUIRE(!lattn_gpt2_create(ctx, &config, &gpt2));
    REFUSED(lattn_gpt2_save(gpt2, NULL));
    REFUSED(lattn_gpt2_cache(gpt2, 1, 1, NULL));
    NOTHING(lattn_gpt2_logits(ctx, gpt2, NULL, NULL));
    EXPECT_OK(lattn_ctx_status(ctx));
    lattn_gpt2_destroy(&gpt2);
    FINE(lattn_gpt2_destroy(&gpt2));
    FINE(lattn_gpt2_destroy(NULL));
}

TEST(null, the_next_token)
{
    int32_t token;
    const float logits[2] = { 0, 1 };
    REFUSED(lattn_sample_token(NULL, 2, NULL, NULL, 0, 0, &token));
    REFUSED(lattn_sample_token(logits, 2, NULL, NULL, 1, 0, &token));
    REFUSED(lattn_sample_token(logits, 2, NULL, NULL, 0, 0, NULL));
    EXPECT_OK(lattn_sample_token(logits, 2, NULL, NULL, 0, 0, &token));  // greedy
    EXPECT_EQ(token, 1);
}

// ---- optimisers -------------------------------------------------------------------------------

GPU_TEST(null, optimisers)
{
    lattn_module *m = NULL;
    lattn_optim *o = NULL;
    char data[LATTN_OPTIM_HYPER_BYTES];
    const char *name;
    const lattn_adamw_params adamw = { .common = { .lr = 0.1f } };
    const lattn_sgd_params sgd = { .common = { .lr = 0.1f } };
    const lattn_linear_params linear = { .in_features = 2, .out_features = 2 };
    REQUIRE(!lattn_linear_create(ctx, &linear, &m));
    REFUSED(lattn_adamw_create(ctx, NULL, &adamw, &o));
    REFUSED(lattn_adamw_create(ctx, m, NULL, &o));
    REFUSED(lattn_adamw_create(ctx, m, &adamw, NULL));
    REFUSED(lattn_sgd_create(ctx, NULL, &sgd, &o));
    REFUSED(lattn_sgd_create(ctx, m, NULL, &o));
    REFUSED(lattn_sgd_create(ctx, m, &sgd, NULL));
    REFUSED(lattn_optim_step(NULL));
    REFUSED(lattn_optim_backward(NULL, NULL, 1));
    FINE(lattn_optim_zero_grad(NULL));
    REFUSED(lattn_optim_set_lr(NULL, 1));
    NOTHING(lattn_optim_lr(NULL) != 0);
    NOTHING(lattn_optim_steps(NULL));
    NOTHING(lattn_optim_hyper(NULL));
    NOTHING(lattn_optim_report(NULL));
    REFUSED(lattn_optim_advance(NULL, 1, data, sizeof data));
    REFUSED(lattn_optim_first_not_finite(NULL, &name));
    REFUSED(lattn_optim_save(NULL, "nowhere"));
    REFUSED(lattn_optim_load(NULL, "nowhere"));
    REQUIRE(!lattn_sgd_create(ctx, m, &sgd, &o));
    REFUSED(lattn_optim_advance(o, 1, NULL, sizeof data));
    REFUSED(lattn_optim_first_not_finite(o, NULL));
    REFUSED(lattn_optim_save(o, NULL));
    REFUSED(lattn_optim_load(o, NULL));
    NOTHING(lattn_schedule_factor(NULL, 1) != 0);
    lattn_optim_destroy(&o);
    FINE(lattn_optim_destroy(&o));
    FINE(lattn_optim_destroy(NULL));
    lattn_module_destroy(&m);
}

GPU_TEST(null, training)
{
    lattn_task task = { .n_classes = 1 };
    lattn_source source = { .n_samples = 0 };
    lattn_metrics metrics;
    REFUSED(lattn_train(ctx, NULL, NULL));
    EXPECT_STATUS(lattn_train(ctx, &(lattn_train_params){ 0 }, NULL), LATTN_ERR_ARG);
    REFUSED(lattn_evaluate(ctx, NULL, &source, NULL, NULL, &metrics));
    REFUSED(lattn_evaluate(ctx, &task, NULL, NULL, NULL, &metrics));
    REFUSED(lattn_evaluate(ctx, &task, &source, NULL, NULL, NULL));
}

TEST(null, confusion)
{
    lattn_confusion *c = NULL;
    REFUSED(lattn_confusion_create(2, NULL));
    REFUSED(lattn_confusion_save(NULL, NULL, "nowhere"));
    NOTHING(lattn_confusion_count(NULL, 0, 0));
    FINE(lattn_confusion_add(NULL, NULL, NULL, 1));
    REQUIRE(!lattn_confusion_create(2, &c));
    REFUSED(lattn_confusion_save(c, NULL, NULL));
    FINE(lattn_confusion_add(c, NULL, NULL, 1));
    lattn_confusion_destroy(&c);
    FINE(lattn_confusion_destroy(&c));
    FINE(lattn_confusion_destroy(NULL));
}

TEST(null, a_source_of_no_loader)
{
    lattn_source source = lattn_source_from_loader(NULL, 0);
    NOTHING(source.user);
    NOTHING(source.n_batches);
}

// ---- is every function here? ------------------------------------------------------------------

// The training loop has tests of its own.
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0)
        lt_fail(__FILE__, __LINE__, "cannot read %s", path);
    if (f)
        fclose(f);
    return text;
}

// Whether text has name followed by no letter of a longer name.
static bool mentions(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + n, name)) {
        char next = at[n];
        if (strchr("(,) ;\n", next))
            return true;
    }
    return false;
}

// A declaration: LATTN_API, and the first word that has a parenthesis behind it and is not an
// attribute.
static int check_header(const char *path, const char *here)
{
    char *header = read_text(path);
    int n = 0;
    for (char *at = strstr(header, "\nLATTN_API "); at; at = strstr(at + 1, "\nLATTN_API ")) {
        char *end = strchr(at, '(');
        char *begin = end;
        while (begin > at && begin[-1] != ' ' && begin[-1] != '*' && begin[-1] != '\n')
            begin--;
        char name[100];
        snprintf(name, sizeof name, "%.*s", (int) (end - begin), begin);
        n++;
        if (!mentions(here, name))
            lt_fail(__FILE__, __LINE__, "%s (%s) is not called with NULL in tests/api", name, path);
    }
    free(header);
    return n;
}

TEST(null, every_public_function_is_here)
{
    char *a = read_text(lt_source_path("api/test_null.c"));
    char *b = read_text(lt_source_path("api/test_null_models.c"));
    char *here = calloc(1, strlen(a) + strlen(b) + 1);
    REQUIRE(here);
    strcat(strcat(here, a), b);
    char folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s", lt_source_path("../include/lattn"));
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        if (!strstr(e->d_name, ".h"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        n += check_header(path, here);
    }
    if (dir)
        closedir(dir);
    EXPECT(n >= 300);
    free(a);
    free(b);
    free(here);
}
