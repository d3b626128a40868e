// SPDX-License-Identifier: MIT
//
// lattn-seq eval: a trained folder on other data.

#include <stdio.h>
#include "seq/seq.h"

static const char name[] = "lattn-seq eval";

struct job {
    const char *model, *device;
    struct seq_files files;
    struct seq_model m;
    struct seq_data data;
    bool json;
};

enum { DEFAULT_SEQ_LEN = 64 };

static lattn_status run(struct job *j, lattn_metrics *metrics, int *usage)
{
    struct seq_set *set = &j->data.validation;
    lattn_status st;
    TRY(seq_model_open(j->model, j->device, 0, &j->m));
    const struct seq_task *task = j->m.config.task;
    if (!j->files.seq_len)
        j->files.seq_len = seq_most_places(&j->m) ? (int) seq_most_places(&j->m) : DEFAULT_SEQ_LEN;
    *usage = seq_check_length(name, &j->m, j->files.seq_len);
    if (*usage)
        return LATTN_OK;
    TRY(task->open(&j->m, &j->files, &j->data));
    TRY(task->begin(&j->m, &j->files, set, false));
    lattn_task trainer = seq_trainer_task(&j->m, set);
    TRY(lattn_evaluate(j->m.ctx, &trainer, &set->source, NULL, NULL, metrics));

done:
    return st;
}

static void print(const struct job *j, const lattn_metrics *metrics)
{
    const struct seq_task *task = j->m.config.task;
    if (j->json)
        printf("{\"n\": %lld, ", (long long) metrics->n);
    task->figures(metrics, j->json ? "" : NULL);
    if (j->json)
        printf("}\n");
    else
        printf(" on %lld %s\n", (long long) metrics->n, task->rows);
}

int seq_eval(int argc, char **argv)
{
    struct job j = { .files = { .eval_batch_size = 32, .threads = 1 } };
    struct seq_files *f = &j.files;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &j.model, "DIR", "trained folder"),
        CLI_STR("validation_file", 'f', &f->validation, "FILE", "what it is judged on"),
        CLI_STR("text_column", 0, &f->text_column, "NAME", "column of the text"),
        CLI_INT("seq_len", 0, &f->seq_len, 0, 1048576,
            "tokens of a window; 0 = a transformer's max_position_embeddings, else 64"),
        CLI_INT("per_device_eval_batch_size", 'b', &f->eval_batch_size, 1, 65536,
            "rows of a batch; a recurrent model begins anew in each"),
        CLI_STR("device", 'd', &j.device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("dataloader_num_workers", 0, &f->threads, 1, 64, "threads that prepare batches"),
        CLI_FLAG("json", 0, &j.json, "result as JSON"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "judges a model on other data", .opts = opts
    };
    lattn_metrics metrics = { 0 };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!j.model || !f->validation)
        return cli_usage_error(
            name, "--%s is missing", j.model ? "validation_file" : "model_name_or_path");
    int usage = 0;
    lattn_status st = run(&j, &metrics, &usage);
    code = st ? cli_fail(name, st, j.m.ctx) : usage;
    if (!code)
        print(&j, &metrics);
    seq_data_close(&j.data);
    seq_model_close(&j.m);
    return code;
}
