// SPDX-License-Identifier: MIT
//
// BERT: embeddings, encoder stack, pooler, classification head; names and layouts of Hugging
// Face, so that folders go both ways unchanged.
//
//   x      = dropout(LayerNorm(word[ids] + position[0..T-1] + type[types]))   [B, T, C]
//            without position where attention has embeddings of distances; its table is there all the same, as
//            in transformers' folders
//   h      = encoder(x), post-norm, keys beyond a row's length masked         [B, T, C]
//   pooled = tanh(dense(h[:, 0]))                                             [B, C]
//   logits = classifier(dropout(pooled))                                      [B, num_labels]
//
// Source: Devlin et al. 2018, arXiv:1810.04805.

#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "models/bert_config.h"
#include "nn/transformer.h"
#include "tensor/tensor.h"

struct lattn_bert {
    lattn_bert_config config;
    lattn_module *root;
    lattn_module *word, *position, *type, *norm;  // lent by root, as all below
    lattn_module *encoder, *pooler, *classifier;
};

// ---- building -----------------------------------------------------------------------------------

static lattn_init table_init(const lattn_bert *b)
{
    return (lattn_init){ LATTN_INIT_NORMAL, (float) b->config.initializer_range };
}

static lattn_init linear_init(const lattn_bert *b)
{
    return (lattn_init){ LATTN_INIT_NORMAL, (float) b->config.linear_initializer_range };
}

static lattn_status add_table(
    lattn_bert *b, lattn_ctx *ctx, const char *name, int64_t rows, lattn_module **out)
{
    lattn_embedding_params params = {
        .num_embeddings = rows,
        .embedding_dim = b->config.hidden_size,
        .has_padding_idx = out == &b->word,
        .padding_idx = b->config.pad_token_id,
        .init = table_init(b),
        .has_init = true,
    };
    lattn_module *m = NULL;
    LAT_TRY(lattn_embedding_create(ctx, &params, &m));
    *out = m;
    return lattn_module_add(b->root, name, m);
}

static lattn_status add_dense(
    lattn_bert *b, lattn_ctx *ctx, const char *name, int64_t out_features, lattn_module **out)
{
    lattn_linear_params params = {
        .in_features = b->config.hidden_size,
        .out_features = out_features,
        .init = linear_init(b),
        .has_init = true,
    };
    lattn_module *m = NULL;
    LAT_TRY(lattn_linear_create(ctx, &params, &m));
    *out = m;
    return lattn_module_add(b->root, name, m);
}

static lattn_status add_norm(lattn_bert *b, lattn_ctx *ctx)
{
    lattn_layer_norm_params params = {
        .size = b->config.hidden_size,
        .eps = (float) b->config.layer_norm_eps,
    };
    lattn_module *m = NULL;
    LAT_TRY(lattn_layer_norm_create(ctx, &params, &m));
    b->norm = m;
    return lattn_module_add(b->root, "bert.embeddings.LayerNorm", m);
}

static lattn_status add_encoder(lattn_bert *b, lattn_ctx *ctx)
{
    const lattn_bert_config *c = &b->config;
    lattn_encoder_params params = {
        .n_layers = c->num_hidden_layers,
        .embed_dim = c->hidden_size,
        .n_heads = c->num_attention_heads,
        .feedforward_dim = c->intermediate_size,
        .dropout = (float) c->hidden_dropout_prob,
        .attention_dropout = (float) c->attention_probs_dropout_prob,
        .layer_norm_eps = (float) c->layer_norm_eps,
        .feed_forward = c->gelu_tanh ? LATTN_FEED_FORWARD_GELU_TANH : LATTN_FEED_FORWARD_GELU,
        .relative = c->relative,
        .max_positions = c->max_position_embeddings,
        .names = LATTN_NAMES_BERT,
        .init = linear_init(b),
        .has_init = true,
    };
    lattn_module *m = NULL;
    LAT_TRY(lattn_encoder_create(ctx, &params, &m));
    b->encoder = m;
    return lattn_module_add(b->root, "bert.encoder", m);
}

static lattn_status build(lattn_bert *b, lattn_ctx *ctx)
{
    const lattn_bert_config *c = &b->config;
    LAT_TRY(lattn_module_create(ctx, "bert", &b->root));
    LAT_TRY(add_table(b, ctx, "bert.embeddings.word_embeddings", c->vocab_size, &b->word));
    LAT_TRY(add_table(
        b, ctx, "bert.embeddings.position_embeddings", c->max_position_embeddings, &b->position));
    if (c->relative)
        LAT_TRY(lattn_module_set_requires_grad(b->position, false));
    LAT_TRY(
        add_table(b, ctx, "bert.embeddings.token_type_embeddings", c->type_vocab_size, &b->type));
    LAT_TRY(add_norm(b, ctx));
    LAT_TRY(add_encoder(b, ctx));
    LAT_TRY(add_dense(b, ctx, "bert.pooler.dense", c->hidden_size, &b->pooler));
    return add_dense(b, ctx, "classifier", c->num_labels, &b->classifier);
}

