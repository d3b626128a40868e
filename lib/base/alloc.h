// SPDX-License-Identifier: MIT
//
// Host memory. Every allocation of the library goes through here, so that tests can
// count them and make the n-th one fail.
#ifndef LAT_ALLOC_H
#define LAT_ALLOC_H
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

// All return NULL when memory is out (and then keep an ERR_HOST_MEMORY sentence).
// A size of 0 gives a valid pointer.
void *lat_alloc(size_t bytes);
void *lat_calloc(size_t n, size_t size);  // checks n * size for overflow
void *lat_realloc(void *p, size_t bytes);
char *lat_strdup(const char *s);
char *lat_strndup(const char *s, size_t n);
void *lat_memdup(const void *p, size_t bytes);
void lat_free(void *p);

uint64_t lat_alloc_count(void);  // calls so far, this process
int64_t lat_alloc_live(void);    // blocks not yet freed
// The n-th allocation from now fails (0 = the next one); negative switches it off.
void lat_alloc_fail_at(int64_t n);

#define LAT_NEW(type) ((type *) lat_calloc(1, sizeof(type)))

#endif
