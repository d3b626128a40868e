// SPDX-License-Identifier: MIT
//
// Runs a command of the build as a user would, and keeps what it printed.
#ifndef LT_COMMAND_H
#define LT_COMMAND_H
#include <sys/types.h>
#include "harness/harness.h"

struct lt_command {
    int code;         // exit code; -1 = it could not be started or died of a signal
    char *out, *err;  // freed by lt_command_free
};

// line begins with the command's name: "lattn-info --json". The shell sees it, and variables
// may stand in front of it in env ("LATTN_LOG=warn"; NULL = none).
struct lt_command lt_command_run(const char *env, const char *line);
void lt_command_free(struct lt_command *c);

// The same in the background; its output goes to files in dir. The process is the command itself, so
// that it can be sent signals.
pid_t lt_command_start(const char *dir, const char *line);
int lt_command_wait(pid_t pid);  // exit code, or 128 + signal

// A whole file, "" when there is none; the caller frees it with lat_free.
char *lt_read_file(const char *path, size_t *bytes);
void lt_write_file(const char *path, const char *text);
// dir/name, lent until the fourth next call.
const char *lt_path(const char *dir, const char *name);

#endif