lattn_status lattn_bert_create(lattn_ctx *ctx, const lattn_bert_config *config, lattn_bert **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(config);
    lattn_bert_config full = *config;
    lat_bert_config_defaults(&full);
    if (lat_bert_config_check("bert", &full))
        return LATTN_ERR_ARG;
    lattn_bert *b = LAT_NEW(lattn_bert);
    if (!b)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lat_bert_config_copy(&full, &b->config);
    if (!st)
        st = build(b, ctx);
    if (st) {
        lattn_bert_destroy(&b);
        return st;
    }
    *out = b;
    return LATTN_OK;
}

void lattn_bert_destroy(lattn_bert **bert)
{
    if (!bert || !*bert)
        return;
    lattn_module_destroy(&(*bert)->root);
    lattn_bert_config_free(&(*bert)->config);
    lat_free(*bert);
    *bert = NULL;
}

lattn_module *lattn_bert_module(lattn_bert *bert)
{
    if (!bert)
        return NULL;
    return bert->root;
}

const lattn_bert_config *lattn_bert_get_config(const lattn_bert *bert)
{
    if (!bert)
        return NULL;
    return &bert->config;
}

lattn_status lattn_bert_check_vocab(const lattn_bert *bert, int32_t n_tokens)
{
    LAT_CHECK_ARG(bert);
    if (n_tokens <= bert->config.vocab_size)
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT, "the vocabulary has %d tokens, the model's vocab_size is %lld",
        (int) n_tokens, (long long) bert->config.vocab_size);
}

// ---- forward ------------------------------------------------------------------------------------

static lattn_tensor *embed(lattn_ctx *ctx, lattn_bert *b, const lattn_bert_inputs *in)
{
    const lattn_embed_layer_norm_args args = {
        .position = b->config.relative ? NULL : lattn_module_parameter(b->position, "weight"),
        .type = lattn_module_parameter(b->type, "weight"),
        .types = in->token_type_ids,
        .p = (float) b->config.hidden_dropout_prob,
        .has_padding_idx = true,
        .padding_idx = b->config.pad_token_id,
    };
    lattn_tensor *word = lattn_module_parameter(b->word, "weight");
    return lat_layer_norm_embed_forward(ctx, b->norm, word, in->input_ids, &args);
}

static bool check_inputs(lattn_ctx *ctx, const lattn_bert *b, const lattn_bert_inputs *in)
{
    const lattn_tensor *ids = in->input_ids;
    if (!ids)
        return false;
    if (ids->dtype != LATTN_DTYPE_I32 || lat_rank(ids) != 2) {
        lat_fail(ctx, LATTN_ERR_SHAPE, "bert: input_ids %s %s is not i32 [B, T]",
            lattn_dtype_name(ids->dtype), LAT_SHAPE(ids));
        return false;
    }
    if (lat_dim(ids, 1) > b->config.max_position_embeddings) {
        lat_fail(ctx, LATTN_ERR_SHAPE, "bert: %lld tokens, max_position_embeddings is %lld",
            (long long) lat_dim(ids, 1), (long long) b->config.max_position_embeddings);
        return false;
    }
    return true;
}

lattn_tensor *lattn_bert_encode(lattn_ctx *ctx, lattn_bert *bert, const lattn_bert_inputs *inputs)
{
    LAT_NEED_ARG(ctx, bert);
    LAT_NEED_ARG(ctx, inputs);
    if (!check_inputs(ctx, bert, inputs))
        return NULL;
    size_t outer = lat_path_push(ctx, "bert");
    lattn_tensor *x = embed(ctx, bert, inputs);
    lattn_attention_inputs attention = { .key_lengths = inputs->lengths };
    x = lattn_encoder_forward(ctx, bert->encoder, x, &attention);
    lat_path_pop(ctx, outer);
    return x;
}

lattn_tensor *lattn_bert_pool(lattn_ctx *ctx, lattn_bert *bert, lattn_tensor *hidden)
{
    LAT_NEED_ARG(ctx, bert);
    lattn_tensor *first = lattn_select(ctx, hidden, 1, 0);
    return lattn_tanh(ctx, lattn_linear_forward(ctx, bert->pooler, first, LATTN_EPILOGUE_NONE));
}

