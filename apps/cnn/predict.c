// SPDX-License-Identifier: MIT
//
// lattn-cnn predict and eval: a trained folder on pictures. predict writes one JSON object a line: the
// file, the label, the probability of each label.

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include "cnn/cnn.h"
#include "common/json.h"

struct options {
    const char *model, *data, *output, *sheet, *device;
    int batch_size, threads;
    bool json;
};

struct job {
    const char *name;
    struct options o;
    struct cnn_model m;
    struct cnn_data data;
    lattn_dataset *pictures;  // predict
    lattn_loader *loader;
    int64_t row;
    struct cnn_judge judge;
    struct cnn_sheet sheet;
};

static void print_row(const struct job *j, const float *logits, int n)
{
    size_t bytes = 0;
    const char *file = lattn_dataset_text(j->pictures, j->row, &bytes);
    printf("{\"file\": ");
    json_print_string(stdout, file, bytes);
    printf(", ");
    run_print_prediction(logits, n, cnn_label, lattn_cnn_get_config(j->m.cnn));
    printf("}\n");
}

static lattn_status add_to_sheet(struct job *j, const float *logits, int n)
{
    const lattn_cnn_config *c = lattn_cnn_get_config(j->m.cnn);
    char buffer[16], share[32];
    double sum = 0;
    int best = 0;
    for (int i = 1; i < n; i++)
        best = logits[i] > logits[best] ? i : best;
    for (int i = 0; i < n; i++)
        sum += exp((double) logits[i] - (double) logits[best]);
    snprintf(share, sizeof share, "%.0f %%", 100 / sum);
    return cnn_sheet_add(
        &j->sheet, j->pictures, j->row, cnn_label(c, best, buffer, sizeof buffer), share, share);
}

static lattn_status print_rows(void *user, const lattn_fields *batch, const float *logits, int n)
{
    struct job *j = user;
    for (int64_t i = 0; i < batch->n_samples; i++, j->row++) {
        lattn_status st = j->o.sheet ? add_to_sheet(j, logits + i * n, n) : LATTN_OK;
        if (st)
            return st;
        print_row(j, logits + i * n, n);
    }
    return ferror(stdout) ? LATTN_ERR_IO : LATTN_OK;  // cli_end says so
}

static lattn_status open_loader(struct job *j, const lattn_dataset *data)
{
    lattn_image_loader_params params = {
        .dataset = data,
        .transform = cnn_transform(lattn_cnn_get_config(j->m.cnn), j->pictures ? NULL : &j->data),
        .batch_size = j->o.batch_size,
        .n_threads = j->o.threads,
    };
    return lattn_image_loader_create(&params, &j->loader);
}

static lattn_status evaluate(struct job *j, const lattn_dataset *data, lattn_logits_fn each,
    void *user, lattn_metrics *metrics)
{
    lattn_task task = cnn_task(&j->m);
    lattn_status st;
    TRY(open_loader(j, data));
    lattn_source source = lattn_source_from_loader(j->loader, lattn_dataset_count(data));
    TRY(lattn_evaluate(j->m.ctx, &task, &source, each, user, metrics));

done:
    return st;
}

static void close_job(struct job *j)
{
    cnn_judge_close(&j->judge);
    cnn_sheet_free(&j->sheet);
    lattn_loader_destroy(&j->loader);
    lattn_dataset_close(&j->pictures);
    cnn_model_close(&j->m);
    cnn_data_close(&j->data);
}

static struct options defaults(void)
{
    return (struct options){ .batch_size = 64, .threads = 1 };
}

// ---- predict --------------------------------------------------------------------------------------

static lattn_status predict(struct job *j, char **files, int n)
{
    lattn_metrics metrics;
    lattn_status st;
    TRY(cnn_model_open(j->o.model, j->o.device, &j->m));
    const lattn_cnn_config *c = lattn_cnn_get_config(j->m.cnn);
    lattn_image_params image = { .channels = (int32_t) c->channels };
    TRY(lattn_pictures_open((const char *const *) files, n, &image, &j->pictures));
    TRY(evaluate(j, j->pictures, print_rows, j, &metrics));
    if (j->o.sheet)
        TRY(cnn_sheet_save(&j->sheet, j->o.sheet, NULL));

done:
    return st;
}

