// SPDX-License-Identifier: MIT
//
// Runs a command of the build as a user would, and keeps what it printed.
#ifndef LT_COMMAND_H
#define LT_COMMAND_H
#include "harness/harness.h"

struct lt_command {
    int code;         // exit code; -1 = it could not be started or died of a signal
    char *out, *err;  // freed by lt_command_free
};

// line begins with the command's name: "lattn-info --json". The shell sees it, and variables
// may stand in front of it in env ("LATTN_LOG=warn"; NULL = none).
struct lt_command lt_command_run(const char *env, const char *line);
void lt_command_free(struct lt_command *c);

#endif
