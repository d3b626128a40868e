// SPDX-License-Identifier: MIT
//
// Language models: what comes next in a text.
//
// A recurrent network reads rows of text side by side, window after window. The state goes from window to
// window and the gradient does not: back-propagation through time, truncated. A transformer reads windows
// from anywhere, each for itself.
//
//   fields   input_ids [B, T], target_ids [B T], and carry [1]: 0 in the first window of an epoch, where
//            the state begins anew, 1 in all others

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "seq/seq.h"

enum { INPUTS, TARGETS, CARRY };

// ---- data -----------------------------------------------------------------------------------------

// Characters that the tokens of a set stand for; the end of a row counts as one.
static lattn_status count_characters(const lattn_tokenizer *t, struct seq_set *s)
{
    int64_t n = 0, n_characters = 0;
    const int32_t *ids = lattn_stream_tokens(s->data, &n);
    int32_t end = lattn_tokenizer_special(t).eos;
    lattn_decoded text = { 0 };
    lattn_status st = LATTN_OK;
    if (lattn_tokenizer_kind(t) == LATTN_TOKEN_KIND_CHARACTERS) {
        s->characters_per_token = 1;
        return LATTN_OK;
    }
    ids += s->part.first;
    n = s->part.n ? s->part.n : n;
    for (int64_t i = 0; i < n; i++)
        n_characters += ids[i] == end;
    TRY(lattn_tokenizer_decode(t, ids, (int32_t) n, true, &text));
    for (size_t i = 0; i < text.bytes; i++)
        n_characters += ((unsigned char) text.text[i] & 0xC0) != 0x80;
    s->characters_per_token = (double) n_characters / (double) n;

done:
    lattn_decoded_free(&text);
    return st;
}

static lattn_status open_set(
    struct seq_model *m, const struct seq_files *f, const char *path, struct seq_set *s)
{
    lattn_stream_params params = { .tokenizer = m->tokenizer, .text_column = f->text_column };
    lattn_status st;
    if (!path)
        return LATTN_OK;
    TRY(lattn_stream_open(path, &params, &s->data));
    TRY(count_characters(m->tokenizer, s));

done:
    return st;
}

// The end of the training file becomes the validation set.
static lattn_status split(struct seq_model *m, double percent, struct seq_data *d)
{
    const double ratios[] = { 100 - percent, percent };
    lattn_range parts[2];
    lattn_status st;
    TRY(lattn_sequence_split(d->train.data, ratios, 2, parts));
    d->train.part = parts[0];
    d->validation.data = d->train.data;
    d->validation.part = parts[1];
    TRY(count_characters(m->tokenizer, &d->train));
    TRY(count_characters(m->tokenizer, &d->validation));

done:
    return st;
}

// What stands before a text: the end of the one before, a row's or a line's.
static int64_t begin_of_texts(const lattn_tokenizer *t, const lattn_dataset *stream)
{
    int64_t n = 0;
    const int32_t *ids = lattn_stream_tokens(stream, &n);
    // GPT-2's letter for the byte of a new line is this one.
    bool bpe = lattn_tokenizer_kind(t) == LATTN_TOKEN_KIND_BPE;
    int32_t end = lattn_tokenizer_special(t).eos,
            line = lattn_tokenizer_id(t, bpe ? "\u010a" : "\n");
    bool has_lines = false;
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] == end)
            return end;
        has_lines = has_lines || ids[i] == line;
    }
    return has_lines ? line : -1;
}

static lattn_status open(struct seq_model *m, const struct seq_files *f, struct seq_data *d)
{
    bool splits = f->train && !f->validation && f->validation_split > 0;
    double percent = splits ? 100 - (double) f->validation_split : 100;
    bool fresh = !m->tokenizer;
    lattn_status st;
    if (fresh) {
        TRY(seq_tokenizer_build(f, percent, &m->tokenizer));
        m->config.vocab_size = lattn_tokenizer_size(m->tokenizer);
        m->config.n_outputs = m->config.vocab_size;
    }
    TRY(open_set(m, f, f->train, &d->train));
    if (fresh)
        m->config.bos_token_id = begin_of_texts(m->tokenizer, d->train.data);
    TRY(open_set(m, f, f->validation, &d->validation));
    TRY(open_set(m, f, f->test, &d->test));
    if (splits)
        TRY(split(m, (double) f->validation_split, d));

done:
    return st;
}

