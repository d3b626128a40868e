// SPDX-License-Identifier: MIT
//
// Hands a list to the device in submissions of about LATTN_SUBMIT_MS of device time each
// (default 100 ms, far below the 2 s of the strictest watchdog), and follows what is in flight.
//
// Time is estimated from the bytes and flops that come with each command, by a first guess per
// kind of device times one factor that is learned from measured submissions. The factor moves
// half of the way (in the logarithm) and at most fourfold at a time: a driver that compiles
// during the first run of a kernel must not spoil it for long.

#include "base/log.h"
#include "base/thread.h"
#include "sched/state.h"
#include <math.h>
#include <stdio.h>

// ---- estimates ------------------------------------------------------------------------------

// Cautious first guesses: an estimate that is too high costs a few submissions too many, one that
// is too low can run into a watchdog.
void lat_rate_init(struct lat_rate *r, const struct lat_caps *caps)
{
    double gigabytes, gigaflops;
    r->ns_per_command = 3e3;
    switch (caps->info.type) {
    case LATTN_DEVICE_TYPE_DISCRETE:
        gigabytes = 100, gigaflops = 1000;
        break;
    case LATTN_DEVICE_TYPE_CPU:
        // Worker hand-off of lavapipe, 21 to 46 us, measured on Mesa 25 and 26.
        r->ns_per_command = 30e3;
        gigabytes = 5, gigaflops = 10;
        break;
    default:
        gigabytes = 15, gigaflops = 100;
        break;
    }
    r->ns_per_byte = 1 / gigabytes;
    r->ns_per_flop = 1 / gigaflops;
    r->scale = 1;
}

double lat_rate_estimate(const struct lat_rate *r, const struct lat_command *c)
{
    double memory = c->bytes * r->ns_per_byte, arithmetic = c->flops * r->ns_per_flop;
    return r->ns_per_command + LAT_MAX(memory, arithmetic);
}

void lat_rate_learn(struct lat_rate *r, double estimate_ns, double measured_ns)
{
    // Short submissions are all overhead and say little about work.
    static const double LEAST_NS = 1e6;
    if (estimate_ns <= 0 || measured_ns < LEAST_NS)
        return;
    double factor = sqrt(measured_ns / (estimate_ns * r->scale));
    r->scale *= LAT_MIN(LAT_MAX(factor, 0.25), 4.0);
    r->scale = LAT_MIN(LAT_MAX(r->scale, 1e-3), 1e3);
}

uint32_t lat_cut(
    const struct lat_sched *s, const struct lat_list *list, uint32_t first, const double *cost)
{
    uint32_t n = (uint32_t) list->commands.n;
    if (s->check & LAT_CHECK_SERIAL)
        return first + 1;
    double sum = 0;
    for (uint32_t i = first; i < n; i++) {
        sum +=
            cost ? cost[i] : lat_rate_estimate(&s->rate, &list->commands.items[i]) * s->rate.scale;
        if (sum > s->budget_ns && i > first)
            return i;
    }
    return n;
}

// ---- what is in flight ----------------------------------------------------------------------

// Takes the oldest segment, which has run.
static lattn_status complete_oldest(struct lat_sched *s, bool waited)
{
    struct lat_segment *seg = s->in_flight.items[0];
    LAT_TRY(lat_segment_complete(s, seg, waited));
    s->in_flight.n--;
    for (size_t i = 0; i < s->in_flight.n; i++)
        s->in_flight.items[i] = s->in_flight.items[i + 1];
    if (seg->recycle) {
        s->n_eager--;
        s->free_segments.items[s->free_segments.n++] = seg;  // room was reserved by submit
    }
    return LATTN_OK;
}

lattn_status lat_sched_poll(struct lat_sched *s)
{
    LAT_TRY(lat_device_alive(s->dev));
    if (s->in_flight.n == 0)
        return LATTN_OK;
    uint64_t done = lat_device_completed(s->dev);
    LAT_TRY(lat_device_alive(s->dev));
    while (s->in_flight.n && s->in_flight.items[0]->ticket <= done)
        LAT_TRY(complete_oldest(s, false));
    return LATTN_OK;
}

