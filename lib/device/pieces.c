// SPDX-License-Identifier: MIT
//
// Best fit by segregated lists. A free block is kept in the class of its size; classes are
// ordered, so the best fit is the smallest fitting block of the request's own class, or
// else the smallest block of the next class that has any (a bit map finds it).

#include <string.h>
#include "device/pieces.h"

static unsigned class_of(uint64_t bytes)
{
    unsigned log2 = 0;
    for (uint64_t v = bytes; v > 1; v >>= 1)
        log2++;
    unsigned quarter = log2 >= 2 ? (unsigned) (bytes >> (log2 - 2)) & 3 : 0;
    return log2 * 4 + quarter;
}

static void free_add(struct lat_pieces *b, struct lat_piece *block)
{
    unsigned c = class_of(block->bytes);
    block->free = true;
    block->prev_free = NULL;
    block->next_free = b->free[c];
    if (block->next_free)
        block->next_free->prev_free = block;
    b->free[c] = block;
    b->used_classes[c / 64] |= (uint64_t) 1 << c % 64;
}

static void free_remove(struct lat_pieces *b, struct lat_piece *block)
{
    unsigned c = class_of(block->bytes);
    if (block->prev_free)
        block->prev_free->next_free = block->next_free;
    else
        b->free[c] = block->next_free;
    if (block->next_free)
        block->next_free->prev_free = block->prev_free;
    if (!b->free[c])
        b->used_classes[c / 64] &= ~((uint64_t) 1 << c % 64);
    block->free = false;
}

static struct lat_piece *block_new(struct lat_pieces *b)
{
    struct lat_piece *block = b->spare;
    if (!block)
        return LAT_NEW(struct lat_piece);
    b->spare = block->after;
    memset(block, 0, sizeof *block);
    return block;
}

static void block_retire(struct lat_pieces *b, struct lat_piece *block)
{
    block->after = b->spare;
    b->spare = block;
}

lattn_status lat_pieces_create(struct lat_pieces *b, uint64_t bytes)
{
    memset(b, 0, sizeof *b);
    b->first = LAT_NEW(struct lat_piece);
    if (!b->first)
        return LATTN_ERR_HOST_MEMORY;
    b->first->bytes = bytes;
    free_add(b, b->first);
    return LATTN_OK;
}

static void free_list(struct lat_piece *block)
{
    while (block) {
        struct lat_piece *after = block->after;
        lat_free(block);
        block = after;
    }
}

void lat_pieces_destroy(struct lat_pieces *b)
{
    free_list(b->first);
    free_list(b->spare);
    memset(b, 0, sizeof *b);
}

bool lat_pieces_empty(const struct lat_pieces *b)
{
    return b->first->free && !b->first->after;
}

// The first class from c on that has blocks; LAT_PIECE_CLASSES = none.
static unsigned next_class(const struct lat_pieces *b, unsigned c)
{
    while (c < LAT_PIECE_CLASSES) {
        uint64_t bits = b->used_classes[c / 64] >> c % 64;
        if (bits == 0) {
            c = (c / 64 + 1) * 64;
            continue;
        }
        while (!(bits & 1)) {
            bits >>= 1;
            c++;
        }
        return c;
    }
    return LAT_PIECE_CLASSES;
}

static struct lat_piece *best_of_class(const struct lat_pieces *b, unsigned c, uint64_t bytes)
{
    struct lat_piece *best = NULL;
    for (struct lat_piece *f = b->free[c]; f; f = f->next_free)
        if (f->bytes >= bytes && (!best || f->bytes < best->bytes))
            best = f;
    return best;
}

static struct lat_piece *find_best(const struct lat_pieces *b, uint64_t bytes)
{
    unsigned c = next_class(b, class_of(bytes));
    struct lat_piece *best = NULL;
    // At most two rounds: only the request's own class can have blocks that are too small.
    while (c < LAT_PIECE_CLASSES && !(best = best_of_class(b, c, bytes)))
        c = next_class(b, c + 1);
    return best;
}

uint64_t lat_pieces_best(const struct lat_pieces *b, uint64_t bytes)
{
    const struct lat_piece *best = find_best(b, bytes);
    return best ? best->bytes : UINT64_MAX;
}

lattn_status lat_pieces_take(struct lat_pieces *b, uint64_t bytes, struct lat_piece **out)
{
    struct lat_piece *block = find_best(b, bytes);
    *out = NULL;
    LAT_ASSERT(block);
    if (block->bytes > bytes) {
        struct lat_piece *rest = block_new(b);
        if (!rest)
            return LATTN_ERR_HOST_MEMORY;
        free_remove(b, block);
        rest->offset = block->offset + bytes;
        rest->bytes = block->bytes - bytes;
        rest->before = block;
        rest->after = block->after;
        if (rest->after)
            rest->after->before = rest;
        block->after = rest;
        block->bytes = bytes;
        free_add(b, rest);
    } else {
        free_remove(b, block);
    }
    *out = block;
    return LATTN_OK;
}

// Appends the block behind to this one.
static void swallow_after(struct lat_pieces *b, struct lat_piece *block)
{
    struct lat_piece *gone = block->after;
    block->bytes += gone->bytes;
    block->after = gone->after;
    if (block->after)
        block->after->before = block;
    block_retire(b, gone);
}

void lat_pieces_give(struct lat_pieces *b, struct lat_piece *block)
{
    LAT_ASSERT(!block->free);
    if (block->after && block->after->free) {
        free_remove(b, block->after);
        swallow_after(b, block);
    }
    if (block->before && block->before->free) {
        block = block->before;
        free_remove(b, block);
        swallow_after(b, block);
    }
    free_add(b, block);
}
