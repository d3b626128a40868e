// SPDX-License-Identifier: MIT
//
// String building, and numbers as text that are the same in every locale.
//
// printf and strtod follow the application's locale (3,14 in Germany). The calling
// thread is put into the C locale for the length of a conversion; the application's
// own setting is never touched.

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/str.h"

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
}

// uselocale() with no locale changes nothing, so a failed newlocale() is harmless.
static locale_t enter_c_locale(void)
{
    pthread_once(&c_locale_once, make_c_locale);
    return uselocale(c_locale);
}

static lattn_status make_room(struct lat_str *s, size_t n)
{
    if (s->status)
        return s->status;
    if (n >= SIZE_MAX - s->n)
        s->status = lat_err(LATTN_ERR_HOST_MEMORY, "a text grows beyond the address space");
    else
        s->status = LAT_RESERVE(s, s->n + n + 1);
    return s->status;
}

void lat_str_addn(struct lat_str *s, const char *text, size_t n)
{
    if (make_room(s, n))
        return;
    if (n)
        memcpy(s->items + s->n, text, n);
    s->n += n;
    s->items[s->n] = 0;
}

void lat_str_add(struct lat_str *s, const char *text)
{
    lat_str_addn(s, text, strlen(text));
}

void lat_str_addf(struct lat_str *s, const char *fmt, ...)
{
    locale_t old = enter_c_locale();
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0 && !make_room(s, (size_t) n)) {
        vsnprintf(s->items + s->n, (size_t) n + 1, fmt, again);
        s->n += (size_t) n;
    }
    va_end(again);
    va_end(args);
    uselocale(old);
}

void lat_str_add_f32(struct lat_str *s, float v)
{
    if (isnan(v)) {
        lat_str_add(s, "nan");  // without the sign that printf shows
        return;
    }
    char text[32];
    locale_t old = enter_c_locale();
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double) v);
        if (strtof(text, NULL) == v)
            break;
    }
    uselocale(old);
    lat_str_add(s, text);
}

void lat_str_add_f64(struct lat_str *s, double v)
{
    if (isnan(v)) {
        lat_str_add(s, "nan");
        return;
    }
    char text[32];
    locale_t old = enter_c_locale();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    uselocale(old);
    lat_str_add(s, text);
}

void lat_str_clear(struct lat_str *s)
{
    s->n = 0;
    s->status = LATTN_OK;
    if (s->items)
        s->items[0] = 0;
}

void lat_str_free(struct lat_str *s)
{
    lat_free(s->items);
    *s = (struct lat_str){ 0 };
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
size_t lat_utf8_length(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *) text;
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (len == 0 || len > n || s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool too_large = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || too_large ? 0 : len;
}

const char *lat_quoted(const char *text, char *buf, size_t bytes)
{
    size_t used = 0, left = strlen(text);
    while (left > 0) {
        size_t len = lat_utf8_length(text, left);
        size_t step = len ? len : 1;
        // Once the rest does not fit, room for "..." and the end is kept.
        if (used + left >= bytes && used + step + 4 > bytes) {
            memcpy(buf + used, "...", 3);
            used += 3;
            break;
        }
        if (len == 0 || (unsigned char) *text < 0x20 || *text == 0x7F)
            buf[used] = '?';
        else
            memcpy(buf + used, text, len);
        used += step;
        text += step;
        left -= step;
    }
    buf[used] = 0;
    return buf;
}

void lat_str_add_xml(struct lat_str *s, const char *text, size_t characters)
{
    size_t left = strlen(text);
    for (; left > 0 && characters > 0; characters--) {
        size_t len = lat_utf8_length(text, left);
        if (len == 0 || (unsigned char) *text < 0x20 || *text == 0x7F)
            lat_str_add(s, "?");
        else if (strchr("<>&\"'", *text))
            lat_str_addf(s, "&#%d;", *text);
        else
            lat_str_addn(s, text, len);
        text += len ? len : 1;
        left -= len ? len : 1;
    }
    if (left > 0)
        lat_str_add(s, "...");
}

// strtod and strtoll skip leading blanks; a number in a file or option has none.
static bool starts_like_number(const char *s)
{
    return *s && !strchr(" \t\n\v\f\r", *s);
}

bool lat_parse_f64(const char *s, double *out)
{
    if (!starts_like_number(s))
        return false;
    char *end;
    locale_t old = enter_c_locale();
    double v = strtod(s, &end);
    uselocale(old);
    if (*end || end == s)
        return false;
    *out = v;
    return true;
}

bool lat_parse_i64(const char *s, int64_t *out)
{
    if (!starts_like_number(s))
        return false;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (*end || end == s || errno)
        return false;
    *out = v;
    return true;
}
