// SPDX-License-Identifier: MIT
//
// Cuts a text into the parts that byte-level BPE never merges across, as GPT-2 does it:
//
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// written out by hand: every alternative begins differently, so that one look at the
// next character or two decides. A byte that is no UTF-8 counts as a symbol.
//
// And the letters that stand for bytes in the files: bytes that print stand for themselves
// (of Latin-1), the other 68 are U+0100 and up, so that no token holds a blank.
// Source: Radford et al. 2019, the released encoder.py (bytes_to_unicode, pat).

#include <string.h>
#include <utf8proc.h>
#include "text/tokenizer.h"

enum kind { BLANK, LETTER, NUMBER, SYMBOL };

static bool is_blank(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    if (c == 0x85)
        return true;
    utf8proc_category_t k = utf8proc_category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

static enum kind class_of(int32_t c)
{
    if (is_blank(c))
        return BLANK;
    utf8proc_category_t k = utf8proc_category(c);
    if (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO)
        return LETTER;
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO ? NUMBER : SYMBOL;
}

static enum kind class_at(const char *text, size_t bytes, size_t at, size_t *len)
{
    unsigned char b = (unsigned char) text[at];
    int32_t c;
    *len = 1;
    if ((b | 32) >= 'a' && (b | 32) <= 'z')
        return LETTER;
    if (b < 0x80)
        return class_of(b);
    *len = lat_utf8_length(text + at, bytes - at);
    if (*len == 0) {
        *len = 1;
        return SYMBOL;
    }
    utf8proc_iterate((const utf8proc_uint8_t *) text + at, (utf8proc_ssize_t) *len, &c);
    return class_of(c);
}

static size_t contraction(const char *text, size_t left)
{
    static const char *const endings[] = { "s", "t", "re", "ve", "m", "ll", "d" };
    for (size_t i = 0; text[0] == '\'' && i < LAT_COUNT(endings); i++) {
        size_t n = strlen(endings[i]);
        if (n < left && !memcmp(text + 1, endings[i], n))
            return 1 + n;
    }
    return 0;
}

// All blanks at the end of the text, else all but the last, which may belong to what follows.
static size_t blanks(const char *text, size_t bytes, size_t at)
{
    size_t end = at, last = at, len;
    while (end < bytes && class_at(text, bytes, end, &len) == BLANK) {
        last = end;
        end += len;
    }
    return end < bytes && last > at ? last : end;
}

size_t lat_bpe_word(const char *text, size_t bytes, size_t at)
{
    size_t len, short_form = contraction(text + at, bytes - at);
    if (short_form)
        return at + short_form;
    size_t start = at;
    if (text[at] == ' ' && at + 1 < bytes && class_at(text, bytes, at + 1, &len) != BLANK)
        start++;
    enum kind kind = class_at(text, bytes, start, &len);
    if (kind == BLANK)
        return blanks(text, bytes, at);
    size_t end = start;
    while (end < bytes && class_at(text, bytes, end, &len) == kind)
        end += len;
    return end;
}

// ---- letters ----------------------------------------------------------------------------------

static bool stands_for_itself(int b)
{
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
}

int32_t lat_bpe_letter(unsigned char byte)
{
    if (stands_for_itself(byte))
        return byte;
    if (byte <= ' ')
        return 0x100 + byte;
    return byte == 0xAD ? 0x143 : 0x121 + (byte - 0x7F);
}

int lat_bpe_byte(int32_t letter)
{
    if (letter < 0x100)
        return letter >= 0 && stands_for_itself(letter) ? letter : -1;
    if (letter <= 0x120)
        return letter - 0x100;
    if (letter == 0x143)
        return 0xAD;
    return letter < 0x143 ? letter - 0x121 + 0x7F : -1;
}
