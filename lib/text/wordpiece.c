// SPDX-License-Identifier: MIT
//
// WordPiece: the longest entry of the vocabulary that the rest of the word begins with,
// again and again; every piece but the first carries ## in front. A word with a rest that
// no entry begins is [UNK] as a whole.
//
// The ## is written over the two bytes before the rest, which belong to a piece already
// found (or to the gap before the word), so that no key has to be put together.

#include <string.h>
#include "text/tokenizer.h"

static bool is_char_start(char c)
{
    return ((unsigned char) c & 0xC0) != 0x80;
}

// Bytes of the longest piece at the start of rest; 0 if there is none.
static size_t longest_piece(
    const struct lattn_tokenizer *t, const char *rest, size_t left, size_t prefix, int32_t *id)
{
    for (size_t n = LAT_MIN(left, t->max_piece_bytes); n > 0; n--) {
        int64_t found;
        if (n < left && !is_char_start(rest[n]))
            continue;  // in the middle of a character
        if (lat_map_get(&t->ids, rest - prefix, n + prefix, &found)) {
            *id = (int32_t) found;
            return n;
        }
    }
    return 0;
}

lattn_status lat_wordpiece(
    const struct lattn_tokenizer *t, char *word, size_t bytes, size_t n_chars, struct lat_ids *out)
{
    size_t before = out->n;
    bool known = n_chars <= LAT_MAX_WORD_CHARS;
    for (size_t at = 0, n; known && at < bytes; at += n) {
        int32_t id = 0;
        if (at > 0)
            memcpy(word + at - 2, "##", 2);
        n = longest_piece(t, word + at, bytes - at, at > 0 ? 2 : 0, &id);
        known = n > 0;
        if (known)
            LAT_TRY(LAT_PUSH(out, id));
    }
    if (known)
        return LATTN_OK;
    out->n = before;
    return LAT_PUSH(out, t->special.unk);
}
