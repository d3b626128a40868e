// SPDX-License-Identifier: MIT
//
// lattn-seq train: sequences in, a model folder out. Options carry the names of transformers'
// TrainingArguments and of PyTorch's layers.
//
//   files -> tokenizer (of the model, or built from the training file) -> batches
//   model (a folder, or new from its sizes) -> lattn_train -> folder

#include <stdio.h>
#include <string.h>
#include "seq/seq.h"

static const char name[] = "lattn-seq train";

static const char *const schedulers[] = { "linear", "cosine", "constant_with_warmup", "polynomial",
    "constant", NULL };
enum { SCHEDULER_CONSTANT = 4 };
static const float SAMPLE_TEMPERATURE =
    0.8f;  // of the samples in the log: a little surer than it is

struct options {
    struct seq_files files;
    int task, model_type, position;
    const char *model, *output, *device, *resume;
    int64_t embedding_size, hidden_size, intermediate_size;
    int n_layers, n_heads, max_positions, accumulation;
    float dropout, n_epochs, lr, weight_decay, max_grad_norm, warmup_ratio, beta1, beta2, epsilon,
        label_smoothing;
    int64_t max_steps, warmup_steps, eval_steps, save_steps, logging_steps, seed;
    int scheduler, save_total_limit;
    const char *sample_prompt;
    int sample_tokens;
    bool tie_weights, overwrite, eager, json, quiet;
};

struct job {
    struct options o;
    struct seq_model m;
    struct seq_data data;
    struct seq_writing sample;
    lattn_optim *optim;
    lattn_train_result result;
    lattn_metrics test_metrics;
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
        .embedding_size = o->embedding_size ? o->embedding_size : o->hidden_size,
        .hidden_size = o->hidden_size,
        .num_layers = o->n_layers,
        .dropout = (double) o->dropout,
        .tie_weights = o->tie_weights,
        .num_heads = transformer ? o->n_heads : 0,
        .intermediate_size = o->intermediate_size ? o->intermediate_size : 4 * o->hidden_size,
        .max_positions = o->max_positions ? o->max_positions : o->files.seq_len,
        .position = o->position,
    };
}

static lattn_status open_all(struct job *j)
{
    const struct options *o = &j->o;
    lattn_ctx_params params = { .device = o->device, .seed = (uint64_t) o->seed };
    lattn_status st;
    if (o->model) {
        TRY(seq_model_open(o->model, o->device, (uint64_t) o->seed, &j->m));
        TRY(j->m.config.task->open(&j->m, &o->files, &j->data));
    } else {
        j->m.config = config_of_options(o);
        TRY(j->m.config.task->open(&j->m, &o->files, &j->data));
        TRY(lattn_ctx_create(&params, &j->m.ctx));
        TRY(seq_model_create(&j->m));
    }
    j->m.label_smoothing = o->label_smoothing;
    j->sample = (struct seq_writing){
        .prompt = o->sample_prompt,
        .max_new_tokens = o->sample_tokens,
        .sampling = { .temperature = SAMPLE_TEMPERATURE, .seed = (uint64_t) o->seed },
        .over_ends = true,
    };
    if (o->sample_tokens && !o->quiet && j->m.config.task->language)
        j->m.shown = &j->sample;

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
    if (j->o.quiet)
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
    int n = snprintf(j->settings, sizeof j->settings,
        "%s, batch %d x %d, length %d, lr %.9g, epochs %.9g, steps %lld, warm-up %.9g/%lld, decay "
        "%.9g, clip %.9g, betas %.9g %.9g, epsilon %.9g, smoothing %.9g, seed %lld, schedule %s, "
        "validation %.9g, evaluation batch %d, ",
        c->task->name, o->files.batch_size, o->accumulation, o->files.seq_len, (double) o->lr,
        (double) o->n_epochs, (long long) o->max_steps, (double) o->warmup_ratio,
        (long long) o->warmup_steps, (double) o->weight_decay, (double) o->max_grad_norm,
        (double) o->beta1, (double) o->beta2, (double) o->epsilon, (double) o->label_smoothing,
        (long long) o->seed, schedulers[o->scheduler], (double) o->files.validation_split,
        o->files.eval_batch_size);
    snprintf(j->settings + n, sizeof j->settings - (size_t) n,
        "model %s %d x %lld from %lld, vocabulary %lld, outputs %lld, dropout %.9g%s%s, heads %d, "
        "feed-forward %lld, positions %lld %s",
        seq_model_types[c->model_type], c->num_layers, (long long) c->hidden_size,
        (long long) c->embedding_size, (long long) c->vocab_size, (long long) c->n_outputs,
        c->dropout, c->tie_weights ? ", tied" : "", c->bidirectional ? ", both directions" : "",
        c->num_heads, (long long) c->intermediate_size, (long long) c->max_positions,
        seq_positions[c->position]);
}

