// SPDX-License-Identifier: MIT
//
// Classification of texts: a network reads the text, the mean of its hidden states decides.
//
// A recurrent network reads in both directions. The mean is over the places that are not padding, as a product
// with their shares, so that no place beyond a text's end counts.
//
//   fields   input_ids [B, T], lengths [B], shares [B, 1, T], labels [B]

#include <stdio.h>
#include <stdlib.h>
#include "common/json.h"
#include "seq/seq.h"

enum { INPUTS, LENGTHS, SHARES, LABELS };

// ---- data -----------------------------------------------------------------------------------------

static lattn_status open_set(
    struct seq_model *m, const struct seq_files *f, const char *path, struct seq_set *s)
{
    const struct seq_names *labels = &m->config.labels;
    lattn_text_params params = {
        .text_column = f->text_column,
        .label_column = f->label_column,
        .labels = f->no_labels ? NULL : (const char *const *) labels->item,
        .n_labels = f->no_labels ? 0 : labels->n,
        .no_labels = f->no_labels,
    };
    return path ? lattn_text_open(path, &params, &s->data) : LATTN_OK;
}

static lattn_status open(struct seq_model *m, const struct seq_files *f, struct seq_data *d)
{
    return seq_open_rows(m, f, d, open_set, true);
}

static lattn_status fill_shares(struct seq_set *s, const lattn_batch *b)
{
    size_t n = (size_t) b->n * (size_t) b->T;
    lattn_status st = seq_set_room(s, n);
    if (st)
        return st;
    for (int i = 0; i < b->n; i++)
        for (int t = 0; t < b->T; t++)
            s->numbers[(size_t) i * (size_t) b->T + (size_t) t] =
                t < b->lengths[i] ? 1 / (float) b->lengths[i] : 0;
    return LATTN_OK;
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
    TRY(fill_shares(s, b));
    seq_fields_of_texts(b, out);
    out->field[SHARES] = (lattn_field){
        .dtype = LATTN_DTYPE_F32, .rank = 3, .dim = { b->n, 1, b->T }, .data = s->numbers
    };
    out->field[LABELS] =
        (lattn_field){ .dtype = LATTN_DTYPE_I32, .rank = 1, .dim = { b->n }, .data = b->labels };
    out->n_fields = 4;
    out->labels = b->labels;

done:
    return st;
}

static lattn_status begin(
    struct seq_model *m, const struct seq_files *f, struct seq_set *s, bool training)
{
    const lattn_loader_params params = seq_loader_of_rows(m, f, s, training);
    lattn_status st;
    TRY(lattn_loader_create(&params, &s->loader));
    s->source = seq_source(s, seq_set_count(s), next);

done:
    return st;
}

// ---- loss -----------------------------------------------------------------------------------------

static lattn_tensor *loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *const *fields,
    lattn_tensor **logits, bool training)
{
    const struct seq_pass pass = { .lengths = fields[LENGTHS] };
    lattn_tensor *y = seq_model_hidden(ctx, m, fields[INPUTS], &pass);
    y = lattn_matmul(ctx, lattn_cast(ctx, fields[SHARES], lattn_tensor_dtype(y)), y);
    y = seq_model_outputs(ctx, m, y);
    return seq_choice_loss(ctx, m, y, fields[LABELS], -1, training, logits);
}

// ---- predictions ----------------------------------------------------------------------------------

struct printing {
    const struct seq_model *m;
    const struct seq_set *set;
    int64_t row;
};

static const char *label_name(const void *config, int id, char *buffer, size_t bytes)
{
    const struct seq_config *c = config;
    (void) buffer;
    (void) bytes;
    return c->labels.item[id];
}

static lattn_status each(void *user, const lattn_fields *batch, const float *logits, int n)
{
    struct printing *p = user;
    for (int64_t i = 0; i < batch->n_samples; i++, p->row++) {
        size_t bytes = 0;
        const char *text = lattn_dataset_text(p->set->data, p->row, &bytes);
        printf("{\"text\": ");
        json_print_string(stdout, text, bytes);
        printf(", ");
        run_print_prediction(logits + i * n, n, label_name, &p->m->config);
        printf("}\n");
    }
    return ferror(stdout) ? LATTN_ERR_IO : LATTN_OK;  // cli_end says so
}

static lattn_status predict(struct seq_model *m, const struct seq_files *f, struct seq_set *s,
    const struct seq_asked *asked)
{
    struct printing p = { .m = m, .set = s };
    lattn_task task = seq_trainer_task(m, s);
    lattn_metrics metrics;
    (void) f;
    (void) asked;
    return lattn_evaluate(m->ctx, &task, &s->source, each, &p, &metrics);
}

const struct seq_task seq_task_classify = {
    .name = "classify",
    .rows = "rows",
    .counted = "rows",
    .model_type = SEQ_LSTM,
    .tokenizer = SEQ_WORDPIECE,
    .transformers = true,
    .recurrent = true,
    .both_ways = true,
    .open = open,
    .begin = begin,
    .loss = loss,
    .predict = predict,
    .figures = run_print_accuracy,
    .classes = true,
};
