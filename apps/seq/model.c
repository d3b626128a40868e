// SPDX-License-Identifier: MIT
//
// The network, and the network as the trainer sees it.
//
//   recurrent     encoder (table) -> dropout -> rnn -> dropout -> decoder (linear)
//   transformer   wte, wpe -> dropout -> h, pre-norm layers -> decoder
//   with a decoder stack   source -> wte, wpe -> dropout -> h = memory;
//                          target -> wte, wpe -> dropout -> h_target, which attends to memory -> decoder
//
// The names of the first are those of PyTorch's example word_language_model, so that its weights are these.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "seq/seq.h"

bool seq_is_recurrent(const struct seq_model *m)
{
    return m->config.model_type != SEQ_TRANSFORMER;
}

int64_t seq_most_places(const struct seq_model *m)
{
    const struct seq_config *c = &m->config;
    bool limited = !seq_is_recurrent(m) && c->position != SEQ_ALIBI && c->position != SEQ_NOWHERE;
    return limited ? c->max_positions : 0;
}

int seq_check_length(const char *command, const struct seq_model *m, int seq_len)
{
    int64_t most = seq_most_places(m);
    if (!most || seq_len <= most)
        return 0;
    return cli_usage_error(command,
        "--seq_len %d is above the model's max_position_embeddings %lld", seq_len,
        (long long) most);
}

// ---- building -------------------------------------------------------------------------------------

static lattn_status add(
    struct seq_model *m, const char *name, lattn_module *child, lattn_module **out)
{
    *out = child;
    return lattn_module_add(m->root, name, child);
}

static lattn_status add_table(
    struct seq_model *m, const char *name, int64_t rows, lattn_module **out)
{
    const struct seq_config *c = &m->config;
    // A table that is also the head must start small, or its first logits are far too sure.
    bool small = c->model_type == SEQ_TRANSFORMER || c->tie_weights;
    // Where a text is one sample, rows of rare tokens hardly change: as they start they must not be loud.
    bool quiet = !c->task->language;
    lattn_embedding_params params = {
        .num_embeddings = rows,
        .embedding_dim = c->embedding_size,
        .init = { LATTN_INIT_NORMAL, small ? 0.02f : 0.1f },
        .has_init = small || quiet,
    };
    lattn_module *child = NULL;
    lattn_status st;
    TRY(lattn_embedding_create(m->ctx, &params, &child));
    TRY(add(m, name, child, out));

done:
    return st;
}

// An LSTM that remembers from the start learns sooner: the biases of its forget gates, the second quarter,
// begin at 1.
// Source: Jozefowicz, Zaremba & Sutskever 2015, "An empirical exploration of recurrent network architectures"
static lattn_status open_forget_gates(struct seq_model *m)
{
    const struct seq_config *c = &m->config;
    lattn_status st = LATTN_OK;
    for (int i = 0; i < c->num_layers * (c->bidirectional ? 2 : 1); i++) {
        int layer = c->bidirectional ? i / 2 : i;
        char name[64];
        snprintf(
            name, sizeof name, "bias_ih_l%d%s", layer, c->bidirectional && i % 2 ? "_reverse" : "");
        lattn_tensor *bias = lattn_module_parameter(m->body, name);
        lattn_tensor *forget = lattn_slice(m->ctx, bias, 0, c->hidden_size, 2 * c->hidden_size, 1);
        TRY(forget ? lattn_fill_(forget, 1) : lattn_ctx_status(m->ctx));
    }

done:
    return st;
}

static lattn_status add_recurrent(struct seq_model *m)
{
    const struct seq_config *c = &m->config;
    lattn_rnn_params params = {
        .input_size = c->embedding_size,
        .hidden_size = c->hidden_size,
        .num_layers = c->num_layers,
        .batch_first = true,
        .bidirectional = c->bidirectional,
        .dropout = (float) c->dropout,
    };
    lattn_module *child = NULL;
    lattn_status st;
    if (c->model_type == SEQ_LSTM)
        TRY(lattn_lstm_create(m->ctx, &params, &child));
    else if (c->model_type == SEQ_GRU)
        TRY(lattn_gru_create(m->ctx, &params, &child));
    else
        TRY(lattn_rnn_create(m->ctx, &params, &child));
    TRY(add(m, "rnn", child, &m->body));
    if (c->model_type == SEQ_LSTM)
        TRY(open_forget_gates(m));

done:
    return st;
}

