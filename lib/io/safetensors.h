// SPDX-License-Identifier: MIT
//
// Inside of the safetensors reader and writer. A file is
//
//     u64 n, little-endian | n bytes of JSON, an object | tensor data
//
// and the object holds, per tensor, {"dtype", "shape", "data_offsets": [begin, end]} with
// offsets from the start of the data; "__metadata__" is an object of texts.
// Source: huggingface.co/docs/safetensors, "Format".
#ifndef LAT_SAFETENSORS_H
#define LAT_SAFETENSORS_H
#include "base/arena.h"
#include "base/array.h"
#include "base/file.h"
#include "base/json.h"
#include "lattn/io.h"

// Tensors in one file may be larger than memory, its header may not.
#define LAT_ST_MAX_HEADER_BYTES 100000000u

enum lat_st_kind { LAT_ST_FLOAT, LAT_ST_INT, LAT_ST_OTHER };

struct lat_st_dtype {
    const char *name;
    unsigned bits;  // per element; some are smaller than a byte
    enum lat_st_kind kind;
};

struct lat_st_entry {
    const char *name;
    const struct lat_st_dtype *dtype;
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    int64_t numel;
    uint64_t begin, end;  // from the start of the data of its file
    size_t file;          // which shard
};

// ---- st_header.c: pure parsing, nothing is opened ---------------------------------------------

struct lat_st_header {
    struct lat_st_entry *items;
    size_t n, capacity;
    struct lat_arena names;
    json_t *metadata;  // NULL = none
};

// NULL if there is no such dtype.
const struct lat_st_dtype *lat_st_dtype_find(const char *name);
// Checks the first 8 bytes of a file against its size.
lattn_status lat_st_header_bytes(
    const char *path, const unsigned char first[8], uint64_t file_bytes, uint64_t *header_bytes);
// Checks and takes apart a header in front of data_bytes of data. The entries come sorted by
// name. Free the result after a failure too.
lattn_status lat_st_parse(const char *path, const char *text, size_t bytes, uint64_t data_bytes,
    struct lat_st_header *out);
void lat_st_header_free(struct lat_st_header *h);

// ---- safetensors.c ----------------------------------------------------------------------------

struct lat_st_file {
    struct lat_file *file;
    uint64_t data_start;
};

struct lattn_safetensors {
    lattn_safetensors_params params;
    struct {
        struct lat_st_file *items;
        size_t n, capacity;
    } files;
    struct {
        struct lat_st_entry *items;  // of all files, sorted by name
        size_t n, capacity;
    } entries;
    struct lat_arena names;
    json_t *metadata;  // of the first file
};

// Adds one file and its entries, unsorted.
lattn_status lat_st_add_file(struct lattn_safetensors *s, const char *path);

// ---- st_index.c -------------------------------------------------------------------------------

// Adds every shard that an index names, and checks them against it.
lattn_status lat_st_add_index(struct lattn_safetensors *s, const char *path);

#endif
