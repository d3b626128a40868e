// SPDX-License-Identifier: MIT
//
// lattn-seq train: sequences in, a model folder out. Options carry the names of transformers'
// TrainingArguments and of PyTorch's layers.
//
//   files -> tokenizer (of the model, or built from the training file) -> batches
//   model (a folder, or new from its sizes) -> lattn_train -> folder

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/trainer.h"
#include "seq/seq.h"

static const char name[] = "lattn-seq train";

// Of the samples in the log: a little surer than it is.
static const float SAMPLE_TEMPERATURE = 0.8f;

struct options {
    struct trainer_options t;
    struct seq_files files;
    int task, model_type, position;
    const char *model, *sample_prompt;
    int64_t embedding_size, hidden_size, intermediate_size;
    int n_layers, n_heads, max_positions, sample_tokens;
    float dropout;
    bool tie_weights;
};

struct job {
    struct options o;
    struct seq_model m;
    struct seq_data data;
    struct seq_writing sample;
    lattn_decoded beginning;  // of the sample, where the model knows none
    lattn_optim *optim;
    lattn_train_result result;
    lattn_metrics test_metrics;
    struct seq_more best_more, test_more;
    char settings[2048];
};

// ---- model ----------------------------------------------------------------------------------------

// What the options say of a new model; the task adds what the data decides.
static struct seq_config config_of_options(const struct options *o)
{
    bool transformer = o->model_type == SEQ_TRANSFORMER;
    return (struct seq_config){
        .task = seq_tasks[o->task],
        .model_type = o->model_type,
        .bos_token_id = -1,
        .embedding_size = o->embedding_size ? o->embedding_size : o->hidden_size,
        .hidden_size = o->hidden_size,
        .num_layers = o->n_layers,
        .dropout = (double) o->dropout,
        .tie_weights = o->tie_weights,
        .bidirectional = !transformer && seq_tasks[o->task]->both_ways,
        .num_heads = transformer ? o->n_heads : 0,
        .intermediate_size = o->intermediate_size ? o->intermediate_size : 4 * o->hidden_size,
        .max_positions = o->max_positions ? o->max_positions : o->files.seq_len,
        .position = o->position,
    };
}

// A text without line ends has no beginnings: there the sample begins as the text itself does.
static lattn_status show_sample(struct job *j)
{
    int64_t n = 0;
    const int32_t *ids = lattn_stream_tokens(j->data.train.data, &n);
    lattn_status st = LATTN_OK;
    j->m.shown = &j->sample;
    if (*j->sample.prompt || j->m.config.bos_token_id >= 0 || n == 0)
        return LATTN_OK;
    TRY(lattn_tokenizer_decode(j->m.tokenizer, ids, 1, true, &j->beginning));
    j->sample.prompt = j->beginning.text;

done:
    return st;
}

static lattn_status open_all(struct job *j)
{
    const struct options *o = &j->o;
    lattn_ctx_params params = { .device = o->t.device, .seed = (uint64_t) o->t.seed };
    lattn_status st;
    TRY(precision_open(&o->t.precision, &params, &j->m.ctx));
    if (o->model) {
        TRY(seq_model_open(o->model, o->t.device, (uint64_t) o->t.seed, &j->m));
        TRY(j->m.config.task->open(&j->m, &o->files, &j->data));
    } else {
        j->m.config = config_of_options(o);
        TRY(j->m.config.task->open(&j->m, &o->files, &j->data));
        TRY(seq_model_create(&j->m));
    }
    j->m.label_smoothing = o->t.label_smoothing;
    j->sample = (struct seq_writing){
        .prompt = o->sample_prompt,
        .max_new_tokens = o->sample_tokens,
        .sampling = { .temperature = SAMPLE_TEMPERATURE, .seed = (uint64_t) o->t.seed },
        .over_ends = true,
    };
    if (o->sample_tokens && !o->t.quiet && j->m.config.task->language)
        TRY(show_sample(j));

done:
    return st;
}

static lattn_status begin_set(struct job *j, struct seq_set *s, bool training)
{
    return s->data ? j->m.config.task->begin(&j->m, &j->o.files, s, training) : LATTN_OK;
}

static lattn_status begin_sets(struct job *j)
{
    lattn_status st;
    TRY(begin_set(j, &j->data.train, true));
    TRY(begin_set(j, &j->data.validation, false));
    TRY(begin_set(j, &j->data.test, false));

done:
    return st;
}

