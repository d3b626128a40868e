// SPDX-License-Identifier: MIT
//
// Timestamps: a pool of queries, written into command buffers and read as nanoseconds.
#ifndef LAT_TIMER_H
#define LAT_TIMER_H
#include "device/device.h"

struct lat_timer {
    VkQueryPool pool;
    uint32_t n;
};

// Without timestamps (caps.timestamp_ns 0) the timer is empty: every call below then does
// nothing, and reads give zeros.
lattn_status lat_timer_create(struct lat_device *dev, uint32_t n, struct lat_timer *out);
void lat_timer_destroy(struct lat_device *dev, struct lat_timer *timer);

// In a command buffer: reset before the first write of each run; write i when everything
// recorded before it has finished (end) or when it may start (begin).
void lat_timer_cmd_reset(
    struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer);
void lat_timer_cmd_begin(
    struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer, uint32_t i);
void lat_timer_cmd_end(
    struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer, uint32_t i);

// ns[k] = time of query first + k, in nanoseconds from some origin. The submission that
// wrote them has been waited for.
lattn_status lat_timer_read(struct lat_device *dev, const struct lat_timer *timer, uint32_t first,
    uint32_t n, uint64_t *ns);
// From an earlier to a later reading, across a wrap of the device's counter.
uint64_t lat_timer_elapsed(const struct lat_device *dev, uint64_t from_ns, uint64_t to_ns);

#endif
