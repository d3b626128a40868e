// SPDX-License-Identifier: MIT
//
// A map from strings (or bytes) to int64, open addressing over XXH3; and a content hash.
#ifndef LAT_HASH_H
#define LAT_HASH_H
#include "base/alloc.h"

struct lat_map_entry;
struct lat_map {
    struct lat_map_entry *entries;
    size_t n, capacity;
};
// Copies the key. An existing key gets the new value.
lattn_status lat_map_put(struct lat_map *m, const char *key, size_t key_len, int64_t value);
bool lat_map_get(const struct lat_map *m, const char *key, size_t key_len, int64_t *value);
void lat_map_free(struct lat_map *m);

uint64_t lat_hash(const void *data, size_t bytes);  // XXH3-64
struct lat_hasher;                                  // streaming
struct lat_hasher *lat_hasher_create(void);
void lat_hasher_add(struct lat_hasher *h, const void *data, size_t bytes);
uint64_t lat_hasher_end(struct lat_hasher **h);  // frees h

#endif
