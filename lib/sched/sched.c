// SPDX-License-Identifier: MIT
//
// Creating and destroying the scheduler, and the switches it reads from the environment (lattn.h):
// LATTN_SUBMIT_MS, LATTN_CHECK and LATTN_TRACE.

#include "base/log.h"
#include "device/env.h"
#include "sched/state.h"
#include <string.h>

lattn_status lat_sched_not_capturing(const struct lat_sched *s, const char *what)
{
    if (!s->capturing)
        return LATTN_OK;
    return lat_err(LATTN_ERR_STATE,
        "%s is not possible while a step is captured: the function runs once, to record", what);
}

static uint32_t check_bits(void)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } names[] = {
        { "hazard", LAT_CHECK_HAZARD },
        { "barriers", LAT_CHECK_BARRIERS },
        { "serial", LAT_CHECK_SERIAL },
        { "poison", LAT_CHECK_POISON },
    };
    uint32_t bits = 0;
    for (size_t i = 0; i < LAT_COUNT(names); i++)
        if (lat_env_has("LATTN_CHECK", names[i].name))
            bits |= names[i].bit;
    return bits;
}

lattn_status lat_sched_create(struct lat_device *dev, struct lat_sched **out)
{
    *out = NULL;
    struct lat_sched *s = LAT_NEW(struct lat_sched);
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st;
    s->dev = dev;
    s->list.serial = s->next_serial = 1;
    s->seams.drop_barrier = -1;
    long long submit_ms;
    LAT_GO(lat_env_submit_ms(&submit_ms));
    s->budget_ns = 1e6 * (double) submit_ms;
    s->check = check_bits();
    lat_rate_init(&s->rate, &dev->caps);
    if (s->check & LAT_CHECK_HAZARD)
        LAT_GO(lat_check_create(&s->checker));
    const char *trace = lat_env("LATTN_TRACE");
    if (trace)
        LAT_GO(lat_trace_open(s, trace, &s->trace));
    *out = s;
    return LATTN_OK;

done:
    lat_sched_destroy(&s);
    return st;
}

// Segments still in flight: done or lost by now, unless the device is wedged; then
// lat_segment_destroy leaves their Vulkan objects alone.
static void free_segments(struct lat_sched *s)
{
    while (s->in_flight.n) {
        struct lat_segment *seg = s->in_flight.items[--s->in_flight.n];
        if (seg->recycle)
            lat_segment_destroy(s, &seg);
    }
    for (size_t i = 0; i < s->free_segments.n; i++)
        lat_segment_destroy(s, &s->free_segments.items[i]);
    lat_free(s->in_flight.items);
    lat_free(s->free_segments.items);
}

void lat_sched_destroy(struct lat_sched **sched)
{
    struct lat_sched *s = *sched;
    *sched = NULL;
    if (!s)
        return;
    if (s->capturing)
        lat_capture_abort(s);
    lat_list_free(&s->list);  // recorded but never flushed: nobody asked for it
    lat_sched_settle(s, s->dev->last_ticket, "work at the end");
    lat_trace_close(&s->trace);
    free_segments(s);
    lat_staging_free(s);
    lat_canaries_free(s);
    lat_plan_arena_release(s, &s->arena);
    lat_check_destroy(&s->checker);
    lat_hazards_free(&s->hazards);
    lat_planner_free(&s->planner);
    lat_free(s->epochs.items);
    lat_free(s->times.items);
    lat_free(s->paths.items);
    lat_map_free(&s->path_index);
    lat_arena_destroy(&s->path_memory);
    lat_arena_destroy(&s->block_memory);
    lat_free(s);
}