// How linear layers of a transformer start: as GPT-2's, and where a model is no language model as many narrower
// ones learn better, with the sums of a layer as large as at a width of 768.
static float spread(const struct seq_config *c)
{
    return c->task->language ? 0.02f : 0.02f * sqrtf(768 / (float) c->hidden_size);
}

// What residuals add up grows with the number of layers: their projections start smaller, as GPT-2's.
static lattn_status scale_residuals(const struct seq_model *m, lattn_module *stack)
{
    static const char *const ends[] = { "self_attn.out_proj", "linear2",
        "multihead_attn.out_proj" };
    const struct seq_config *c = &m->config;
    int n = stack == m->decoder ? 3 : 2;
    lattn_init init = { LATTN_INIT_NORMAL, spread(c) / sqrtf((float) n * (float) c->num_layers) };
    lattn_status st = LATTN_OK;
    for (int i = 0; i < n * c->num_layers; i++) {
        char name[64];
        snprintf(name, sizeof name, "layers.%d.%s.weight", i / n, ends[i % n]);
        TRY(lattn_init_(lattn_module_parameter(stack, name), init));
    }

done:
    return st;
}

static lattn_status add_transformer(struct seq_model *m)
{
    const struct seq_config *c = &m->config;
    lattn_encoder_params params = {
        .n_layers = c->num_layers,
        .embed_dim = c->hidden_size,
        .n_heads = c->num_heads,
        .feedforward_dim = c->intermediate_size,
        .dropout = (float) c->dropout,
        .attention_dropout = (float) c->dropout,
        .norm_first = true,
        .final_norm = true,
        .feed_forward = LATTN_FEED_FORWARD_GELU_TANH,
        .init = { LATTN_INIT_NORMAL, spread(c) },
        .has_init = true,
    };
    lattn_module *child = NULL;
    lattn_status st;
    TRY(lattn_encoder_create(m->ctx, &params, &child));
    TRY(add(m, "h", child, &m->body));
    TRY(scale_residuals(m, m->body));
    if (!c->task->decoder)
        return LATTN_OK;
    TRY(lattn_decoder_create(m->ctx, &params, &child));
    TRY(add(m, "h_target", child, &m->decoder));
    TRY(scale_residuals(m, m->decoder));

done:
    return st;
}

// Positions that are computed once. Learnt ones are a table of the module.
static lattn_status add_places(struct seq_model *m)
{
    const struct seq_config *c = &m->config;
    lattn_rotary_params rotary = { .n_positions = c->max_positions,
        .dim = c->hidden_size / c->num_heads };
    lattn_status st = LATTN_OK;
    if (c->position == SEQ_LEARNED)
        return add_table(m, "wpe", c->max_positions, &m->positions);
    if (c->position != SEQ_SINUSOIDAL && c->position != SEQ_ROTARY)
        return LATTN_OK;
    TRY(lattn_step_begin(m->ctx));
    m->places = lattn_tensor_retain(
        c->position == SEQ_ROTARY
            ? lattn_rotary_table(m->ctx, &rotary)
            : lattn_sinusoidal_positions(m->ctx, c->max_positions, c->hidden_size));
    TRY(lattn_step_end(m->ctx));

done:
    return st;
}

static lattn_status add_head(struct seq_model *m)
{
    const struct seq_config *c = &m->config;
    lattn_linear_params params = {
        .in_features = c->hidden_size * (c->bidirectional ? 2 : 1),
        .out_features = c->n_outputs,
        .init = { LATTN_INIT_NORMAL, spread(c) },
        .has_init = c->model_type == SEQ_TRANSFORMER,
    };
    lattn_module *child = NULL;
    lattn_status st;
    TRY(lattn_linear_create(m->ctx, &params, &child));
    TRY(add(m, "decoder", child, &m->head));

done:
    return st;
}

