// SPDX-License-Identifier: MIT
//
// What a captured step consists of, for replay.c and its tests.
#ifndef LAT_REPLAY_H
#define LAT_REPLAY_H
#include "sched/state.h"

// An input or output and its place within the staging or readback memory of a copy.
struct lat_replay_slot {
    struct lat_range range;
    uint64_t offset;
};

struct lat_replay_copy {
    struct lat_segment **segments;
    uint32_t n_segments, capacity;
    struct lat_slice staging, readback;
    VkCommandPool pool;           // of input_cmds
    VkCommandBuffer *input_cmds;  // staging slot to block, one per input
    VkCommandBuffer *buffers;     // scratch for a submission: n_inputs + 1
    bool *written;                // inputs that the host wrote for the next run
    uint32_t cut;                 // generation of cuts and places it was recorded with
    uint64_t run;                 // number of its last run, from 1; 0 = none
    uint64_t ticket;              // of the last run
};

struct lat_replay {
    struct lat_sched *sched;
    struct lat_list list;
    struct lat_plan_arena *arena;
    struct lat_replay_slot *inputs, *outputs;
    uint32_t n_inputs, n_outputs;
    uint64_t staging_bytes, readback_bytes;
    struct {
        uint32_t *items;
        size_t n, capacity;
    } ends;  // command behind the last one of each segment
    uint32_t cut, n_recuts;
    uint64_t n_runs;
    struct lat_replay_copy copies[2];
};

#endif
