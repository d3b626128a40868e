// SPDX-License-Identifier: MIT
//
// The training loop: batches in, a trained model, checkpoints and curves out.
//
// The loop knows no model. It is given functions that fetch a batch, compute a loss, save the
// model; it captures one step per shape of batch and replays it, evaluates, keeps the best model,
// saves and resumes exactly, and reports.
#ifndef LATTN_TRAIN_H
#define LATTN_TRAIN_H
#include "lattn/data.h"
#include "lattn/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LATTN_MAX_FIELDS = 8 };

// One array of a batch in host memory.
typedef struct lattn_field {
    lattn_dtype dtype;
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    const void *data;
} lattn_field;

typedef struct lattn_fields {
    lattn_field field[LATTN_MAX_FIELDS];
    int n_fields;
    int64_t n_samples;
    int64_t n_cut;          // texts that were longer than the token limit
    const int32_t *labels;  // [n_samples] for the metrics of evaluation, or NULL
} lattn_fields;

// Where batches come from. Positions are what resume needs.
typedef struct lattn_source {
    void *user;
    int64_t n_batches;  // of one epoch
    int64_t n_samples;
    // Next batch of the epoch; n_samples 0 when it is over. Lent until the next call.
    lattn_status (*next)(void *user, lattn_fields *out);
    lattn_status (*seek)(void *user, int64_t epoch, int64_t index);
} lattn_source;

/**
 * A loader as a source. Fields of texts: input_ids, token_type_ids, lengths, labels; of
 * pictures: x f32 [n, C, H, W], labels i32 [n] and, with mixup, targets f32 [n, n_labels].
 *
 * Args     n_samples  rows of one epoch
 * Owner    the loader stays the caller's and must outlive the source
 */
LATTN_API lattn_source lattn_source_from_loader(lattn_loader *loader, int64_t n_samples);

// Figures of one evaluation.
typedef struct lattn_metrics {
    int64_t n;
    double loss;
    double accuracy;  // with classes only, as macro_f1
    double macro_f1;  // mean over the classes that occur, in the labels or the predictions
    double bits;      // per character, of language models
    int64_t n_cut;    // texts that were longer than the token limit, with or without a label
} lattn_metrics;

// What the loop computes with. Tensors are in the order of the fields.
typedef struct lattn_task {
    void *user;
    lattn_module *module;
    // Loss of one batch (mean), a tensor of one f32 element.
    lattn_tensor *(*loss)(lattn_ctx *ctx, void *user, lattn_tensor *const *fields);
    // For evaluation: loss as above and logits [n, n_classes] through *logits.
    lattn_tensor *(*evaluate)(
        lattn_ctx *ctx, void *user, lattn_tensor *const *fields, lattn_tensor **logits);
    int n_classes;  // 0 = no logits, and the loss alone is a figure: *logits is not asked for
    // Language models, with n_classes 0 and a token a sample: characters that a token stands for, on
    // average over the validation set. Evaluation then tells perplexity and bits per character. 0 = none.
    double characters_per_token;
    // Writes the model's own files (weights, config, vocabulary) into a folder.
    lattn_status (*save)(void *user, const char *dir);
    // Reads the weights back from a folder that save wrote.
    lattn_status (*load)(void *user, const char *dir);
    // What else decides the next step, as the state that goes from batch to batch: written into checkpoints
    // and read back on resume. NULL = nothing.
    lattn_status (*save_state)(void *user, const char *dir);
    lattn_status (*load_state)(void *user, const char *dir);
    // Called after each evaluation of a training, when its line stands in the log: to show what the model
    // does by now. What it draws at random changes nothing of the training. NULL = nothing.
    lattn_status (*evaluated)(void *user, const lattn_metrics *metrics);
} lattn_task;

typedef struct lattn_train_params {
    lattn_task task;
    lattn_source train;
    lattn_source validation;  // n_samples 0 = none
    lattn_optim *optim;

    double n_epochs;         // may be fractional
    int64_t max_steps;       // > 0 overrides n_epochs
    int accumulation_steps;  // batches per update; 0 = 1
    float lr;
    lattn_schedule_kind schedule;
    double warmup_ratio;          // of all updates
    int64_t warmup_steps;         // > 0 overrides warmup_ratio
    double lr_gamma;              // of the schedules step and multi-step; 0 = 0.1
    double lr_step_size;          // epochs between the cuts of step
    const double *lr_milestones;  // epochs at which multi-step cuts, rising
    int n_lr_milestones;          // up to LATTN_MAX_MILESTONES

    int64_t eval_steps;     // updates between evaluations; 0 = at the end of each epoch
    int64_t save_steps;     // updates between checkpoints; 0 = at the end of each epoch
    int64_t logging_steps;  // 0 = 10
    int save_total_limit;   // checkpoints kept; 0 = 2
    const char
        *metric_for_best;  // "accuracy" (NULL), "macro_f1" or "loss"; without classes the loss

    const char *output_dir;
    const char *resume;  // NULL = start anew; "true" = newest checkpoint in output_dir, if
                         // any; else a checkpoint folder
    // A new run may begin in a folder that is not empty: the checkpoints of an older run are removed, its
    // model is replaced by the first better one.
    bool overwrite_output_dir;
    uint64_t data_hash;        // of the training data: a changed one cannot be resumed
    const char *fingerprint;   // of all settings that must be the same on resume; NULL = ""
    const volatile int *stop;  // becomes non-zero: finish the step, save, ERR_INTERRUPTED
    bool show_progress;        // a bar, or now and then a line, on stderr
    bool eager;                // no captured steps
} lattn_train_params;

