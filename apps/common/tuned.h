// SPDX-License-Identifier: MIT
//
// --tune of every command that has a long run before it: forms of kernels are measured on the shapes at hand, and what
// was found stays in the cache folder, where every program on this device finds it.
#ifndef LATTN_APPS_TUNED_H
#define LATTN_APPS_TUNED_H
#include "common/cli.h"
#include "lattn/train.h"

#define TUNE_OPTION(value)                                                                         \
    CLI_FLAG("tune", 0, value,                                                                     \
        "measure first which forms of kernels are fastest, and keep that in the cache folder")

// Ends measuring: says on stderr what was found new, and keeps it. An exit code.
int tuned_finish(const char *command, lattn_ctx *ctx);

// lattn_train, with measuring if tune. What was measured is kept however it ends.
lattn_status tuned_train(const char *command, lattn_ctx *ctx, bool tune,
    const lattn_train_params *params, lattn_train_result *result);

#endif
