// SPDX-License-Identifier: MIT
//
// lattn-seq eval and predict: a trained folder on other data.

#include <stdio.h>
#include <stdlib.h>
#include "seq/seq.h"

struct job {
    const char *name, *model, *device;
    struct seq_files files;
    struct seq_asked asked;
    struct seq_model m;
    struct seq_data data;
    lattn_metrics metrics;
    struct seq_more more;
    bool json;
};

enum { DEFAULT_SEQ_LEN = 64, BACKTESTS = 8 };

// What the model was trained for, unless it is told another length.
static int length_of(const struct job *j)
{
    const struct seq_config *c = &j->m.config;
    if (j->files.seq_len)
        return j->files.seq_len;
    if (c->steps)
        return (int) c->steps;
    return seq_is_recurrent(&j->m) ? DEFAULT_SEQ_LEN : (int) c->max_positions;
}

// Model, file and batches. *usage: an exit code after a sentence, or 0.
static lattn_status open_job(struct job *j, struct seq_set *set, int *usage)
{
    lattn_status st;
    TRY(seq_model_open(j->model, j->device, 0, &j->m));
    const struct seq_task *task = j->m.config.task;
    if (j->files.no_labels && !task->predict) {
        *usage = cli_usage_error(j->name,
            "%s is a model of task %s, which predicts nothing of a file", j->model, task->name);
        return LATTN_OK;
    }
    if ((j->asked.plot || j->asked.backtests != BACKTESTS) && !task->series) {
        *usage = cli_usage_error(j->name, "--plot and --backtests are for models of series");
        return LATTN_OK;
    }
    j->files.seq_len = length_of(j);
    *usage = seq_check_length(j->name, &j->m, j->files.seq_len);
    if (*usage)
        return LATTN_OK;
    TRY(task->open(&j->m, &j->files, &j->data));
    TRY(task->begin(&j->m, &j->files, set, false));

done:
    return st;
}

static lattn_status judge(struct job *j, struct seq_set *set)
{
    const struct seq_task *task = j->m.config.task;
    lattn_task trainer = seq_trainer_task(&j->m, set);
    lattn_status st;
    j->more.config = &j->m.config;
    TRY(lattn_evaluate(j->m.ctx, &trainer, &set->source, NULL, NULL, &j->metrics));
    if (task->measure)
        TRY(task->measure(&j->m, &j->files, set, &j->more.values));

done:
    return st;
}

static void print(const struct job *j)
{
    const struct seq_task *task = j->m.config.task;
    if (j->json)
        printf("{\"n\": %lld, ", (long long) j->metrics.n);
    task->figures(&j->metrics, &j->more, j->json ? "" : NULL);
    if (j->json)
        printf("}\n");
    else
        printf(" on %lld %s\n", (long long) j->metrics.n, task->counted);
}

static int work(struct job *j, bool predicting)
{
    struct seq_set *set = predicting ? &j->data.test : &j->data.validation;
    int usage = 0;
    if (!j->model || !(predicting ? j->files.test : j->files.validation))
        return cli_usage_error(j->name, "--%s is missing",
            !j->model    ? "model_name_or_path"
            : predicting ? "test_file"
                         : "validation_file");
    lattn_status st = open_job(j, set, &usage);
    if (!st && !usage && predicting)
        st = j->m.config.task->predict(&j->m, &j->files, set, &j->asked);
    else if (!st && !usage)
        st = judge(j, set);
    int code = st && !ferror(stdout) ? cli_fail(j->name, st, j->m.ctx) : usage;
    if (!st && !usage && !predicting)
        print(j);
    free(j->more.values);
    seq_data_close(&j->data);
    seq_model_close(&j->m);
    return code;
}

int seq_eval(int argc, char **argv)
{
    struct job j = {
        .name = "lattn-seq eval",
        .files = { .eval_batch_size = 32, .threads = 1 },
        .asked = { .backtests = BACKTESTS },
    };
    struct seq_files *f = &j.files;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &j.model, "DIR", "trained folder"),
        CLI_STR("validation_file", 'f', &f->validation, "FILE", "what it is judged on"),
        CLI_STR("text_column", 0, &f->text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &f->label_column, "NAME", "classify: column of the label"),
        CLI_STR("target_column", 0, &f->target_column, "NAME", "pairs: column of the answer"),
        CLI_INT("seq_len", 0, &f->seq_len, 0, 1048576,
            "tokens of a window or a text; 0 = a transformer's max_position_embeddings, else 64, "
            "of "
            "series as in training"),
        CLI_INT("per_device_eval_batch_size", 'b', &f->eval_batch_size, 1, 65536,
            "rows of a batch; a recurrent language model begins anew in each"),
        CLI_STR("device", 'd', &j.device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("dataloader_num_workers", 0, &f->threads, 1, 64, "threads that prepare batches"),
        CLI_FLAG("json", 0, &j.json, "result as JSON"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = j.name, .summary = "judges a model on other data", .opts = opts
    };
    int code;
    return cli_parse(&command, argc, argv, NULL, &code) ? work(&j, false) : code;
}

int seq_predict(int argc, char **argv)
{
    struct job j = {
        .name = "lattn-seq predict",
        .files = { .eval_batch_size = 32, .threads = 1, .no_labels = true },
        .asked = { .backtests = BACKTESTS },
    };
    struct seq_files *f = &j.files;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &j.model, "DIR", "trained folder"),
        CLI_STR("test_file", 'f', &f->test, "FILE", "new data; it needs no labels"),
        CLI_STR("text_column", 0, &f->text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &f->label_column, "NAME", "classify: column that is no text"),
        CLI_INT("seq_len", 0, &f->seq_len, 0, 1048576,
            "tokens of a text; 0 = a transformer's max_position_embeddings, else 64, of "
            "series as in training"),
        CLI_INT(
            "per_device_eval_batch_size", 'b', &f->eval_batch_size, 1, 65536, "rows of a batch"),
        CLI_STR("plot", 0, &j.asked.plot, "FILE.svg",
            "series: a picture of the forecasts and of what came"),
        CLI_INT("backtests", 0, &j.asked.backtests, 0, 10000,
            "series: forecasts of the past, as far as the file has what they read"),
        CLI_STR("device", 'd', &j.device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("dataloader_num_workers", 0, &f->threads, 1, 64, "threads that prepare batches"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = j.name, .summary = "labels, answers or forecasts for new data", .opts = opts
    };
    int code;
    return cli_parse(&command, argc, argv, NULL, &code) ? work(&j, true) : code;
}
