// SPDX-License-Identifier: MIT
//
// Inside of a dataset: all texts (or paths of pictures) behind one another in one block of memory,
// pictures and numbers of one size in another.
#ifndef LAT_DATASET_H
#define LAT_DATASET_H
#include "base/array.h"
#include "base/hash.h"
#include "base/str.h"
#include "lattn/data.h"

struct lat_data_row {
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

enum lat_data_kind {
    LAT_DATA_TEXTS,
    LAT_DATA_BYTES,
    LAT_DATA_NUMBERS,
    LAT_DATA_FILES,
    LAT_DATA_STREAM,
    LAT_DATA_TAGS,
    LAT_DATA_SERIES,
};

// A word of a sentence, in the pool.
struct lat_tagged {
    size_t text, bytes;
    int32_t tag;  // -1: none
};

struct lattn_dataset {
    enum lat_data_kind kind;
    struct lat_str pool;  // texts or paths, each with a NUL behind it
    struct {
        struct lat_data_row *items;
        size_t n, capacity;
    } rows;
    bool has_pair, has_labels;
    struct lat_labels labels;
    int32_t C, H, W;           // of a sample; H = W = 0: every picture has its own
    uint8_t *bytes;            // LAT_DATA_BYTES: [rows, C, H, W]
    float *numbers;            // LAT_DATA_NUMBERS: the same
    lattn_image_params image;  // LAT_DATA_FILES: how pictures are decoded
    struct {
        int32_t *items;
        size_t n, capacity;
    } tokens;  // LAT_DATA_STREAM
    struct {
        struct lat_tagged *items;
        size_t n, capacity;
    } words;  // LAT_DATA_TAGS: of all sentences
    struct {
        size_t *items;
        size_t n, capacity;
    } word_ends;  // LAT_DATA_TAGS: [rows] where the words of each sentence end
    struct {
        double *items;
        size_t n, capacity;
    } values;                                // LAT_DATA_SERIES: [rows, n_columns]
    char **columns;                          // [n_columns] names
    int32_t n_columns, n_inputs, n_targets;  // the first n_inputs columns are read
    int32_t *targets;                        // [n_targets] columns that are forecast
    lattn_data_stats stats;
};

// ---- labels.c ---------------------------------------------------------------------------------

// The number of a label, a new one if it is new and fixed is false. ERR_FORMAT (with the known
// ones) when it is unknown or there are too many; the caller adds file and line.
lattn_status lat_labels_id(
    struct lat_labels *l, bool fixed, const char *text, size_t bytes, int32_t *id);
// Sorts labels that were collected; order[old id] = new id (caller frees).
lattn_status lat_labels_sort(struct lat_labels *l, int32_t **order);
// Takes names as the ids 0, 1, ...; ERR_ARG when one is there twice or n is negative.
lattn_status lat_labels_given(struct lat_labels *l, const char *const *names, int32_t n);
// The same with "0", "1", ... as names.
lattn_status lat_labels_numbered(struct lat_labels *l, int32_t n);
void lat_labels_free(struct lat_labels *l);

// ---- dataset.c --------------------------------------------------------------------------------

// A new one of so many rows without labels.
lattn_status lat_dataset_create(enum lat_data_kind kind, size_t n, lattn_dataset **out);
// Checks rows that a caller gave; NULL is fine.
lattn_status lat_rows_check(const char *who, const lattn_dataset *d, const lattn_rows *rows);
// Warns when all rows have one label.
void lat_dataset_warn_one_class(const char *path, const lattn_dataset *d);

// ---- stream.c ---------------------------------------------------------------------------------

// The part of a stream or series that a caller gave, or all of it.
lattn_status lat_range_check(
    const char *who, const lattn_dataset *d, const lattn_range *part, lattn_range *out);

#endif
