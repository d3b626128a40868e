// SPDX-License-Identifier: MIT
//
// Inside of the tokenizer: text -> words (words.c, bpe_words.c) -> pieces (wordpiece.c, bpe.c) or
// characters (characters.c) -> encoding (tokenizer.c).
#ifndef LAT_TOKENIZER_H
#define LAT_TOKENIZER_H
#include "base/arena.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "lattn/data.h"

enum {
    LAT_MAX_TOKEN_BYTES = 256,       // longest entry of a vocabulary
    LAT_MAX_BPE_TOKEN_BYTES = 4096,  // the same of BPE, where runs of blanks are long tokens
    LAT_MAX_WORD_CHARS = 100,        // longer words are not looked up
    LAT_MAX_FILE_BYTES = 256 << 20,  // of a tokenizer
};
#define LAT_END_OF_TEXT "<|endoftext|>"

struct lat_tokens {
    char **items;  // in an arena
    size_t n, capacity;
};

struct lat_ids {
    int32_t *items;
    size_t n, capacity;
};

// Texts of special tokens; pad may be NULL.
struct lat_special_names {
    const char *pad, *unk, *bos, *eos;
};

// What merges.txt says. A piece is a byte (0 .. 255) or what a merge makes.
struct lat_merge {
    int32_t left, right, result;  // pieces
};
struct lat_bpe {
    struct lat_tokens pieces;  // texts, in an arena
    struct lat_map piece_of;   // by text
    struct lat_ids ids;        // of each piece in the vocabulary; -1 = none
    struct {
        struct lat_merge *items;  // by rank
        size_t n, capacity;
    } merges;
    struct lat_map ranks;  // left and right -> rank
    struct lat_special_names names;
    struct lat_ids added;  // tokens that are taken where they stand in a text, beside the special
};

// A token that is taken as that token where it stands in a text.
struct lat_written {
    const char *text;
    size_t bytes;
    int32_t id;
};

struct lattn_tokenizer {
    lattn_token_kind kind;
    lattn_tokenizer_params params;
    struct lat_arena arena;
    struct lat_tokens tokens;  // by id
    struct lat_map ids;        // by token
    size_t max_piece_bytes;    // longest token, without ##
    lattn_special_ids special;
    struct {
        struct lat_written *items;
        size_t n, capacity;
    } written;
    bool written_start[256];  // some of them begins with this byte
    struct lat_bpe bpe;
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

// Appends the pieces of a word, or [UNK]. Overwrites the word and the two bytes before it.
lattn_status lat_wordpiece(
    const struct lattn_tokenizer *t, char *word, size_t bytes, size_t n_chars, struct lat_ids *out);

// ---- bpe_words.c ------------------------------------------------------------------------------

// The end of the part of text that begins at byte at < bytes, as GPT-2 cuts texts.
size_t lat_bpe_word(const char *text, size_t bytes, size_t at);
// The code point that a byte is written as in the files of BPE, and back; -1 = stands for none.
int32_t lat_bpe_letter(unsigned char byte);
int lat_bpe_byte(int32_t letter);

// ---- bpe.c ------------------------------------------------------------------------------------

struct lat_bpe_scratch {
    struct {
        struct lat_bpe_symbol *items;
        size_t n, capacity;
    } symbols;
    struct {
        struct lat_bpe_candidate *items;
        size_t n, capacity;
    } heap, found;
};
void lat_bpe_scratch_free(struct lat_bpe_scratch *s);

// Makes the pieces of the bytes; the first call on a new one.
lattn_status lat_bpe_begin(struct lattn_tokenizer *t);
// Adds the next rank.
lattn_status lat_bpe_merge(
    struct lattn_tokenizer *t, const char *left, size_t n_left, const char *right, size_t n_right);
// Finds the pieces in the vocabulary, when both are complete.
lattn_status lat_bpe_finish(struct lattn_tokenizer *t);
void lat_bpe_free(struct lat_bpe *b);
// Appends the tokens of one part.
lattn_status lat_bpe_encode(const struct lattn_tokenizer *t, struct lat_bpe_scratch *s,
    const char *word, size_t bytes, struct lat_ids *out, int64_t *n_unknown);

// ---- tokenizer.c ------------------------------------------------------------------------------

// What one thread needs to encode.
struct lat_encoder {
    struct lat_words words;
    struct lat_bpe_scratch bpe;
    int64_t n_replaced, n_unknown;  // since the caller set them to 0
};
void lat_encoder_free(struct lat_encoder *e);
// Appends the tokens of a text of any length, without those around it.
lattn_status lat_encode(const struct lattn_tokenizer *t, struct lat_encoder *e, const char *text,
    size_t bytes, struct lat_ids *out);

// Takes over what is in t; params are checked. From here t does not change.
lattn_status lat_tokenizer_finish(struct lattn_tokenizer *t);
// Special tokens of kinds other than WordPiece by name; ERR_FORMAT when one is missing.
lattn_status lat_tokenizer_special(struct lattn_tokenizer *t, const struct lat_special_names *n);
// A token that counts where it is written in a text.
lattn_status lat_tokenizer_written(struct lattn_tokenizer *t, int32_t id);

// ---- characters.c -----------------------------------------------------------------------------

extern const struct lat_special_names lat_character_names;
lattn_status lat_characters_encode(const struct lattn_tokenizer *t, struct lat_encoder *e,
    const char *text, size_t bytes, struct lat_ids *out);

// ---- tokenizer_files.c, bpe_files.c -----------------------------------------------------------

// Adds a token with the next id; text need not end with NUL.
lattn_status lat_tokenizer_add(struct lattn_tokenizer *t, const char *text, size_t n);
// { "token": id }, ids from 0 without gaps.
lattn_status lat_tokenizer_take_vocab(
    const char *path, const json_t *vocab, struct lattn_tokenizer *t);
// model_max_length, if root has it.
lattn_status lat_tokenizer_take_length(
    const char *path, const json_t *root, lattn_tokenizer_params *params);
// Writes an object and lets go of it; accepts NULL as out of memory.
lattn_status lat_tokenizer_save_json(const char *dir, const char *name, json_t *j);
// What a model folder says, into an empty t: kind, tokens, settings, merges.
lattn_status lat_tokenizer_read(const char *dir, struct lattn_tokenizer *t);
lattn_status lat_bpe_read(const char *dir, struct lattn_tokenizer *t);
lattn_status lat_bpe_save(const lattn_tokenizer *t, const char *dir);

#endif
