// SPDX-License-Identifier: MIT
//
// The tokenizer: a vocabulary that never changes, and encoding with it.
//
// All that encoding writes to is in the caller's lattn_encoding, so threads share one
// tokenizer without locks. A special token that stands in the text, [MASK] for example, is
// taken as that token, as transformers does it.

#include <string.h>
#include "base/log.h"
#include "data/tokenizer.h"

static const char *const special_names[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
enum { PAD, UNK, CLS, SEP, MASK, N_SPECIAL };

struct lattn_encoding_scratch {
    struct lat_words words;
    struct lat_ids text[2];  // pieces of each text
    struct lat_ids ids, types;
};

// ---- making -----------------------------------------------------------------------------------

static lattn_status find_special(struct lattn_tokenizer *t)
{
    int32_t ids[N_SPECIAL];
    for (int i = 0; i < N_SPECIAL; i++) {
        int64_t id = -1;
        if (!lat_map_get(&t->ids, special_names[i], strlen(special_names[i]), &id) && i != MASK)
            return lat_err(LATTN_ERR_FORMAT, "the vocabulary has no %s", special_names[i]);
        ids[i] = (int32_t) id;
    }
    t->special = (lattn_special_ids){ ids[PAD], ids[UNK], ids[CLS], ids[SEP], ids[MASK] };
    return LATTN_OK;
}

static lattn_status check_token(const char *token, size_t id)
{
    size_t n = strlen(token);
    if (n > LAT_MAX_TOKEN_BYTES)
        return lat_err(LATTN_ERR_FORMAT, "token %zu has %zu bytes, at most %d are accepted", id, n,
            LAT_MAX_TOKEN_BYTES);
    for (size_t i = 0, len; i < n; i += len) {
        len = lat_utf8_length(token + i, n - i);
        if (len == 0)
            return lat_err(LATTN_ERR_FORMAT, "token %zu is not UTF-8", id);
    }
    return LATTN_OK;
}

static lattn_status index_tokens(struct lattn_tokenizer *t)
{
    size_t n_twice = 0;
    for (size_t id = 0; id < t->tokens.n; id++) {
        const char *token = t->tokens.items[id];
        size_t n = strlen(token);
        LAT_TRY(check_token(token, id));
        n_twice += lat_map_get(&t->ids, token, n, NULL);
        LAT_TRY(lat_map_put(&t->ids, token, n, (int64_t) id));
        size_t piece = n > 2 && !memcmp(token, "##", 2) ? n - 2 : n;
        t->max_piece_bytes = LAT_MAX(t->max_piece_bytes, piece);
    }
    if (n_twice)
        lat_log(LATTN_LOG_WARN, "%zu tokens of the vocabulary occur twice; the last one counts",
            n_twice);
    return find_special(t);
}

// Takes over what t has in its arena so far.
static lattn_status finish(struct lattn_tokenizer *t, const lattn_tokenizer_params *params)
{
    if (params)
        t->params = *params;
    if (t->params.max_length < 0)
        return lat_err(LATTN_ERR_ARG, "max_length is %d", t->params.max_length);
    if (t->params.max_length == 0)
        t->params.max_length = 512;
    if (t->tokens.n == 0)
        return lat_err(LATTN_ERR_FORMAT, "the vocabulary is empty");
    if (t->tokens.n > INT32_MAX)
        return lat_err(LATTN_ERR_FORMAT, "the vocabulary has %zu tokens", t->tokens.n);
    return index_tokens(t);
}

lattn_status lattn_tokenizer_create(const char *const *tokens, int32_t n_tokens,
    const lattn_tokenizer_params *params, lattn_tokenizer **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARRAY(tokens, n_tokens);
    for (int32_t i = 0; i < n_tokens; i++)
        LAT_CHECK_ARG(tokens[i]);
    struct lattn_tokenizer *t = LAT_NEW(struct lattn_tokenizer);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = LATTN_OK;
    for (int32_t i = 0; i < n_tokens && !st; i++) {
        char *copy = lat_arena_strdup(&t->arena, tokens[i]);
        st = copy ? LAT_PUSH(&t->tokens, copy) : LATTN_ERR_HOST_MEMORY;
    }
    if (!st)
        st = finish(t, params);
    if (st)
        lattn_tokenizer_destroy(&t);
    *out = t;
    return st;
}

lattn_status lattn_tokenizer_load(const char *dir, lattn_tokenizer **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(dir);
    struct lattn_tokenizer *t = LAT_NEW(struct lattn_tokenizer);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    lattn_tokenizer_params params = { 0 };
    lattn_status st = lat_tokenizer_read(dir, &t->arena, &t->tokens, &params);
    if (!st) {
        st = finish(t, &params);
        if (st)
            lat_err_prefix("%s: ", dir);
    }
    if (st)
        lattn_tokenizer_destroy(&t);
    *out = t;
    return st;
}

void lattn_tokenizer_destroy(lattn_tokenizer **tokenizer)
{
    struct lattn_tokenizer *t = tokenizer ? *tokenizer : NULL;
    if (!t)
        return;
    *tokenizer = NULL;
    lat_map_free(&t->ids);
    lat_free(t->tokens.items);
    lat_arena_destroy(&t->arena);
    lat_free(t);
}

int32_t lattn_tokenizer_size(const lattn_tokenizer *t)
{
    if (!t)
        return 0;
    return (int32_t) t->tokens.n;
}

const char *lattn_tokenizer_token(const lattn_tokenizer *t, int32_t id)
{
    if (!t)
        return NULL;
    return id >= 0 && (size_t) id < t->tokens.n ? t->tokens.items[id] : NULL;
}

int32_t lattn_tokenizer_id(const lattn_tokenizer *t, const char *token)
{
    if (!t || !token)
        return -1;
    int64_t id = -1;
    lat_map_get(&t->ids, token, strlen(token), &id);
    return (int32_t) id;
}

lattn_special_ids lattn_tokenizer_special(const lattn_tokenizer *t)
{
    if (!t)
        return (lattn_special_ids){ 0 };
    return t->special;
}

int32_t lattn_tokenizer_max_length(const lattn_tokenizer *t)
{
    if (!t)
        return 0;
    return t->params.max_length;
}

// ---- encoding ---------------------------------------------------------------------------------

struct encoder {
    const struct lattn_tokenizer *t;
    struct lat_words *words;
    struct lat_ids *out;
};

static lattn_status add_word(void *user, char *word, size_t bytes, size_t n_chars)
{
    struct encoder *e = user;
    return lat_wordpiece(e->t, word, bytes, n_chars, e->out);
}

// Which special token text begins with; N_SPECIAL if none.
static int special_at(const struct lattn_tokenizer *t, const char *text, size_t bytes)
{
    for (int i = 0; i < N_SPECIAL; i++) {
        size_t n = strlen(special_names[i]);
        if (n <= bytes && !memcmp(text, special_names[i], n) && (i != MASK || t->special.mask >= 0))
            return i;
    }
    return N_SPECIAL;
}

static int32_t special_id(const struct lattn_tokenizer *t, int which)
{
    const int32_t ids[N_SPECIAL] = { t->special.pad, t->special.unk, t->special.cls, t->special.sep,
        t->special.mask };
    return ids[which];
}

static lattn_status encode_text(struct encoder *e, const char *text, size_t bytes)
{
    size_t start = 0;
    e->out->n = 0;
    for (size_t i = 0; i < bytes;) {
        int which = text[i] == '[' ? special_at(e->t, text + i, bytes - i) : N_SPECIAL;
        if (which == N_SPECIAL) {
            i++;
            continue;
        }
        LAT_TRY(lat_words_split(e->words, &e->t->params, text + start, i - start, add_word, e));
        int32_t id = special_id(e->t, which);
        LAT_TRY(LAT_PUSH(e->out, id));
        i += strlen(special_names[which]);
        start = i;
    }
    return lat_words_split(e->words, &e->t->params, text + start, bytes - start, add_word, e);
}

// Longest first, one token at a time, of the second text when they are equally long; worked out
// at once.
static void cut(size_t *a, size_t *b, size_t room)
{
    size_t shorter = LAT_MIN(*a, *b);
    if (*a + *b <= room)
        return;
    size_t longer = LAT_MAX(shorter, room > shorter ? room - shorter : 0);
    if (*a > *b)
        *a = longer;
    else
        *b = longer;
    if (*a + *b > room) {  // now both are equally long
        *b = room / 2;
        *a = room - *b;
    }
}

static lattn_status add(
    struct lattn_encoding_scratch *s, const int32_t *ids, size_t n, int32_t type)
{
    LAT_TRY(LAT_RESERVE(&s->ids, s->ids.n + n));
    LAT_TRY(LAT_RESERVE(&s->types, s->types.n + n));
    for (size_t i = 0; i < n; i++) {
        s->ids.items[s->ids.n++] = ids[i];
        s->types.items[s->types.n++] = type;
    }
    return LATTN_OK;
}

static lattn_status assemble(
    const struct lattn_tokenizer *t, struct lattn_encoding_scratch *s, const size_t n[2], bool pair)
{
    s->ids.n = s->types.n = 0;
    LAT_TRY(add(s, &t->special.cls, 1, 0));
    LAT_TRY(add(s, s->text[0].items, n[0], 0));
    LAT_TRY(add(s, &t->special.sep, 1, 0));
    if (pair) {
        LAT_TRY(add(s, s->text[1].items, n[1], 1));
        LAT_TRY(add(s, &t->special.sep, 1, 1));
    }
    return LATTN_OK;
}

lattn_status lattn_tokenizer_encode(const lattn_tokenizer *t, const char *a, size_t a_bytes,
    const char *b, size_t b_bytes, int32_t max_tokens, lattn_encoding *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(t);
    LAT_CHECK_ARRAY(a, a_bytes);
    int32_t n_special = b ? 3 : 2;
    if (max_tokens < 0 || (max_tokens > 0 && max_tokens < n_special))
        return lat_err(LATTN_ERR_ARG, "max_tokens is %d, [CLS] and [SEP] alone are %d tokens",
            max_tokens, n_special);
    if (!out->scratch)
        out->scratch = LAT_NEW(struct lattn_encoding_scratch);
    struct lattn_encoding_scratch *s = out->scratch;
    if (!s)
        return LATTN_ERR_HOST_MEMORY;

    s->words.n_replaced = 0;
    LAT_TRY(encode_text(&(struct encoder){ t, &s->words, &s->text[0] }, a, a_bytes));
    s->text[1].n = 0;
    if (b)
        LAT_TRY(encode_text(&(struct encoder){ t, &s->words, &s->text[1] }, b, b_bytes));

    size_t n[2] = { s->text[0].n, s->text[1].n };
    size_t all = n[0] + n[1];
    if (all > INT32_MAX / 2)
        return lat_err(LATTN_ERR_ARG, "a text of %zu tokens", all);
    if (max_tokens > 0)
        cut(&n[0], &n[1], (size_t) (max_tokens - n_special));
    LAT_TRY(assemble(t, s, n, b != NULL));
    out->ids = s->ids.items;
    out->type_ids = s->types.items;
    out->n = (int32_t) s->ids.n;
    out->n_cut = (int32_t) (all - n[0] - n[1]);
    out->n_replaced = s->words.n_replaced;
    return LATTN_OK;
}

void lattn_encoding_free(lattn_encoding *e)
{
    if (!e)
        return;
    struct lattn_encoding_scratch *s = e->scratch;
    if (s) {
        lat_words_free(&s->words);
        lat_free(s->text[0].items);
        lat_free(s->text[1].items);
        lat_free(s->ids.items);
        lat_free(s->types.items);
        lat_free(s);
    }
    *e = (lattn_encoding){ 0 };
}
