// SPDX-License-Identifier: MIT
//
// Byte-level BPE: a part of the text is its bytes at first. Of all pairs of neighbours the one
// of the lowest rank (the earliest line of merges.txt) is merged wherever it stands, from the
// left, and so on until no pair has a rank.
//
// Pairs wait in a heap by rank, then place, so that a part of n bytes takes n log n steps:
// a megabyte of the same character is one part. Pairs that a merge brings about enter
// the heap when all pairs of its rank are done: a merge that is listed before the one
// that makes one of its halves must wait, as in the published algorithm.
// Source: Sennrich et al. 2015, arXiv:1508.07909, algorithm 1; Radford et al. 2019, section
//         2.2, the released encoder.py.

#include <string.h>
#include <utf8proc.h>
#include "base/heap.h"
#include "text/tokenizer.h"

enum { N_BYTES = 256 };

struct lat_bpe_symbol {
    int32_t piece;           // -1: became part of the one before
    int32_t previous, next;  // -1: none
};

// A pair that can be merged, as it was when it was found.
struct lat_bpe_candidate {
    int32_t rank, at;
};

// ---- making -----------------------------------------------------------------------------------

static lattn_status piece_of(struct lattn_tokenizer *t, const char *text, size_t n, int32_t *out)
{
    struct lat_bpe *b = &t->bpe;
    int64_t found = (int64_t) b->pieces.n;
    if (!lat_map_get(&b->piece_of, text, n, &found)) {
        char *copy = lat_arena_alloc(&t->arena, n + 1);
        if (!copy)
            return LATTN_ERR_HOST_MEMORY;
        memcpy(copy, text, n);
        LAT_TRY(lat_map_put(&b->piece_of, text, n, found));
        LAT_TRY(LAT_PUSH(&b->pieces, copy));
    }
    *out = (int32_t) found;
    return LATTN_OK;
}

lattn_status lat_bpe_begin(struct lattn_tokenizer *t)
{
    t->kind = LATTN_TOKEN_KIND_BPE;
    t->bpe.names =
        (struct lat_special_names){ NULL, LAT_END_OF_TEXT, LAT_END_OF_TEXT, LAT_END_OF_TEXT };
    for (int byte = 0; byte < N_BYTES; byte++) {
        utf8proc_uint8_t letter[4];
        utf8proc_ssize_t n = utf8proc_encode_char(lat_bpe_letter((unsigned char) byte), letter);
        int32_t piece;
        LAT_TRY(piece_of(t, (const char *) letter, (size_t) n, &piece));
    }
    return LATTN_OK;
}

lattn_status lat_bpe_merge(
    struct lattn_tokenizer *t, const char *left, size_t n_left, const char *right, size_t n_right)
{
    char both[2 * LAT_MAX_BPE_TOKEN_BYTES];
    struct lat_merge m;
    if (n_left > LAT_MAX_BPE_TOKEN_BYTES || n_right > LAT_MAX_BPE_TOKEN_BYTES)
        return lat_err(LATTN_ERR_FORMAT, "a merge of %zu and %zu bytes, at most %d are accepted",
            n_left, n_right, LAT_MAX_BPE_TOKEN_BYTES);
    memcpy(both, left, n_left);
    memcpy(both + n_left, right, n_right);
    LAT_TRY(piece_of(t, left, n_left, &m.left));
    LAT_TRY(piece_of(t, right, n_right, &m.right));
    LAT_TRY(piece_of(t, both, n_left + n_right, &m.result));
    if (t->bpe.pieces.n > INT32_MAX / 2)
        return lat_err(LATTN_ERR_FORMAT, "too many merges");
    const int32_t key[2] = { m.left, m.right };  // of a pair that is there twice the last counts
    LAT_TRY(lat_map_put(&t->bpe.ranks, (const char *) key, sizeof key, (int64_t) t->bpe.merges.n));
    return LAT_PUSH(&t->bpe.merges, m);
}

lattn_status lat_bpe_finish(struct lattn_tokenizer *t)
{
    struct lat_bpe *b = &t->bpe;
    LAT_TRY(LAT_RESERVE(&b->ids, b->pieces.n));
    for (b->ids.n = 0; b->ids.n < b->pieces.n; b->ids.n++)
        b->ids.items[b->ids.n] = lattn_tokenizer_id(t, b->pieces.items[b->ids.n]);
    LAT_TRY(lat_tokenizer_special(t, &b->names));
    const int32_t special[] = { t->special.unk, t->special.bos, t->special.eos, t->special.pad };
    for (size_t i = 0; i < LAT_COUNT(special); i++)
        LAT_TRY(lat_tokenizer_written(t, special[i]));
    for (size_t i = 0; i < b->added.n; i++)
        LAT_TRY(lat_tokenizer_written(t, b->added.items[i]));
    return LATTN_OK;
}

