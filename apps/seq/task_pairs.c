// SPDX-License-Identifier: MIT
//
// From a text to a text: an encoder reads the source, a decoder writes the target.
//
// In training the decoder is given the target itself, a token late (teacher forcing). Answers are written token by
// token, the likeliest each time, a batch of rows side by side; keys and values of what was written, and of the
// source, are kept. Exact match is the share of rows whose answer is the target, to the last token.
//
//   fields   input_ids [B, T], lengths [B], output_ids [B, T_out], target_ids [B T_out]

#include <stdio.h>
#include <stdlib.h>
#include "common/json.h"
#include "seq/seq.h"

enum { INPUTS, LENGTHS, OUTPUTS, TARGETS };
enum { EXACT_MATCH, N_PAIRS, N_VALUES };  // of struct seq_more

// ---- data -----------------------------------------------------------------------------------------

static lattn_status open_set(
    struct seq_model *m, const struct seq_files *f, const char *path, struct seq_set *s)
{
    (void) m;
    lattn_text_params params = {
        .text_column = f->text_column ? f->text_column : "source",
        .pair_column = f->no_labels       ? ""
                       : f->target_column ? f->target_column
                                          : "target",
        .no_labels = true,
    };
    return path ? lattn_text_open(path, &params, &s->data) : LATTN_OK;
}

// One vocabulary for both sides.
static lattn_status open(struct seq_model *m, const struct seq_files *f, struct seq_data *d)
{
    return seq_open_rows(m, f, d, open_set, false);
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
    seq_fields_of_texts(b, out);
    out->field[OUTPUTS] = (lattn_field){
        .dtype = LATTN_DTYPE_I32, .rank = 2, .dim = { b->n, b->T_out }, .data = b->output_ids
    };
    out->field[TARGETS] = (lattn_field){ .dtype = LATTN_DTYPE_I32,
        .rank = 1,
        .dim = { (int64_t) b->n * b->T_out },
        .data = b->target_ids };
    out->n_fields = 4;
    out->n_samples = 0;
    for (int i = 0; i < b->n; i++)
        out->n_samples += b->output_lengths[i];

done:
    return st;
}

static lattn_status begin(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, bool training)
{
    lattn_pairs_loader_params params = {
        .dataset = s->data,
        .tokenizer = m->tokenizer,
        .rows = s->rows.n ? &s->rows : NULL,
        .no_targets = f->no_labels,
        .batch_size = training ? f->batch_size : f->eval_batch_size,
        .max_source = f->seq_len,
        .max_target = f->seq_len,
        .shuffle = training,
        .seed = f->seed,
        .n_threads = f->threads,
    };
    lattn_status st;
    TRY(lattn_pairs_loader_create(&params, &s->loader));
    s->source = seq_source(s, seq_set_count(s), next);

done:
    return st;
}

// ---- loss -----------------------------------------------------------------------------------------

static lattn_tensor *loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *const *fields,
    lattn_tensor **logits, bool training)
{
    const struct seq_pass pass = { .lengths = fields[LENGTHS] };
    (void) logits;
    lattn_tensor *memory = seq_model_hidden(ctx, m, fields[INPUTS], &pass);
    lattn_tensor *y = seq_model_decode(ctx, m, fields[OUTPUTS], memory, &pass);
    return seq_token_loss(ctx, m, y, fields[TARGETS], -100, training);
}

// ---- answers --------------------------------------------------------------------------------------

// Rows of a batch that are being answered.
struct answers {
    struct seq_model *m;
    const lattn_batch *b;
    int32_t most;   // tokens of an answer, its end included
    int32_t *ids;   // [n, most] answers; after its end a row goes on with ends
    int32_t *last;  // [n] the token written last
    lattn_kv_cache *cache;
    lattn_tensor *memory, *lengths;
};

static void free_answers(struct answers *a)
{
    lattn_tensor_release(&a->memory);
    lattn_tensor_release(&a->lengths);
    lattn_kv_cache_destroy(&a->cache);
    free(a->ids);
    free(a->last);
}

