// SPDX-License-Identifier: MIT
//
// A language model goes on with a text, token by token. Each token is computed once: what came before is in
// the recurrent state or in the cache of keys and values. Where a transformer has no places left, the later
// half of the text is read anew and the rest forgotten.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "seq/seq.h"

struct writer {
    const struct seq_speaker *s;
    const struct seq_writing *w;
    int32_t *ids;  // [n] prompt and text
    int64_t n, capacity;
    int64_t fed;  // of them, read by the model
    lattn_rnn_state state;
    lattn_kv_cache *cache;
    int64_t places;    // of the cache
    int64_t n_before;  // tokens that stand before the text
    float *logits;     // [n_outputs] of what comes next
};

// ---- one pass -------------------------------------------------------------------------------------

static lattn_status keep_state(struct writer *t, const lattn_rnn_state *after)
{
    lattn_status st = LATTN_OK;
    if (!t->state.h)
        return LATTN_OK;
    TRY(lattn_copy_(t->state.h, after->h));
    if (t->state.c)
        TRY(lattn_copy_(t->state.c, after->c));

done:
    return st;
}

// The model reads n tokens from the first on; logits of what follows the last one.
static lattn_status feed(struct writer *t, int64_t first, int64_t n)
{
    const int64_t dims[] = { 1, n };
    lattn_rnn_state after = { 0 };
    struct seq_pass pass = {
        .before = t->state,
        .after = &after,
        .cache = t->cache,
        .causal = true,
    };
    lattn_tensor *ids = lattn_from_i32(t->s->ctx, 2, dims, t->ids + first);
    lattn_tensor *y = seq_speaker_next(t->s, ids, n, &pass);
    lattn_status st;
    if (!y)
        return lattn_ctx_status(t->s->ctx);
    TRY(keep_state(t, &after));
    TRY(lattn_tensor_read_f32(y, t->logits, t->s->n_outputs));
    t->fed = first + n;

done:
    return st;
}

// All tokens that it has not read.
static lattn_status catch_up(struct writer *t)
{
    lattn_status st, end;
    if (t->cache && t->n - t->fed + lattn_kv_cache_length(t->cache) > t->places) {
        TRY(lattn_kv_cache_truncate(t->cache, 0));
        int64_t half = (t->places + 1) / 2;
        t->fed = t->n > half ? t->n - half : 0;
    }
    TRY(lattn_step_begin(t->s->ctx));
    st = feed(t, t->fed, t->n - t->fed);
    end = lattn_step_end(t->s->ctx);
    st = st ? st : end;

done:
    return st;
}

// ---- beginning ------------------------------------------------------------------------------------

static lattn_status add(struct writer *t, int32_t id)
{
    if (t->n == t->capacity) {
        int64_t capacity = 2 * t->capacity + 64;
        int32_t *ids = realloc(t->ids, (size_t) capacity * sizeof *ids);
        if (!ids)
            return LATTN_ERR_HOST_MEMORY;
        t->ids = ids;
        t->capacity = capacity;
    }
    t->ids[t->n++] = id;
    return LATTN_OK;
}

// What stands before a text, if anything does, and the prompt.
static lattn_status read_prompt(struct writer *t)
{
    lattn_encoding e = { 0 };
    const char *prompt = t->w->prompt;
    lattn_status st;
    if (t->s->first >= 0)
        TRY(add(t, (int32_t) t->s->first));
    t->n_before = t->n;
    TRY(lattn_tokenizer_encode(t->s->tokenizer, prompt, strlen(prompt), NULL, 0, 0, &e));
    for (int32_t i = 0; i < e.n; i++)
        TRY(add(t, e.ids[i]));
    if (e.n_unknown)
        fprintf(stderr, "warning: %lld characters of the prompt are unknown to the vocabulary\n",
            (long long) e.n_unknown);
    if (!t->n)
        TRY(cli_error(LATTN_ERR_ARG, "the model needs a prompt: it knows no beginning of a text"));

done:
    lattn_encoding_free(&e);
    return st;
}

static lattn_status open_memory(struct writer *t)
{
    int64_t most = t->s->places, wanted = t->n + t->w->max_new_tokens;
    t->places = most && most < wanted ? most : wanted;
    t->logits = malloc((size_t) t->s->n_outputs * sizeof *t->logits);
    if (!t->logits)
        return LATTN_ERR_HOST_MEMORY;
    return seq_speaker_remember(t->s, t->places, &t->state, &t->cache);
}

static void close_writer(struct writer *t)
{
    lattn_kv_cache_destroy(&t->cache);
    seq_state_free(&t->state);
    free(t->logits);
    free(t->ids);
}

// ---- writing --------------------------------------------------------------------------------------

// Tokens that stand for nothing are never written.
static void forbid(struct writer *t)
{
    lattn_special_ids s = lattn_tokenizer_special(t->s->tokenizer);
    const int32_t ids[] = { s.pad, s.unk, s.bos };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] >= 0 && ids[i] != s.eos)
            t->logits[ids[i]] = -INFINITY;
}

static lattn_status write_tokens(struct writer *t, int64_t *n_new)
{
    int32_t end = lattn_tokenizer_special(t->s->tokenizer).eos, id = -1;
    lattn_status st = LATTN_OK;
    for (*n_new = 0; *n_new < t->w->max_new_tokens; (*n_new)++) {
        TRY(catch_up(t));
        forbid(t);
        TRY(lattn_sample_token(
            t->logits, t->s->n_outputs, &t->w->sampling, t->ids, t->n, t->w->draw + *n_new, &id));
        if (id == end && !t->w->over_ends)
            return LATTN_OK;
        TRY(add(t, id));
    }

done:
    return st;
}

// Tokens from first on as text; an end is a new line.
static lattn_status decode(struct writer *t, int64_t first, struct seq_text *out)
{
    lattn_decoded part = { 0 };
    int32_t end = lattn_tokenizer_special(t->s->tokenizer).eos;
    char *all = NULL;
    size_t n = 0;
    lattn_status st = LATTN_OK;
    while (first <= t->n) {
        int64_t stop = first;
        while (stop < t->n && t->ids[stop] != end)
            stop++;
        TRY(lattn_tokenizer_decode(
            t->s->tokenizer, t->ids + first, (int32_t) (stop - first), true, &part));
        char *more = realloc(all, n + part.bytes + 2);
        if (!more)
            TRY(LATTN_ERR_HOST_MEMORY);
        all = more;
        memcpy(all + n, part.text, part.bytes);
        n += part.bytes;
        all[n] = '\n';
        n += stop < t->n;
        first = stop + 1;
    }
    all[n] = 0;
    out->text = all;
    out->bytes = n;
    all = NULL;

done:
    free(all);
    lattn_decoded_free(&part);
    return st;
}

lattn_status seq_write(
    const struct seq_speaker *s, const struct seq_writing *w, struct seq_text *out)
{
    struct writer t = { .s = s, .w = w };
    lattn_status st;
    TRY(read_prompt(&t));
    TRY(open_memory(&t));
    TRY(write_tokens(&t, &out->n_new));
    TRY(decode(&t, t.n_before, out));

done:
    close_writer(&t);
    return st;
}