lattn_tensor *lattn_bert_classify(lattn_ctx *ctx, lattn_bert *bert, const lattn_bert_inputs *inputs)
{
    LAT_NEED_ARG(ctx, bert);
    LAT_NEED_ARG(ctx, inputs);
    lattn_tensor *pooled = lattn_bert_pool(ctx, bert, lattn_bert_encode(ctx, bert, inputs));
    pooled = lattn_dropout(ctx, pooled, (float) bert->config.classifier_dropout);
    return lattn_linear_forward(ctx, bert->classifier, pooled, LATTN_EPILOGUE_NONE);
}

// ---- files --------------------------------------------------------------------------------------

// Other names under which published folders have a parameter: without "bert." in front, and
// with gamma and beta for LayerNorm.
static const char *alias(void *user, const char *name, int attempt, char *buffer, size_t bytes)
{
    (void) user;
    static const struct {
        const char *ours, *theirs;
    } legacy[] = { { "LayerNorm.weight", "LayerNorm.gamma" },
        { "LayerNorm.bias", "LayerNorm.beta" } };
    if (attempt > 3)
        return NULL;
    snprintf(buffer, bytes, "%s", name);
    if (attempt & 1 && strncmp(buffer, "bert.", 5) == 0)
        memmove(buffer, buffer + 5, strlen(buffer + 5) + 1);
    for (size_t i = 0; attempt & 2 && i < LAT_COUNT(legacy); i++) {
        char *at = strstr(buffer, legacy[i].ours);
        if (at)
            snprintf(at, bytes - (size_t) (at - buffer), "%s", legacy[i].theirs);
    }
    return buffer;
}

// Left over from pre-training or from older versions; no classifier needs them.
static bool ignore(void *user, const char *name)
{
    (void) user;
    return strncmp(name, "cls.", 4) == 0 || strstr(name, "position_ids") != NULL;
}

// A folder from pre-training has no head, sometimes no pooler: they start anew.
static bool optional(void *user, const char *name)
{
    (void) user;
    return strncmp(name, "classifier.", 11) == 0 || strncmp(name, "bert.pooler.", 12) == 0;
}

// So does a head that was made for another number of labels.
static bool skip_head(void *user, const char *name)
{
    const bool *head_fits = user;
    return !*head_fits && strncmp(name, "classifier.", 11) == 0;
}

static lattn_status load_weights(lattn_bert *b, const char *dir, lattn_load_report *report)
{
    lattn_safetensors *file = NULL;
    LAT_TRY(lattn_safetensors_open(dir, NULL, &file));
    int64_t head = lattn_safetensors_find(file, "classifier.weight");
    lattn_safetensors_entry entry;
    bool head_fits = head < 0 || lattn_safetensors_get(file, (size_t) head, &entry) != LATTN_OK ||
                     (entry.rank == 2 && entry.dim[0] == b->config.num_labels);
    lattn_load_params params = {
        .optional = optional,
        .skip = skip_head,
        .alias = alias,
        .ignore = ignore,
        .user = &head_fits,
    };
    lattn_status st = lattn_module_load(b->root, file, &params, report);
    lattn_safetensors_close(&file);
    return st;
}

static lattn_status load(lattn_ctx *ctx, const char *dir, int num_labels, const char *const *labels,
    lattn_load_report *report, lattn_bert **out)
{
    lattn_bert_config config = { 0 };
    char *path = lat_path_join(dir, "config.json");
    lattn_status st = path ? lattn_bert_config_load(path, &config) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    LAT_TRY(st);
    if (num_labels) {
        lattn_bert_config_free(&config);
        config.num_labels = num_labels;
        config.labels = labels;
    }
    st = lattn_bert_create(ctx, &config, out);
    if (!num_labels)
        lattn_bert_config_free(&config);
    return st ? st : load_weights(*out, dir, report);
}

lattn_status lattn_bert_load(lattn_ctx *ctx, const char *dir, int num_labels,
    const char *const *labels, lattn_load_report *report, lattn_bert **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(dir);
    lattn_load_report own = { 0 };
    lattn_status st = load(ctx, dir, num_labels, labels, report ? report : &own, out);
    if (st)
        lattn_bert_destroy(out);
    return st;
}

lattn_status lattn_bert_save(lattn_bert *bert, const char *dir)
{
    LAT_CHECK_ARG(bert);
    LAT_CHECK_ARG(dir);
    LAT_TRY(lat_dir_create(dir));
    char *config = lat_path_join(dir, "config.json");
    char *weights = lat_path_join(dir, "model.safetensors");
    lattn_status st = config && weights ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lattn_module_save(bert->root, weights);
    if (!st)
        st = lattn_bert_config_save(&bert->config, config);
    lat_free(config);
    lat_free(weights);
    return st;
}
