// SPDX-License-Identifier: MIT
//
// lattn-bert finetune: labelled text in, a model folder out. Options carry the names and defaults
// of run_glue.py and TrainingArguments.
//
//   texts -> tokenizer (of the model, or built from the training file) -> batches
//   model (a folder, or new from a small configuration) -> lattn_train -> folder

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bert/bert.h"
#include "common/trainer.h"

static const char name[] = "lattn-bert finetune";

// In the order of lattn_relative.
static const char *const positions[] = { "absolute", "relative_key", "relative_key_query", NULL };

struct options {
    struct trainer_options t;
    const char *model, *config, *train, *validation, *test, *metric;
    const char *text_column, *label_column;
    int64_t hidden_size, intermediate_size, vocab_size, max_position;
    int n_layers, n_heads, max_seq_length, position;
    float hidden_dropout, attention_dropout, initializer_range, linear_range;
    bool do_train, do_eval, do_predict, strict;
};

struct job {
    struct options o;
    struct bert_model m;
    lattn_dataset *train, *validation, *test;
    lattn_loader *train_loader, *validation_loader, *test_loader;
    lattn_optim *optim;
    const char **labels;
    lattn_train_result result;
    lattn_metrics test_metrics;
    char settings[2048];
};

// The trainer's name of a metric, as run_glue.py also names them; NULL = there is no such metric.
static const char *metric_of(const char *asked)
{
    static const char *const names[][2] = { { "accuracy", "accuracy" }, { "macro_f1", "macro_f1" },
        { "f1", "macro_f1" }, { "loss", "loss" } };
    if (!asked)
        return "accuracy";
    asked += strncmp(asked, "eval_", 5) == 0 ? 5 : 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], asked) == 0)
            return names[i][1];
    return NULL;
}

// ---- data -----------------------------------------------------------------------------------------

static lattn_status open_text(
    const struct job *j, const char *path, bool is_train, lattn_dataset **out)
{
    lattn_text_params params = {
        .text_column = j->o.text_column,
        .label_column = j->o.label_column,
        .labels = is_train ? NULL : j->labels,
        .n_labels = is_train ? 0 : lattn_dataset_n_labels(j->train),
        .strict = j->o.strict,
    };
    return lattn_text_open(path, &params, out);
}

static lattn_status open_data(struct job *j)
{
    lattn_status st;
    TRY(open_text(j, j->o.train, true, &j->train));
    int n = lattn_dataset_n_labels(j->train);
    j->labels = malloc((size_t) (n > 0 ? n : 1) * sizeof *j->labels);
    if (!j->labels)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < n; i++)
        j->labels[i] = lattn_dataset_label_name(j->train, i);
    if (j->o.validation)
        TRY(open_text(j, j->o.validation, false, &j->validation));
    if (j->o.test)
        TRY(open_text(j, j->o.test, false, &j->test));

done:
    return st;
}

static lattn_status build_vocabulary(struct job *j, int64_t size)
{
    lattn_vocab *vocab = NULL;
    lattn_vocab_params params = { .size = (int32_t) size };
    lattn_status st;
    TRY(lattn_vocab_create(&params, &vocab));
    for (int64_t i = 0; i < lattn_dataset_count(j->train); i++) {
        size_t bytes = 0, pair_bytes = 0;
        const char *text = lattn_dataset_text(j->train, i, &bytes);
        const char *pair = lattn_dataset_pair(j->train, i, &pair_bytes);
        TRY(lattn_vocab_add(vocab, text, bytes));
        if (pair)
            TRY(lattn_vocab_add(vocab, pair, pair_bytes));
    }
    TRY(lattn_vocab_build(vocab, &j->m.tokenizer));

done:
    lattn_vocab_destroy(&vocab);
    return st;
}

static lattn_status open_loader(
    struct job *j, const lattn_dataset *data, bool is_train, lattn_loader **out)
{
    lattn_loader_params params = {
        .dataset = data,
        .tokenizer = j->m.tokenizer,
        .batch_size = is_train ? j->o.t.batch_size : j->o.t.eval_batch_size,
        .max_tokens = j->o.max_seq_length,
        .shuffle = is_train,
        .seed = (uint64_t) j->o.t.seed,
        .n_threads = j->o.t.threads,
    };
    return data ? lattn_loader_create(&params, out) : LATTN_OK;
}

static lattn_source source_of(lattn_loader *loader, const lattn_dataset *data)
{
    lattn_source none = { 0 };
    return loader ? lattn_source_from_loader(loader, lattn_dataset_count(data)) : none;
}

