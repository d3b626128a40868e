// SPDX-License-Identifier: MIT
//
// What a loader is made of: the order and the threads are the same for all (loader.c), what a batch
// is depends on its kind.
#ifndef LAT_LOADER_H
#define LAT_LOADER_H
#include <stddef.h>
#include "lattn/data.h"

// A batch and the memory behind it, used again and again.
struct lat_slot {
    lattn_batch batch;
    size_t lengths_capacity, tokens_capacity, rows_capacity, x_capacity, targets_capacity;
    size_t target_ids_capacity, word_starts_capacity, output_capacity, output_lengths_capacity;
    lattn_status status;  // of making it
    char error[512];      // its sentence, from the thread that made it
};
void lat_slot_free(struct lat_slot *s);
// Room for n labels and rows; for a part of the batch, n elements of size bytes.
lattn_status lat_slot_rows(struct lat_slot *s, size_t n);
lattn_status lat_slot_grow(void **part, size_t *capacity, size_t n, size_t size);
// Sequences of tokens: room for n labels, rows and lengths, and n * T input ids.
lattn_status lat_slot_sequences(struct lat_slot *s, size_t n, size_t T);
// The T of rows of these lengths: the longest, rounded up, at most max; max with to_max.
size_t lat_padded_length(
    const int32_t *lengths, size_t n, int32_t multiple, int32_t max, bool to_max);

struct lat_loader_kind {
    size_t worker_bytes;  // what one thread needs, zeroed
    // Rows to a batch; its epoch and index are set. data is shared and does not change.
    lattn_status (*collate)(
        const void *data, void *worker, const uint32_t *rows, size_t n, struct lat_slot *out);
    void (*free_worker)(void *worker);
    void (*free_data)(void *data);
};

struct lat_loader_plan {
    const struct lat_loader_kind *kind;
    void *data;  // belongs to the loader, also when it cannot be made
    const lattn_dataset *dataset;
    const lattn_rows *rows;
    int64_t n_items;  // what an epoch visits, where it is not rows of the dataset; else 0
    int32_t batch_size;
    bool shuffle, drop_last;
    uint64_t seed;
    int32_t n_threads, n_ahead;  // 0 = default
};
lattn_status lat_loader_create(const struct lat_loader_plan *plan, lattn_loader **out);
// A loader of sequences of tokens. Its data is a copy of the parameters, with what is 0 filled in;
// least: of max_tokens.
lattn_status lat_token_loader_create(const struct lat_loader_kind *kind,
    const lattn_loader_params *params, int32_t least, lattn_loader **out);
// ERR_ARG with the name unless lo <= value <= hi.
lattn_status lat_loader_range(const char *name, int32_t value, int32_t lo, int32_t hi);

#endif
