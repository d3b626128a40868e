// SPDX-License-Identifier: MIT
//
// Merges the most frequent pair of neighbouring pieces, again and again.
//
// Counts are kept, not counted anew: each pair knows in which words it was seen, a merge
// visits only those, and only the pairs left and right of a merged place change. The most
// frequent pair comes from a heap whose entries may be out of date: one that is found to
// tell a wrong count goes back in with the right one. 16,000 merges over 50,000 words take
// about a second.

#include <string.h>
#include "base/heap.h"
#include "text/vocab.h"

struct lat_piece_word {
    uint64_t count;
    size_t first;  // in pieces
    uint32_t n;
};

struct lat_pair {
    int32_t left, right;
    int64_t count;
    bool touched;
    struct {
        uint32_t *items;  // words that have or had it; the last one is not repeated
        size_t n, capacity;
    } where;
};

struct lat_heap_entry {
    int64_t count;
    int32_t left, right;
    uint32_t pair;
};

// ---- heap: largest count first, then lower ids ------------------------------------------------

static bool before(const struct lat_heap_entry *a, const struct lat_heap_entry *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

LAT_HEAP(entries, struct lat_heap_entry, before)

static lattn_status heap_push(struct lat_merger *m, uint32_t pair)
{
    const struct lat_pair *p = &m->pairs.items[pair];
    struct lat_heap_entry e = { p->count, p->left, p->right, pair };
    LAT_TRY(LAT_PUSH(&m->heap, e));
    entries_up(m->heap.items, m->heap.n);
    return LATTN_OK;
}

// ---- counts -----------------------------------------------------------------------------------

static lattn_status pair_of(struct lat_merger *m, int32_t left, int32_t right, uint32_t *out)
{
    const int32_t key[2] = { left, right };
    int64_t at = (int64_t) m->pairs.n;
    if (!lat_map_get(&m->pair_index, (const char *) key, sizeof key, &at)) {
        struct lat_pair p = { .left = left, .right = right };
        LAT_TRY(LAT_RESERVE(&m->pairs, m->pairs.n + 1));
        LAT_TRY(lat_map_put(&m->pair_index, (const char *) key, sizeof key, at));
        m->pairs.items[m->pairs.n++] = p;
    }
    *out = (uint32_t) at;
    return LATTN_OK;
}

static lattn_status gain(struct lat_merger *m, int32_t left, int32_t right, uint32_t word)
{
    uint32_t at;
    LAT_TRY(pair_of(m, left, right, &at));
    struct lat_pair *p = &m->pairs.items[at];
    p->count += (int64_t) m->words.items[word].count;
    if (p->where.n == 0 || p->where.items[p->where.n - 1] != word)
        LAT_TRY(LAT_PUSH(&p->where, word));
    if (!p->touched)
        LAT_TRY(LAT_PUSH(&m->touched, at));
    p->touched = true;
    return LATTN_OK;
}

static lattn_status lose(struct lat_merger *m, int32_t left, int32_t right, uint32_t word)
{
    uint32_t at;
    LAT_TRY(pair_of(m, left, right, &at));
    m->pairs.items[at].count -= (int64_t) m->words.items[word].count;
    return LATTN_OK;
}

static lattn_status push_touched(struct lat_merger *m)
{
    for (size_t i = 0; i < m->touched.n; i++) {
        m->pairs.items[m->touched.items[i]].touched = false;
        LAT_TRY(heap_push(m, m->touched.items[i]));
    }
    m->touched.n = 0;
    return LATTN_OK;
}

// ---- words ------------------------------------------------------------------------------------

lattn_status lat_merger_token(struct lat_merger *m, const char *text, size_t bytes, int32_t *id)
{
    int64_t found;
    if (lat_map_get(&m->ids, text, bytes, &found)) {
        *id = (int32_t) found;
        return LATTN_OK;
    }
    char *copy = lat_arena_alloc(&m->arena, bytes + 1);
    if (!copy)
        return LATTN_ERR_HOST_MEMORY;
    memcpy(copy, text, bytes);
    LAT_TRY(LAT_RESERVE(&m->tokens, m->tokens.n + 1));
    LAT_TRY(lat_map_put(&m->ids, text, bytes, (int64_t) m->tokens.n));
    *id = (int32_t) m->tokens.n;
    m->tokens.items[m->tokens.n++] = copy;
    return LATTN_OK;
}

lattn_status lat_merger_word(struct lat_merger *m, const int32_t *ids, size_t n, uint64_t count)
{
    struct lat_piece_word w = { count, m->pieces.n, (uint32_t) n };
    uint32_t number = (uint32_t) m->words.n;
    LAT_TRY(LAT_RESERVE(&m->pieces, m->pieces.n + n));
    LAT_TRY(LAT_PUSH(&m->words, w));
    memcpy(m->pieces.items + m->pieces.n, ids, n * sizeof *ids);
    m->pieces.n += n;
    for (size_t i = 0; i + 1 < n; i++)
        LAT_TRY(gain(m, ids[i], ids[i + 1], number));
    return LATTN_OK;
}

// Puts id in place of left right wherever they are neighbours, from left to right.
static lattn_status merge_in_word(
    struct lat_merger *m, uint32_t word, int32_t left, int32_t right, int32_t id)
{
    struct lat_piece_word *w = &m->words.items[word];
    int32_t *p = m->pieces.items + w->first;
    uint32_t kept = 0, n = w->n;
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 >= n || p[i] != left || p[i + 1] != right) {
            p[kept++] = p[i];
            continue;
        }
        if (kept > 0) {
            LAT_TRY(lose(m, p[kept - 1], left, word));
            LAT_TRY(gain(m, p[kept - 1], id, word));
        }
        if (i + 2 < n) {
            LAT_TRY(lose(m, right, p[i + 2], word));
            LAT_TRY(gain(m, id, p[i + 2], word));
        }
        p[kept++] = id;
        i++;
    }
    w->n = kept;
    return LATTN_OK;
}

