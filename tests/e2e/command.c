// SPDX-License-Identifier: MIT
//
// Commands through the shell, with output to files: simple, and a hanging command shows up
// as a test's time limit. harness/launch.sh knows how programs are started here.

#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/thread.h"
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

bool lt_has_file(const char *dir, const char *name)
{
    size_t n = 0;
    lat_free(lt_read_file(lt_path(dir, name), &n));
    return n > 0;
}

bool lt_same_file(const char *a, const char *b)
{
    size_t n = 0, m = 0;
    char *x = lt_read_file(a, &n), *y = lt_read_file(b, &m);
    bool same = n > 0 && n == m && memcmp(x, y, n) == 0;
    lat_free(x);
    lat_free(y);
    return same;
}

void lt_wait_for(const char *dir, const char *name)
{
    for (int i = 0; i < 1200 && !lt_has_file(dir, name); i++)
        lat_sleep_ns(50000000);
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
    // The last redirection counts: what the line says of stdout stands behind the file.
    size_t n = strcspn(line, ">");
    snprintf(text, 8192,
        "%s exec '%s/harness/launch.sh' '%s/apps/'%.*s >'%s/stdout' 2>'%s/stderr' %s",
        env ? env : "", LT_SOURCE_DIR, LT_BINARY_DIR, (int) n, line, dir, dir, line + n);
}

// The layer of the job's environment is in the commands, too; what it finds they print.
static void expect_no_validation(const struct lt_command *c, const char *line)
{
    const char *at = getenv("LATTN_TEST_VALIDATION") ? strstr(c->err, "validation: ") : NULL;
    if (at)
        lt_fail(__FILE__, __LINE__, "%s: %.2000s", line, at);
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
    expect_no_validation(&c, line);
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

void lt_expect_sentence(const struct lt_command *c, const char *line, int code, const char *part)
{
    const char *last = c->err;
    for (const char *p = c->err; *p; p++) {
        if (*p == '\n' && p[1])
            last = p + 1;
    }
    if (c->code != code)
        lt_fail(
            __FILE__, __LINE__, "%s: exit code %d, expected %d: %s", line, c->code, code, c->err);
    if (!strstr(last, part) || strncmp(last, line, strcspn(line, " ")) != 0)
        lt_fail(__FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", line, last, part);
}

void lt_expect_refusal(const char *env, const char *line, int code, const char *part)
{
    struct lt_command c = lt_command_run(env, line);
    lt_expect_sentence(&c, line, code, part);
    lt_command_free(&c);
}

void lt_command_free(struct lt_command *c)
{
    lat_free(c->out);
    lat_free(c->err);
    *c = (struct lt_command){ -1, NULL, NULL };
}

bool lt_has_device(void)
{
    int n = 0;
    lattn_device_info info;
    bool yes = !lattn_device_list(&info, 1, &n) && n > 0 && !*info.refused;
    if (!yes)
        lt_skip("no usable device");
    return yes;
}