static lattn_status next(void *user, lattn_fields *out)
{
    struct seq_set *s = user;
    const lattn_batch *b = NULL;
    lattn_status st;
    *out = (lattn_fields){ 0 };
    TRY(lattn_loader_next(s->loader, &b));
    if (!b)
        return LATTN_OK;
    int64_t n = (int64_t) b->n * b->T;
    s->carry = b->index > 0;
    out->field[INPUTS] = (lattn_field){
        .dtype = LATTN_DTYPE_I32, .rank = 2, .dim = { b->n, b->T }, .data = b->input_ids
    };
    out->field[TARGETS] =
        (lattn_field){ .dtype = LATTN_DTYPE_I32, .rank = 1, .dim = { n }, .data = b->target_ids };
    out->field[CARRY] =
        (lattn_field){ .dtype = LATTN_DTYPE_F32, .rank = 1, .dim = { 1 }, .data = &s->carry };
    out->n_fields = s->recurrent ? 3 : 2;
    out->n_samples = n;

done:
    return st;
}

static lattn_status begin(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, bool training)
{
    int batch_size = training ? f->batch_size : f->eval_batch_size;
    bool recurrent = seq_is_recurrent(m);
    lattn_rnn_state *state = &m->carried[training ? 0 : 1];
    lattn_stream_loader_params params = {
        .dataset = s->data,
        .part = s->part.n ? &s->part : NULL,
        .batch_size = batch_size,
        .T = f->seq_len,
        .windows = !recurrent,
        .shuffle = !recurrent && training,
        .seed = f->seed,
        .n_threads = f->threads,
    };
    lattn_status st;
    TRY(lattn_stream_loader_create(&params, &s->loader));
    if (recurrent && !state->h)
        TRY(seq_state_create(m, batch_size, state));
    s->recurrent = recurrent;
    s->source = seq_source(s, s->part.n ? s->part.n : lattn_dataset_count(s->data), next);

done:
    return st;
}

// ---- loss -----------------------------------------------------------------------------------------

// The kept state as this batch begins with it. A copy: the kept one changes before the backward pass.
static lattn_tensor *begin_with(lattn_ctx *ctx, lattn_tensor *kept, lattn_tensor *carry)
{
    return kept ? lattn_mul(ctx, kept, carry) : NULL;
}

// Puts the state after this batch where the next one finds it.
static bool keep(lattn_ctx *ctx, lattn_tensor *kept, lattn_tensor *state)
{
    lattn_tensor *values = state ? lattn_detach(ctx, state) : NULL;
    return !kept || (values && !lattn_copy_(kept, values));
}

static lattn_tensor *loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *const *fields,
    lattn_tensor **logits, bool training)
{
    lattn_rnn_state *kept = &m->carried[training ? 0 : 1], after = { 0 };
    struct seq_pass pass = { .causal = true };
    (void) logits;
    if (seq_is_recurrent(m)) {
        pass.before.h = begin_with(ctx, kept->h, fields[CARRY]);
        pass.before.c = begin_with(ctx, kept->c, fields[CARRY]);
        pass.after = &after;
    }
    lattn_tensor *y = seq_model_hidden(ctx, m, fields[INPUTS], &pass);
    if (!y)
        return NULL;
    if (pass.after && !(keep(ctx, kept->h, after.h) && keep(ctx, kept->c, after.c)))
        return NULL;
    return seq_token_loss(ctx, m, y, fields[TARGETS], -100, training);
}

// ---- figures --------------------------------------------------------------------------------------

static void print_figures(const lattn_metrics *m, const void *more, const char *prefix)
{
    (void) more;
    if (prefix)
        printf("\"%sbits_per_character\": %.6f, \"%sperplexity\": %.6g, \"%sloss\": %.9g", prefix,
            m->bits, prefix, exp(m->loss), prefix, m->loss);
    else
        printf("%.4f bits per character, perplexity %.4g", m->bits, exp(m->loss));
}

const struct seq_task seq_task_lm = {
    .name = "lm",
    .rows = "tokens",
    .counted = "tokens",
    .model_type = SEQ_LSTM,
    .tokenizer = SEQ_CHARACTERS,
    .transformers = true,
    .recurrent = true,
    .open = open,
    .begin = begin,
    .loss = loss,
    .figures = print_figures,
    .language = true,
};
