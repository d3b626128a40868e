// SPDX-License-Identifier: MIT
//
// Bump allocation for things that die together.
#ifndef LAT_ARENA_H
#define LAT_ARENA_H
#include "base/alloc.h"

struct lat_arena_block;
struct lat_arena {
    struct lat_arena_block *first, *current;
};
void *lat_arena_alloc(struct lat_arena *a, size_t bytes);  // zeroed, aligned to 16; NULL = out
char *lat_arena_strdup(struct lat_arena *a, const char *s);
void lat_arena_reset(struct lat_arena *a);  // keeps the blocks
void lat_arena_destroy(struct lat_arena *a);

#endif