static lattn_status create_optimiser(struct job *j)
{
    lattn_adamw_params params = {
        .common = {
            .lr = j->o.lr,
            .weight_decay = j->o.weight_decay,
            .max_grad_norm = j->o.max_grad_norm,
        },
        .beta1 = j->o.beta1,
        .beta2 = j->o.beta2,
        .has_betas = true,
        .eps = j->o.epsilon,
    };
    return lattn_adamw_create(j->m.ctx, j->m.root, &params, &j->optim);
}

static lattn_status train(struct job *j)
{
    const struct options *o = &j->o;
    write_settings(j);
    lattn_train_params params = {
        .task = seq_trainer_task(&j->m, &j->data.validation),
        .train = j->data.train.source,
        .validation = j->data.validation.source,
        .optim = j->optim,
        .n_epochs = (double) o->n_epochs,
        .max_steps = o->max_steps,
        .accumulation_steps = o->accumulation,
        .lr = o->lr,
        .schedule = o->scheduler == SCHEDULER_CONSTANT ? LATTN_SCHEDULE_CONSTANT
                                                       : (lattn_schedule_kind) o->scheduler,
        .warmup_ratio = (double) o->warmup_ratio,
        .warmup_steps = o->warmup_steps,
        .eval_steps = o->eval_steps,
        .save_steps = o->save_steps,
        .logging_steps = o->logging_steps,
        .save_total_limit = o->save_total_limit,
        .output_dir = o->output,
        .overwrite_output_dir = o->overwrite,
        .resume = o->resume,
        .data_hash = lattn_dataset_stats(j->data.train.data).hash,
        .fingerprint = j->settings,
        .stop = run_watch_signals(),
        .show_progress = !o->quiet,
        .eager = o->eager,
    };
    return lattn_train(j->m.ctx, &params, &j->result);
}

// The output folder has the best model by now; the test set judges that one.
static lattn_status test(struct job *j)
{
    lattn_task task = seq_trainer_task(&j->m, &j->data.test);
    lattn_status st;
    if (!j->data.test.data)
        return LATTN_OK;
    TRY(task.load(task.user, j->o.output));
    TRY(lattn_evaluate(j->m.ctx, &task, &j->data.test.source, NULL, NULL, &j->test_metrics));

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
    TRY(create_optimiser(j));
    TRY(train(j));
    TRY(test(j));

done:
    return st;
}

static void close_job(struct job *j)
{
    lattn_optim_destroy(&j->optim);
    seq_data_close(&j->data);
    seq_model_close(&j->m);
}

// ---- the command ----------------------------------------------------------------------------------

