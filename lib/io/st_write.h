// SPDX-License-Identifier: MIT
//
// Writing safetensors from anything that can hand over the bytes of a tensor.
#ifndef LAT_ST_WRITE_H
#define LAT_ST_WRITE_H
#include "lattn/io.h"

struct lat_st_source {
    const char *name;
    lattn_dtype dtype;
    int rank;
    const int64_t *dims;
    const void *item;  // for fetch
};

// Gives the row-major bytes of a source: *data is either lent from elsewhere, or buffer filled.
typedef lattn_status (*lat_st_fetch)(
    const struct lat_st_source *source, void *buffer, size_t bytes, const void **data);

// Sorts sources. needs_buffer: fetch gets a buffer with room for the largest tensor, else NULL.
lattn_status lat_st_write(const char *path, struct lat_st_source *sources, size_t n,
    lat_st_fetch fetch, bool needs_buffer);

#endif
