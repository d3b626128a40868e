// SPDX-License-Identifier: MIT
//
// Growth of the arrays of array.h: by half, so that appending n items costs O(n) and
// freed blocks can be reused by the allocator (with doubling they never add up to the
// next size).

#include <string.h>
#include "base/array.h"

enum { FIRST_CAPACITY = 8 };

lattn_status lat_array_reserve(void **items, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return LATTN_OK;
    size_t want = *capacity + *capacity / 2;
    want = LAT_MAX(LAT_MAX(want, need), (size_t) FIRST_CAPACITY);
    if (want > SIZE_MAX / size)
        return lat_err(
            LATTN_ERR_HOST_MEMORY, "out of host memory: %zu times %zu bytes asked for", want, size);

    // items points at some other pointer type than void *: copied as bytes.
    void *p;
    memcpy(&p, items, sizeof p);
    p = lat_realloc(p, want * size);
    if (!p)
        return LATTN_ERR_HOST_MEMORY;
    memcpy(items, &p, sizeof p);
    *capacity = want;
    return LATTN_OK;
}
