// SPDX-License-Identifier: MIT
//
// A segment is one command buffer and everything that must live until it has run: its command
// pool, descriptor sets, timestamp queries, canary word and trace events. Eager segments are
// recycled by ticket; a captured graph owns its segments and submits them again and again.
#ifndef LAT_SEGMENT_H
#define LAT_SEGMENT_H
#include "device/timer.h"
#include "sched/list.h"

// What the trace says about the time between two timestamps.
struct lat_trace_event {
    const char *kernel, *op, *path;
    bool backward;
    double bytes, flops;
};

struct lat_segment {
    VkCommandPool pool;
    VkCommandBuffer cmd;
    struct lat_binding_pool *bindings;
    struct lat_timer timer;
    uint32_t n_times;  // timestamps that the recorded commands write

    uint32_t canary;        // slot in the canary pages
    uint32_t canary_value;  // what the device must write there

    uint32_t n_dispatches, n_commands;
    double estimate_ns;  // before scaling by what was learned
    double measured_ns;  // of the last run that was timed; 0 = not known
    bool recycle;        // an eager segment: back to the free ones when it has run

    uint64_t ticket;     // in flight; 0 = not
    uint64_t submit_ns;  // host time of the submission

    struct {
        struct lat_trace_event *items;
        size_t n, capacity;
    } events;
};

lattn_status lat_segment_create(struct lat_sched *s, struct lat_segment **out);
// Not in flight any more, or the device is lost.
void lat_segment_destroy(struct lat_sched *s, struct lat_segment **seg);

// Starts recording behind a full barrier: memory is reused from one submission to the next.
// n_commands bounds the number of commands that will be recorded.
lattn_status lat_segment_begin(struct lat_sched *s, struct lat_segment *seg, uint32_t n_commands);
// Called behind each command: its timestamp and event when a trace is written.
lattn_status lat_segment_event(
    struct lat_sched *s, struct lat_segment *seg, const struct lat_trace_event *e);
// Writes the canary, makes everything visible to the host, ends recording.
lattn_status lat_segment_end(struct lat_sched *s, struct lat_segment *seg);
// Submits buffers[0 .. n_before) and the segment in one go; it is then in flight. There is room
// for one more in buffers.
lattn_status lat_segment_submit(
    struct lat_sched *s, struct lat_segment *seg, VkCommandBuffer *buffers, uint32_t n_before);
// Has run: checks the canary, reads the times, learns, writes the trace.
lattn_status lat_segment_complete(struct lat_sched *s, struct lat_segment *seg, bool waited);

// ---- canary.c -----------------------------------------------------------------------------

enum { LAT_CANARY_PAGE_SLOTS = 64 };

// Words in host-visible memory, each in a cache line of its own, because the host resets one
// while the device may be writing its neighbour.
struct lat_canaries {
    struct {
        struct lat_slice *items;
        size_t n, capacity;
    } pages;
    struct {
        uint32_t *items;
        size_t n, capacity;
    } free;
    uint32_t stride, next_value;
};

lattn_status lat_canary_take(struct lat_sched *s, uint32_t *slot);
void lat_canary_give(struct lat_sched *s, uint32_t slot);
// Where the device writes the word of a slot.
void lat_canary_place(struct lat_sched *s, uint32_t slot, VkBuffer *buffer, uint64_t *offset);
lattn_status lat_canary_arm(struct lat_sched *s, uint32_t slot, uint32_t value);
lattn_status lat_canary_check(struct lat_sched *s, uint32_t slot, uint32_t value);
void lat_canaries_free(struct lat_sched *s);

#endif
