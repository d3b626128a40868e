// SPDX-License-Identifier: MIT
//
// Counts the words of texts and builds a WordPiece vocabulary from them (the other kinds: vocab_bpe.c).
//
// Every word starts as its characters, all but the first with ## in front. The pair of
// neighbours that is most frequent in the text is merged into a new piece, again and
// again, until the vocabulary is full or pairs become rare. The merging itself is in
// vocab_merge.c; here are the counting, the alphabet and the result.
//
// The outcome does not depend on the order of the texts: characters and ties are ordered
// by code point and id, never by when they were met.
// Source: Schuster & Nakajima 2012; merges by frequency as in Sennrich et al. 2015,
//         arXiv:1508.07909, algorithm 1.

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "text/vocab.h"

enum { MAX_PART_BYTES = 1000 };

static const char *const special[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };

struct lattn_vocab {
    lattn_vocab_params params;
    struct lat_words words;
    struct lat_map index;  // word -> its number
    struct lat_word_list counted;
    struct lat_arena arena;
};

// ---- counting ---------------------------------------------------------------------------------

lattn_status lattn_vocab_create(const lattn_vocab_params *params, lattn_vocab **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    lattn_vocab_params p = params ? *params : (lattn_vocab_params){ 0 };
    if ((unsigned) p.kind > LATTN_TOKEN_KIND_CHARACTERS)
        return lat_err(LATTN_ERR_ARG, "vocabulary: kind %d", (int) p.kind);
    if (p.size < 0 || p.min_frequency < 0 || p.max_alphabet < 0)
        return lat_err(LATTN_ERR_ARG, "vocabulary: size %d, min_frequency %d, max_alphabet %d",
            p.size, p.min_frequency, p.max_alphabet);
    lattn_vocab *v = LAT_NEW(lattn_vocab);
    if (!v)
        return LATTN_ERR_HOST_MEMORY;
    v->params = p;
    v->params.size = p.size ? p.size : p.kind == LATTN_TOKEN_KIND_BPE ? 50257 : 30522;
    bool characters = p.kind == LATTN_TOKEN_KIND_CHARACTERS;
    v->params.min_frequency = p.min_frequency ? p.min_frequency : characters ? 1 : 2;
    v->params.max_alphabet = p.max_alphabet ? p.max_alphabet : 1000;
    *out = v;
    return LATTN_OK;
}

static lattn_status count(lattn_vocab *v, const char *word, size_t bytes)
{
    int64_t at;
    if (lat_map_get(&v->index, word, bytes, &at)) {
        v->counted.items[at].count++;
        return LATTN_OK;
    }
    struct lat_counted c = {
        .text = lat_arena_alloc(&v->arena, bytes + 1), .bytes = bytes, .count = 1
    };
    if (!c.text)
        return LATTN_ERR_HOST_MEMORY;
    memcpy(c.text, word, bytes);
    LAT_TRY(LAT_RESERVE(&v->counted, v->counted.n + 1));
    LAT_TRY(lat_map_put(&v->index, word, bytes, (int64_t) v->counted.n));
    v->counted.items[v->counted.n++] = c;
    return LATTN_OK;
}

static lattn_status count_word(void *user, char *word, size_t bytes, size_t n_chars)
{
    if (n_chars > LAT_MAX_WORD_CHARS)
        return LATTN_OK;  // the tokenizer would not look it up either
    return count(user, word, bytes);
}

static lattn_status count_parts(lattn_vocab *v, const char *text, size_t bytes)
{
    for (size_t at = 0, end; at < bytes; at = end) {
        end = lat_bpe_word(text, bytes, at);
        if (end - at <= MAX_PART_BYTES)
            LAT_TRY(count(v, text + at, end - at));
    }
    return LATTN_OK;
}

static lattn_status count_characters(lattn_vocab *v, const char *text, size_t bytes)
{
    for (size_t at = 0, n; at < bytes; at += LAT_MAX(n, 1)) {
        n = text[at] ? lat_utf8_length(text + at, bytes - at) : 0;
        if (n)
            LAT_TRY(count(v, text + at, n));
    }
    return LATTN_OK;
}

lattn_status lattn_vocab_add(lattn_vocab *v, const char *text, size_t bytes)
{
    LAT_CHECK_ARG(v);
    LAT_CHECK_ARRAY(text, bytes);
    if (v->params.kind == LATTN_TOKEN_KIND_BPE)
        return count_parts(v, text, bytes);
    if (v->params.kind == LATTN_TOKEN_KIND_CHARACTERS)
        return count_characters(v, text, bytes);
    return lat_words_split(&v->words, &v->params.tokenizer, text, bytes, count_word, v);
}

void lattn_vocab_destroy(lattn_vocab **vocab)
{
    lattn_vocab *v = vocab ? *vocab : NULL;
    if (!v)
        return;
    *vocab = NULL;
    lat_words_free(&v->words);
    lat_map_free(&v->index);
    lat_free(v->counted.items);
    lat_arena_destroy(&v->arena);
    lat_free(v);
}

// ---- alphabet ---------------------------------------------------------------------------------

struct letter {
    int32_t c;
    bool starts, continues;  // occurs at the start of a word, inside one
    uint64_t count;
};

struct alphabet {
    struct letter *items;  // sorted by code point when finished
    size_t n, capacity;
    struct lat_map index;  // code point -> item, while counting
};