int cnn_predict(int argc, char **argv)
{
    struct job j = { .name = "lattn-cnn predict", .o = defaults() };
    struct options *o = &j.o;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR", "trained folder"),
        CLI_STR("sheet", 0, &o->sheet, "FILE", "SVG file with the pictures and their labels"),
        CLI_INT("batch_size", 'b', &o->batch_size, 1, 65536, "pictures of a batch"),
        CLI_STR("device", 'd', &o->device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("workers", 'j', &o->threads, 1, 64, "threads that prepare batches"),
        CLI_END,
    };
    const struct cli_command command = { .name = j.name,
        .summary = "labels and probabilities for pictures, one JSON object a line",
        .operands = "PICTURE...",
        .opts = opts,
        .min_operands = 1,
        .max_operands = 1000000 };
    struct cli_operands files;
    int code;
    if (!cli_parse(&command, argc, argv, &files, &code))
        return code;
    if (!o->model)
        return cli_usage_error(j.name, "--model_name_or_path is missing");
    lattn_status st = predict(&j, files.items, files.n);
    code = st && !ferror(stdout) ? cli_fail(j.name, st, j.m.ctx) : CLI_EXIT_OK;
    close_job(&j);
    return code;
}

// ---- eval -----------------------------------------------------------------------------------------

static lattn_status judge(struct job *j, lattn_metrics *metrics)
{
    lattn_status st;
    TRY(cnn_model_open(j->o.model, j->o.device, &j->m));
    const lattn_cnn_config *c = lattn_cnn_get_config(j->m.cnn);
    TRY(cnn_data_open(j->o.data, (int) c->channels, c->labels, c->num_classes, &j->data));
    const struct cnn_data *d = &j->data;
    const lattn_dataset *rows = d->test ? d->test : d->validation ? d->validation : d->train;
    TRY(cnn_judge_open(&j->judge, c->num_classes, rows, NULL));
    TRY(evaluate(j, rows, cnn_judge_each, &j->judge, metrics));
    if (j->o.output) {
        mkdir(j->o.output, 0777);  // where it cannot be, writing into it says why
        TRY(cnn_judge_write(&j->judge, c, j->o.output));
    }

done:
    return st;
}

int cnn_eval(int argc, char **argv)
{
    struct job j = { .name = "lattn-cnn eval", .o = defaults() };
    struct options *o = &j.o;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR", "trained folder"),
        CLI_STR("data_path", 0, &o->data, "PATH", "as of train; its test part, else val, else all"),
        CLI_STR("output_dir", 'o', &o->output, "DIR",
            "folder for the confusion matrix and the worst mistakes, as pictures"),
        CLI_INT("batch_size", 'b', &o->batch_size, 1, 65536, "pictures of a batch"),
        CLI_STR("device", 'd', &o->device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("workers", 'j', &o->threads, 1, 64, "threads that prepare batches"),
        CLI_FLAG("json", 0, &o->json, "result as JSON"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = j.name, .summary = "accuracy and macro F1 on labelled pictures", .opts = opts
    };
    lattn_metrics m = { 0 };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!o->model || !o->data)
        return cli_usage_error(
            j.name, "--%s is missing", o->model ? "data_path" : "model_name_or_path");
    lattn_status st = judge(&j, &m);
    code = st ? cli_fail(j.name, st, j.m.ctx) : CLI_EXIT_OK;
    if (!st && o->json)
        printf("{\"n\": %lld, \"accuracy\": %.6f, \"f1\": %.6f, \"loss\": %.9g}\n", (long long) m.n,
            m.accuracy, m.macro_f1, m.loss);
    else if (!st)
        printf("accuracy %.2f %%, macro F1 %.2f %%, loss %.4f on %lld pictures\n", 100 * m.accuracy,
            100 * m.macro_f1, m.loss, (long long) m.n);
    close_job(&j);
    return code;
}
