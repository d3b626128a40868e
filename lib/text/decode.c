// SPDX-License-Identifier: MIT
//
// From ids to text: the letters of BPE back to bytes, characters as they are, pieces of words
// joined where ## says so.

#include <string.h>
#include <utf8proc.h>
#include "text/tokenizer.h"

static bool is_special(const lattn_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->written.n; i++)
        if (t->written.items[i].id == id)
            return true;
    const lattn_special_ids *s = &t->special;
    return t->kind == LATTN_TOKEN_KIND_CHARACTERS && (id == s->pad || id == s->bos || id == s->eos);
}

static bool is_written(const lattn_tokenizer *t, int32_t id)
{
    return t->kind == LATTN_TOKEN_KIND_BPE && is_special(t, id);
}

// A token whose letters do not all stand for bytes is text.
static void add_bytes(struct lat_str *s, const char *token)
{
    size_t start = s->n, n = strlen(token);
    for (size_t i = 0; i < n;) {
        int32_t letter;
        utf8proc_ssize_t len = utf8proc_iterate(
            (const utf8proc_uint8_t *) token + i, (utf8proc_ssize_t) (n - i), &letter);
        int byte = lat_bpe_byte(letter);
        if (byte < 0) {
            s->n = start;
            lat_str_addn(s, token, n);
            return;
        }
        lat_str_addn(s, &(char){ (char) byte }, 1);
        i += (size_t) len;
    }
}

static void add_token(const lattn_tokenizer *t, struct lat_str *s, int32_t id)
{
    const char *token = t->tokens.items[id];
    bool continues = !strncmp(token, "##", 2);
    if (t->kind == LATTN_TOKEN_KIND_BPE && !is_written(t, id)) {
        add_bytes(s, token);
    } else if (t->kind == LATTN_TOKEN_KIND_WORDPIECE) {
        if (s->n && !continues)
            lat_str_addn(s, " ", 1);
        lat_str_add(s, s->n && continues ? token + 2 : token);
    } else {
        lat_str_add(s, t->kind == LATTN_TOKEN_KIND_CHARACTERS && id == t->special.unk
                           ? "\xEF\xBF\xBD"
                           : token);
    }
}

lattn_status lattn_tokenizer_decode(
    const lattn_tokenizer *t, const int32_t *ids, int32_t n, bool skip_special, lattn_decoded *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(t);
    LAT_CHECK_ARRAY(ids, n);
    struct lat_str s = { .items = out->text, .capacity = out->capacity };
    lat_str_addn(&s, "", 0);
    lattn_status st = LATTN_OK;
    for (int32_t i = 0; i < n && !st; i++) {
        if (ids[i] < 0 || (size_t) ids[i] >= t->tokens.n)
            st = lat_err(LATTN_ERR_ARG, "decode: id %d at place %d, the vocabulary has %zu", ids[i],
                i, t->tokens.n);
        else if (!skip_special || !is_special(t, ids[i]))
            add_token(t, &s, ids[i]);
    }
    out->text = s.items;
    out->bytes = st ? 0 : s.n;
    out->capacity = s.capacity;
    return st ? st : s.status;
}

void lattn_decoded_free(lattn_decoded *d)
{
    if (!d)
        return;
    lat_free(d->text);
    *d = (lattn_decoded){ 0 };
}
