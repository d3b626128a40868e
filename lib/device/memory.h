// SPDX-License-Identifier: MIT
//
// Device memory in slabs with sub-allocation. One VkBuffer per slab; a slice is a range
// of it, aligned for storage-buffer binding, copies and mapped access.
//
// Freed slices may be handed out again at once: everything runs on one queue, and each
// command buffer starts behind a full barrier, so a new owner's writes come after the
// old owner's reads. Host-mapped slices are the exception: their users keep tickets.
#ifndef LAT_MEMORY_H
#define LAT_MEMORY_H
#include "device/device.h"

enum lat_memory_kind {
    LAT_MEMORY_DEVICE,    // device local; mapped only where host and device share memory
    LAT_MEMORY_UPLOAD,    // host writes, device copies from it
    LAT_MEMORY_READBACK,  // device copies into it, host reads; cached where there is such memory
    LAT_MEMORY_KINDS
};

struct lat_slab;
struct lat_piece;

struct lat_slice {
    VkBuffer buffer;
    uint64_t offset, bytes;
    void *mapped;      // host address of the slice, or NULL
    uint64_t address;  // device address of the slice; 0 without the feature
    struct lat_slab *slab;
    struct lat_piece *block;  // what lat_memory_free gives back
};

// bytes > 0. ERR_GPU_MEMORY says needed, in use, limit and heap, and never asks the driver for
// more than maxMemoryAllocationSize, the heap or the budget.
lattn_status lat_memory_alloc(
    struct lat_device *dev, enum lat_memory_kind kind, uint64_t bytes, struct lat_slice *out);
void lat_memory_free(struct lat_device *dev, struct lat_slice *slice);  // accepts an empty slice
// Makes host writes visible before a submit / device writes visible after a wait. No-ops on
// coherent memory.
lattn_status lat_memory_flush(struct lat_device *dev, const struct lat_slice *slice);
lattn_status lat_memory_invalidate(struct lat_device *dev, const struct lat_slice *slice);
// Gives empty slabs back to the driver. The caller has waited for the device.
void lat_memory_trim(struct lat_device *dev);

lattn_status lat_memory_create(struct lat_device *dev, uint64_t limit_bytes);  // by device.c
void lat_memory_destroy(struct lat_device *dev);

#endif
