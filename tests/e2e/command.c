// SPDX-License-Identifier: MIT
//
// Commands through the shell, with output to files: simple, and a hanging command shows up
// as a test's time limit. harness/launch.sh knows how programs are started here.

#include <sys/wait.h>
#include "base/file.h"
#include "e2e/command.h"

enum { MAX_OUTPUT = 1 << 24 };

static char *content(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    if (lat_file_read_all(path, MAX_OUTPUT, &text, &n))
        return lat_strdup("");
    return text;
}

struct lt_command lt_command_run(const char *env, const char *line)
{
    struct lt_command c = { -1, NULL, NULL };
    const char *dir = lt_temp_dir();
    char out[1024], err[1024], shell[8192];
    snprintf(out, sizeof out, "%s/stdout", dir);
    snprintf(err, sizeof err, "%s/stderr", dir);
    snprintf(shell, sizeof shell, "%s '%s/harness/launch.sh' '%s/apps/'%s >'%s' 2>'%s'",
        env ? env : "", LT_SOURCE_DIR, LT_BINARY_DIR, line, out, err);
    int status = system(shell);
    if (status != -1 && WIFEXITED(status))
        c.code = WEXITSTATUS(status);
    c.out = content(out);
    c.err = content(err);
    return c;
}

void lt_command_free(struct lt_command *c)
{
    lat_free(c->out);
    lat_free(c->err);
    *c = (struct lt_command){ -1, NULL, NULL };
}
