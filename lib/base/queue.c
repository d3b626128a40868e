// SPDX-License-Identifier: MIT
//
// A ring of pointers under one lock with two conditions. Bounded, so that a fast
// producer waits instead of filling the memory.

#include "base/queue.h"
#include "base/thread.h"

struct lat_queue {
    struct lat_mutex *lock;
    struct lat_cond *not_empty, *not_full;
    size_t first, n, capacity;
    bool closed;
    void *items[];
};

lattn_status lat_queue_create(size_t capacity, struct lat_queue **out)
{
    *out = NULL;
    if (capacity == 0 || capacity > SIZE_MAX / sizeof(void *) / 2)
        return lat_err(LATTN_ERR_ARG, "a queue of %zu items", capacity);
    struct lat_queue *q = lat_calloc(1, sizeof *q + capacity * sizeof q->items[0]);
    if (!q)
        return LATTN_ERR_HOST_MEMORY;
    q->capacity = capacity;

    lattn_status st;
    LAT_GO(lat_mutex_create(&q->lock));
    LAT_GO(lat_cond_create(&q->not_empty));
    LAT_GO(lat_cond_create(&q->not_full));
done:
    if (st)
        lat_queue_destroy(&q);
    *out = q;
    return st;
}

void lat_queue_destroy(struct lat_queue **q)
{
    if (!*q)
        return;
    lat_cond_destroy(&(*q)->not_full);
    lat_cond_destroy(&(*q)->not_empty);
    lat_mutex_destroy(&(*q)->lock);
    lat_free(*q);
    *q = NULL;
}

bool lat_queue_push(struct lat_queue *q, void *item)
{
    lat_mutex_lock(q->lock);
    while (q->n == q->capacity && !q->closed)
        lat_cond_wait(q->not_full, q->lock);
    bool ok = !q->closed;
    if (ok) {
        q->items[(q->first + q->n) % q->capacity] = item;
        q->n++;
        lat_cond_signal(q->not_empty);
    }
    lat_mutex_unlock(q->lock);
    return ok;
}

bool lat_queue_pop(struct lat_queue *q, void **item)
{
    lat_mutex_lock(q->lock);
    while (q->n == 0 && !q->closed)
        lat_cond_wait(q->not_empty, q->lock);
    bool ok = q->n > 0;
    if (ok) {
        *item = q->items[q->first];
        q->first = (q->first + 1) % q->capacity;
        q->n--;
        lat_cond_signal(q->not_full);
    }
    lat_mutex_unlock(q->lock);
    return ok;
}

void lat_queue_close(struct lat_queue *q)
{
    lat_mutex_lock(q->lock);
    q->closed = true;
    lat_cond_broadcast(q->not_empty);
    lat_cond_broadcast(q->not_full);
    lat_mutex_unlock(q->lock);
}
