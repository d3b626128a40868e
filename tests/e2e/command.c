// SPDX-License-Identifier: MIT
//
// Commands through the shell, with output to files: simple, and a hanging command shows up
// as a test's time limit. harness/launch.sh knows how programs are started here.

#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "e2e/command.h"

enum { MAX_OUTPUT = 1 << 24 };

char *lt_read_file(const char *path, size_t *bytes)
{
    char *text = NULL;
    size_t n = 0;
    bool good = !lat_file_read_all(path, MAX_OUTPUT, &text, &n);
    if (bytes)
        *bytes = good ? n : 0;
    return good ? text : lat_strdup("");
}

void lt_write_file(const char *path, const char *text)
{
    EXPECT_OK(lat_file_replace(path, text, strlen(text)));
}

const char *lt_path(const char *dir, const char *name)
{
    static char paths[4][4096];
    static int turn;
    char *path = paths[turn++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void shell_line(char text[8192], const char *env, const char *line, const char *dir)
{
    snprintf(text, 8192, "%s exec '%s/harness/launch.sh' '%s/apps/'%s >'%s/stdout' 2>'%s/stderr'",
        env ? env : "", LT_SOURCE_DIR, LT_BINARY_DIR, line, dir, dir);
}

struct lt_command lt_command_run(const char *env, const char *line)
{
    struct lt_command c = { -1, NULL, NULL };
    const char *dir = lt_temp_dir();
    char shell[8192];
    shell_line(shell, env, line, dir);
    int status = system(shell);
    if (status != -1 && WIFEXITED(status))
        c.code = WEXITSTATUS(status);
    c.out = lt_read_file(lt_path(dir, "stdout"), NULL);
    c.err = lt_read_file(lt_path(dir, "stderr"), NULL);
    return c;
}

pid_t lt_command_start(const char *dir, const char *line)
{
    char shell[8192];
    shell_line(shell, NULL, line, dir);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", shell, (char *) NULL);
        _exit(127);
    }
    return pid;
}

int lt_command_wait(pid_t pid)
{
    int status = 0;
    if (waitpid(pid, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void lt_command_free(struct lt_command *c)
{
    lat_free(c->out);
    lat_free(c->err);
    *c = (struct lt_command){ -1, NULL, NULL };
}