static int32_t next_char(const struct lat_counted *w, size_t *at)
{
    int32_t c;
    *at += (size_t) utf8proc_iterate(
        (const utf8proc_uint8_t *) w->text + *at, (utf8proc_ssize_t) (w->bytes - *at), &c);
    return c;
}

static lattn_status letter_of(struct alphabet *a, int32_t c, struct letter **out)
{
    int64_t i = (int64_t) a->n;
    if (!lat_map_get(&a->index, (char *) &c, sizeof c, &i)) {
        struct letter l = { .c = c };
        LAT_TRY(LAT_PUSH(a, l));
        LAT_TRY(lat_map_put(&a->index, (char *) &c, sizeof c, i));
    }
    *out = &a->items[i];
    return LATTN_OK;
}

static int by_falling_count(const void *a, const void *b)
{
    const struct letter *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->c < y->c ? -1 : x->c > y->c;
}

static int by_code_point(const void *a, const void *b)
{
    const struct letter *x = a, *y = b;
    return x->c < y->c ? -1 : x->c > y->c;
}

static lattn_status make_alphabet(const lattn_vocab *v, struct alphabet *a)
{
    struct letter *l;
    for (size_t i = 0; i < v->counted.n; i++) {
        const struct lat_counted *w = &v->counted.items[i];
        for (size_t at = 0; at < w->bytes;) {
            bool first = at == 0;
            LAT_TRY(letter_of(a, next_char(w, &at), &l));
            l->count += w->count;
            l->starts |= first;
            l->continues |= !first;
        }
    }
    if (a->n > (size_t) v->params.max_alphabet) {
        qsort(a->items, a->n, sizeof *a->items, by_falling_count);
        a->n = (size_t) v->params.max_alphabet;
    }
    if (a->n)
        qsort(a->items, a->n, sizeof *a->items, by_code_point);
    return LATTN_OK;
}

// ---- pieces -----------------------------------------------------------------------------------

static lattn_status add_letter(struct lat_merger *m, int32_t c, const char *prefix)
{
    char token[8];
    size_t n = strlen(prefix);
    memcpy(token, prefix, n);
    n += (size_t) utf8proc_encode_char(c, (utf8proc_uint8_t *) token + n);
    int32_t id;
    return lat_merger_token(m, token, n, &id);
}

// [PAD] ... [MASK], then the characters, then those that continue a word with ##.
static lattn_status start_tokens(struct lat_merger *m, const struct alphabet *a)
{
    int32_t id;
    for (size_t i = 0; i < LAT_COUNT(special); i++)
        LAT_TRY(lat_merger_token(m, special[i], strlen(special[i]), &id));
    for (size_t i = 0; i < a->n; i++)
        if (a->items[i].starts)
            LAT_TRY(add_letter(m, a->items[i].c, ""));
    for (size_t i = 0; i < a->n; i++)
        if (a->items[i].continues)
            LAT_TRY(add_letter(m, a->items[i].c, "##"));
    return LATTN_OK;
}

// A word with a character outside the alphabet would be [UNK]: it has no say in the merges.
static lattn_status start_words(struct lat_merger *m, const lattn_vocab *v)
{
    for (size_t i = 0; i < v->counted.n; i++) {
        const struct lat_counted *w = &v->counted.items[i];
        int32_t ids[LAT_MAX_WORD_CHARS];
        size_t n = 0;
        bool known = true;
        for (size_t at = 0; at < w->bytes && known;) {
            char token[8] = "##";
            size_t start = at, prefix = at ? 2 : 0;
            next_char(w, &at);
            memcpy(token + prefix, w->text + start, at - start);
            int64_t id;
            known = lat_map_get(&m->ids, token, prefix + at - start, &id);
            ids[n++] = (int32_t) id;
        }
        if (known)
            LAT_TRY(lat_merger_word(m, ids, n, w->count));
    }
    return LATTN_OK;
}

static lattn_status build_wordpiece(const lattn_vocab *v, lattn_tokenizer **out)
{
    struct alphabet a = { 0 };
    struct lat_merger m = { .prefix = 2 };
    lattn_status st;
    LAT_GO(make_alphabet(v, &a));
    LAT_GO(start_tokens(&m, &a));
    if (m.tokens.n > (size_t) v->params.size) {
        st = lat_err(LATTN_ERR_ARG,
            "a vocabulary of %d entries does not hold the %zu special tokens and characters; ask "
            "for "
            "more entries or a smaller alphabet",
            v->params.size, m.tokens.n);
        goto done;
    }
    LAT_GO(start_words(&m, v));
    LAT_GO(lat_merger_run(&m, (size_t) v->params.size, (uint64_t) v->params.min_frequency));
    LAT_GO(lattn_tokenizer_create(
        (const char *const *) m.tokens.items, (int32_t) m.tokens.n, &v->params.tokenizer, out));
done:
    lat_merger_free(&m);
    lat_map_free(&a.index);
    lat_free(a.items);
    return st;
}

lattn_status lattn_vocab_build(lattn_vocab *v, lattn_tokenizer **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(v);
    if (v->counted.n == 0)
        return lat_err(LATTN_ERR_ARG, "no words to build a vocabulary from");
    if (v->params.kind == LATTN_TOKEN_KIND_BPE)
        return lat_bpe_build(&v->counted, &v->params, out);
    if (v->params.kind == LATTN_TOKEN_KIND_CHARACTERS)
        return lat_characters_build(&v->counted, &v->params, out);
    return build_wordpiece(v, out);
}
