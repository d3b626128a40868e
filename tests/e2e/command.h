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
// may stand in front of it in env ("LATTN_LOG=warn", "ulimit -f 20;"; NULL = none). A redirection of
// stdout may end it (">/dev/full"); out is "" then.
struct lt_command lt_command_run(const char *env, const char *line);
void lt_command_free(struct lt_command *c);
// It ended with that code, and its last line on stderr begins with the command's name (line's first
// word) and says part; progress and descriptions may stand before it.
void lt_expect_sentence(const struct lt_command *c, const char *line, int code, const char *part);
// Both at once.
void lt_expect_refusal(const char *env, const char *line, int code, const char *part);

// The same in the background; its output goes to files in dir. The process is the command itself, so
// that it can be sent signals.
pid_t lt_command_start(const char *dir, const char *line);
int lt_command_wait(pid_t pid);  // exit code, or 128 + signal

// Whether there is a usable device; where there is none the test is skipped, and must return.
bool lt_has_device(void);

// A whole file, "" when there is none; the caller frees it with lat_free.
char *lt_read_file(const char *path, size_t *bytes);
void lt_write_file(const char *path, const char *text);
bool lt_has_file(const char *dir, const char *name);  // and it is not empty
bool lt_same_file(const char *a, const char *b);      // the same bytes, and some
void lt_wait_for(
    const char *dir, const char *name);  // until a running command wrote it, or a minute
// dir/name, lent until the fourth next call.
const char *lt_path(const char *dir, const char *name);

#endif
