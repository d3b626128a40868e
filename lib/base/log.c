// SPDX-License-Identifier: MIT
//
// Messages to a callback or to stderr, and environment variables.
//
// A library does not print on its own: without a callback nothing is shown unless
// LATTN_LOG names a level. With a callback, messages up to that level are passed on,
// up to "info" when LATTN_LOG is unset. The level is worked out once and again at
// every lattn_log_set(), because getenv() on each message would be slow and unsafe
// beside a setenv() of the application.

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/status.h"

enum { LEVEL_UNREAD = -2, LEVEL_SILENT = -1, MESSAGE_BYTES = 2200 };

static struct {
    pthread_mutex_t lock;
    lattn_log_fn fn;
    void *user;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Atomic int max_level = LEVEL_UNREAD;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static void deliver(lattn_log_level level, const char *message)
{
    pthread_mutex_lock(&sink.lock);
    lattn_log_fn fn = sink.fn;
    void *user = sink.user;
    pthread_mutex_unlock(&sink.lock);
    // Outside the lock, so that a callback may itself call the library.
    if (fn)
        fn(user, level, message);
    else
        fprintf(stderr, "lattn: %s: %s\n", level_names[level], message);
}

static int read_level(bool has_callback)
{
    const char *text = lat_env("LATTN_LOG");
    if (!text)
        return has_callback ? LATTN_LOG_INFO : LEVEL_SILENT;
    for (int i = 0; i < (int) LAT_COUNT(level_names); i++)
        if (!strcmp(text, level_names[i]))
            return i;
    char message[200];
    snprintf(message, sizeof message,
        "LATTN_LOG is \"%.40s\", expected error, warn, info or debug; using warn", text);
    deliver(LATTN_LOG_WARN, message);
    return LATTN_LOG_WARN;
}

void lattn_log_set(lattn_log_fn fn, void *user)
{
    pthread_mutex_lock(&sink.lock);
    sink.fn = fn;
    sink.user = user;
    pthread_mutex_unlock(&sink.lock);
    atomic_store(&max_level, read_level(fn != NULL));
}

bool lat_log_enabled(lattn_log_level level)
{
    int max = atomic_load_explicit(&max_level, memory_order_relaxed);
    if (max == LEVEL_UNREAD) {
        max = read_level(false);
        // A callback set meanwhile has stored its own level; that one stays.
        int unread = LEVEL_UNREAD;
        if (!atomic_compare_exchange_strong(&max_level, &unread, max))
            max = unread;
    }
    return (int) level <= max;
}

void lat_log(lattn_log_level level, const char *fmt, ...)
{
    if (!lat_log_enabled(level))
        return;
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    deliver(level, message);
}

const char *lat_env(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

lattn_status lat_env_int(
    const char *name, long long lo, long long hi, long long fallback, long long *out)
{
    const char *text = lat_env(name);
    *out = fallback;
    if (!text)
        return LATTN_OK;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || value < lo || value > hi)
        return lat_err(LATTN_ERR_ARG, "%s is \"%.40s\", expected a whole number from %lld to %lld",
            name, text, lo, hi);
    *out = value;
    return LATTN_OK;
}

bool lat_stderr_is_terminal(void)
{
    return isatty(STDERR_FILENO) != 0;
}