// ---- model ----------------------------------------------------------------------------------------

// The sizes and rates that the options give.
static lattn_bert_config config_of_options(const struct options *o)
{
    return (lattn_bert_config){
        .vocab_size = o->vocab_size,
        .hidden_size = o->hidden_size,
        .num_hidden_layers = o->n_layers,
        .num_attention_heads = o->n_heads,
        .intermediate_size = o->intermediate_size ? o->intermediate_size : 4 * o->hidden_size,
        .max_position_embeddings = o->max_position,
        .relative = (lattn_relative) o->position,
        .has_dropout = true,
        .hidden_dropout_prob = (double) o->hidden_dropout,
        .classifier_dropout = (double) o->hidden_dropout,
        .attention_probs_dropout_prob = (double) o->attention_dropout,
        .initializer_range = (double) o->initializer_range,
    };
}

// A vocabulary of at most the configuration's size, and a model for it. A file's vocab_size is kept as it
// is; of the option, what the vocabulary uses of it.
static lattn_status new_model(struct job *j, const lattn_bert_config *wanted)
{
    lattn_bert_config c = *wanted;
    lattn_status st;
    TRY(build_vocabulary(j, c.vocab_size));
    c.labels = j->labels;
    c.num_labels = lattn_dataset_n_labels(j->train);
    if (!j->o.config)
        c.vocab_size = lattn_tokenizer_size(j->m.tokenizer);
    c.pad_token_id = lattn_tokenizer_special(j->m.tokenizer).pad;
    // BERT's 0.02 is made for its 768; linear layers that are narrower would shrink what they get.
    c.linear_initializer_range = j->o.linear_range > 0
                                     ? (double) j->o.linear_range
                                     : c.initializer_range * sqrt(768.0 / (double) c.hidden_size);
    TRY(lattn_bert_create(j->m.ctx, &c, &j->m.bert));

done:
    return st;
}

static lattn_status load_model(struct job *j)
{
    lattn_load_report report = { 0 };
    lattn_status st;
    if (j->o.strict)
        TRY(bert_check_finite(j->o.model));
    TRY(lattn_tokenizer_load(j->o.model, &j->m.tokenizer));
    TRY(lattn_bert_load(
        j->m.ctx, j->o.model, lattn_dataset_n_labels(j->train), j->labels, &report, &j->m.bert));
    bert_tell_load(j->o.model, &report);

done:
    return st;
}

static lattn_status open_model(struct job *j)
{
    lattn_bert_config config = config_of_options(&j->o), file = { 0 };
    lattn_status st;

    if (j->o.config) {
        TRY(lattn_bert_config_load(j->o.config, &file));
        config = file;
    }
    j->m.label_smoothing = j->o.t.label_smoothing;
    TRY(j->o.model ? load_model(j) : new_model(j, &config));

done:
    lattn_bert_config_free(&file);
    return st;
}

static int check_length(const struct job *j)
{
    int64_t limit = lattn_bert_get_config(j->m.bert)->max_position_embeddings;
    if (j->o.max_seq_length <= limit)
        return 0;
    return cli_usage_error(name,
        "--max_seq_length %d is above the model's "
        "max_position_embeddings %lld",
        j->o.max_seq_length, (long long) limit);
}

// ---- training -------------------------------------------------------------------------------------

static void describe(const struct job *j)
{
    const lattn_device_info *device = lattn_ctx_device(j->m.ctx);
    const lattn_bert_config *c = lattn_bert_get_config(j->m.bert);
    if (j->o.t.quiet)
        return;
    fprintf(stderr, "device: %s (%s)\n", device->name, device->driver);
    fprintf(stderr,
        "model: %d layers, %lld wide, %d heads, vocabulary %lld, %.2f million parameters\n",
        c->num_hidden_layers, (long long) c->hidden_size, c->num_attention_heads,
        (long long) c->vocab_size,
        (double) lattn_module_numel(lattn_bert_module(j->m.bert)) * 1e-6);
    fprintf(stderr, "data: %lld training rows, %d labels\n",
        (long long) lattn_dataset_count(j->train), lattn_dataset_n_labels(j->train));
}