lattn_status seq_model_create(struct seq_model *m)
{
    const char *wrong = seq_config_wrong(&m->config);
    lattn_status st;
    if (wrong)
        return cli_error(LATTN_ERR_ARG, "%s", wrong);
    TRY(lattn_module_create(m->ctx, "seq", &m->root));
    if (seq_is_recurrent(m)) {
        if (m->config.vocab_size)
            TRY(add_table(m, "encoder", m->config.vocab_size, &m->embedding));
        TRY(add_recurrent(m));
    } else {
        TRY(add_table(m, "wte", m->config.vocab_size, &m->embedding));
        TRY(add_places(m));
        TRY(add_transformer(m));
    }
    if (!m->config.tie_weights)
        TRY(add_head(m));

done:
    return st;
}

// ---- folders --------------------------------------------------------------------------------------

lattn_status seq_model_load_weights(struct seq_model *m, const char *dir)
{
    lattn_safetensors *file = NULL;
    lattn_status st;
    TRY(lattn_safetensors_open(dir, NULL, &file));
    TRY(lattn_module_load(m->root, file, NULL, NULL));

done:
    lattn_safetensors_close(&file);
    return st;
}

lattn_status seq_model_open(const char *dir, const char *device, uint64_t seed, struct seq_model *m)
{
    lattn_ctx_params params = { .device = device, .seed = seed };
    lattn_status st;
    TRY(seq_config_load(dir, &m->config));
    if (m->config.vocab_size)
        TRY(lattn_tokenizer_load(dir, &m->tokenizer));
    if (m->tokenizer && lattn_tokenizer_size(m->tokenizer) > m->config.vocab_size)
        return cli_error(LATTN_ERR_FORMAT, "%s: the tokenizer has %d tokens, vocab_size is %lld",
            dir, lattn_tokenizer_size(m->tokenizer), (long long) m->config.vocab_size);
    if (!m->ctx)
        TRY(lattn_ctx_create(&params, &m->ctx));
    TRY(seq_model_create(m));
    TRY(seq_model_load_weights(m, dir));
    if (m->config.task->load)
        TRY(m->config.task->load(m, dir));

done:
    return st;
}

lattn_status seq_model_save(struct seq_model *m, const char *dir)
{
    char path[4096];
    lattn_status st;
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    TRY(seq_config_save(&m->config, dir));
    if (m->tokenizer)
        TRY(lattn_tokenizer_save(m->tokenizer, dir));
    if (m->config.task->save)
        TRY(m->config.task->save(m, dir));
    TRY(lattn_module_save(m->root, path));

done:
    return st;
}

void seq_model_close(struct seq_model *m)
{
    seq_state_free(&m->carried[0]);
    seq_state_free(&m->carried[1]);
    seq_config_free(&m->config);
    lattn_series_scale_free(&m->scale);
    lattn_tensor_release(&m->places);
    lattn_module_destroy(&m->root);
    lattn_tokenizer_destroy(&m->tokenizer);
    lattn_ctx_destroy(&m->ctx);
}

// ---- forward --------------------------------------------------------------------------------------

lattn_status seq_state_create(struct seq_model *m, int64_t B, lattn_rnn_state *out)
{
    const struct seq_config *c = &m->config;
    const int64_t dims[] = { c->num_layers * (c->bidirectional ? 2 : 1), B, c->hidden_size };
    lattn_status st;
    TRY(lattn_tensor_create(m->ctx, LATTN_DTYPE_F32, 3, dims, &out->h));
    TRY(lattn_fill_(out->h, 0));
    if (c->model_type == SEQ_LSTM) {
        TRY(lattn_tensor_create(m->ctx, LATTN_DTYPE_F32, 3, dims, &out->c));
        TRY(lattn_fill_(out->c, 0));
    }

done:
    return st;
}

void seq_state_free(lattn_rnn_state *state)
{
    lattn_tensor_release(&state->h);
    lattn_tensor_release(&state->c);
}

