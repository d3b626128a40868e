// SPDX-License-Identifier: MIT
#ifndef LAT_LOG_H
#define LAT_LOG_H
#include <stdbool.h>
#include "base/compiler.h"
#include "lattn/status.h"

void lat_log(lattn_log_level level, const char *fmt, ...) LAT_PRINTF(2, 3);
bool lat_log_enabled(lattn_log_level level);

// An environment variable as text; NULL when unset or empty.
const char *lat_env(const char *name);
// As a whole number within [lo, hi]; fallback when unset. ERR_ARG for any other value, with the variable
// and the range.
lattn_status lat_env_int(
    const char *name, long long lo, long long hi, long long fallback, long long *out);

bool lat_stderr_is_terminal(void);

#endif
