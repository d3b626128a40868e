// SPDX-License-Identifier: MIT
//
// Sub-allocation of a range of bytes: best fit, freed neighbours merge. Knows nothing of
// Vulkan and touches no memory of the range, so it is tested on its own.
#ifndef LAT_PIECES_H
#define LAT_PIECES_H
#include "base/alloc.h"

// Blocks are in two lists: all of them by offset, the free ones by size class.
struct lat_piece {
    uint64_t offset, bytes;
    bool free;
    struct lat_piece *before, *after;
    struct lat_piece *prev_free, *next_free;
};

// Four classes per power of two.
enum { LAT_PIECE_CLASSES = 256 };

struct lat_pieces {
    struct lat_piece *first;
    struct lat_piece *spare;  // structs to use again, linked by after
    struct lat_piece *free[LAT_PIECE_CLASSES];
    uint64_t used_classes[LAT_PIECE_CLASSES / 64];
};

lattn_status lat_pieces_create(struct lat_pieces *b, uint64_t bytes);
void lat_pieces_destroy(struct lat_pieces *b);
bool lat_pieces_empty(const struct lat_pieces *b);
// Size of the smallest free block of at least bytes; UINT64_MAX = there is none.
uint64_t lat_pieces_best(const struct lat_pieces *b, uint64_t bytes);
// Takes bytes from the smallest block that fits; there must be one.
lattn_status lat_pieces_take(struct lat_pieces *b, uint64_t bytes, struct lat_piece **out);
void lat_pieces_give(struct lat_pieces *b, struct lat_piece *block);

#endif
