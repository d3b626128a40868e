// SPDX-License-Identifier: MIT
//
// Host memory over malloc, with two counters and a switch that makes the n-th
// allocation fail. The counters are atomics without ordering: they cost next to
// nothing beside malloc and are read when the threads have been joined.

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"

static _Atomic uint64_t n_calls;
static _Atomic int64_t n_live;
// Allocations to go until one fails; negative = off. -1 is also where the countdown
// ends, so exactly one call fails.
static _Atomic int64_t fail_in = -1;

// No object may be larger than PTRDIFF_MAX, or pointer differences overflow.
static bool must_fail(size_t bytes)
{
    if (bytes > PTRDIFF_MAX)
        return true;
    atomic_fetch_add_explicit(&n_calls, 1, memory_order_relaxed);
    int64_t left = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (left >= 0)
        if (atomic_compare_exchange_weak(&fail_in, &left, left - 1))
            return left == 0;
    return false;
}

static void *checked(void *p, size_t bytes)
{
    if (p)
        atomic_fetch_add_explicit(&n_live, 1, memory_order_relaxed);
    else
        lat_err(LATTN_ERR_HOST_MEMORY, "out of host memory: %zu bytes asked for", bytes);
    return p;
}

void *lat_alloc(size_t bytes)
{
    return checked(must_fail(bytes) ? NULL : malloc(bytes ? bytes : 1), bytes);
}

void *lat_calloc(size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) {
        lat_err(
            LATTN_ERR_HOST_MEMORY, "out of host memory: %zu times %zu bytes asked for", n, size);
        return NULL;
    }
    size_t bytes = n * size;
    return checked(must_fail(bytes) ? NULL : calloc(1, bytes ? bytes : 1), bytes);
}

void *lat_realloc(void *p, size_t bytes)
{
    if (!p)
        return lat_alloc(bytes);
    void *q = must_fail(bytes) ? NULL : realloc(p, bytes ? bytes : 1);
    if (!q)
        lat_err(LATTN_ERR_HOST_MEMORY, "out of host memory: %zu bytes asked for", bytes);
    return q;
}

char *lat_strdup(const char *s)
{
    return lat_memdup(s, strlen(s) + 1);
}

char *lat_strndup(const char *s, size_t n)
{
    const char *end = memchr(s, 0, n);
    size_t len = end ? (size_t) (end - s) : n;
    char *copy = lat_alloc(len + 1);
    if (copy) {
        memcpy(copy, s, len);
        copy[len] = 0;
    }
    return copy;
}

void *lat_memdup(const void *p, size_t bytes)
{
    void *copy = lat_alloc(bytes);
    if (copy && bytes)
        memcpy(copy, p, bytes);
    return copy;
}

void lat_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&n_live, 1, memory_order_relaxed);
    free(p);
}

uint64_t lat_alloc_count(void)
{
    return atomic_load(&n_calls);
}

int64_t lat_alloc_live(void)
{
    return atomic_load(&n_live);
}

void lat_alloc_fail_at(int64_t n)
{
    atomic_store(&fail_in, n < 0 ? -1 : n);
}
