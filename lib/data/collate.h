// SPDX-License-Identifier: MIT
//
// Rows of a dataset to one padded batch.
#ifndef LAT_COLLATE_H
#define LAT_COLLATE_H
#include "base/array.h"
#include "lattn/data.h"

// A batch and the memory behind it, used again and again.
struct lat_slot {
    lattn_batch batch;
    size_t tokens_capacity, rows_capacity;
    lattn_status status;  // of making it
    char error[512];      // its sentence, from the thread that made it
};
void lat_slot_free(struct lat_slot *s);

// What one thread needs to make batches.
struct lat_collator {
    const lattn_loader_params *params;  // without zeros: every default is filled in
    lattn_encoding encoding;
    struct {
        int32_t *items;
        size_t n, capacity;
    } ids, types;  // rows of the batch, one behind the other
};
lattn_status lat_collate(
    struct lat_collator *c, const uint32_t *rows, size_t n, struct lat_slot *out);
void lat_collator_free(struct lat_collator *c);

#endif