static lattn_tensor *run_recurrent(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *x, const struct seq_pass *pass)
{
    // States are kept in f32 whatever the network computes with, so that files have them exactly.
    const lattn_dtype dtype = lattn_tensor_dtype(x);
    lattn_rnn_inputs inputs = {
        .initial = { lattn_cast(ctx, pass->before.h, dtype),
            lattn_cast(ctx, pass->before.c, dtype) },
        .lengths = pass->lengths,
    };
    lattn_tensor *y;
    if (m->config.model_type == SEQ_LSTM)
        y = lattn_lstm_forward(ctx, m->body, x, &inputs, pass->after);
    else if (m->config.model_type == SEQ_GRU)
        y = lattn_gru_forward(ctx, m->body, x, &inputs, pass->after);
    else
        y = lattn_rnn_forward(ctx, m->body, x, &inputs, pass->after);
    return lattn_dropout(ctx, y, (float) m->config.dropout);
}

static lattn_tensor *run_transformer(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *x, const struct seq_pass *pass)
{
    lattn_attention_inputs inputs = {
        .key_lengths = pass->lengths,
        .causal = pass->causal,
        .alibi = m->config.position == SEQ_ALIBI,
        .rotary = m->config.position == SEQ_ROTARY ? m->places : NULL,
        .cache = pass->cache,
        .weights = pass->weights,
    };
    return lattn_encoder_forward(ctx, m->body, x, &inputs);
}

// Adds the rows of the table of places that x has, from the first that the cache lacks.
static lattn_tensor *add_positions(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *x, const struct seq_pass *pass)
{
    lattn_tensor *table = m->places;
    int64_t first = pass->cache ? lattn_kv_cache_length(pass->cache) : 0;
    if (m->config.position == SEQ_LEARNED)
        table = lattn_module_parameter(m->positions, "weight");
    else if (m->config.position != SEQ_SINUSOIDAL)
        return x;
    lattn_tensor *rows = lattn_slice(ctx, table, 0, first, first + lattn_tensor_dim(x, 1), 1);
    return lattn_add(ctx, x, lattn_cast(ctx, rows, lattn_tensor_dtype(x)));
}

lattn_tensor *seq_model_body(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *x, const struct seq_pass *pass)
{
    return seq_is_recurrent(m) ? run_recurrent(ctx, m, x, pass) : run_transformer(ctx, m, x, pass);
}

// Rows of the table, told where they stand.
static lattn_tensor *embed(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *ids, const struct seq_pass *pass)
{
    lattn_tensor *x = lattn_embedding_forward(ctx, m->embedding, ids);
    if (!seq_is_recurrent(m))
        x = add_positions(ctx, m, x, pass);
    return lattn_dropout(ctx, x, (float) m->config.dropout);
}

lattn_tensor *seq_model_hidden(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *ids, const struct seq_pass *pass)
{
    return seq_model_body(ctx, m, embed(ctx, m, ids, pass), pass);
}

lattn_tensor *seq_model_decode(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *ids,
    lattn_tensor *memory, const struct seq_pass *pass)
{
    const lattn_attention_inputs self = {
        .causal = true,
        .alibi = m->config.position == SEQ_ALIBI,
        .rotary = m->config.position == SEQ_ROTARY ? m->places : NULL,
        .cache = pass->cache,
        .weights = pass->weights,
    };
    const lattn_attention_inputs cross = {
        .key_lengths = pass->lengths,
        .cache = pass->cache,
        .weights = pass->memory_weights,
    };
    return lattn_decoder_forward(ctx, m->decoder, embed(ctx, m, ids, pass), memory, &self, &cross);
}

// What makes outputs of hidden states: the decoder's own, or the table of the encoder.
static lattn_tensor *head_weight(struct seq_model *m, lattn_tensor **bias)
{
    *bias = m->head ? lattn_module_parameter(m->head, "bias") : NULL;
    return lattn_module_parameter(m->head ? m->head : m->embedding, "weight");
}

lattn_tensor *seq_model_outputs(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *hidden)
{
    lattn_tensor *bias, *weight = head_weight(m, &bias);
    return lattn_linear(ctx, hidden, weight, bias, LATTN_EPILOGUE_NONE);
}

static lattn_cross_entropy_args loss_args(
    const struct seq_model *m, int ignore_index, bool training)
{
    return (lattn_cross_entropy_args){
        .ignore_index = ignore_index,
        .has_ignore_index = true,
        .label_smoothing = training ? m->label_smoothing : 0,
    };
}

