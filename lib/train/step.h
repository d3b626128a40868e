// SPDX-License-Identifier: MIT
//
// Captured steps by kind and shape: one recording per shape of batch, then replays.
#ifndef LAT_STEP_H
#define LAT_STEP_H
#include "base/status.h"
#include "lattn/train.h"

// What a step does. With several batches per update, the first writes the gradients, the
// others add, the last also updates.
enum lat_step_kind {
    LAT_STEP_EVAL = 0,
    LAT_STEP_BACKWARD = 1,
    LAT_STEP_FIRST = 2,   // flag: gradients start anew
    LAT_STEP_UPDATE = 4,  // flag: the optimiser steps
};

struct lat_steps;
struct lat_step;

lattn_status lat_steps_create(
    lattn_ctx *ctx, const lattn_task *task, lattn_optim *optim, bool eager, struct lat_steps **out);
void lat_steps_destroy(struct lat_steps **steps);

// A run whose results are not read yet.
struct lat_pending {
    struct lat_step *step;  // NULL = nothing pending
    int64_t run;
    int64_t n_samples;
    int64_t update;  // number of the update it belongs to, counted from 1; the caller's
    bool updated;
    bool recorded;  // not replayed
};

// Runs a batch. lr is used by steps that update; divisor is the number of batches per update.
lattn_status lat_steps_run(struct lat_steps *s, unsigned kind, const lattn_fields *batch, float lr,
    int divisor, struct lat_pending *out);

struct lat_step_result {
    float loss;
    // Of a run that updated:
    float grad_norm;
    bool finite;                       // all gradients; else the update was skipped
    float loss_scale;                  // of the next update
    int64_t n_skipped, n_skipped_now;  // updates so far; of these, the last ones in a row
};
// Waits for that run only. logits (may be NULL) has room for n_samples * n_classes.
lattn_status lat_steps_read(
    struct lat_steps *s, const struct lat_pending *p, struct lat_step_result *out, float *logits);

#endif
