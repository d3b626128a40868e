// SPDX-License-Identifier: MIT
//
// A binary heap in a growable array (array.h) of items of one type, whose top item comes before all others:
//
//     static bool before(const struct job *a, const struct job *b) { return a->due < b->due; }
//     LAT_HEAP(job_heap, struct job, before)
//
//     struct { struct job *items; size_t n, capacity; } heap = { 0 };
//     LAT_TRY(LAT_PUSH(&heap, job));
//     job_heap_up(heap.items, heap.n);                  // the last item finds its place
//     top = job_heap_pop(heap.items, &heap.n);          // n > 0
//
// A macro, because items are compared millions of times: the compiler sees before().
#ifndef LAT_HEAP_H
#define LAT_HEAP_H
#include <stddef.h>

#define LAT_HEAP(name, type, before)                                                               \
    static void name##_swap(type *a, type *b)                                                      \
    {                                                                                              \
        type t = *a;                                                                               \
        *a = *b;                                                                                   \
        *b = t;                                                                                    \
    }                                                                                              \
    static void name##_up(type *h, size_t n)                                                       \
    {                                                                                              \
        for (size_t i = n - 1; i > 0 && before(&h[i], &h[(i - 1) / 2]); i = (i - 1) / 2)           \
            name##_swap(&h[i], &h[(i - 1) / 2]);                                                   \
    }                                                                                              \
    static type name##_pop(type *h, size_t *count)                                                 \
    {                                                                                              \
        type top = h[0];                                                                           \
        size_t n = --*count;                                                                       \
        h[0] = h[n];                                                                               \
        for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {                            \
            if (child + 1 < n && before(&h[child + 1], &h[child]))                                 \
                child++;                                                                           \
            if (!before(&h[child], &h[i]))                                                         \
                break;                                                                             \
            name##_swap(&h[i], &h[child]);                                                         \
        }                                                                                          \
        return top;                                                                                \
    }

#endif
