// SPDX-License-Identifier: MIT
//
// Repeats something until the time is up and takes the median: what time.c, peaks.c and lattn-bench share.
#ifndef OT_STOPWATCH_H
#define OT_STOPWATCH_H
#include "lattn/lattn.h"

// Records one application inside an open step.
typedef lattn_status (*ot_apply_fn)(lattn_ctx *ctx, void *user);

struct ot_measurement {
    double seconds;       // median of one application: device time, or wall time without timestamps
    double spread;        // (third quartile - first quartile) / median
    double wall_seconds;  // median of one application, with recording and submitting
    int64_t applications;
};
lattn_status ot_measure(lattn_ctx *ctx, ot_apply_fn apply, void *user, double warm_up_s,
    double measure_s, struct ot_measurement *out);

// The same for what makes its own steps: submits n applications, and does not wait for them.
typedef lattn_status (*ot_submit_fn)(lattn_ctx *ctx, void *user, int n);
lattn_status ot_measure_steps(lattn_ctx *ctx, ot_submit_fn submit, void *user, double warm_up_s,
    double measure_s, struct ot_measurement *out);

#endif
