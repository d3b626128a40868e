// SPDX-License-Identifier: MIT
//
// A bounded first-in-first-out queue of pointers between threads.
#ifndef LAT_QUEUE_H
#define LAT_QUEUE_H
#include "base/alloc.h"

struct lat_queue;
lattn_status lat_queue_create(size_t capacity, struct lat_queue **out);
void lat_queue_destroy(struct lat_queue **q);          // nobody may be waiting
bool lat_queue_push(struct lat_queue *q, void *item);  // waits while full; false once closed
bool lat_queue_pop(
    struct lat_queue *q, void **item);      // waits while empty; false once closed and empty
void lat_queue_close(struct lat_queue *q);  // wakes everybody

#endif