// ---- training -------------------------------------------------------------------------------------

static void describe(const struct job *j)
{
    const lattn_device_info *device = lattn_ctx_device(j->m.ctx);
    const struct seq_config *c = &j->m.config;
    if (j->o.t.quiet)
        return;
    fprintf(stderr, "device: %s (%s)\n", device->name, device->driver);
    fprintf(stderr, "model: %s, %d layers, %lld wide, vocabulary %lld, %.2f million parameters\n",
        seq_model_types[c->model_type], c->num_layers, (long long) c->hidden_size,
        (long long) c->vocab_size, (double) lattn_module_numel(j->m.root) * 1e-6);
    fprintf(stderr, "data: %lld %s to train, %lld to validate, %lld batches an epoch\n",
        (long long) j->data.train.source.n_samples, c->task->rows,
        (long long) j->data.validation.source.n_samples,
        (long long) j->data.train.source.n_batches);
}

// Everything that must be the same when a run is resumed: the training, the model, and what decides which
// model is the best.
static void write_settings(struct job *j)
{
    const struct options *o = &j->o;
    const struct seq_config *c = &j->m.config;
    int n = trainer_settings(&o->t, j->settings, sizeof j->settings);
    snprintf(j->settings + n, sizeof j->settings - (size_t) n,
        "%s, length %d, validation %.9g, evaluation batch %d, model %s %d x %lld from %lld, "
        "vocabulary %lld, outputs %lld, dropout %.9g%s%s, heads %d, "
        "feed-forward %lld, positions %lld %s",
        c->task->name, o->files.seq_len, (double) o->files.validation_split, o->t.eval_batch_size,
        seq_model_types[c->model_type], c->num_layers, (long long) c->hidden_size,
        (long long) c->embedding_size, (long long) c->vocab_size, (long long) c->n_outputs,
        c->dropout, c->tie_weights ? ", tied" : "", c->bidirectional ? ", both directions" : "",
        c->num_heads, (long long) c->intermediate_size, (long long) c->max_positions,
        seq_positions[c->position]);
    for (int i = 0; i < c->columns.n + c->targets.n; i++) {
        size_t used = strlen(j->settings);
        bool read = i < c->columns.n;
        snprintf(j->settings + used, sizeof j->settings - used, ", %s %s", read ? "reads" : "tells",
            read ? c->columns.item[i] : c->targets.item[i - c->columns.n]);
    }
}

static lattn_status train(struct job *j)
{
    write_settings(j);
    lattn_train_params params = trainer_params(&j->o.t);
    params.task = seq_trainer_task(&j->m, &j->data.validation);
    params.train = j->data.train.source;
    params.validation = j->data.validation.source;
    params.optim = j->optim;
    params.data_hash = lattn_dataset_stats(j->data.train.data).hash;
    params.fingerprint = j->settings;
    return tuned_train(name, j->m.ctx, j->o.t.tune, &params, &j->result);
}

static lattn_status measure(struct job *j, struct seq_set *s, struct seq_more *more)
{
    const struct seq_task *task = j->m.config.task;
    more->config = &j->m.config;
    return task->measure && s->data ? task->measure(&j->m, &j->o.files, s, &more->values)
                                    : LATTN_OK;
}

// The output folder has the best model by now; that one is judged.
static lattn_status test(struct job *j)
{
    lattn_task task = seq_trainer_task(&j->m, &j->data.test);
    lattn_status st;
    if (!j->data.test.data && !j->m.config.task->measure)
        return LATTN_OK;
    TRY(task.load(task.user, j->o.t.output));
    TRY(measure(j, &j->data.validation, &j->best_more));
    if (j->data.test.data)
        TRY(lattn_evaluate(j->m.ctx, &task, &j->data.test.source, NULL, NULL, &j->test_metrics));
    TRY(measure(j, &j->data.test, &j->test_more));

done:
    return st;
}

static lattn_status run(struct job *j, int *usage)
{
    lattn_status st;
    TRY(open_all(j));
    *usage = seq_check_length(name, &j->m, j->o.files.seq_len);
    if (*usage)
        return LATTN_OK;
    TRY(begin_sets(j));
    describe(j);
    TRY(trainer_adamw(j->m.ctx, j->m.root, &j->o.t, &j->optim));
    TRY(train(j));
    TRY(test(j));

done:
    return st;
}