static int32_t end_of(const struct seq_model *m)
{
    lattn_special_ids s = lattn_tokenizer_special(m->tokenizer);
    return s.eos >= 0 ? s.eos : s.sep;
}

static lattn_status read_source(struct answers *a)
{
    lattn_ctx *ctx = a->m->ctx;
    const int64_t dims[] = { a->b->n, a->b->T };
    lattn_status st, ended;
    TRY(lattn_step_begin(ctx));
    lattn_tensor *ids = lattn_from_i32(ctx, 2, dims, a->b->input_ids);
    lattn_tensor *lengths = lattn_from_i32(ctx, 1, dims, a->b->lengths);
    const struct seq_pass pass = { .lengths = lengths };
    lattn_tensor *memory = seq_model_hidden(ctx, a->m, ids, &pass);
    if (memory) {
        a->memory = lattn_tensor_retain(memory);
        a->lengths = lattn_tensor_retain(lengths);
    } else
        st = lattn_ctx_status(ctx);
    ended = lattn_step_end(ctx);
    st = st ? st : ended;

done:
    return st;
}

// The likeliest next token of each row.
static lattn_status write_token(struct answers *a)
{
    lattn_ctx *ctx = a->m->ctx;
    const int64_t dims[] = { a->b->n, 1 };
    const struct seq_pass pass = { .lengths = a->lengths, .cache = a->cache };
    lattn_status st, ended;
    TRY(lattn_step_begin(ctx));
    lattn_tensor *y = lattn_from_i32(ctx, 2, dims, a->last);
    y = seq_model_decode(ctx, a->m, y, a->memory, &pass);
    y = lattn_argmax(ctx, seq_model_outputs(ctx, a->m, y), -1, false);
    st = y ? lattn_tensor_read(y, a->last, (size_t) a->b->n * sizeof *a->last)
           : lattn_ctx_status(ctx);
    ended = lattn_step_end(ctx);
    st = st ? st : ended;

done:
    return st;
}

static lattn_status open_answers(struct answers *a)
{
    const struct seq_config *c = &a->m->config;
    lattn_special_ids special = lattn_tokenizer_special(a->m->tokenizer);
    size_t n = (size_t) a->b->n;
    lattn_kv_cache_params params = {
        .n_layers = c->num_layers,
        .batch = a->b->n,
        .n_kv_heads = c->num_heads,
        .head_dim = c->hidden_size / c->num_heads,
        .capacity = a->most,
        .dtype = lattn_module_dtype(a->m->root),
    };
    a->ids = malloc(n * (size_t) a->most * sizeof *a->ids);
    a->last = malloc(n * sizeof *a->last);
    if (!a->ids || !a->last)
        return LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < n; i++)
        a->last[i] = special.bos >= 0 ? special.bos : special.cls;
    for (size_t i = 0; i < n * (size_t) a->most; i++)
        a->ids[i] = end_of(a->m);
    return lattn_kv_cache_create(a->m->ctx, &params, &a->cache);
}

// Answers all rows of a batch. a has model, batch and most.
static lattn_status answer(struct answers *a)
{
    int32_t end = end_of(a->m);
    int n_open = a->b->n;
    lattn_status st;
    TRY(open_answers(a));
    TRY(read_source(a));
    for (int32_t t = 0; t < a->most && n_open; t++) {
        TRY(write_token(a));
        n_open = 0;
        for (int i = 0; i < a->b->n; i++) {
            int32_t *row = a->ids + (int64_t) i * a->most;
            bool over = t > 0 && row[t - 1] == end;
            row[t] = over ? end : a->last[i];
            n_open += row[t] != end;
        }
    }

done:
    return st;
}

// For each batch of a set, in order; found is called with the answers. each of most tokens, or 0 = as long as the
// longest target.
typedef lattn_status (*answers_fn)(void *user, struct seq_set *s, const struct answers *a);