typedef struct lattn_train_result {
    int64_t n_steps;    // updates done, those before a resume included
    int64_t best_step;  // -1 without evaluation
    lattn_metrics best, last;
    double train_loss;          // mean over the last logging interval
    double seconds;             // of this call
    double samples_per_second;  // training only, without evaluation and saving
    bool resumed;
} lattn_train_result;

/**
 * Trains. The output folder gets the best model so far (task.save), checkpoint-<step> folders,
 * metrics.jsonl, a TensorBoard event file and curves.svg.
 *
 * Dtypes   a module in f16 or bf16 (lattn_module_to_dtype, before the optimiser) is trained and evaluated as it
 *          is; task.save and task.load see to its f32 values (lattn_module_save, lattn_module_load)
 * Owner    everything in params is lent for the call
 * Waits    all the time
 * Edge     a save that fails on the way (the disk is full) is a warning in the log, and training goes on
 *          with the checkpoints and the model that were saved before; the last one must succeed. Files
 *          for people (metrics.jsonl, events, curves) are never a reason to stop
 * Errors   ERR_IO (output folder not writable, or in use by another process; the last save failed),
 *          ERR_ARG (numbers of the schedule out of range; the output folder is not empty and neither resumed nor to be overwritten; it has
 *          checkpoints behind the one to resume from), ERR_INTERRUPTED after a checkpoint,
 *          ERR_NOT_FINITE naming step, loss and parameter; of a module in f16 when the loss scale has fallen
 *          below 1, after a checkpoint; ERR_FORMAT (a checkpoint of other settings
 *          or data), ERR_DEVICE_LOST, ERR_GPU_MEMORY. What was saved before stays.
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_train(
    lattn_ctx *ctx, const lattn_train_params *params, lattn_train_result *result);

// Called with the logits of every batch of an evaluation: n rows of n_classes.
typedef lattn_status (*lattn_logits_fn)(
    void *user, const lattn_fields *batch, const float *logits, int n_classes);

/**
 * Runs the task over a source in evaluation mode.
 *
 * Args     each  NULL = only the figures
 * Waits    all the time
 * Errors   those of source, task and each; ERR_DEVICE_LOST, ERR_GPU_MEMORY, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_evaluate(lattn_ctx *ctx, const lattn_task *task,
    const lattn_source *source, lattn_logits_fn each, void *user, lattn_metrics *out);

// ---- confusion matrix ---------------------------------------------------------------------

// How often rows of each label were predicted as each class.
typedef struct lattn_confusion lattn_confusion;

/**
 * Makes a matrix of zeros.
 *
 * Owner    the caller; lattn_confusion_destroy
 * Errors   ERR_ARG (n_classes not 1 to 65536), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_confusion_create(
    int n_classes, lattn_confusion **out);
/** Frees a matrix; sets *c to NULL. Accepts NULL. */
LATTN_API void lattn_confusion_destroy(lattn_confusion **c);

/**
 * Counts n rows of logits [n, n_classes]; the largest is the prediction. Labels out of range, -1 among
 * them, are passed over.
 */
LATTN_API void lattn_confusion_add(
    lattn_confusion *c, const float *logits, const int32_t *labels, int64_t n);
/** Rows of a label that were predicted as a class; 0 for what is out of range. */
LATTN_API int64_t lattn_confusion_count(const lattn_confusion *c, int label, int prediction);

/**
 * Writes confusion.csv (counts, labels in the first column, predictions across), confusion.png (the share
 * of each label's rows, white to blue; up to 8192 classes) and, up to 40 classes, confusion.svg (the same with names and
 * counts) into a folder that is there.
 *
 * Args     labels  [n_classes] names; NULL = 0, 1, ...
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_confusion_save(
    const lattn_confusion *c, const char *const *labels, const char *dir);

#ifdef __cplusplus
}
#endif
#endif
