// SPDX-License-Identifier: MIT
//
// The environment variables of lattn.h: comma lists (LATTN_CHECK, LATTN_DISABLE), numbers, and whether
// all are well formed. LATTN_DEVICE and LATTN_LIMITS are checked where the devices are known.
#ifndef LAT_ENV_H
#define LAT_ENV_H
#include "base/status.h"

// Whether the comma list in the variable has exactly this word.
bool lat_env_has(const char *variable, const char *word);

// ERR_ARG with a sentence for the first variable whose value means nothing.
lattn_status lat_env_check(void);

lattn_status lat_env_timeout_s(long long *seconds);
lattn_status lat_env_submit_ms(long long *ms);

#endif