// Everything that must be the same when a run is resumed: the training, the model, and what decides which
// model is the best.
static void write_settings(struct job *j)
{
    const struct options *o = &j->o;
    const lattn_bert_config *c = lattn_bert_get_config(j->m.bert);
    int n = trainer_settings(&o->t, j->settings, sizeof j->settings);
    snprintf(j->settings + n, sizeof j->settings - (size_t) n,
        "length %d, best by %s, model %d x %lld, heads %d, feed-forward %lld, vocabulary %lld, "
        "positions %lld %s, types %lld, labels %d, dropout %.9g %.9g %.9g, init %.9g %.9g, epsilon "
        "%.9g%s",
        o->max_seq_length, metric_of(o->metric), c->num_hidden_layers, (long long) c->hidden_size,
        c->num_attention_heads, (long long) c->intermediate_size, (long long) c->vocab_size,
        (long long) c->max_position_embeddings, positions[c->relative],
        (long long) c->type_vocab_size, c->num_labels, c->hidden_dropout_prob,
        c->attention_probs_dropout_prob, c->classifier_dropout, c->initializer_range,
        c->linear_initializer_range, c->layer_norm_eps, c->gelu_tanh ? ", tanh GELU" : "");
}

static lattn_status train(struct job *j)
{
    write_settings(j);
    lattn_train_params params = trainer_params(&j->o.t);
    params.task = bert_task(&j->m);
    params.train = source_of(j->train_loader, j->train);
    params.validation = source_of(j->validation_loader, j->validation);
    params.optim = j->optim;
    params.metric_for_best = metric_of(j->o.metric);
    params.data_hash = lattn_dataset_stats(j->train).hash;
    params.fingerprint = j->settings;
    return tuned_train(name, j->m.ctx, j->o.t.tune, &params, &j->result);
}

// The output folder has the best model by now; the test set judges that one.
static lattn_status test(struct job *j)
{
    lattn_task task = bert_task(&j->m);
    lattn_source source = source_of(j->test_loader, j->test);
    lattn_status st;
    if (!j->test)
        return LATTN_OK;
    TRY(task.load(task.user, j->o.t.output));
    TRY(lattn_evaluate(j->m.ctx, &task, &source, NULL, NULL, &j->test_metrics));

done:
    return st;
}

static lattn_status run(struct job *j, int *usage)
{
    lattn_ctx_params ctx = { .device = j->o.t.device, .seed = (uint64_t) j->o.t.seed };
    lattn_status st;
    TRY(precision_open(&j->o.t.precision, &ctx, &j->m.ctx));
    TRY(open_data(j));
    TRY(open_model(j));
    *usage = check_length(j);
    if (*usage)
        return LATTN_OK;
    describe(j);
    TRY(open_loader(j, j->train, true, &j->train_loader));
    TRY(open_loader(j, j->validation, false, &j->validation_loader));
    TRY(open_loader(j, j->test, false, &j->test_loader));
    TRY(trainer_adamw(j->m.ctx, lattn_bert_module(j->m.bert), &j->o.t, &j->optim));
    TRY(train(j));
    TRY(test(j));

done:
    return st;
}

static void close_job(struct job *j)
{
    lattn_optim_destroy(&j->optim);
    lattn_loader_destroy(&j->train_loader);
    lattn_loader_destroy(&j->validation_loader);
    lattn_loader_destroy(&j->test_loader);
    bert_model_close(&j->m);
    lattn_dataset_close(&j->train);
    lattn_dataset_close(&j->validation);
    lattn_dataset_close(&j->test);
    free(j->labels);
}

// ---- results --------------------------------------------------------------------------------------

static int finish(const struct job *j, lattn_status st)
{
    const struct run_results results = {
        .command = name,
        .output = j->o.t.output,
        .rows = "rows",
        .resume = "--resume_from_checkpoint",
        .train = &j->result,
        .test = j->test ? &j->test_metrics : NULL,
        .json = j->o.t.json,
    };
    return run_finish(&results, st, j->m.ctx);
}

// Options of a new model say nothing beside one that is there.
static int check_model_options(const struct options *o, const struct cli_command *command)
{
    static const char *const of_new[] = { "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "vocab_size", "max_position_embeddings", "position_embedding_type",
        "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range" };
    const char *decides = o->model ? "model_name_or_path" : "config_name";
    if (!o->model && !o->config)
        return 0;
    if (o->model && o->config)
        return cli_usage_error(
            name, "--config_name is for a new model, --model_name_or_path for one that is there");
    for (size_t i = 0; i < sizeof of_new / sizeof *of_new; i++)
        if (cli_given(command, of_new[i]))
            return cli_usage_error(
                name, "--%s: with --%s its config.json decides", of_new[i], decides);
    if (o->model && cli_given(command, "linear_initializer_range"))
        return cli_usage_error(name, "--linear_initializer_range is for a new model");
    return 0;
}