lattn_status lat_sched_wait_ticket(struct lat_sched *s, uint64_t ticket, const char *what)
{
    LAT_TRY(lat_sched_poll(s));
    bool timestamps = s->dev->caps.timestamp_ns > 0 && !s->seams.no_timestamps;
    while (s->in_flight.n && s->in_flight.items[0]->ticket <= ticket) {
        // Without timestamps one by one, because the time of each wait is all there is to learn.
        uint64_t until = timestamps ? ticket : s->in_flight.items[0]->ticket;
        LAT_TRY(lat_device_wait(s->dev, until, what));
        do
            LAT_TRY(complete_oldest(s, true));
        while (s->in_flight.n && s->in_flight.items[0]->ticket <= until);
    }
    return LATTN_OK;
}

void lat_sched_settle(struct lat_sched *s, uint64_t ticket, const char *what)
{
    // A wait may fail for want of memory and succeed the next time.
    for (int attempt = 0; attempt < 3; attempt++)
        if (s->dev->lost || s->dev->wedged || lat_sched_wait_ticket(s, ticket, what) == LATTN_OK)
            return;
    // Unknown whether it still runs: leaking it is the only safe thing left.
    snprintf(s->dev->lost_text, sizeof s->dev->lost_text, "cannot wait for %s: %s", what,
        lat_err_text());
    s->dev->wedged = true;
    lat_log(LATTN_LOG_ERROR, "%s", s->dev->lost_text);
}

static lattn_status eager_segment(struct lat_sched *s, struct lat_segment **out)
{
    LAT_TRY(lat_sched_poll(s));
    while (s->n_eager >= LAT_MAX_IN_FLIGHT) {
        uint64_t oldest = s->in_flight.items[0]->ticket;
        LAT_TRY(lat_sched_wait_ticket(s, oldest, "an earlier submission"));
    }
    if (s->free_segments.n) {
        *out = s->free_segments.items[--s->free_segments.n];
        return LATTN_OK;
    }
    LAT_TRY(lat_segment_create(s, out));
    (*out)->recycle = true;
    return LATTN_OK;
}

// ---- flushing -------------------------------------------------------------------------------

static lattn_status submit_range(struct lat_sched *s, const struct lat_list *list, uint32_t first,
    uint32_t last, const struct lat_plan_arena *poisoned)
{
    struct lat_segment *seg;
    lattn_status st;
    LAT_TRY(eager_segment(s, &seg));
    LAT_GO(lat_segment_begin(s, seg, last - first));
    lat_emit_poison(s, poisoned, seg->cmd);
    LAT_GO(lat_emit(s, list, first, last, seg));
    LAT_GO(lat_segment_end(s, seg));
    VkCommandBuffer buffers[1];
    LAT_GO(lat_segment_submit(s, seg, buffers, 0));
    return LATTN_OK;

done:
    lat_segment_destroy(s, &seg);
    return st;
}

static lattn_status submit_list(struct lat_sched *s, struct lat_list *list)
{
    struct lat_plan_arena *arena = NULL;
    lattn_status st;
    LAT_GO(lat_place_list(s, list, &arena));
    uint32_t n = (uint32_t) list->commands.n;
    for (uint32_t first = 0; first < n;) {
        uint32_t last = lat_cut(s, list, first, NULL);
        LAT_GO(submit_range(s, list, first, last, first == 0 ? arena : NULL));
        first = last;
    }

done:
    lat_plan_arena_release(s, &arena);
    return st;
}

lattn_status lat_sched_flush(struct lat_sched *s)
{
    LAT_TRY(lat_device_alive(s->dev));
    LAT_TRY(lat_sched_not_capturing(s, "submitting work"));
    lattn_status st = s->list.commands.n ? submit_list(s, &s->list) : lat_sched_poll(s);
    lat_list_clear(&s->list);
    s->list.serial = ++s->next_serial;
    lat_staging_flushed(s, s->dev->last_ticket);
    return st;
}

lattn_status lat_sched_wait(struct lat_sched *s)
{
    LAT_TRY(lat_sched_flush(s));
    return lat_sched_wait_ticket(s, s->dev->last_ticket, "submitted work");
}
