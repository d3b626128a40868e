// SPDX-License-Identifier: MIT
//
// Status names and texts, and the sentence that belongs to the last error.
//
// The sentence is kept in a fixed buffer per thread: reporting "out of memory" must
// not need memory, and two threads that fail at once must not mix their words. A
// context copies the sentence when it meets the status (tensor/context.c).

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/status.h"

enum { SENTENCE_BYTES = 2048 };

static LAT_THREAD_LOCAL char sentence[SENTENCE_BYTES];
static LAT_THREAD_LOCAL unsigned n_reported;

const char *lattn_status_name(lattn_status status)
{
    switch (status) {
#define XX(code, value, text)                                                                      \
    case LATTN_##code:                                                                             \
        return #code;
        LATTN_STATUS_MAP(XX)
#undef XX
    }
    return "UNKNOWN";
}

const char *lattn_status_text(lattn_status status)
{
    switch (status) {
#define XX(code, value, text)                                                                      \
    case LATTN_##code:                                                                             \
        return text;
        LATTN_STATUS_MAP(XX)
#undef XX
    }
    return "unknown status";
}

#define TEXT_OF(x) #x
#define VERSION(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *lattn_version(void)
{
    return VERSION(LATTN_VERSION_MAJOR, LATTN_VERSION_MINOR, LATTN_VERSION_PATCH);
}

lattn_status lat_err(lattn_status status, const char *fmt, ...)
{
    // Through a second buffer: an argument may point into the sentence itself.
    char text[SENTENCE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    memcpy(sentence, text, strlen(text) + 1);
    n_reported++;
    lat_log(LATTN_LOG_DEBUG, "%s: %s", lattn_status_name(status), sentence);
    return status;
}

void lat_err_prefix(const char *fmt, ...)
{
    char text[SENTENCE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s", sentence);
    memcpy(sentence, text, strlen(text) + 1);
}

const char *lat_err_text(void)
{
    return sentence;
}

unsigned lat_err_count(void)
{
    return n_reported;
}

lattn_status lat_err_given(lattn_status status, unsigned count, const char *what)
{
    if (!status || count != n_reported)
        return status;
    return lat_err(status, "%s returned %s", what, lattn_status_name(status));
}

void lat_assert_failed(const char *cond, const char *file, int line)
{
    lat_log(LATTN_LOG_ERROR, "%s:%d: bug in liblattn, please report: %s", file, line, cond);
#ifndef NDEBUG
    fprintf(stderr, "%s:%d: bug in liblattn, please report: %s\n", file, line, cond);
    abort();
#endif
}