static int finish(const struct job *j, lattn_status st)
{
    const struct run_results results = {
        .command = name,
        .output = j->o.output,
        .rows = j->m.config.task ? j->m.config.task->rows : "",
        .resume = "--resume_from_checkpoint",
        .train = &j->result,
        .test = j->data.test.data ? &j->test_metrics : NULL,
        .json = j->o.json,
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
        "min_frequency" };
    static const char *const of_transformers[] = { "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "position_embedding_type" };
    for (size_t i = 0; o->model && i < sizeof of_new / sizeof *of_new; i++)
        if (cli_given(command, of_new[i]))
            return cli_usage_error(
                name, "--%s: with --model_name_or_path its config.json decides", of_new[i]);
    if (o->model || o->model_type == SEQ_TRANSFORMER)
        return 0;
    for (size_t i = 0; i < sizeof of_transformers / sizeof *of_transformers; i++)
        if (cli_given(command, of_transformers[i]))
            return cli_usage_error(
                name, "--%s is for --model_type transformer", of_transformers[i]);
    return 0;
}

static int check_options(const struct options *o, const struct cli_command *command)
{
    if (!o->files.train)
        return cli_usage_error(name, "--train_file is missing");
    if (!o->output)
        return cli_usage_error(name, "--output_dir is missing");
    if (o->scheduler == SCHEDULER_CONSTANT && (o->warmup_ratio > 0 || o->warmup_steps > 0))
        return cli_usage_error(name, "--lr_scheduler_type constant has no warm-up; "
                                     "constant_with_warmup is the one that has");
    return check_model_options(o, command);
}

int seq_train(int argc, char **argv)
{
    struct job j = { .o = {
                         .files = {
                             .vocab_size = 8000,
                             .min_frequency = 1,
                             .validation_split = 5,
                             .seq_len = 64,
                             .batch_size = 32,
                             .threads = 1,
                         },
                         .hidden_size = 256,
                         .n_layers = 1,
                         .n_heads = 4,
                         .accumulation = 1,
                         .n_epochs = 3,
                         .lr = 2e-3f,
                         .max_grad_norm = 1,
                         .beta1 = 0.9f,
                         .beta2 = 0.999f,
                         .epsilon = 1e-8f,
                         .logging_steps = 10,
                         .save_total_limit = 2,
                         .seed = 42,
                         .sample_prompt = "",
                         .sample_tokens = 200,
                     } };
    struct options *o = &j.o;
    struct seq_files *f = &o->files;
    const struct cli_opt opts[] = {
        CLI_GROUP("Data (plain text, or a column of .tsv, .csv, .jsonl; all also with .gz)"),
        CLI_ENUM("task", 't', &o->task, seq_task_names, "lm: a language model of text"),
        CLI_STR("train_file", 0, &f->train, "FILE", "what to learn from"),
        CLI_STR("validation_file", 0, &f->validation, "FILE", "what chooses the best model"),
        CLI_F32("validation_split_percentage", 0, &f->validation_split, 0, 90,
            "of the training file, its end, where there is no validation_file"),
        CLI_STR("test_file", 0, &f->test, "FILE", "what judges the best model at the end"),
        CLI_STR("text_column", 0, &f->text_column, "NAME", "column of the text"),
        CLI_INT("seq_len", 0, &f->seq_len, 1, 1048576,
            "tokens of a window; as far as gradients go back (bptt)"),
        CLI_GROUP("Model"),
        CLI_STR("model_name_or_path", 'm', &o->model, "DIR",
            "folder to start from; without it a new model"),
        CLI_ENUM("model_type", 0, &o->model_type, seq_model_types, "of the new model"),
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
        CLI_ENUM("tokenizer", 0, &f->tokenizer, seq_tokenizers, "what its tokens are"),
        CLI_I64("vocab_size", 0, &f->vocab_size, 5, 1000000, "most of them"),
        CLI_INT("min_frequency", 0, &f->min_frequency, 1, 1000000000,
            "characters that are rarer are unknown, pairs are not merged"),
        CLI_GROUP("Training"),
        CLI_STR("output_dir", 'o', &o->output, "DIR", "folder for model, checkpoints, curves"),
        CLI_FLAG("overwrite_output_dir", 0, &o->overwrite,
            "begin anew in a folder that is not empty; checkpoints of an older run are removed"),
        CLI_INT("per_device_train_batch_size", 'b', &f->batch_size, 1, 65536, "rows of a batch"),
        CLI_INT("per_device_eval_batch_size", 0, &f->eval_batch_size, 0, 65536,
            "rows of a batch in evaluation; 0 = as in training"),
        CLI_INT("gradient_accumulation_steps", 0, &o->accumulation, 1, 65536, "batches per update"),
        CLI_F32("num_train_epochs", 0, &o->n_epochs, 0, 1e6, "passes over the training data"),
        CLI_I64("max_steps", 0, &o->max_steps, -1, 1e15, "updates, instead of epochs"),
        CLI_F32("learning_rate", 'l', &o->lr, 0, 100, "peak learning rate"),
        CLI_ENUM("lr_scheduler_type", 0, &o->scheduler, schedulers, "what follows the warm-up"),
        CLI_F32("warmup_ratio", 0, &o->warmup_ratio, 0, 1, "share of the updates that warm up"),
        CLI_I64("warmup_steps", 0, &o->warmup_steps, 0, 1e15, "updates that warm up"),
        CLI_F32("weight_decay", 0, &o->weight_decay, 0, 10, "decay of all but biases and norms"),
        CLI_F32("adam_beta1", 0, &o->beta1, 0, 0.999999, "AdamW"),
        CLI_F32("adam_beta2", 0, &o->beta2, 0, 0.9999999, "AdamW"),
        CLI_F32("adam_epsilon", 0, &o->epsilon, 1e-30, 1, "AdamW"),
        CLI_F32("max_grad_norm", 0, &o->max_grad_norm, 0, 1e30,
            "clip the gradients' norm; 0 = no clipping"),
        CLI_F32("label_smoothing_factor", 0, &o->label_smoothing, 0, 0.99,
            "of the training loss; evaluation has none"),
        CLI_I64("seed", 's', &o->seed, 0, 9007199254740992.0, "of weights, order and dropout"),
        CLI_GROUP("Evaluating and saving (0 = at the end of each epoch)"),
        CLI_I64("eval_steps", 0, &o->eval_steps, 0, 1e15, "updates between evaluations"),
        CLI_I64("save_steps", 0, &o->save_steps, 0, 1e15, "updates between checkpoints"),
        CLI_I64("logging_steps", 0, &o->logging_steps, 1, 1e15,
            "updates between lines of metrics.jsonl"),
        CLI_INT("sample_tokens", 0, &o->sample_tokens, 0, 1000000,
            "of a text that it writes after each evaluation; 0 = none"),
        CLI_STR("sample_prompt", 0, &o->sample_prompt, "TEXT", "what that text begins with"),
        CLI_INT("save_total_limit", 0, &o->save_total_limit, 1, 1000000, "checkpoints kept"),
        CLI_OPT_STR("resume_from_checkpoint", 'r', &o->resume, "[true|DIR]",
            "go on from the newest checkpoint, if any"),
        CLI_GROUP("Running"),
        CLI_STR("device", 'd', &o->device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("dataloader_num_workers", 0, &f->threads, 1, 64, "threads that prepare batches"),
        CLI_FLAG("eager", 0, &o->eager, "record every step anew"),
        CLI_FLAG("json", 0, &o->json, "result as JSON on stdout"),
        CLI_FLAG("quiet", 'q', &o->quiet, "no progress"),
        CLI_END,
    };
    bool given[CLI_MAX_OPTIONS] = { false };
    const struct cli_command command = {
        .name = name, .summary = "trains a model of sequences", .opts = opts, .given = given
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    code = check_options(o, &command);
    if (code)
        return code;
    f->seed = (uint64_t) o->seed;
    f->eval_batch_size = f->eval_batch_size ? f->eval_batch_size : f->batch_size;

    int usage = 0;
    lattn_status st = run(&j, &usage);
    code = usage ? usage : finish(&j, st);
    close_job(&j);
    return code;
}
