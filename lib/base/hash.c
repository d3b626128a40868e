// SPDX-License-Identifier: MIT
//
// A string map with open addressing and linear probing, at most 3/4 full, and the
// content hash XXH3. The hash of each key is kept, so growing never touches the keys
// and a probe compares bytes only when all 64 bits agree. There is no removal, hence
// no tombstones.

#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>
#include "base/hash.h"

struct lat_map_entry {
    char *key;  // NULL = free
    size_t key_len;
    uint64_t hash;
    int64_t value;
};

// The entry of key, or the free one where it belongs. capacity is a power of two.
static struct lat_map_entry *find(
    const struct lat_map *m, const char *key, size_t len, uint64_t hash)
{
    size_t mask = m->capacity - 1;
    for (size_t i = (size_t) hash & mask;; i = (i + 1) & mask) {
        struct lat_map_entry *e = &m->entries[i];
        if (!e->key || (e->hash == hash && e->key_len == len && !memcmp(e->key, key, len)))
            return e;
    }
}

static lattn_status grow(struct lat_map *m)
{
    struct lat_map bigger = { .n = m->n, .capacity = m->capacity ? m->capacity * 2 : 16 };
    bigger.entries = lat_calloc(bigger.capacity, sizeof *bigger.entries);
    if (!bigger.entries)
        return LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < m->capacity; i++) {
        const struct lat_map_entry *e = &m->entries[i];
        if (e->key)
            *find(&bigger, e->key, e->key_len, e->hash) = *e;
    }
    lat_free(m->entries);
    *m = bigger;
    return LATTN_OK;
}

lattn_status lat_map_put(struct lat_map *m, const char *key, size_t key_len, int64_t value)
{
    if (m->n >= m->capacity / 4 * 3)
        LAT_TRY(grow(m));
    uint64_t hash = XXH3_64bits(key, key_len);
    struct lat_map_entry *e = find(m, key, key_len, hash);
    if (e->key) {
        e->value = value;
        return LATTN_OK;
    }
    char *copy = lat_alloc(key_len + 1);
    if (!copy)
        return LATTN_ERR_HOST_MEMORY;
    if (key_len)
        memcpy(copy, key, key_len);
    copy[key_len] = 0;
    *e = (struct lat_map_entry){ copy, key_len, hash, value };
    m->n++;
    return LATTN_OK;
}

bool lat_map_get(const struct lat_map *m, const char *key, size_t key_len, int64_t *value)
{
    if (!m->n)
        return false;
    const struct lat_map_entry *e = find(m, key, key_len, XXH3_64bits(key, key_len));
    if (!e->key)
        return false;
    if (value)
        *value = e->value;
    return true;
}

void lat_map_free(struct lat_map *m)
{
    for (size_t i = 0; i < m->capacity; i++)
        lat_free(m->entries[i].key);
    lat_free(m->entries);
    *m = (struct lat_map){ 0 };
}

uint64_t lat_hash(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

// The state wants 64-byte alignment, which malloc does not promise.
struct lat_hasher {
    XXH3_state_t *state;
};

struct lat_hasher *lat_hasher_create(void)
{
    enum { ALIGN = 64 };
    struct lat_hasher *h = lat_alloc(sizeof *h + ALIGN + sizeof(XXH3_state_t));
    if (!h)
        return NULL;
    uintptr_t at = ((uintptr_t) (h + 1) + ALIGN - 1) / ALIGN * ALIGN;
    h->state = (XXH3_state_t *) at;
    XXH3_INITSTATE(h->state);
    XXH3_64bits_reset(h->state);
    return h;
}

void lat_hasher_add(struct lat_hasher *h, const void *data, size_t bytes)
{
    XXH3_64bits_update(h->state, data, bytes);
}

uint64_t lat_hasher_end(struct lat_hasher **h)
{
    uint64_t hash = XXH3_64bits_digest((*h)->state);
    lat_free(*h);
    *h = NULL;
    return hash;
}
