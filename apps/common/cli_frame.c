// SPDX-License-Identifier: MIT
//
// What surrounds the work of every program.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/cli.h"

// "info" and "debug" only when LATTN_LOG asks for them.
static void print_message(void *user, lattn_log_level level, const char *message)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    const char *asked = getenv("LATTN_LOG");
    (void) user;
    if (level <= LATTN_LOG_WARN || (asked && *asked))
        fprintf(stderr, "%s: %s\n", names[level], message);
}

// Opens what was closed (">&-") the wrong way round, so that using it stays an error.
static void keep_standard_files(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            abort();  // the lowest free number is given
    }
}

void cli_begin(void)
{
    keep_standard_files();
    signal(SIGXFSZ, SIG_IGN);
    lattn_log_set(print_message, NULL);
}

int cli_end(const char *program, int code)
{
    if (code != CLI_EXIT_OK || (fflush(stdout) == 0 && !ferror(stdout)))
        return code;
    fprintf(stderr, "%s: cannot write to stdout\n", program);
    return CLI_EXIT_IO;
}