lattn_tensor *seq_choice_loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *y,
    lattn_tensor *targets, int ignore_index, bool training, lattn_tensor **logits)
{
    const int64_t rows[] = { lattn_tensor_numel(targets), m->config.n_outputs };
    const lattn_cross_entropy_args args = loss_args(m, ignore_index, training);
    y = lattn_reshape(ctx, y, 2, rows);
    if (logits)
        *logits = y;
    return lattn_cross_entropy(ctx, y, targets, &args);
}

lattn_tensor *seq_token_loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *hidden,
    lattn_tensor *targets, int ignore_index, bool training)
{
    lattn_linear_cross_entropy_args args = { .loss = loss_args(m, ignore_index, training) };
    lattn_tensor *weight = head_weight(m, &args.bias);
    return lattn_linear_cross_entropy(ctx, hidden, weight, targets, &args);
}

// ---- the task -------------------------------------------------------------------------------------

static lattn_tensor *loss(lattn_ctx *ctx, void *user, lattn_tensor *const *fields)
{
    struct seq_model *m = user;
    return m->config.task->loss(ctx, m, fields, NULL, true);
}

static lattn_tensor *evaluate(
    lattn_ctx *ctx, void *user, lattn_tensor *const *fields, lattn_tensor **logits)
{
    struct seq_model *m = user;
    return m->config.task->loss(ctx, m, fields, logits, false);
}

static lattn_status save(void *user, const char *dir)
{
    return seq_model_save(user, dir);
}

static lattn_status load(void *user, const char *dir)
{
    return seq_model_load_weights(user, dir);
}

// The state that a language model carries from batch to batch.
static lattn_status save_state(void *user, const char *dir)
{
    const struct seq_model *m = user;
    const lattn_named_tensor items[] = { { "h", m->carried[0].h }, { "c", m->carried[0].c } };
    char path[4096];
    snprintf(path, sizeof path, "%s/state.safetensors", dir);
    return lattn_safetensors_save(path, items, m->carried[0].c ? 2 : 1);
}

static lattn_status read_tensor(lattn_safetensors *file, const char *name, lattn_tensor *t)
{
    int64_t i = lattn_safetensors_find(file, name);
    if (!t)
        return LATTN_OK;
    if (i < 0)
        return cli_error(LATTN_ERR_FORMAT, "state.safetensors: it has no %s", name);
    return lattn_safetensors_read_tensor(file, (size_t) i, t);
}

static lattn_status load_state(void *user, const char *dir)
{
    const struct seq_model *m = user;
    lattn_safetensors *file = NULL;
    char path[4096];
    lattn_status st;
    snprintf(path, sizeof path, "%s/state.safetensors", dir);
    TRY(lattn_safetensors_open(path, NULL, &file));
    TRY(read_tensor(file, "h", m->carried[0].h));
    TRY(read_tensor(file, "c", m->carried[0].c));

done:
    lattn_safetensors_close(&file);
    return st;
}

static lattn_status show(void *user, const lattn_metrics *metrics)
{
    struct seq_model *m = user;
    const struct seq_speaker speaker = seq_speaker_of(m);
    struct seq_text text = { 0 };
    lattn_status st;
    (void) metrics;
    TRY(seq_write(&speaker, m->shown, &text));
    for (char *line = strtok(text.text, "\n"); line; line = strtok(NULL, "\n"))
        fprintf(stderr, "    | %s\n", line);

done:
    free(text.text);
    return st;
}

lattn_task seq_trainer_task(struct seq_model *m, const struct seq_set *set)
{
    bool carries = m->config.task->language && seq_is_recurrent(m);
    return (lattn_task){
        .user = m,
        .module = m->root,
        .loss = loss,
        .evaluate = evaluate,
        .n_classes = m->config.task->classes ? (int) m->config.n_outputs : 0,
        .characters_per_token = set->characters_per_token,
        .save = save,
        .load = load,
        .save_state = carries ? save_state : NULL,
        .load_state = carries ? load_state : NULL,
        .evaluated = m->shown ? show : NULL,
    };
}
