// SPDX-License-Identifier: MIT
//
// Opening a model folder, and the model as the trainer sees it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bert/bert.h"

enum { INPUT_IDS, TOKEN_TYPE_IDS, LENGTHS, LABELS };  // fields of a batch

void bert_model_close(struct bert_model *m)
{
    lattn_bert_destroy(&m->bert);
    lattn_tokenizer_destroy(&m->tokenizer);
    lattn_ctx_destroy(&m->ctx);
}

// Reads one tensor of floats for what the reader says of it.
static lattn_status check_tensor(lattn_safetensors *file, size_t i)
{
    lattn_safetensors_entry entry;
    lattn_status st = lattn_safetensors_get(file, i, &entry);
    if (st || (entry.dtype[0] != 'F' && strcmp(entry.dtype, "BF16") != 0))
        return st;
    size_t bytes = (size_t) entry.numel * sizeof(float);
    void *values = malloc(bytes ? bytes : 1);
    st = values ? lattn_safetensors_read(file, i, LATTN_DTYPE_F32, values, bytes)
                : LATTN_ERR_HOST_MEMORY;
    free(values);
    return st;
}

lattn_status bert_check_finite(const char *dir)
{
    const lattn_safetensors_params params = { .refuse_not_finite = true };
    lattn_safetensors *file = NULL;
    lattn_status st = lattn_safetensors_open(dir, &params, &file);
    for (size_t i = 0; !st && i < lattn_safetensors_count(file); i++)
        st = check_tensor(file, i);
    lattn_safetensors_close(&file);
    return st;
}

void bert_tell_load(const char *dir, const lattn_load_report *report)
{
    if (report->n_missing)
        fprintf(stderr, "%s: newly initialised: %s\n", dir, report->missing);
    if (report->n_unused)
        fprintf(stderr, "%s: not used: %s\n", dir, report->unused);
}

lattn_status bert_model_open(const char *dir, const char *device, bool strict, struct bert_model *m)
{
    lattn_ctx_params params = { .device = device };
    lattn_load_report report = { 0 };
    lattn_status st;

    TRY(lattn_tokenizer_load(dir, &m->tokenizer));
    if (strict)
        TRY(bert_check_finite(dir));
    TRY(lattn_ctx_create(&params, &m->ctx));
    TRY(lattn_bert_load(m->ctx, dir, 0, NULL, &report, &m->bert));
    bert_tell_load(dir, &report);
    TRY(lattn_bert_check_vocab(m->bert, lattn_tokenizer_size(m->tokenizer)));

done:
    return st;
}

static lattn_tensor *logits_of(lattn_ctx *ctx, void *user, lattn_tensor *const *fields)
{
    struct bert_model *m = user;
    lattn_bert_inputs inputs = {
        .input_ids = fields[INPUT_IDS],
        .token_type_ids = fields[TOKEN_TYPE_IDS],
        .lengths = fields[LENGTHS],
    };
    return lattn_bert_classify(ctx, m->bert, &inputs);
}

// Rows without a label have -1 and count as nothing.
static lattn_tensor *loss_of(
    lattn_ctx *ctx, lattn_tensor *logits, lattn_tensor *labels, float label_smoothing)
{
    lattn_cross_entropy_args args = {
        .ignore_index = -1,
        .has_ignore_index = true,
        .label_smoothing = label_smoothing,
    };
    return lattn_cross_entropy(ctx, logits, labels, &args);
}

static lattn_tensor *loss(lattn_ctx *ctx, void *user, lattn_tensor *const *fields)
{
    const struct bert_model *m = user;
    return loss_of(ctx, logits_of(ctx, user, fields), fields[LABELS], m->label_smoothing);
}

static lattn_tensor *evaluate(
    lattn_ctx *ctx, void *user, lattn_tensor *const *fields, lattn_tensor **logits)
{
    *logits = logits_of(ctx, user, fields);
    return loss_of(ctx, *logits, fields[LABELS], 0);
}

static lattn_status save(void *user, const char *dir)
{
    struct bert_model *m = user;
    lattn_status st;
    TRY(lattn_bert_save(m->bert, dir));
    TRY(lattn_tokenizer_save(m->tokenizer, dir));

done:
    return st;
}

static lattn_status load(void *user, const char *dir)
{
    struct bert_model *m = user;
    lattn_safetensors *file = NULL;
    lattn_status st;
    TRY(lattn_safetensors_open(dir, NULL, &file));
    TRY(lattn_module_load(lattn_bert_module(m->bert), file, NULL, NULL));

done:
    lattn_safetensors_close(&file);
    return st;
}

lattn_task bert_task(struct bert_model *m)
{
    return (lattn_task){
        .user = m,
        .module = lattn_bert_module(m->bert),
        .loss = loss,
        .evaluate = evaluate,
        .n_classes = lattn_bert_get_config(m->bert)->num_labels,
        .save = save,
        .load = load,
    };
}
