// SPDX-License-Identifier: MIT
//
// The tokenizer: a vocabulary that never changes, and encoding with it.
//
// All that encoding writes to is in the caller's lattn_encoding, so threads share one
// tokenizer without locks. A special token that stands in the text, [MASK] for example, is
// taken as that token, as transformers does it.

#include <string.h>
#include "base/log.h"
#include "text/tokenizer.h"

static const char *const special_names[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
enum { PAD, UNK, CLS, SEP, MASK, N_SPECIAL };

struct lattn_encoding_scratch {
    struct lat_encoder encoder;
    struct lat_ids text[2];  // pieces of each text
    struct lat_ids ids, types;
};

// ---- making -----------------------------------------------------------------------------------

lattn_status lat_tokenizer_written(struct lattn_tokenizer *t, int32_t id)
{
    const char *text = t->tokens.items[id];
    struct lat_written w = { text, strlen(text), id };
    for (size_t i = 0; i < t->written.n; i++)
        if (t->written.items[i].id == id)
            return LATTN_OK;
    if (w.bytes == 0)
        return lat_err(LATTN_ERR_FORMAT, "token %d is special and empty", id);
    t->written_start[(unsigned char) text[0]] = true;
    return LAT_PUSH(&t->written, w);
}

static lattn_status find_special(struct lattn_tokenizer *t)
{
    int32_t ids[N_SPECIAL];
    for (int i = 0; i < N_SPECIAL; i++) {
        int64_t id = -1;
        if (!lat_map_get(&t->ids, special_names[i], strlen(special_names[i]), &id) && i != MASK)
            return lat_err(LATTN_ERR_FORMAT, "the vocabulary has no %s", special_names[i]);
        ids[i] = (int32_t) id;
        if (id >= 0)
            LAT_TRY(lat_tokenizer_written(t, ids[i]));
    }
    t->special = (lattn_special_ids){ ids[PAD], ids[UNK], ids[CLS], ids[SEP], ids[MASK], .bos = -1,
        .eos = -1 };
    return LATTN_OK;
}

lattn_status lat_tokenizer_special(struct lattn_tokenizer *t, const struct lat_special_names *n)
{
    const char *names[] = { n->unk, n->bos, n->eos, n->pad ? n->pad : n->eos };
    int32_t ids[LAT_COUNT(names)];
    for (size_t i = 0; i < LAT_COUNT(names); i++) {
        ids[i] = lattn_tokenizer_id(t, names[i]);
        if (ids[i] < 0)
            return lat_err(LATTN_ERR_FORMAT, "the vocabulary has no %s",
                lat_quoted(names[i], (char[80]){ 0 }, 80));
    }
    t->special = (lattn_special_ids){
        .pad = ids[3], .unk = ids[0], .bos = ids[1], .eos = ids[2], .cls = -1, .sep = -1, .mask = -1
    };
    return LATTN_OK;
}

static lattn_status check_token(const char *token, size_t id, size_t max_bytes)
{
    size_t n = strlen(token);
    if (n > max_bytes)
        return lat_err(LATTN_ERR_FORMAT, "token %zu has %zu bytes, at most %zu are accepted", id, n,
            max_bytes);
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
    bool bpe = t->kind == LATTN_TOKEN_KIND_BPE;
    for (size_t id = 0; id < t->tokens.n; id++) {
        const char *token = t->tokens.items[id];
        size_t n = strlen(token);
        LAT_TRY(check_token(token, id, bpe ? LAT_MAX_BPE_TOKEN_BYTES : LAT_MAX_TOKEN_BYTES));
        n_twice += lat_map_get(&t->ids, token, n, NULL);
        LAT_TRY(lat_map_put(&t->ids, token, n, (int64_t) id));
        size_t piece = n > 2 && !memcmp(token, "##", 2) ? n - 2 : n;
        t->max_piece_bytes = LAT_MAX(t->max_piece_bytes, piece);
    }
    if (n_twice)
        lat_log(LATTN_LOG_WARN, "%zu tokens of the vocabulary occur twice; the last one counts",
            n_twice);
    return LATTN_OK;
}

lattn_status lat_tokenizer_finish(struct lattn_tokenizer *t)
{
    bool wordpiece = t->kind == LATTN_TOKEN_KIND_WORDPIECE;
    if (t->params.max_length < 0)
        return lat_err(LATTN_ERR_ARG, "max_length is %d", t->params.max_length);
    if (t->params.max_length == 0)
        t->params.max_length = wordpiece ? 512 : 1024;
    if (t->tokens.n == 0)
        return lat_err(LATTN_ERR_FORMAT, "the vocabulary is empty");
    if (t->tokens.n > INT32_MAX)
        return lat_err(LATTN_ERR_FORMAT, "the vocabulary has %zu tokens", t->tokens.n);
    LAT_TRY(index_tokens(t));
    if (wordpiece)
        return find_special(t);
    if (t->kind == LATTN_TOKEN_KIND_CHARACTERS)
        return lat_tokenizer_special(t, &lat_character_names);
    return lat_bpe_finish(t);
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
    for (int32_t i = 0; i < n_tokens && !st; i++)
        st = lat_tokenizer_add(t, tokens[i], strlen(tokens[i]));
    if (params)
        t->params = *params;
    if (!st)
        st = lat_tokenizer_finish(t);
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
    lattn_status st = lat_tokenizer_read(dir, t);
    if (!st) {
        st = lat_tokenizer_finish(t);
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
    lat_bpe_free(&t->bpe);
    lat_free(t->written.items);
    lat_map_free(&t->ids);
    lat_free(t->tokens.items);
    lat_arena_destroy(&t->arena);
    lat_free(t);
}

lattn_token_kind lattn_tokenizer_kind(const lattn_tokenizer *t)
{
    return t ? t->kind : LATTN_TOKEN_KIND_WORDPIECE;
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

struct target {
    const struct lattn_tokenizer *t;
    struct lat_encoder *e;
    struct lat_ids *out;
};

static lattn_status add_word(void *user, char *word, size_t bytes, size_t n_chars)
{
    struct target *to = user;
    size_t before = to->out->n;
    LAT_TRY(lat_wordpiece(to->t, word, bytes, n_chars, to->out));
    to->e->n_unknown += to->out->n == before + 1 && to->out->items[before] == to->t->special.unk;
    return LATTN_OK;
}

static lattn_status encode_wordpiece(const struct target *to, const char *text, size_t bytes)
{
    struct lat_words *w = &to->e->words;
    w->n_replaced = 0;
    LAT_TRY(lat_words_split(w, &to->t->params, text, bytes, add_word, (void *) to));
    to->e->n_replaced += w->n_replaced;
    return LATTN_OK;
}

static lattn_status encode_bpe(const struct target *to, const char *text, size_t bytes)
{
    for (size_t at = 0, end; at < bytes; at = end) {
        end = lat_bpe_word(text, bytes, at);
        LAT_TRY(
            lat_bpe_encode(to->t, &to->e->bpe, text + at, end - at, to->out, &to->e->n_unknown));
    }
    for (size_t i = 0, n; i < bytes; i += LAT_MAX(n, 1)) {
        n = lat_utf8_length(text + i, bytes - i);
        to->e->n_replaced += n == 0;
    }
    return LATTN_OK;
}

static lattn_status encode_part(const struct target *to, const char *text, size_t bytes)
{
    if (bytes == 0)
        return LATTN_OK;
    return to->t->kind == LATTN_TOKEN_KIND_BPE ? encode_bpe(to, text, bytes)
                                               : encode_wordpiece(to, text, bytes);
}

// The longest special token that text begins with; NULL if there is none.
static const struct lat_written *written_at(
    const struct lattn_tokenizer *t, const char *text, size_t bytes)
{
    const struct lat_written *best = NULL;
    if (!t->written_start[(unsigned char) text[0]])
        return NULL;
    for (size_t i = 0; i < t->written.n; i++) {
        const struct lat_written *w = &t->written.items[i];
        if (w->bytes <= bytes && !memcmp(text, w->text, w->bytes) &&
            (!best || w->bytes > best->bytes))
            best = w;
    }
    return best;
}

lattn_status lat_encode(const struct lattn_tokenizer *t, struct lat_encoder *e, const char *text,
    size_t bytes, struct lat_ids *out)
{
    const struct target to = { t, e, out };
    size_t start = 0;
    if (t->kind == LATTN_TOKEN_KIND_CHARACTERS)
        return lat_characters_encode(t, e, text, bytes, out);
    for (size_t i = 0; i < bytes;) {
        const struct lat_written *w = written_at(t, text + i, bytes - i);
        if (!w) {
            i++;
            continue;
        }
        LAT_TRY(encode_part(&to, text + start, i - start));
        LAT_TRY(LAT_PUSH(out, w->id));
        i += w->bytes;
        start = i;
    }
    return encode_part(&to, text + start, bytes - start);
}

void lat_encoder_free(struct lat_encoder *e)
{
    lat_words_free(&e->words);
    lat_bpe_scratch_free(&e->bpe);
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
    size_t around = t->kind == LATTN_TOKEN_KIND_WORDPIECE;  // 1 with [CLS] and [SEP]
    s->ids.n = s->types.n = 0;
    LAT_TRY(add(s, &t->special.cls, around, 0));
    LAT_TRY(add(s, s->text[0].items, n[0], 0));
    LAT_TRY(add(s, &t->special.sep, around, 0));
    if (pair) {
        LAT_TRY(add(s, s->text[1].items, n[1], 1));
        LAT_TRY(add(s, &t->special.sep, around, 1));
    }
    return LATTN_OK;
}

lattn_status lattn_tokenizer_encode(const lattn_tokenizer *t, const char *a, size_t a_bytes,
    const char *b, size_t b_bytes, int32_t max_tokens, lattn_encoding *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(t);
    LAT_CHECK_ARRAY(a, a_bytes);
    int32_t n_special = t->kind == LATTN_TOKEN_KIND_WORDPIECE ? b ? 3 : 2 : 0;
    if (max_tokens < 0 || (max_tokens > 0 && max_tokens < n_special))
        return lat_err(LATTN_ERR_ARG, "max_tokens is %d, [CLS] and [SEP] alone are %d tokens",
            max_tokens, n_special);
    if (!out->scratch)
        out->scratch = LAT_NEW(struct lattn_encoding_scratch);
    struct lattn_encoding_scratch *s = out->scratch;
    if (!s)
        return LATTN_ERR_HOST_MEMORY;

    s->encoder.n_replaced = s->encoder.n_unknown = 0;
    s->text[0].n = s->text[1].n = 0;
    LAT_TRY(lat_encode(t, &s->encoder, a, a_bytes, &s->text[0]));
    if (b)
        LAT_TRY(lat_encode(t, &s->encoder, b, b_bytes, &s->text[1]));

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
    out->n_replaced = s->encoder.n_replaced;
    out->n_unknown = s->encoder.n_unknown;
    return LATTN_OK;
}

void lattn_encoding_free(lattn_encoding *e)
{
    if (!e)
        return;
    struct lattn_encoding_scratch *s = e->scratch;
    if (s) {
        lat_encoder_free(&s->encoder);
        lat_free(s->text[0].items);
        lat_free(s->text[1].items);
        lat_free(s->ids.items);
        lat_free(s->types.items);
        lat_free(s);
    }
    *e = (lattn_encoding){ 0 };
}