void lat_bpe_free(struct lat_bpe *b)
{
    lat_free(b->pieces.items);
    lat_map_free(&b->piece_of);
    lat_free(b->ids.items);
    lat_free(b->merges.items);
    lat_map_free(&b->ranks);
    lat_free(b->added.items);
}

// ---- heap: lowest rank first, then from the left ----------------------------------------------

static bool before(const struct lat_bpe_candidate *a, const struct lat_bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

LAT_HEAP(candidates, struct lat_bpe_candidate, before)

static lattn_status heap_push(struct lat_bpe_scratch *s, struct lat_bpe_candidate c)
{
    LAT_TRY(LAT_PUSH(&s->heap, c));
    candidates_up(s->heap.items, s->heap.n);
    return LATTN_OK;
}

// ---- encoding ---------------------------------------------------------------------------------

static bool rank_at(
    const struct lat_bpe *b, const struct lat_bpe_scratch *s, int32_t at, int64_t *rank)
{
    const struct lat_bpe_symbol *left = &s->symbols.items[at];
    if (left->piece < 0 || left->next < 0)
        return false;
    const int32_t key[2] = { left->piece, s->symbols.items[left->next].piece };
    return lat_map_get(&b->ranks, (const char *) key, sizeof key, rank);
}

static lattn_status find(const struct lat_bpe *b, struct lat_bpe_scratch *s, int32_t at)
{
    int64_t rank;
    if (at < 0 || !rank_at(b, s, at, &rank))
        return LATTN_OK;
    struct lat_bpe_candidate c = { (int32_t) rank, at };
    return LAT_PUSH(&s->found, c);
}

static lattn_status take_found(struct lat_bpe_scratch *s)
{
    for (size_t i = 0; i < s->found.n; i++)
        LAT_TRY(heap_push(s, s->found.items[i]));
    s->found.n = 0;
    return LATTN_OK;
}

static lattn_status start(
    const struct lat_bpe *b, struct lat_bpe_scratch *s, const char *word, size_t bytes)
{
    if (bytes > INT32_MAX / 2)
        return lat_err(LATTN_ERR_ARG, "a text with %zu bytes of one kind", bytes);
    LAT_TRY(LAT_RESERVE(&s->symbols, bytes));
    s->symbols.n = bytes;
    s->heap.n = s->found.n = 0;
    int32_t n = (int32_t) bytes;
    for (int32_t i = 0; i < n; i++)
        s->symbols.items[i] =
            (struct lat_bpe_symbol){ (unsigned char) word[i], i - 1, i + 1 < n ? i + 1 : -1 };
    for (int32_t i = 0; i + 1 < n; i++)
        LAT_TRY(find(b, s, i));
    return take_found(s);
}

static lattn_status merge_at(
    const struct lat_bpe *b, struct lat_bpe_scratch *s, int32_t at, int32_t result)
{
    struct lat_bpe_symbol *left = &s->symbols.items[at], *right = &s->symbols.items[left->next];
    left->piece = result;
    left->next = right->next;
    right->piece = -1;
    if (left->next >= 0)
        s->symbols.items[left->next].previous = at;
    LAT_TRY(find(b, s, left->previous));
    return find(b, s, at);
}

lattn_status lat_bpe_encode(const struct lattn_tokenizer *t, struct lat_bpe_scratch *s,
    const char *word, size_t bytes, struct lat_ids *out, int64_t *n_unknown)
{
    const struct lat_bpe *b = &t->bpe;
    LAT_TRY(start(b, s, word, bytes));
    while (s->heap.n > 0) {
        struct lat_bpe_candidate c = candidates_pop(s->heap.items, &s->heap.n);
        int64_t rank;
        if (rank_at(b, s, c.at, &rank) && rank == c.rank)  // else a half of it has gone
            LAT_TRY(merge_at(b, s, c.at, b->merges.items[rank].result));
        if (s->heap.n == 0 || s->heap.items[0].rank != c.rank)
            LAT_TRY(take_found(s));
    }
    for (int32_t i = bytes ? 0 : -1; i >= 0; i = s->symbols.items[i].next) {
        int32_t id = b->ids.items[s->symbols.items[i].piece];
        *n_unknown += id < 0;
        LAT_TRY(LAT_PUSH(out, id < 0 ? t->special.unk : id));
    }
    return LATTN_OK;
}

void lat_bpe_scratch_free(struct lat_bpe_scratch *s)
{
    lat_free(s->symbols.items);
    lat_free(s->heap.items);
    lat_free(s->found.items);
    *s = (struct lat_bpe_scratch){ 0 };
}
