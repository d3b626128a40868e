// SPDX-License-Identifier: MIT
//
// A growable array as a plain struct with members items, n, capacity:
//
//     struct { int *items; size_t n, capacity; } a = { 0 };
//     LAT_TRY(LAT_PUSH(&a, 7));
//     lat_free(a.items);
#ifndef LAT_ARRAY_H
#define LAT_ARRAY_H
#include "base/alloc.h"

// Grows *items so that at least need entries of size bytes fit.
lattn_status lat_array_reserve(void **items, size_t *capacity, size_t need, size_t size);

#define LAT_RESERVE(a, need)                                                                       \
    lat_array_reserve((void **) &(a)->items, &(a)->capacity, (need), sizeof *(a)->items)
#define LAT_PUSH(a, value)                                                                         \
    (LAT_RESERVE(a, (a)->n + 1) ? LATTN_ERR_HOST_MEMORY                                            \
                                : ((a)->items[(a)->n++] = (value), LATTN_OK))

#endif
