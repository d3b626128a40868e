// SPDX-License-Identifier: MIT
//
// What happened during a run: one entry per logging interval and per evaluation. Goes to
// metrics.jsonl, to the event file, into checkpoints, and is drawn as curves.svg.
#ifndef LAT_HISTORY_H
#define LAT_HISTORY_H
#include "base/array.h"
#include "base/json.h"
#include "lattn/train.h"

struct lat_entry {
    int64_t step;
    double epoch;
    bool is_eval;
    double loss;  // training: mean over the interval; evaluation: mean over the set
    double lr, grad_norm, samples_per_second;  // training
    double loss_scale;                         // training in f16, else NaN
    int64_t n_skipped;                         // updates so far, for it
    double accuracy, macro_f1;                 // evaluation with classes, else NaN
    double bits;                               // evaluation of a language model, else NaN
};

struct lat_history {
    struct lat_entry *items;
    size_t n, capacity;
};

lattn_status lat_history_add(struct lat_history *h, const struct lat_entry *entry);
void lat_history_free(struct lat_history *h);

// One entry as a line of metrics.jsonl and of the log in trainer_state.json, with the names of
// transformers: step, epoch, loss, learning_rate, grad_norm, loss_scale, skipped_steps | eval_loss, eval_accuracy, eval_f1 |
// eval_loss, eval_perplexity, eval_bits_per_character.
json_t *lat_entry_json(const struct lat_entry *entry);
lattn_status lat_entry_parse(const char *what, const json_t *j, struct lat_entry *out);

// Replaces dir/metrics.jsonl by the whole history: after a resume, lines of steps that will be
// done again must not stand twice.
lattn_status lat_history_write(const struct lat_history *h, const char *dir);
lattn_status lat_history_append(const struct lat_entry *entry, const char *dir);

// Draws dir/curves.svg (curve.c).
lattn_status lat_history_draw(const struct lat_history *h, const char *dir);

#endif
