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
// As a whole number within [lo, hi]; fallback when unset. A bad value logs a warning that
// names the variable and the range, and gives fallback.
long long lat_env_int(const char *name, long long lo, long long hi, long long fallback);
bool lat_env_flag(const char *name);  // 1, true, yes, on

bool lat_stderr_is_terminal(void);

#endif
