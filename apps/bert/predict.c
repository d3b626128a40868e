// SPDX-License-Identifier: MIT
//
// lattn-bert predict and eval: a trained folder on new text. predict writes one JSON object a
// line: the text, the label, the probability of each label, and the logits with 9 digits, so that
// they can be compared with another program's.

#include <stdio.h>
#include "bert/bert.h"
#include "common/json.h"

struct options {
    const char *model, *file, *device, *text_column, *label_column;
    int max_seq_length, batch_size, threads;
    bool strict, json;
};

struct job {
    const char *name;
    struct options o;
    struct bert_model m;
    lattn_dataset *data;
    lattn_loader *loader;
    int64_t row;
};

static const char *label_name(const void *config, int id, char *buffer, size_t bytes)
{
    const lattn_bert_config *c = config;
    if (c->labels)
        return c->labels[id];
    snprintf(buffer, bytes, "LABEL_%d", id);
    return buffer;
}

static void print_row(const struct job *j, const float *logits, int n)
{
    size_t bytes = 0;
    const char *text = lattn_dataset_text(j->data, j->row, &bytes);
    printf("{\"text\": ");
    json_print_string(stdout, text, bytes);
    text = lattn_dataset_pair(j->data, j->row, &bytes);
    if (text) {
        printf(", \"text_pair\": ");
        json_print_string(stdout, text, bytes);
    }
    printf(", ");
    run_print_prediction(logits, n, label_name, lattn_bert_get_config(j->m.bert));
    printf(", \"logits\": [");
    for (int i = 0; i < n; i++)
        printf("%s%.9g", i ? ", " : "", (double) logits[i]);
    printf("]}\n");
}

static lattn_status each(void *user, const lattn_fields *batch, const float *logits, int n)
{
    struct job *j = user;
    for (int64_t i = 0; i < batch->n_samples; i++, j->row++)
        print_row(j, logits + i * n, n);
    return ferror(stdout) ? LATTN_ERR_IO : LATTN_OK;  // cli_end says so
}

static lattn_status open_job(struct job *j, bool labelled)
{
    lattn_status st;
    TRY(bert_model_open(j->o.model, j->o.device, j->o.strict, &j->m));
    const lattn_bert_config *c = lattn_bert_get_config(j->m.bert);
    lattn_text_params text = {
        .text_column = j->o.text_column,
        .label_column = j->o.label_column,
        .labels = labelled ? c->labels : NULL,
        .n_labels = labelled && c->labels ? c->num_labels : 0,
        .no_labels = !labelled,
        .strict = j->o.strict,
    };
    TRY(lattn_text_open(j->o.file, &text, &j->data));
    int limit = (int) c->max_position_embeddings;
    lattn_loader_params loader = {
        .dataset = j->data,
        .tokenizer = j->m.tokenizer,
        .batch_size = j->o.batch_size,
        .max_tokens = j->o.max_seq_length < limit ? j->o.max_seq_length : limit,
        .n_threads = j->o.threads,
    };
    TRY(lattn_loader_create(&loader, &j->loader));

done:
    return st;
}

static void close_job(struct job *j)
{
    lattn_loader_destroy(&j->loader);
    bert_model_close(&j->m);
    lattn_dataset_close(&j->data);
}

static lattn_status run(struct job *j, bool predicting, lattn_metrics *metrics)
{
    lattn_status st;
    TRY(open_job(j, !predicting));
    lattn_task task = bert_task(&j->m);
    lattn_source source = lattn_source_from_loader(j->loader, lattn_dataset_count(j->data));
    TRY(lattn_evaluate(j->m.ctx, &task, &source, predicting ? each : NULL, j, metrics));

done:
    return st;
}

static int work(struct job *j, bool predicting)
{
    lattn_metrics m = { 0 };
    if (!j->o.model || !j->o.file)
        return cli_usage_error(j->name, "--%s is missing",
            j->o.model ? (predicting ? "test_file" : "validation_file") : "model_name_or_path");
    lattn_status st = run(j, predicting, &m);
    int code = st && !ferror(stdout) ? cli_fail(j->name, st, j->m.ctx) : CLI_EXIT_OK;
    if (!st && !predicting && j->o.json)
        printf("{\"n\": %lld, \"accuracy\": %.6f, \"f1\": %.6f, \"loss\": %.9g}\n", (long long) m.n,
            m.accuracy, m.macro_f1, m.loss);
    else if (!st && !predicting)
        printf("accuracy %.2f %%, macro F1 %.2f %%, loss %.4f on %lld rows\n", 100 * m.accuracy,
            100 * m.macro_f1, m.loss, (long long) m.n);
    close_job(j);
    return code;
}

static struct options defaults(void)
{
    return (struct options){ .max_seq_length = 512, .batch_size = 64, .threads = 1 };
}

int bert_predict(int argc, char **argv)
{
    struct job j = { .name = "lattn-bert predict", .o = defaults() };
    struct options *o = &j.o;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR", "trained folder"),
        CLI_STR("test_file", 'f', &o->file, "FILE", ".tsv, .csv or .jsonl; needs no labels"),
        CLI_STR("text_column", 0, &o->text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &o->label_column, "NAME", "column that is no text"),
        CLI_INT("max_seq_length", 0, &o->max_seq_length, 4, 1048576, "tokens of a row"),
        CLI_INT("per_device_eval_batch_size", 'b', &o->batch_size, 1, 65536, "rows of a batch"),
        CLI_FLAG("strict", 0, &o->strict,
            "broken UTF-8, empty lines and texts, NaN in weights are errors"),
        CLI_STR("device", 'd', &o->device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("dataloader_num_workers", 0, &o->threads, 1, 64, "threads that prepare batches"),
        CLI_END,
    };
    const struct cli_command command = { .name = j.name,
        .summary = "labels and probabilities for text, one JSON object a line",
        .opts = opts };
    int code;
    return cli_parse(&command, argc, argv, NULL, &code) ? work(&j, true) : code;
}

int bert_eval(int argc, char **argv)
{
    struct job j = { .name = "lattn-bert eval", .o = defaults() };
    struct options *o = &j.o;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR", "trained folder"),
        CLI_STR("validation_file", 'f', &o->file, "FILE", "labelled rows"),
        CLI_STR("text_column", 0, &o->text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &o->label_column, "NAME", "column of the label"),
        CLI_INT("max_seq_length", 0, &o->max_seq_length, 4, 1048576, "tokens of a row"),
        CLI_INT("per_device_eval_batch_size", 'b', &o->batch_size, 1, 65536, "rows of a batch"),
        CLI_FLAG("strict", 0, &o->strict,
            "broken UTF-8, empty lines and texts, NaN in weights are errors"),
        CLI_STR("device", 'd', &o->device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("dataloader_num_workers", 0, &o->threads, 1, 64, "threads that prepare batches"),
        CLI_FLAG("json", 0, &o->json, "result as JSON"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = j.name, .summary = "accuracy and macro F1 on labelled text", .opts = opts
    };
    int code;
    return cli_parse(&command, argc, argv, NULL, &code) ? work(&j, false) : code;
}
