// SPDX-License-Identifier: MIT
//
// Inside of the tokenizer: text -> words (words.c) -> pieces (wordpiece.c) -> encoding
// (tokenizer.c).
#ifndef LAT_TOKENIZER_H
#define LAT_TOKENIZER_H
#include "base/arena.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/str.h"
#include "lattn/data.h"

enum {
    LAT_MAX_TOKEN_BYTES = 256,  // longest entry of a vocabulary
    LAT_MAX_WORD_CHARS = 100,   // longer words are not looked up
};

struct lat_tokens {
    char **items;  // in an arena
    size_t n, capacity;
};

struct lattn_tokenizer {
    lattn_tokenizer_params params;
    struct lat_arena arena;
    struct lat_tokens tokens;  // by id
    struct lat_map ids;        // by token
    size_t max_piece_bytes;    // longest token, without ##
    lattn_special_ids special;
};

// ---- words.c ----------------------------------------------------------------------------------

// Buffers that one thread uses again for every text.
struct lat_words {
    struct lat_str clean;  // UTF-8
    struct {
        int32_t *items;  // code points, for normalisation
        size_t n, capacity;
    } points;
    int64_t n_replaced;  // invalid UTF-8, since the last reset by the caller
};
void lat_words_free(struct lat_words *w);

// Calls fn for every word of text, in order; stops at the first status that is not OK. word may
// be overwritten by fn, and has two bytes in front of it that may be too.
typedef lattn_status (*lat_word_fn)(void *user, char *word, size_t bytes, size_t n_chars);
lattn_status lat_words_split(struct lat_words *w, const lattn_tokenizer_params *params,
    const char *text, size_t bytes, lat_word_fn fn, void *user);

// ---- wordpiece.c ------------------------------------------------------------------------------

struct lat_ids {
    int32_t *items;
    size_t n, capacity;
};
// Appends the pieces of a word, or [UNK]. Overwrites the word and the two bytes before it.
lattn_status lat_wordpiece(
    const struct lattn_tokenizer *t, char *word, size_t bytes, size_t n_chars, struct lat_ids *out);

// ---- tokenizer_files.c ------------------------------------------------------------------------

// What a model folder says: its tokens (in arena) and settings.
lattn_status lat_tokenizer_read(const char *dir, struct lat_arena *arena, struct lat_tokens *tokens,
    lattn_tokenizer_params *params);

#endif
