// SPDX-License-Identifier: MIT
//
// The one place that knows how buffers reach a shader: push descriptors where there are
// any, else sets from pools.
#ifndef LAT_BINDING_H
#define LAT_BINDING_H
#include "device/pipeline.h"

// Sets of one command buffer (or captured step). Reset when that has finished.
struct lat_binding_pool;
lattn_status lat_binding_pool_create(struct lat_device *dev, struct lat_binding_pool **out);
void lat_binding_pool_destroy(struct lat_device *dev, struct lat_binding_pool **pool);
void lat_binding_pool_reset(struct lat_device *dev, struct lat_binding_pool *pool);

struct lat_buffer_range {
    VkBuffer buffer;
    uint64_t offset, bytes;  // offset a multiple of caps.buffer_alignment
};

// Binds ranges 0 .. n-1 for the next dispatch of p in cmd.
lattn_status lat_binding_cmd(struct lat_device *dev, struct lat_binding_pool *pool,
    VkCommandBuffer cmd, struct lat_pipeline *p, const struct lat_buffer_range *ranges, uint32_t n);

#endif
