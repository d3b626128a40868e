// SPDX-License-Identifier: MIT
//
// A list of blocks; allocation moves a mark forward in the current one. reset() goes
// back to the first block and keeps all of them, so a step that repeats itself
// allocates nothing after its first run.

#include <string.h>
#include "base/arena.h"

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

struct lat_arena_block {
    struct lat_arena_block *next;
    size_t used, capacity;
};

// The header rounded up, so that what follows is aligned.
#define HEADER ((sizeof(struct lat_arena_block) + ALIGN - 1) / ALIGN * ALIGN)

static struct lat_arena_block *new_block(size_t bytes)
{
    size_t capacity = LAT_MAX(bytes, (size_t) BLOCK_BYTES - HEADER);
    if (capacity > SIZE_MAX - HEADER) {
        lat_err(LATTN_ERR_HOST_MEMORY, "out of host memory: %zu bytes asked for", bytes);
        return NULL;
    }
    struct lat_arena_block *b = lat_alloc(HEADER + capacity);
    if (b)
        *b = (struct lat_arena_block){ .capacity = capacity };
    return b;
}

// The next block that has room, or a new one behind the current one.
static struct lat_arena_block *block_with(struct lat_arena *a, size_t bytes)
{
    struct lat_arena_block **link = a->current ? &a->current->next : &a->first;
    if (a->current && a->current->capacity - a->current->used >= bytes)
        return a->current;
    if (*link && (*link)->capacity >= bytes) {
        (*link)->used = 0;
        return a->current = *link;
    }
    struct lat_arena_block *b = new_block(bytes);
    if (!b)
        return NULL;
    b->next = *link;
    *link = b;
    return a->current = b;
}

void *lat_arena_alloc(struct lat_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGN) {
        lat_err(LATTN_ERR_HOST_MEMORY, "out of host memory: %zu bytes asked for", bytes);
        return NULL;
    }
    bytes = (LAT_MAX(bytes, (size_t) 1) + ALIGN - 1) / ALIGN * ALIGN;
    struct lat_arena_block *b = block_with(a, bytes);
    if (!b)
        return NULL;
    char *p = (char *) b + HEADER + b->used;
    b->used += bytes;
    return memset(p, 0, bytes);
}

char *lat_arena_strdup(struct lat_arena *a, const char *s)
{
    size_t bytes = strlen(s) + 1;
    char *copy = lat_arena_alloc(a, bytes);
    if (copy)
        memcpy(copy, s, bytes);
    return copy;
}

void lat_arena_reset(struct lat_arena *a)
{
    a->current = a->first;
    if (a->first)
        a->first->used = 0;
}

void lat_arena_destroy(struct lat_arena *a)
{
    for (struct lat_arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        lat_free(b);
    }
    *a = (struct lat_arena){ 0 };
}
