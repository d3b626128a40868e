// SPDX-License-Identifier: MIT
//
// State of one training run, shared by the loop and by save and restore.
#ifndef LAT_RUN_H
#define LAT_RUN_H
#include "base/file.h"
#include "train/events.h"
#include "train/history.h"
#include "train/progress.h"
#include "train/step.h"

struct lat_run {
    lattn_ctx *ctx;
    const lattn_train_params *params;
    struct lat_steps *steps;
    struct lat_history history;
    struct lat_events *events;
    struct lat_dir_lock *lock;
    struct lat_progress progress;
    lattn_schedule schedule;
    int accumulation;
    int64_t updates_per_epoch;

    // Where the run is: what a checkpoint holds.
    int64_t step;          // updates done
    int64_t epoch, batch;  // next batch of the training source
    int64_t best_step;     // -1 = none
    double best_value;
    lattn_metrics best, last;
    int64_t logged_step;  // of the last logging entry
    double loss_sum;      // since then
    int64_t loss_count;

    // Not saved.
    struct lat_pending pending;  // the newest run, not read yet
    double grad_norm, samples_per_second, train_loss;
    // With gradients in f16, as of the newest update that was read.
    double loss_scale;
    int64_t n_skipped, n_skipped_now;
    uint64_t busy_ns;  // spent on training steps in this call
    int64_t samples;   // trained in this call
    int64_t n_cut;     // texts shortened to fit
    bool cut_told;
    bool log_behind;  // metrics.jsonl lacks entries that could not be written
};

// ---- resume.c -------------------------------------------------------------------------------------

// Writes checkpoint-<step>, all or nothing, and prunes old ones.
lattn_status lat_run_save(struct lat_run *r);
// Finds what params->resume asks for. *dir is "" when there is nothing to resume from.
lattn_status lat_run_find(struct lat_run *r, char *dir, size_t bytes);
// Before anything is written: what is in the output folder must belong to the run that r->step begins or
// goes on, or be given up by overwrite_output_dir.
lattn_status lat_run_claim_output(struct lat_run *r, bool resumed);
// Restores everything from a checkpoint folder; nothing has been changed on failure before
// the weights are read.
lattn_status lat_run_restore(struct lat_run *r, const char *dir);

#endif
