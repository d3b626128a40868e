// SPDX-License-Identifier: MIT
//
// Vocabularies of byte-level BPE and of characters from counted parts of texts. BPE begins
// with the 256 bytes, so nothing is ever unknown, and merges as WordPiece does (vocab_merge.c)
// but without a mark on pieces that continue a word: the blank before a word is part of it.

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "text/vocab.h"

enum { N_BYTES = 256, N_SPECIAL = 4 };

static lattn_status new_tokenizer(const lattn_vocab_params *params, struct lattn_tokenizer **out)
{
    *out = LAT_NEW(struct lattn_tokenizer);
    if (!*out)
        return LATTN_ERR_HOST_MEMORY;
    (*out)->kind = params->kind;
    (*out)->params = params->tokenizer;
    return LATTN_OK;
}

// ---- BPE --------------------------------------------------------------------------------------

static int by_letter(const void *a, const void *b)
{
    int32_t x = lat_bpe_letter(*(const unsigned char *) a);
    int32_t y = lat_bpe_letter(*(const unsigned char *) b);
    return x < y ? -1 : x > y;
}

// The bytes in the order of their letters; ids[byte].
static lattn_status start_bytes(struct lat_merger *m, int32_t *ids)
{
    unsigned char order[N_BYTES];
    for (int i = 0; i < N_BYTES; i++)
        order[i] = (unsigned char) i;
    qsort(order, N_BYTES, 1, by_letter);
    for (int i = 0; i < N_BYTES; i++) {
        utf8proc_uint8_t letter[4];
        utf8proc_ssize_t n = utf8proc_encode_char(lat_bpe_letter(order[i]), letter);
        LAT_TRY(lat_merger_token(m, (const char *) letter, (size_t) n, &ids[order[i]]));
    }
    return LATTN_OK;
}

static lattn_status start_words(
    struct lat_merger *m, const struct lat_word_list *words, const int32_t *ids_of)
{
    struct lat_ids ids = { 0 };
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < words->n && !st; i++) {
        const struct lat_counted *w = &words->items[i];
        st = LAT_RESERVE(&ids, w->bytes);
        for (size_t k = 0; k < w->bytes && !st; k++)
            ids.items[k] = ids_of[(unsigned char) w->text[k]];
        if (!st)
            st = lat_merger_word(m, ids.items, w->bytes, w->count);
    }
    lat_free(ids.items);
    return st;
}

static lattn_status take_merges(struct lattn_tokenizer *t, const struct lat_merger *m)
{
    for (size_t i = 0; i < m->tokens.n; i++)
        LAT_TRY(lat_tokenizer_add(t, m->tokens.items[i], strlen(m->tokens.items[i])));
    LAT_TRY(lat_tokenizer_add(t, LAT_END_OF_TEXT, strlen(LAT_END_OF_TEXT)));
    LAT_TRY(lat_bpe_begin(t));
    for (size_t i = 0; i < m->merges.n; i += 2) {
        const char *left = m->tokens.items[m->merges.items[i]];
        const char *right = m->tokens.items[m->merges.items[i + 1]];
        LAT_TRY(lat_bpe_merge(t, left, strlen(left), right, strlen(right)));
    }
    return lat_tokenizer_finish(t);
}

lattn_status lat_bpe_build(
    const struct lat_word_list *words, const lattn_vocab_params *params, lattn_tokenizer **out)
{
    struct lat_merger m = { 0 };
    int32_t ids[N_BYTES];
    lattn_status st;
    if (params->size < N_BYTES + 1)
        return lat_err(LATTN_ERR_ARG,
            "a vocabulary of %d entries does not hold the 256 bytes and " LAT_END_OF_TEXT,
            params->size);
    LAT_GO(start_bytes(&m, ids));
    LAT_GO(start_words(&m, words, ids));
    LAT_GO(lat_merger_run(&m, (size_t) params->size - 1, (uint64_t) params->min_frequency));
    LAT_GO(new_tokenizer(params, out));
    st = take_merges(*out, &m);
    if (st)
        lattn_tokenizer_destroy(out);
done:
    lat_merger_free(&m);
    return st;
}

// ---- characters -------------------------------------------------------------------------------

static int by_falling_count(const void *a, const void *b)
{
    const struct lat_counted *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->text, y->text);
}

// Bytes of UTF-8 have the order of the code points.
static int by_code_point(const void *a, const void *b)
{
    const struct lat_counted *x = a, *y = b;
    return strcmp(x->text, y->text);
}

static lattn_status take_characters(
    struct lattn_tokenizer *t, const struct lat_counted *sorted, size_t n)
{
    const struct lat_special_names *s = &lat_character_names;
    const char *const special[N_SPECIAL] = { s->pad, s->unk, s->bos, s->eos };
    for (size_t i = 0; i < N_SPECIAL; i++)
        LAT_TRY(lat_tokenizer_add(t, special[i], strlen(special[i])));
    for (size_t i = 0; i < n; i++)
        LAT_TRY(lat_tokenizer_add(t, sorted[i].text, sorted[i].bytes));
    return lat_tokenizer_finish(t);
}

lattn_status lat_characters_build(
    const struct lat_word_list *words, const lattn_vocab_params *params, lattn_tokenizer **out)
{
    if (params->size < N_SPECIAL + 1)
        return lat_err(LATTN_ERR_ARG,
            "a vocabulary of %d entries does not hold the 4 special tokens and a character",
            params->size);
    struct lat_counted *sorted = lat_memdup(words->items, words->n * sizeof *sorted);
    lattn_status st = sorted ? new_tokenizer(params, out) : LATTN_ERR_HOST_MEMORY;
    if (!st) {
        qsort(sorted, words->n, sizeof *sorted, by_falling_count);
        size_t n = LAT_MIN(words->n, (size_t) params->size - N_SPECIAL);
        while (n > 0 && sorted[n - 1].count < (uint64_t) params->min_frequency)
            n--;
        qsort(sorted, n, sizeof *sorted, by_code_point);
        st = take_characters(*out, sorted, n);
        if (st)
            lattn_tokenizer_destroy(out);
    }
    lat_free(sorted);
    return st;
}
