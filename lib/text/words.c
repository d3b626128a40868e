// SPDX-License-Identifier: MIT
//
// Splits text into words as BERT does: drop control characters, make every blank a space,
// put spaces around CJK ideographs, lower-case, take accents off (decompose, drop the
// category Mn), split at spaces and around each punctuation character.
//
// All of it is one pass over the bytes; only text that is not ASCII is normalised in a
// second one. Invalid UTF-8 counts as U+FFFD, which the cleaning drops.
// Source: Devlin et al. 2018, the released tokenization.py (BasicTokenizer).

#include <string.h>
#include <utf8proc.h>
#include "text/tokenizer.h"

static bool is_cjk(int32_t c)
{
    static const int32_t ranges[][2] = { { 0x4E00, 0x9FFF }, { 0x3400, 0x4DBF },
        { 0x20000, 0x2A6DF }, { 0x2A700, 0x2B73F }, { 0x2B740, 0x2B81F }, { 0x2B820, 0x2CEAF },
        { 0xF900, 0xFAFF }, { 0x2F800, 0x2FA1F } };
    for (size_t i = 0; i < LAT_COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

static bool is_blank(int32_t c)
{
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return true;
    if (c < 0x80)
        return false;
    utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

// Control, format, surrogate, private use and unassigned, and what stands for a broken byte.
static bool is_dropped(int32_t c)
{
    if (c < 0x80)
        return c < 0x20 || c == 0x7F;
    utf8proc_category_t k = utf8proc_category(c);
    return c == 0xFFFD || k == UTF8PROC_CATEGORY_CN || k == UTF8PROC_CATEGORY_CC ||
           k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CS || k == UTF8PROC_CATEGORY_CO;
}

// In ASCII everything that is no letter and no digit, so that $ and ^ count as well.
static bool is_punctuation(int32_t c)
{
    if (c < 0x80)
        return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
               (c >= 123 && c <= 126);
    utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

static void add_point(struct lat_str *s, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    lat_str_addn(s, (const char *) bytes, (size_t) n);
}

static void add_lower(struct lat_str *s, int32_t c)
{
    if (c == 0x130) {  // the only letter whose lower case is two characters
        lat_str_add(s, "i\xCC\x87");
        return;
    }
    add_point(s, utf8proc_tolower(c));
}

static void clean_point(struct lat_str *s, const lattn_tokenizer_params *params, int32_t c)
{
    bool cjk = !params->no_chinese_chars && is_cjk(c);
    if (is_blank(c)) {
        lat_str_addn(s, " ", 1);
    } else if (!is_dropped(c)) {
        if (cjk)
            lat_str_addn(s, " ", 1);
        if (params->keep_case)
            add_point(s, c);
        else
            add_lower(s, c);
        if (cjk)
            lat_str_addn(s, " ", 1);
    }
}

// Fills w->clean; two spaces in front, so that the first word has its two bytes before it.
static lattn_status clean(struct lat_words *w, const lattn_tokenizer_params *params,
    const char *text, size_t bytes, bool *ascii)
{
    struct lat_str *s = &w->clean;
    lat_str_clear(s);
    LAT_TRY(LAT_RESERVE(s, bytes + bytes / 4 + 3));
    lat_str_addn(s, "  ", 2);
    *ascii = true;
    for (size_t i = 0; i < bytes;) {
        unsigned char b = (unsigned char) text[i];
        if (b >= 0x20 && b < 0x7F) {
            // Here most text passes; no call but the one that appends.
            char c = (char) (!params->keep_case && b >= 'A' && b <= 'Z' ? b + 32 : b);
            lat_str_addn(s, &c, 1);
            i++;
            continue;
        }
        size_t n = lat_utf8_length(text + i, bytes - i);
        int32_t c = b;
        if (n == 0) {
            w->n_replaced++;
            n = 1;
            c = 0xFFFD;
        } else if (n > 1) {
            utf8proc_iterate((const utf8proc_uint8_t *) text + i, (utf8proc_ssize_t) n, &c);
            *ascii = false;
        }
        clean_point(s, params, c);
        i += n;
    }
    return s->status;
}

// Decomposes w->clean into w->points.
static lattn_status decompose(struct lat_words *w)
{
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *) w->clean.items;
    utf8proc_ssize_t n = (utf8proc_ssize_t) w->clean.n;
    for (;;) {
        utf8proc_ssize_t need = utf8proc_decompose(text, n, w->points.items,
            (utf8proc_ssize_t) w->points.capacity, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE);
        if (need < 0)
            return lat_err(
                LATTN_ERR_INTERNAL, "text cannot be normalised: %s", utf8proc_errmsg(need));
        if ((size_t) need <= w->points.capacity) {
            w->points.n = (size_t) need;
            return LATTN_OK;
        }
        LAT_TRY(LAT_RESERVE(&w->points, (size_t) need));
    }
}

// NFD without marks, or NFC. (With both, lower-casing before composing gives the same as after.)
static lattn_status normalise(struct lat_words *w, bool strip)
{
    LAT_TRY(decompose(w));
    struct lat_str *s = &w->clean;
    lat_str_clear(s);
    size_t n = w->points.n;
    if (!strip) {
        utf8proc_ssize_t composed = utf8proc_normalize_utf32(
            w->points.items, (utf8proc_ssize_t) n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        if (composed < 0)
            return lat_err(
                LATTN_ERR_INTERNAL, "text cannot be normalised: %s", utf8proc_errmsg(composed));
        n = (size_t) composed;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t c = w->points.items[i];
        if (!strip || c < 0x80 || utf8proc_category(c) != UTF8PROC_CATEGORY_MN)
            add_point(s, c);
    }
    return s->status;
}

static lattn_status emit_words(struct lat_words *w, lat_word_fn fn, void *user)
{
    char *text = w->clean.items;
    size_t end = w->clean.n, start = 0, n_chars = 0;
    for (size_t i = 0, len; i <= end; i += len) {
        int32_t c = i < end ? (unsigned char) text[i] : ' ';
        len = 1;
        if (c >= 0x80)
            len = (size_t) utf8proc_iterate(
                (utf8proc_uint8_t *) text + i, (utf8proc_ssize_t) (end - i), &c);
        bool alone = is_punctuation(c);
        if (alone || is_blank(c)) {
            // fn may overwrite what lies before i; what follows is read afterwards.
            if (n_chars)
                LAT_TRY(fn(user, text + start, i - start, n_chars));
            n_chars = 0;
            if (alone)
                LAT_TRY(fn(user, text + i, len, 1));
            start = i + len;
        } else {
            n_chars++;
        }
    }
    return LATTN_OK;
}

lattn_status lat_words_split(struct lat_words *w, const lattn_tokenizer_params *params,
    const char *text, size_t bytes, lat_word_fn fn, void *user)
{
    bool ascii;
    bool strip = params->keep_case ? params->strip_accents : !params->keep_accents;
    LAT_TRY(clean(w, params, text, bytes, &ascii));
    if (!ascii)
        LAT_TRY(normalise(w, strip));
    return emit_words(w, fn, user);
}

void lat_words_free(struct lat_words *w)
{
    lat_str_free(&w->clean);
    lat_free(w->points.items);
    *w = (struct lat_words){ 0 };
}
