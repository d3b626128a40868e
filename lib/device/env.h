// SPDX-License-Identifier: MIT
//
// Environment variables that hold comma lists: LATTN_CHECK (poison, robust, hazard,
// validation, ...), LATTN_DISABLE (features and strategies).
#ifndef LAT_ENV_H
#define LAT_ENV_H
#include <stdbool.h>

// Whether the comma list in the variable has exactly this word.
bool lat_env_has(const char *variable, const char *word);

#endif
