// SPDX-License-Identifier: MIT
//
// The scheduler: dispatches and copies on blocks of memory; no tensors. Above it, an op says
// only "this pipeline reads these ranges and writes those". From that list the scheduler
// finds the barriers, plans memory by lifetimes, cuts submissions by measured time, and can
// keep the result as a graph that is replayed without recording.
//
// Life of a command:   lat_sched_dispatch   ->  the list           (record.c)
//                      lat_sched_flush      ->  memory is planned  (plan.c)
//                                           ->  barriers decided   (hazard.c)
//                                           ->  command buffers    (emit.c)
//                                           ->  submitted          (submit.c)
// A captured list stays behind as a lat_replay (replay.c) instead of being submitted once.
#ifndef LAT_SCHED_H
#define LAT_SCHED_H
#include "device/binding.h"
#include "device/memory.h"
#include "device/pipeline.h"

struct lat_sched;

lattn_status lat_sched_create(struct lat_device *dev, struct lat_sched **out);
void lat_sched_destroy(struct lat_sched **sched);  // waits first, unless lost or wedged

// ---- blocks of memory -------------------------------------------------------------------------

enum lat_block_kind {
    LAT_BLOCK_KEPT,  // has its own memory from the start, until the last reference goes
    LAT_BLOCK_STEP,  // gets memory when the list with its first use is flushed; if nobody but the
                     // list refers to it by then, its memory is shared with blocks whose uses do
                     // not overlap, and is gone after its last use
};

// Refcounted. Creating gives one reference. Content is undefined until written.
struct lat_block;
lattn_status lat_block_create(
    struct lat_sched *s, enum lat_block_kind kind, uint64_t bytes, struct lat_block **out);
void lat_block_retain(struct lat_block *b);
void lat_block_release(struct lat_block *b);  // accepts NULL
uint64_t lat_block_bytes(const struct lat_block *b);
// Device address of a KEPT block; 0 for others and without the feature.
uint64_t lat_block_address(const struct lat_block *b);

// ---- recording ----------------------------------------------------------------------------------

struct lat_range {
    struct lat_block *block;
    uint64_t offset, bytes;  // of a dispatch: offset a multiple of caps.buffer_alignment
};

// Where an address must be patched into a push block: the shader takes the device address of
// binding i as two 32-bit words at push_offset (strategies that load by address).
struct lat_address_patch {
    uint8_t binding;
    uint8_t push_offset;
    uint32_t byte_offset;  // added to the address of the binding's start
};

struct lat_dispatch {
    struct lat_pipeline *pipeline;
    struct lat_range bindings[LAT_MAX_BINDINGS];
    uint32_t n_bindings;
    uint32_t writes;  // bit i: binding i is written (and maybe read too)
    const void *push;
    uint32_t push_bytes;
    struct lat_address_patch patches[LAT_MAX_BINDINGS];
    uint32_t n_patches;
    uint32_t groups[3];

    // For traces, statistics and the estimate of its time.
    const char *label;  // static text: the kernel's name
    double bytes, flops;
};

// Appends; the ranges' blocks are retained by the list.
lattn_status lat_sched_dispatch(struct lat_sched *s, const struct lat_dispatch *d);
lattn_status lat_sched_copy(struct lat_sched *s, struct lat_range dst, struct lat_range src);
// Offset and bytes multiples of 4.
lattn_status lat_sched_fill(struct lat_sched *s, struct lat_range dst, uint32_t word);
// At most 64 KiB of data put into the command buffer itself; multiples of 4.
lattn_status lat_sched_update(struct lat_sched *s, struct lat_range dst, const void *data);

// Through the staging rings; any size, any offset a multiple of 4 (bytes are rounded up to 4 inside
// the block). Upload copies data before it returns and waits only when the ring is full.
lattn_status lat_sched_upload(struct lat_sched *s, struct lat_range dst, const void *data);
// Flushes, waits, copies out.
lattn_status lat_sched_download(struct lat_sched *s, struct lat_range src, void *data);

lattn_status lat_sched_flush(struct lat_sched *s);      // submit what is recorded; no wait
lattn_status lat_sched_wait(struct lat_sched *s);       // flush and wait for everything
uint64_t lat_sched_pending(const struct lat_sched *s);  // commands recorded, not yet flushed

// Texts shown in traces for what is recorded next; NULL = none. The module path, copied; the op, static.
void lat_sched_label(struct lat_sched *s, const char *text);
void lat_sched_op(struct lat_sched *s, const char *name, bool backward);

// ---- capture and replay ---------------------------------------------------------------------

struct lat_replay;

struct lat_replay_params {
    const struct lat_range
        *inputs;  // whole ranges of KEPT blocks, written by the host before a run
    uint32_t n_inputs;
    const struct lat_range *outputs;  // copied to host memory at the end of each run
    uint32_t n_outputs;
};

lattn_status lat_capture_begin(struct lat_sched *s);  // flushes what is pending first
bool lat_capturing(const struct lat_sched *s);
void lat_capture_abort(struct lat_sched *s);  // drops what was recorded since begin
lattn_status lat_capture_end(
    struct lat_sched *s, const struct lat_replay_params *params, struct lat_replay **out);

// Two copies of the command buffers: one can run while the host fills the other's inputs.
lattn_status lat_replay_write(
    struct lat_replay *r, uint32_t input, const void *data, uint64_t bytes);
lattn_status lat_replay_run(struct lat_replay *r);
lattn_status lat_replay_read(
    struct lat_replay *r, uint32_t output, int age, void *data, uint64_t bytes);
void lat_replay_destroy(struct lat_replay **r);

#endif
