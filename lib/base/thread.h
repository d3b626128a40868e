// SPDX-License-Identifier: MIT
//
// Threads, locks and time. All operating-system calls of the library are in base/.
#ifndef LAT_THREAD_H
#define LAT_THREAD_H
#include "base/alloc.h"

struct lat_thread;
struct lat_mutex;
struct lat_cond;

lattn_status lat_thread_start(void (*fn)(void *), void *arg, struct lat_thread **out);
void lat_thread_join(struct lat_thread **t);  // accepts NULL

lattn_status lat_mutex_create(struct lat_mutex **out);
void lat_mutex_destroy(struct lat_mutex **m);
void lat_mutex_lock(struct lat_mutex *m);
void lat_mutex_unlock(struct lat_mutex *m);

lattn_status lat_cond_create(struct lat_cond **out);
void lat_cond_destroy(struct lat_cond **c);
void lat_cond_wait(struct lat_cond *c, struct lat_mutex *m);
void lat_cond_signal(struct lat_cond *c);
void lat_cond_broadcast(struct lat_cond *c);

int lat_cpu_count(void);
uint64_t lat_now_ns(void);      // monotonic
double lat_wall_seconds(void);  // since 1970, for file formats only
void lat_sleep_ns(uint64_t ns);

#endif
