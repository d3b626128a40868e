// SPDX-License-Identifier: MIT
#ifndef LAT_EVALUATE_H
#define LAT_EVALUATE_H
#include "train/step.h"

// lattn_evaluate with the trainer's own captured steps.
lattn_status lat_evaluate(struct lat_steps *steps, const lattn_task *task,
    const lattn_source *source, lattn_logits_fn each, void *user, lattn_metrics *out);

// A line in the log: texts that lost their end.
void lat_tell_cut(int64_t n_cut);

#endif
