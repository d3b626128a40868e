// SPDX-License-Identifier: MIT
//
// Sub-allocation of a range of bytes: best fit, freed neighbours merge. Knows nothing of
// Vulkan and touches no memory of the range, so it is tested on its own.
#ifndef LAT_BLOCKS_H
#define LAT_BLOCKS_H
#include "base/alloc.h"

// Blocks are in two lists: all of them by offset, the free ones by size class.
struct lat_block {
    uint64_t offset, bytes;
    bool free;
    struct lat_block *before, *after;
    struct lat_block *prev_free, *next_free;
};

// Four classes per power of two.
enum { LAT_BLOCK_CLASSES = 256 };

struct lat_blocks {
    struct lat_block *first;
    struct lat_block *spare;  // structs to use again, linked by after
    struct lat_block *free[LAT_BLOCK_CLASSES];
    uint64_t used_classes[LAT_BLOCK_CLASSES / 64];
};

lattn_status lat_blocks_create(struct lat_blocks *b, uint64_t bytes);
void lat_blocks_destroy(struct lat_blocks *b);
bool lat_blocks_empty(const struct lat_blocks *b);
// Size of the smallest free block of at least bytes; UINT64_MAX = there is none.
uint64_t lat_blocks_best(const struct lat_blocks *b, uint64_t bytes);
// Takes bytes from the smallest block that fits; there must be one.
lattn_status lat_blocks_take(struct lat_blocks *b, uint64_t bytes, struct lat_block **out);
void lat_blocks_give(struct lat_blocks *b, struct lat_block *block);

#endif