static int check_options(struct options *o, const struct cli_command *command)
{
    if (!o->train)
        return cli_usage_error(name, "--train_file is missing");
    if (!o->do_train)
        return cli_usage_error(name, "--do_train=false: lattn-bert eval and predict do not train");
    if (o->do_eval && !o->validation)
        return cli_usage_error(name, "--do_eval: --validation_file is missing");
    if (o->do_predict && !o->test)
        return cli_usage_error(name, "--do_predict: --test_file is missing");
    if (!metric_of(o->metric))
        return cli_usage_error(name,
            "--metric_for_best_model is \"%s\", allowed are accuracy, macro_f1 (f1) and loss",
            o->metric);
    int code = trainer_check(name, &o->t);
    if (code)
        return code;
    return check_model_options(o, command);
}

int bert_finetune(int argc, char **argv)
{
    struct job j = { .o = {
                         .hidden_size = 128,
                         .n_layers = 2,
                         .n_heads = 2,
                         .vocab_size = 16000,
                         .max_position = 512,
                         .hidden_dropout = 0.1f,
                         .attention_dropout = 0.1f,
                         .initializer_range = 0.02f,
                         .max_seq_length = 128,
                         .t = { TRAINER_DEFAULTS, .eval_batch_size = 64 },
                         .do_train = true,
                     } };
    struct options *o = &j.o;
    const struct cli_opt opts[] = {
        CLI_GROUP("Data (.tsv, .csv, .jsonl; column label, column text or sentence)"),
        CLI_STR("train_file", 0, &o->train, "FILE", "training rows"),
        CLI_STR("validation_file", 0, &o->validation, "FILE", "rows that choose the best model"),
        CLI_STR("test_file", 0, &o->test, "FILE", "rows to judge the best model at the end"),
        CLI_STR("text_column", 0, &o->text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &o->label_column, "NAME", "column of the label"),
        CLI_INT("max_seq_length", 0, &o->max_seq_length, 4, 1048576,
            "tokens of a row, the rest is cut"),
        CLI_FLAG("strict", 0, &o->strict,
            "broken UTF-8, empty lines and texts, NaN in weights are errors"),
        CLI_GROUP("Model"),
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR",
            "folder to start from; without it a new model"),
        CLI_STR("config_name", 0, &o->config, "FILE", "config.json of the new model"),
        CLI_I64("hidden_size", 0, &o->hidden_size, 1, 65536, "width of the new model"),
        CLI_INT("num_hidden_layers", 0, &o->n_layers, 1, 1024, "its layers"),
        CLI_INT("num_attention_heads", 0, &o->n_heads, 1, 1024, "its heads"),
        CLI_I64("intermediate_size", 0, &o->intermediate_size, 0, 1048576,
            "its feed-forward width; 0 = 4 times hidden_size"),
        CLI_I64("vocab_size", 0, &o->vocab_size, 64, 1000000, "most entries of its vocabulary"),
        CLI_I64(
            "max_position_embeddings", 0, &o->max_position, 4, 1048576, "longest text it can take"),
        CLI_ENUM("position_embedding_type", 0, &o->position, positions,
            "how its attention is told about places"),
        CLI_F32("hidden_dropout_prob", 0, &o->hidden_dropout, 0, 0.99, "its dropout"),
        CLI_F32("attention_probs_dropout_prob", 0, &o->attention_dropout, 0, 0.99,
            "its dropout in attention"),
        CLI_F32("initializer_range", 0, &o->initializer_range, 1e-6, 10,
            "standard deviation of its new embeddings"),
        CLI_F32("linear_initializer_range", 0, &o->linear_range, 0, 10,
            "of its linear layers; 0 = initializer_range * sqrt(768 / hidden_size)"),
        TRAINER_TRAINING(&o->t),
        CLI_FLAG("do_train", 0, &o->do_train, "what this command does"),
        CLI_FLAG("do_eval", 0, &o->do_eval, "wants a validation_file, which is used in any case"),
        CLI_FLAG("do_predict", 0, &o->do_predict, "wants a test_file, which is used in any case"),
        TRAINER_SAVING(&o->t),
        CLI_STR("metric_for_best_model", 0, &o->metric, "NAME", "accuracy, macro_f1 or loss"),
        TRAINER_RUNNING(&o->t),
        CLI_END,
    };
    bool given[CLI_MAX_OPTIONS] = { false };
    const struct cli_command command = {
        .name = name, .summary = "trains a text classifier", .opts = opts, .given = given
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    code = check_options(o, &command);
    if (code)
        return code;

    int usage = 0;
    lattn_status st = run(&j, &usage);
    code = usage ? usage : finish(&j, st);
    close_job(&j);
    return code;
}
