// SPDX-License-Identifier: MIT
//
// The scheduler's state, shared by the files of this folder and its tests.
#ifndef LAT_STATE_H
#define LAT_STATE_H
#include "base/arena.h"
#include "base/array.h"
#include "base/hash.h"
#include "sched/check.h"
#include "sched/hazard.h"
#include "sched/list.h"
#include "sched/plan.h"
#include "sched/segment.h"

// Bits of LATTN_CHECK that the scheduler knows.
enum {
    LAT_CHECK_HAZARD = 1,    // the independent checker looks at everything emitted
    LAT_CHECK_BARRIERS = 2,  // a barrier before every command
    LAT_CHECK_SERIAL = 4,    // one command per submission
    LAT_CHECK_POISON = 8,    // planned memory is filled with NaN before a list runs
};

// At most this many eager submissions are in flight; then the oldest is waited for.
enum { LAT_MAX_IN_FLIGHT = 32 };

enum { LAT_BLOCK_ALIGNMENT = 256 };

struct lat_block {
    struct lat_sched *sched;
    enum lat_block_kind kind;
    uint64_t bytes;  // as asked for
    uint32_t refs;
    struct lat_slice slice;  // own memory; buffer is null without
    uint64_t list_serial;    // the list that slot belongs to
    uint32_t slot;
    struct lat_block *next;  // among the free ones
};

// Planned memory, shared by eager lists and captured graphs: each finds it undefined and leaves
// it undefined. An outgrown arena stays until the last graph in it has moved to the new one.
struct lat_plan_arena {
    uint32_t refs;
    uint64_t bytes, chunk_bytes;
    struct lat_slice *chunks;
    uint32_t n_chunks;
};

// Estimates of device time. The prior is one guess per kind of device; scale is learned.
struct lat_rate {
    double ns_per_command, ns_per_byte, ns_per_flop;
    double scale;
};

struct lat_upload_mark {
    uint64_t end, ticket;
};

// A ring in host-visible memory. Positions only grow; a byte lives at position % bytes.
struct lat_upload_ring {
    struct lat_block *block;
    uint64_t bytes, head, tail;
    uint64_t pending_from;  // head at the last flush: what lies behind it has no ticket yet
    struct {
        struct lat_upload_mark *items;
        size_t n, capacity;
    } marks;
};

struct lat_trace;

struct lat_sched {
    struct lat_device *dev;
    struct lat_list list;
    uint64_t next_serial;
    bool capturing;

    uint32_t check;    // LAT_CHECK_ bits
    double budget_ns;  // aim for the device time of one submission
    struct lat_rate rate;
    struct lat_hazards hazards;
    struct lat_check *checker;  // NULL unless LAT_CHECK_HAZARD
    struct lat_trace *trace;    // NULL unless LATTN_TRACE

    struct lat_arena block_memory;
    struct lat_block *free_blocks;
    struct lat_plan_arena *arena;
    struct lat_planner planner;
    struct {
        uint32_t *items;
        size_t n, capacity;
    } epochs;  // of each command: barriers before it if no memory were shared

    struct {
        struct lat_segment **items;
        size_t n, capacity;
    } in_flight, free_segments;
    uint32_t n_eager;  // of in_flight
    struct {
        uint64_t *items;
        size_t n, capacity;
    } times;                // scratch for timestamps
    uint64_t last_done_ns;  // host time of the last completion seen
    struct lat_canaries canaries;

    struct lat_upload_ring upload;
    struct lat_block *readback;

    struct lat_arena path_memory;
    struct lat_map path_index;
    struct {
        const char **items;
        size_t n, capacity;
    } paths;
    const char *path;
    const char *op;  // what is recorded now is part of; NULL = none
    bool op_backward;

    // For tests, which break the scheduler on purpose.
    struct {
        int64_t drop_barrier;  // this many hazard barriers from now, one is left out; < 0 = none
        bool drop_canary;
        bool no_timestamps;
    } seams;
};

// ---- sched.c --------------------------------------------------------------------------------

// ERR_STATE "<what> is not possible while a step is captured".
lattn_status lat_sched_not_capturing(const struct lat_sched *s, const char *what);

// ---- block.c --------------------------------------------------------------------------------

// lat_memory_alloc that gives back what is not needed at the moment and tries again.
lattn_status lat_sched_memory(
    struct lat_sched *s, enum lat_memory_kind kind, uint64_t bytes, struct lat_slice *out);
// A KEPT block in host-visible memory.
lattn_status lat_block_create_host(
    struct lat_sched *s, enum lat_memory_kind kind, uint64_t bytes, struct lat_block **out);

// ---- place.c --------------------------------------------------------------------------------

// Gives every block of the list a place. *arena is what planned blocks lie in, with one reference
// more; NULL when there were none.
lattn_status lat_place_list(
    struct lat_sched *s, struct lat_list *list, struct lat_plan_arena **arena);
// After the arena has grown: moves the planned blocks of a captured list into the new one. True if
// anything moved; what was recorded from the list is then out of date.
bool lat_place_again(struct lat_sched *s, struct lat_list *list, struct lat_plan_arena **arena);
void lat_plan_arena_release(struct lat_sched *s, struct lat_plan_arena **arena);

// ---- emit.c ---------------------------------------------------------------------------------

// Records commands [first, last) of a placed list into seg, between begin and end.
lattn_status lat_emit(struct lat_sched *s, const struct lat_list *list, uint32_t first,
    uint32_t last, struct lat_segment *seg);
void lat_emit_full_barrier(struct lat_sched *s, VkCommandBuffer cmd);
// LATTN_CHECK=poison: fills the arena (may be NULL) with NaN, so that a read of undefined memory
// shows in the results.
void lat_emit_poison(struct lat_sched *s, const struct lat_plan_arena *arena, VkCommandBuffer cmd);

// ---- submit.c -------------------------------------------------------------------------------

double lat_rate_estimate(const struct lat_rate *r, const struct lat_command *c);
void lat_rate_learn(struct lat_rate *r, double estimate_ns, double measured_ns);
void lat_rate_init(struct lat_rate *r, const struct lat_caps *caps);
// Where the submission that starts at command first should end. cost (may be NULL) has the
// device time of each command, if that is known better than by estimate.
uint32_t lat_cut(
    const struct lat_sched *s, const struct lat_list *list, uint32_t first, const double *cost);
// Completes what has run, without waiting / up to ticket, waiting for it.
lattn_status lat_sched_poll(struct lat_sched *s);
lattn_status lat_sched_wait_ticket(struct lat_sched *s, uint64_t ticket, const char *what);
// Before objects are destroyed: returns when ticket is complete, or the device lost or wedged.
void lat_sched_settle(struct lat_sched *s, uint64_t ticket, const char *what);

// ---- staging.c ------------------------------------------------------------------------------

// Everything recorded so far was submitted, the newest part as ticket.
void lat_staging_flushed(struct lat_sched *s, uint64_t ticket);
void lat_staging_free(struct lat_sched *s);

// ---- profile.c ------------------------------------------------------------------------------

lattn_status lat_trace_open(struct lat_sched *s, const char *path, struct lat_trace **out);
// Event i lasted from ns[i] to ns[i + 1].
lattn_status lat_trace_write(
    struct lat_trace *t, const struct lat_trace_event *events, size_t n, const uint64_t *ns);
void lat_trace_close(struct lat_trace **t);

#endif
