// SPDX-License-Identifier: MIT
//
// Inside of a text dataset: all texts behind one another in one block of memory.
#ifndef LAT_DATASET_H
#define LAT_DATASET_H
#include "base/array.h"
#include "base/hash.h"
#include "base/str.h"
#include "lattn/data.h"

struct lat_text_row {
    size_t text, text_bytes;  // from the start of pool
    size_t pair, pair_bytes;
    int32_t label;
};

// Different labels of a file, as texts.
struct lat_labels {
    char **items;
    size_t n, capacity;
    struct lat_map ids;
};

struct lattn_dataset {
    struct lat_str pool;  // texts, each with a NUL behind it
    struct {
        struct lat_text_row *items;
        size_t n, capacity;
    } rows;
    bool has_pair, has_labels;
    struct lat_labels labels;
    lattn_text_stats stats;
};

// ---- labels.c ---------------------------------------------------------------------------------

// The number of a label, a new one if it is new and fixed is false. ERR_FORMAT (with the known
// ones) when it is unknown or there are too many; the caller adds file and line.
lattn_status lat_labels_id(
    struct lat_labels *l, bool fixed, const char *text, size_t bytes, int32_t *id);
// Sorts labels that were collected; order[old id] = new id (caller frees).
lattn_status lat_labels_sort(struct lat_labels *l, int32_t **order);
void lat_labels_free(struct lat_labels *l);

#endif
