// SPDX-License-Identifier: MIT
//
// Options of a training that carry the names and meanings of transformers' TrainingArguments, and what
// becomes of them: an optimiser, the parameters of lattn_train, the settings that a resumed run must have.
#ifndef LATTN_APPS_TRAINER_H
#define LATTN_APPS_TRAINER_H
#include "common/precision.h"
#include "common/tuned.h"
#include "lattn/train.h"

struct trainer_options {
    const char *output, *resume, *device;
    int batch_size, eval_batch_size, accumulation, threads;
    float n_epochs, lr, weight_decay, max_grad_norm, warmup_ratio, beta1, beta2, epsilon;
    float label_smoothing;
    int64_t max_steps, warmup_steps, eval_steps, save_steps, logging_steps, seed;
    int scheduler, save_total_limit;
    bool overwrite, recompute, eager, tune, json, quiet;
    struct precision precision;
};
extern const char *const trainer_schedulers[];

// transformers' defaults, in a designated initialiser.
#define TRAINER_DEFAULTS                                                                           \
    .batch_size = 8, .accumulation = 1, .threads = 1, .n_epochs = 3, .lr = 5e-5f,                  \
    .max_grad_norm = 1, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f, .logging_steps = 10,     \
    .save_total_limit = 2, .seed = 42

// clang-format off
// Three groups of options; those of a command that belong to a group can follow it.
#define TRAINER_TRAINING(o)                                                                        \
    CLI_GROUP("Training"),                                                                         \
    CLI_STR("output_dir", 'o', &(o)->output, "DIR", "folder for model, checkpoints, curves"),      \
    CLI_FLAG("overwrite_output_dir", 0, &(o)->overwrite,                                           \
        "begin anew in a folder that is not empty; checkpoints of an older run are removed"),      \
    CLI_INT("per_device_train_batch_size", 'b', &(o)->batch_size, 1, 65536, "rows of a batch"),    \
    CLI_INT("per_device_eval_batch_size", 0, &(o)->eval_batch_size, 0, 65536,                      \
        "rows of a batch in evaluation; 0 = as in training"),                                      \
    CLI_INT("gradient_accumulation_steps", 0, &(o)->accumulation, 1, 65536, "batches per update"), \
    CLI_F32("num_train_epochs", 0, &(o)->n_epochs, 0, 1e6, "passes over the training data"),       \
    CLI_I64("max_steps", 0, &(o)->max_steps, -1, 1e15, "updates, instead of epochs"),              \
    CLI_F32("learning_rate", 'l', &(o)->lr, 0, 100, "peak learning rate"),                         \
    CLI_ENUM("lr_scheduler_type", 0, &(o)->scheduler, trainer_schedulers,                          \
        "what follows the warm-up"),                                                               \
    CLI_F32("warmup_ratio", 0, &(o)->warmup_ratio, 0, 1, "share of the updates that warm up"),     \
    CLI_I64("warmup_steps", 0, &(o)->warmup_steps, 0, 1e15, "updates that warm up"),               \
    CLI_F32("weight_decay", 0, &(o)->weight_decay, 0, 10, "decay of all but biases and norms"),    \
    CLI_F32("adam_beta1", 0, &(o)->beta1, 0, 0.999999, "AdamW"),                                   \
    CLI_F32("adam_beta2", 0, &(o)->beta2, 0, 0.9999999, "AdamW"),                                  \
    CLI_F32("adam_epsilon", 0, &(o)->epsilon, 1e-30, 1, "AdamW"),                                  \
    CLI_F32("max_grad_norm", 0, &(o)->max_grad_norm, 0, 1e30,                                      \
        "clip the gradients' norm; 0 = no clipping"),                                              \
    CLI_FLAG("gradient_checkpointing", 0, &(o)->recompute,                                         \
        "transformer layers run again in backward: less memory, a third more time"),               \
    CLI_F32("label_smoothing_factor", 0, &(o)->label_smoothing, 0, 0.99,                           \
        "of the training loss; evaluation has none"),                                              \
    CLI_I64("seed", 's', &(o)->seed, 0, 9007199254740992.0, "of weights, order and dropout"),      \
    PRECISION_OPTIONS(&(o)->precision)
#define TRAINER_SAVING(o)                                                                          \
    CLI_GROUP("Evaluating and saving (0 = at the end of each epoch)"),                             \
    CLI_I64("eval_steps", 0, &(o)->eval_steps, 0, 1e15, "updates between evaluations"),            \
    CLI_I64("save_steps", 0, &(o)->save_steps, 0, 1e15, "updates between checkpoints"),            \
    CLI_I64("logging_steps", 0, &(o)->logging_steps, 1, 1e15,                                      \
        "updates between lines of metrics.jsonl"),                                                 \
    CLI_INT("save_total_limit", 0, &(o)->save_total_limit, 1, 1000000, "checkpoints kept"),        \
    CLI_OPT_STR("resume_from_checkpoint", 'r', &(o)->resume, "[true|DIR]",                         \
        "go on from the newest checkpoint, if any")
#define TRAINER_RUNNING(o)                                                                         \
    CLI_GROUP("Running"),                                                                          \
    CLI_STR("device", 'd', &(o)->device, "WHICH", "index, UUID or part of the name"),              \
    CLI_INT("dataloader_num_workers", 0, &(o)->threads, 1, 64, "threads that prepare batches"),    \
    CLI_FLAG("eager", 0, &(o)->eager, "record every step anew"),                                   \
    TUNE_OPTION(&(o)->tune),                                                                       \
    CLI_FLAG("json", 0, &(o)->json, "result as JSON on stdout"),                                   \
    CLI_FLAG("quiet", 'q', &(o)->quiet, "no progress")
// clang-format on

// After parsing: fills what is 0 and means something else. 0, or an exit code after a sentence.
int trainer_check(const char *command, struct trainer_options *o);

// The module as the options want it trained, and its optimiser.
lattn_status trainer_adamw(
    lattn_ctx *ctx, lattn_module *module, const struct trainer_options *o, lattn_optim **out);

// All of lattn_train's parameters that the options give; task, sources, optimiser, data_hash and
// fingerprint are the command's.
lattn_train_params trainer_params(const struct trainer_options *o);

// "batch 8 x 1, lr ..., ": everything here that must be the same when a run is resumed. Returns what
// snprintf does.
int trainer_settings(const struct trainer_options *o, char *text, size_t bytes);

#endif
