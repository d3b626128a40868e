// SPDX-License-Identifier: MIT
//
// Inside of the vocabulary builder.
#ifndef LAT_VOCAB_H
#define LAT_VOCAB_H
#include "text/tokenizer.h"

// A different word of the texts.
struct lat_counted {
    char *text;
    size_t bytes;
    uint64_t count;
};

struct lat_pair;

// Words as lists of pieces, and the pieces so far.
struct lat_merger {
    struct lat_tokens tokens;  // texts by id
    struct lat_map ids;        // by text
    struct lat_arena arena;    // texts
    struct {
        struct lat_piece_word *items;
        size_t n, capacity;
    } words;
    struct lat_ids pieces;  // of all words, one behind the other; shrinks inside each word
    struct {
        struct lat_pair *items;
        size_t n, capacity;
    } pairs;
    size_t prefix;              // bytes in front of a piece that continues a word: 2 for ##, or 0
    struct lat_ids merges;      // left and right of each merge, in order
    struct lat_map pair_index;  // two ids -> pair
    struct {
        struct lat_heap_entry *items;
        size_t n, capacity;
    } heap;
    struct {
        uint32_t *items;
        size_t n, capacity;
    } touched;  // pairs that became more frequent in the current merge
};

// What the builders of each kind do with the counted words.
struct lat_word_list {
    struct lat_counted *items;
    size_t n, capacity;
};
lattn_status lat_bpe_build(
    const struct lat_word_list *words, const lattn_vocab_params *params, lattn_tokenizer **out);
lattn_status lat_characters_build(
    const struct lat_word_list *words, const lattn_vocab_params *params, lattn_tokenizer **out);

// The id of a piece, a new one if it is new.
lattn_status lat_merger_token(struct lat_merger *m, const char *text, size_t bytes, int32_t *id);
lattn_status lat_merger_word(struct lat_merger *m, const int32_t *ids, size_t n, uint64_t count);
// Merges until there are size tokens, or no pair occurs min_count times.
lattn_status lat_merger_run(struct lat_merger *m, size_t size, uint64_t min_count);
void lat_merger_free(struct lat_merger *m);

#endif
