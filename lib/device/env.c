// SPDX-License-Identifier: MIT
//
// Comma lists in environment variables. Words nobody knows are not an error here: the same
// list serves several layers, and each looks only for its own words.

#include <string.h>
#include "base/log.h"
#include "device/env.h"

bool lat_env_has(const char *variable, const char *word)
{
    const char *s = lat_env(variable);
    size_t n = strlen(word);
    while (s && *s) {
        size_t len = strcspn(s, ",");
        if (len == n && memcmp(s, word, n) == 0)
            return true;
        s += len + (s[len] == ',');
    }
    return false;
}