// left + right without its prefix
static lattn_status joined(struct lat_merger *m, int32_t left, int32_t right, int32_t *id)
{
    char text[2 * LAT_MAX_TOKEN_BYTES];
    const char *a = m->tokens.items[left], *b = m->tokens.items[right] + m->prefix;
    size_t n = strlen(a), k = strlen(b);
    memcpy(text, a, n);
    memcpy(text + n, b, k);
    return lat_merger_token(m, text, n + k, id);
}

static lattn_status merge(struct lat_merger *m, uint32_t pair)
{
    int32_t left = m->pairs.items[pair].left, right = m->pairs.items[pair].right, id;
    LAT_TRY(joined(m, left, right, &id));
    LAT_TRY(LAT_PUSH(&m->merges, left));
    LAT_TRY(LAT_PUSH(&m->merges, right));
    for (size_t i = 0; i < m->pairs.items[pair].where.n; i++)
        LAT_TRY(merge_in_word(m, m->pairs.items[pair].where.items[i], left, right, id));
    struct lat_pair *p = &m->pairs.items[pair];  // the array may have moved
    p->count = 0;
    lat_free(p->where.items);
    memset(&p->where, 0, sizeof p->where);
    return push_touched(m);
}

static bool fits(const struct lat_merger *m, const struct lat_heap_entry *e)
{
    return strlen(m->tokens.items[e->left]) + strlen(m->tokens.items[e->right]) - m->prefix <=
           LAT_MAX_TOKEN_BYTES;
}

lattn_status lat_merger_run(struct lat_merger *m, size_t size, uint64_t min_count)
{
    LAT_TRY(push_touched(m));
    while (m->tokens.n < size && m->heap.n > 0) {
        struct lat_heap_entry top = entries_pop(m->heap.items, &m->heap.n);
        int64_t now = m->pairs.items[top.pair].count;
        if (now < (int64_t) min_count || !fits(m, &top))
            continue;
        if (now != top.count)
            LAT_TRY(heap_push(m, top.pair));
        else
            LAT_TRY(merge(m, top.pair));
    }
    return LATTN_OK;
}

void lat_merger_free(struct lat_merger *m)
{
    for (size_t i = 0; i < m->pairs.n; i++)
        lat_free(m->pairs.items[i].where.items);
    lat_free(m->pairs.items);
    lat_free(m->heap.items);
    lat_free(m->touched.items);
    lat_free(m->words.items);
    lat_free(m->pieces.items);
    lat_free(m->merges.items);
    lat_free(m->tokens.items);
    lat_map_free(&m->pair_index);
    lat_map_free(&m->ids);
    lat_arena_destroy(&m->arena);
    *m = (struct lat_merger){ 0 };
}
