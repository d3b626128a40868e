// SPDX-License-Identifier: MIT
//
// Comma lists in environment variables, and whether all variables have values that mean something. One
// list serves several layers, each of which looks for its own words; so the words of all are here.

#include <string.h>
#include "base/log.h"
#include "device/env.h"

enum { MAX_WORDS = 9 };

// Words of a variable, NULL behind the last.
struct words {
    const char *variable;
    bool list;  // several may be given
    const char *known[MAX_WORDS];
};

static const struct words variables[] = {
    { "LATTN_LOG", false, { "error", "warn", "info", "debug" } },
    { "LATTN_STRATEGY", false, { "base", "cpu", "subgroup", "winograd", "coopmat", "coopmat2" } },
    { "LATTN_DISABLE", true,
        { "cpu", "subgroup", "winograd", "coopmat", "coopmat2", "f16", "bda",
            "push_descriptors" } },
    { "LATTN_ALLOW_REDUCED_PRECISION", false, { "0", "1" } },
    { "LATTN_CHECK", true,
        { "poison", "robust", "validation", "hazard", "barriers", "serial", "guard" } },
};

// The next word of a list: where it starts and its length. NULL at the end.
static const char *next_word(const char **rest, size_t *length)
{
    const char *s = *rest;
    if (!s || !*s)
        return NULL;
    *length = strcspn(s, ",");
    *rest = s + *length + (s[*length] == ',');
    return s;
}

static bool is_word(const char *s, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(s, word, length) == 0;
}

bool lat_env_has(const char *variable, const char *word)
{
    const char *rest = lat_env(variable), *s;
    size_t length;
    while ((s = next_word(&rest, &length)))
        if (is_word(s, length, word))
            return true;
    return false;
}

static lattn_status unknown(const struct words *w, const char *s, size_t length)
{
    char known[200] = "";
    for (int i = 0; i < MAX_WORDS && w->known[i]; i++) {
        if (i)
            strcat(known, ", ");
        strcat(known, w->known[i]);
    }
    return lat_err(LATTN_ERR_ARG, "%s: \"%.*s\" is none of %s", w->variable,
        (int) LAT_MIN(length, (size_t) 40), s, known);
}

static lattn_status check_word(const struct words *w, const char *s, size_t length)
{
    for (int i = 0; i < MAX_WORDS && w->known[i]; i++)
        if (is_word(s, length, w->known[i]))
            return LATTN_OK;
    return unknown(w, s, length);
}

static lattn_status check_words(const struct words *w)
{
    const char *rest = lat_env(w->variable), *s;
    size_t length;
    if (!rest)
        return LATTN_OK;
    if (!w->list)
        return check_word(w, rest, strlen(rest));
    while ((s = next_word(&rest, &length)))
        if (length > 0)
            LAT_TRY(check_word(w, s, length));
    return LATTN_OK;
}

lattn_status lat_env_check(void)
{
    long long number;
    for (size_t i = 0; i < LAT_COUNT(variables); i++)
        LAT_TRY(check_words(&variables[i]));
    LAT_TRY(lat_env_timeout_s(&number));
    return lat_env_submit_ms(&number);
}

lattn_status lat_env_timeout_s(long long *seconds)
{
    return lat_env_int("LATTN_TIMEOUT", 1, 86400, 600, seconds);
}

lattn_status lat_env_submit_ms(long long *ms)
{
    return lat_env_int("LATTN_SUBMIT_MS", 1, 60000, 100, ms);
}
