// SPDX-License-Identifier: MIT
//
// The list of commands that is being recorded, or that a captured graph keeps. Plain data:
// a command refers to its blocks by slot, and every slot has a place in memory once the list
// has been planned. The list holds one reference to each of its blocks.
#ifndef LAT_LIST_H
#define LAT_LIST_H
#include "sched/sched.h"

enum lat_command_kind {
    LAT_COMMAND_DISPATCH,
    LAT_COMMAND_COPY,  // uses: source, destination
    LAT_COMMAND_FILL,
    LAT_COMMAND_UPDATE,
};

// One range that a command touches.
struct lat_use {
    uint32_t slot;  // into blocks
    bool write;     // and maybe read too, as for lat_dispatch.writes
    uint64_t offset, bytes;
};

struct lat_command {
    enum lat_command_kind kind;
    uint32_t first_use, n_uses;
    uint32_t first_patch, n_patches;
    uint32_t data, data_bytes;  // push constants or the bytes of an update, in list data
    uint32_t word;              // of a fill
    uint32_t groups[3];
    struct lat_pipeline *pipeline;
    const char *label;      // kernel
    const char *op, *path;  // op and module it is part of, or NULL
    bool backward;
    double bytes, flops;
};

// Where a block is while the list runs.
struct lat_place {
    VkBuffer buffer;
    uint64_t offset, address;
};

#define LAT_NOT_PLANNED UINT64_MAX

struct lat_list_block {
    struct lat_block *block;  // NULL once a planned block of a captured list was let go
    struct lat_place place;
    uint64_t planned_at;   // offset in the arena; LAT_NOT_PLANNED with memory of its own
    uint32_t first, last;  // commands of its first and last use
};

struct lat_list {
    uint64_t serial;  // tells the blocks which list their slot belongs to
    struct {
        struct lat_command *items;
        size_t n, capacity;
    } commands;
    struct {
        struct lat_use *items;
        size_t n, capacity;
    } uses;
    struct {
        struct lat_address_patch *items;
        size_t n, capacity;
    } patches;
    struct {
        uint8_t *items;
        size_t n, capacity;
    } data;
    struct {
        struct lat_list_block *items;
        size_t n, capacity;
    } blocks;
};

// Forgets the commands and drops the references; keeps the host memory.
void lat_list_clear(struct lat_list *list);
void lat_list_free(struct lat_list *list);
// reorder.c: independent commands next to each other, with less barriers between them. Before placing.
lattn_status lat_reorder(struct lat_list *list);
// Text for traces and errors: "copy", or the label of a dispatch.
const char *lat_command_name(const struct lat_command *c);

#endif
