// SPDX-License-Identifier: MIT
#ifndef LATTN_BENCH_TUNED_H
#define LATTN_BENCH_TUNED_H
#include "common/cli.h"
#include "lattn/tensor.h"

#define TUNE_OPTION(value)                                                                         \
    CLI_FLAG("tune", 0, value,                                                                     \
        "measure first which forms are fastest, and keep that in the cache folder")

// Ends measuring: says on stderr what was found new, and keeps it. An exit code.
int tuned_finish(const char *command, lattn_ctx *ctx);

#endif
