// SPDX-License-Identifier: MIT
//
// The hazard checker. Brute force on purpose: a flat list of every access since the last memory
// barrier, compared one by one. Slow, but so simple that it can be trusted to judge hazard.c.
//
// An execution barrier makes later writes wait for earlier reads. It does not flush caches, so
// earlier writes stay dangerous for whatever comes after it.

#include "sched/check.h"
#include "base/array.h"
#include "base/log.h"
#include <inttypes.h>

struct access {
    const char *name;
    uint64_t buffer, begin, end;
    uint64_t command;
    bool write;
};

struct lat_check {
    struct {
        struct access *items;
        size_t n, capacity;
    } seen;
    uint64_t command, found;
};

lattn_status lat_check_create(struct lat_check **out)
{
    *out = LAT_NEW(struct lat_check);
    return *out ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

void lat_check_destroy(struct lat_check **c)
{
    if (!*c)
        return;
    lat_free((*c)->seen.items);
    lat_free(*c);
    *c = NULL;
}

static bool races(const struct access *a, const struct access *b)
{
    return a->command != b->command && a->buffer == b->buffer && (a->write || b->write) &&
           a->begin < b->end && b->begin < a->end;
}

static const char *kind_of(const struct access *earlier, const struct access *later)
{
    if (!earlier->write)
        return "write after read";
    return later->write ? "write after write" : "read after write";
}

lattn_status lat_check_access(struct lat_check *c, const char *name, uint64_t buffer,
    uint64_t offset, uint64_t bytes, bool write)
{
    struct access now = { name, buffer, offset, offset + bytes, c->command, write };
    const struct access *bad = NULL;
    for (size_t i = 0; i < c->seen.n && !bad; i++)
        if (races(&c->seen.items[i], &now))
            bad = &c->seen.items[i];
    if (!bad)
        return LAT_PUSH(&c->seen, now);

    c->found++;
    lattn_status st = lat_err(LATTN_ERR_INTERNAL,
        "hazard: %s: '%s' (command %" PRIu64 ") and '%s' (command %" PRIu64 ") touch bytes %" PRIu64
        " to %" PRIu64 " of buffer 0x%" PRIx64 " without a barrier",
        kind_of(bad, &now), bad->name, bad->command, name, now.command,
        LAT_MAX(bad->begin, now.begin), LAT_MIN(bad->end, now.end), buffer);
    lat_log(LATTN_LOG_ERROR, "%s", lat_err_text());
    return st;
}

void lat_check_next_command(struct lat_check *c)
{
    c->command++;
}

void lat_check_barrier(struct lat_check *c, bool memory)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->seen.n && !memory; i++)
        if (c->seen.items[i].write)
            c->seen.items[kept++] = c->seen.items[i];
    c->seen.n = kept;
}

uint64_t lat_check_found(const struct lat_check *c)
{
    return c->found;
}