static lattn_status answer_all(
    struct seq_model *m, struct seq_set *s, int32_t most, answers_fn found, void *user)
{
    const lattn_batch *b = NULL;
    bool training = lattn_is_training(m->ctx);
    lattn_status st;
    lattn_set_training(m->ctx, false);
    lattn_no_grad_begin(m->ctx);
    st = lattn_loader_seek(s->loader, 0, 0);
    while (!st && !(st = lattn_loader_next(s->loader, &b)) && b) {
        struct answers a = { .m = m, .b = b, .most = most ? most : b->T_out };
        st = answer(&a);
        if (!st)
            st = found(user, s, &a);
        free_answers(&a);
    }
    lattn_no_grad_end(m->ctx);
    lattn_set_training(m->ctx, training);
    return st;
}

// ---- exact match ----------------------------------------------------------------------------------

static lattn_status count(void *user, struct seq_set *s, const struct answers *a)
{
    double *values = user;
    (void) s;
    for (int i = 0; i < a->b->n; i++) {
        const int32_t *target = a->b->target_ids + (int64_t) i * a->b->T_out;
        const int32_t *row = a->ids + (int64_t) i * a->most;
        bool same = true;
        for (int32_t t = 0; t < a->b->output_lengths[i]; t++)
            same = same && row[t] == target[t];
        values[EXACT_MATCH] += same;
        values[N_PAIRS]++;
    }
    return LATTN_OK;
}

static lattn_status measure(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, double **values)
{
    lattn_status st;
    (void) f;
    *values = calloc(N_VALUES, sizeof **values);
    if (!*values)
        return LATTN_ERR_HOST_MEMORY;
    TRY(answer_all(m, s, 0, count, *values));
    (*values)[EXACT_MATCH] /= (*values)[N_PAIRS];

done:
    return st;
}

static void print_figures(const lattn_metrics *m, const void *more, const char *prefix)
{
    const double *v = ((const struct seq_more *) more)->values;
    if (prefix)
        printf("\"%sexact_match\": %.6f, \"%spairs\": %.0f, \"%sloss\": %.9g", prefix,
            v[EXACT_MATCH], prefix, v[N_PAIRS], prefix, m->loss);
    else
        printf("exact match %.2f %% of %.0f pairs, loss %.4f", 100 * v[EXACT_MATCH], v[N_PAIRS],
            m->loss);
}

// ---- predictions ----------------------------------------------------------------------------------

static lattn_status print_answer(
    const struct answers *a, const struct seq_set *s, int i, lattn_decoded *text)
{
    const int32_t *row = a->ids + (int64_t) i * a->most;
    int32_t n = 0, end = end_of(a->m);
    size_t bytes = 0;
    const char *source = lattn_dataset_text(s->data, a->b->rows[i], &bytes);
    lattn_status st;
    while (n < a->most && row[n] != end)
        n++;
    TRY(lattn_tokenizer_decode(a->m->tokenizer, row, n, true, text));
    printf("{\"text\": ");
    json_print_string(stdout, source, bytes);
    printf(", \"prediction\": ");
    json_print_string(stdout, text->text, text->bytes);
    printf("}\n");

done:
    return st;
}

static lattn_status print_answers(void *user, struct seq_set *s, const struct answers *a)
{
    lattn_decoded text = { 0 };
    lattn_status st = LATTN_OK;
    (void) user;
    for (int i = 0; i < a->b->n && !st; i++)
        st = print_answer(a, s, i, &text);
    lattn_decoded_free(&text);
    return st ? st : ferror(stdout) ? LATTN_ERR_IO : LATTN_OK;  // cli_end says so
}

static lattn_status predict(struct seq_model *m, const struct seq_files *f, struct seq_set *s,
    const struct seq_asked *asked)
{
    (void) asked;
    return answer_all(m, s, f->seq_len, print_answers, NULL);
}

const struct seq_task seq_task_pairs = {
    .name = "pairs",
    .rows = "pairs",
    .counted = "tokens",
    .model_type = SEQ_TRANSFORMER,
    .tokenizer = SEQ_CHARACTERS,
    .transformers = true,
    .decoder = true,
    .open = open,
    .begin = begin,
    .loss = loss,
    .measure = measure,
    .predict = predict,
    .figures = print_figures,
};
