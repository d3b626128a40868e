// SPDX-License-Identifier: MIT
//
// Threads, locks, conditions and clocks over POSIX threads.
//
// A thread of the library starts with all asynchronous signals blocked: Ctrl-C and
// the like belong to the application's own threads, whose handlers would otherwise run
// in a worker at random.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/thread.h"

struct lat_thread {
    pthread_t id;
    void (*fn)(void *);
    void *arg;
};

struct lat_mutex {
    pthread_mutex_t m;
};

struct lat_cond {
    pthread_cond_t c;
};

static void *run(void *arg)
{
    struct lat_thread *t = arg;
    t->fn(t->arg);
    return NULL;
}

lattn_status lat_thread_start(void (*fn)(void *), void *arg, struct lat_thread **out)
{
    *out = NULL;
    struct lat_thread *t = LAT_NEW(struct lat_thread);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    t->fn = fn;
    t->arg = arg;

    static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP };
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < LAT_COUNT(synchronous); i++)
        sigdelset(&blocked, synchronous[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = pthread_create(&t->id, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        lat_free(t);
        return lat_err(LATTN_ERR_HOST_MEMORY, "cannot start a thread: %s", lat_errno_text(rc));
    }
    *out = t;
    return LATTN_OK;
}

void lat_thread_join(struct lat_thread **t)
{
    if (!*t)
        return;
    pthread_join((*t)->id, NULL);
    lat_free(*t);
    *t = NULL;
}

lattn_status lat_mutex_create(struct lat_mutex **out)
{
    *out = LAT_NEW(struct lat_mutex);
    if (!*out)
        return LATTN_ERR_HOST_MEMORY;
    int rc = pthread_mutex_init(&(*out)->m, NULL);
    if (rc) {
        lat_free(*out);
        *out = NULL;
        return lat_err(LATTN_ERR_HOST_MEMORY, "cannot make a lock: %s", lat_errno_text(rc));
    }
    return LATTN_OK;
}

void lat_mutex_destroy(struct lat_mutex **m)
{
    if (!*m)
        return;
    pthread_mutex_destroy(&(*m)->m);
    lat_free(*m);
    *m = NULL;
}

void lat_mutex_lock(struct lat_mutex *m)
{
    int rc = pthread_mutex_lock(&m->m);
    LAT_ASSERT(rc == 0);
}

void lat_mutex_unlock(struct lat_mutex *m)
{
    int rc = pthread_mutex_unlock(&m->m);
    LAT_ASSERT(rc == 0);
}

lattn_status lat_cond_create(struct lat_cond **out)
{
    *out = LAT_NEW(struct lat_cond);
    if (!*out)
        return LATTN_ERR_HOST_MEMORY;
    int rc = pthread_cond_init(&(*out)->c, NULL);
    if (rc) {
        lat_free(*out);
        *out = NULL;
        return lat_err(LATTN_ERR_HOST_MEMORY, "cannot make a condition: %s", lat_errno_text(rc));
    }
    return LATTN_OK;
}

void lat_cond_destroy(struct lat_cond **c)
{
    if (!*c)
        return;
    pthread_cond_destroy(&(*c)->c);
    lat_free(*c);
    *c = NULL;
}

void lat_cond_wait(struct lat_cond *c, struct lat_mutex *m)
{
    pthread_cond_wait(&c->c, &m->m);
}

void lat_cond_signal(struct lat_cond *c)
{
    pthread_cond_signal(&c->c);
}

void lat_cond_broadcast(struct lat_cond *c)
{
    pthread_cond_broadcast(&c->c);
}

int lat_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 4096 ? 4096 : (int) n;
}

uint64_t lat_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

double lat_wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

void lat_sleep_ns(uint64_t ns)
{
    struct timespec left = {
        .tv_sec = (time_t) (ns / 1000000000u),
        .tv_nsec = (long) (ns % 1000000000u),
    };
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}