static void close_job(struct job *j)
{
    lattn_optim_destroy(&j->optim);
    lattn_decoded_free(&j->beginning);
    free(j->best_more.values);
    free(j->test_more.values);
    seq_data_close(&j->data);
    seq_model_close(&j->m);
}

// ---- the command ----------------------------------------------------------------------------------

static int finish(const struct job *j, lattn_status st)
{
    const struct run_results results = {
        .command = name,
        .output = j->o.t.output,
        .rows = j->m.config.task ? j->m.config.task->counted : "",
        .resume = "--resume_from_checkpoint",
        .train = &j->result,
        .test = j->data.test.data ? &j->test_metrics : NULL,
        .best_more = &j->best_more,
        .test_more = &j->test_more,
        .json = j->o.t.json,
        .figures = j->m.config.task ? j->m.config.task->figures : NULL,
    };
    return run_finish(&results, st, j->m.ctx);
}

// Options of a new model say nothing beside one that is there.
static int check_model_options(const struct options *o, const struct cli_command *command)
{
    static const char *const of_new[] = { "task", "model_type", "embedding_size", "hidden_size",
        "num_layers", "dropout", "tie_weights", "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "position_embedding_type", "tokenizer", "vocab_size",
        "min_frequency", "columns", "targets", "prediction_length", "season" };
    static const char *const of_series[] = { "columns", "targets", "prediction_length", "season" };
    static const char *const of_tokens[] = { "embedding_size", "tie_weights", "tokenizer",
        "vocab_size", "min_frequency" };
    static const char *const of_transformers[] = { "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "position_embedding_type" };
    for (size_t i = 0; o->model && i < sizeof of_new / sizeof *of_new; i++)
        if (cli_given(command, of_new[i]))
            return cli_usage_error(
                name, "--%s: with --model_name_or_path its config.json decides", of_new[i]);
    bool series = seq_tasks[o->task]->series;
    for (size_t i = 0; !o->model && !series && i < sizeof of_series / sizeof *of_series; i++)
        if (cli_given(command, of_series[i]))
            return cli_usage_error(name, "--%s is for --task series", of_series[i]);
    for (size_t i = 0; series && i < sizeof of_tokens / sizeof *of_tokens; i++)
        if (cli_given(command, of_tokens[i]))
            return cli_usage_error(name, "--%s: a series has no tokens", of_tokens[i]);
    if (o->model || o->model_type == SEQ_TRANSFORMER)
        return 0;
    for (size_t i = 0; i < sizeof of_transformers / sizeof *of_transformers; i++)
        if (cli_given(command, of_transformers[i]))
            return cli_usage_error(
                name, "--%s is for --model_type transformer", of_transformers[i]);
    return 0;
}

static int check_options(struct options *o, const struct cli_command *command)
{
    struct seq_files *f = &o->files;
    if (!f->train)
        return cli_usage_error(name, "--train_file is missing");
    int code = trainer_check(name, &o->t);
    if (code)
        return code;
    f->batch_size = o->t.batch_size;
    f->eval_batch_size = o->t.eval_batch_size;
    f->threads = o->t.threads;
    f->seed = (uint64_t) o->t.seed;
    if (!o->model && seq_tasks[o->task]->language && f->tokenizer == SEQ_WORDPIECE)
        return cli_usage_error(name,
            "--tokenizer wordpiece loses blanks and capitals: it is not for "
            "language models");
    return check_model_options(o, command);
}

int seq_train(int argc, char **argv)
{
    struct job j = { .o = {
                         .t = { TRAINER_DEFAULTS },
                         .files = {
                             .vocab_size = 8000,
                             .min_frequency = 1,
                             .validation_split = 5,
                             .seq_len = 64,
                             .horizon = 1,
                         },
                         .hidden_size = 256,
                         .n_layers = 1,
                         .n_heads = 4,
                         .sample_prompt = "",
                         .sample_tokens = 200,
                     } };
    struct options *o = &j.o;
    struct seq_files *f = &o->files;
    o->t.lr = 2e-3f;  // nothing is trained before
    o->t.batch_size = 32;
    const struct cli_opt opts[] = {
        CLI_GROUP("Data (plain text, or a column of .tsv, .csv, .jsonl; all also with .gz)"),
        CLI_ENUM("task", 't', &o->task, seq_task_names,
            "lm: a language model of text; classify: labels of texts; pairs: a text "
            "from a text; series: forecasts of numbers; tag: tags of words"),
        CLI_STR("train_file", 0, &f->train, "FILE", "what to learn from"),
        CLI_STR("validation_file", 0, &f->validation, "FILE", "what chooses the best model"),
        CLI_F32("validation_split_percentage", 0, &f->validation_split, 0, 90,
            "of the training file, its end, where there is no validation_file"),
        CLI_STR("test_file", 0, &f->test, "FILE", "what judges the best model at the end"),
        CLI_STR("text_column", 0, &f->text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &f->label_column, "NAME", "classify: column of the label"),
        CLI_STR("target_column", 0, &f->target_column, "NAME", "pairs: column of the answer"),
        CLI_STRS("columns", 0, &f->columns, "NAME",
            "series: column that is read, as often as there are such; none = all"),
        CLI_STRS("targets", 0, &f->targets, "NAME",
            "series: column that is forecast; none = those that are read"),
        CLI_INT("prediction_length", 0, &f->horizon, 1, 65536, "series: steps to forecast"),
        CLI_INT("season", 0, &f->season, 0, 65536,
            "series: steps of a season, for the naive forecast; 0 = there is none"),
        CLI_INT("seq_len", 0, &f->seq_len, 1, 1048576,
            "tokens or steps of a window; as far as gradients go back (bptt)"),
        CLI_GROUP("Model"),
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR",
            "folder to start from; without it a new model"),
        CLI_ENUM("model_type", 0, &o->model_type, seq_model_types,
            "of the new model; classify, tag: recurrent networks read in both directions"),
        CLI_I64("hidden_size", 0, &o->hidden_size, 1, 65536, "its width"),
        CLI_I64("embedding_size", 0, &o->embedding_size, 0, 65536,
            "width of its table of tokens; 0 = hidden_size"),
        CLI_INT("num_layers", 0, &o->n_layers, 1, 1024, "its layers"),
        CLI_F32("dropout", 0, &o->dropout, 0, 0.99, "after the table and after each layer"),
        CLI_FLAG("tie_weights", 0, &o->tie_weights, "the head is the table of tokens"),
        CLI_INT("num_attention_heads", 0, &o->n_heads, 1, 1024, "heads of a transformer"),
        CLI_I64("intermediate_size", 0, &o->intermediate_size, 0, 1048576,
            "its feed-forward width; 0 = 4 times hidden_size"),
        CLI_ENUM("position_embedding_type", 0, &o->position, seq_positions,
            "how it is told about places"),
        CLI_INT("max_position_embeddings", 0, &o->max_positions, 0, 1048576,
            "longest text it can take; 0 = seq_len"),
        CLI_ENUM("tokenizer", 0, &f->tokenizer, seq_tokenizers,
            "what its tokens are; left out, of classify and tag: wordpiece"),
        CLI_I64("vocab_size", 0, &f->vocab_size, 5, 1000000, "most of them"),
        CLI_INT("min_frequency", 0, &f->min_frequency, 1, 1000000000,
            "characters that are rarer are unknown, pairs are not merged"),
        TRAINER_TRAINING(&o->t),
        TRAINER_SAVING(&o->t),
        CLI_INT("sample_tokens", 0, &o->sample_tokens, 0, 1000000,
            "of a text that it writes after each evaluation; 0 = none"),
        CLI_STR("sample_prompt", 0, &o->sample_prompt, "TEXT", "what that text begins with"),
        TRAINER_RUNNING(&o->t),
        CLI_END,
    };
    bool given[CLI_MAX_OPTIONS] = { false };
    const struct cli_command command = {
        .name = name, .summary = "trains a model of sequences", .opts = opts, .given = given
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!cli_given(&command, "model_type"))
        o->model_type = seq_tasks[o->task]->model_type;
    if (!cli_given(&command, "tokenizer"))
        f->tokenizer = seq_tasks[o->task]->tokenizer;
    code = check_options(o, &command);
    if (code)
        return code;

    int usage = 0;
    lattn_status st = run(&j, &usage);
    code = usage ? usage : finish(&j, st);
    close_job(&j);
    return code;
}
