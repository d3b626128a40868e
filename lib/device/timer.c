// SPDX-License-Identifier: MIT
//
// Timestamp queries. Devices count in ticks of their own with 36 to 64 valid bits; here
// they become nanoseconds. A short counter wraps within minutes (36 bits of 1 ns: 69 s), so
// differences are taken modulo its range.

#include <string.h>
#include "base/alloc.h"
#include "device/timer.h"

lattn_status lat_timer_create(struct lat_device *dev, uint32_t n, struct lat_timer *out)
{
    *out = (struct lat_timer){ 0 };
    if (dev->caps.timestamp_ns <= 0 || n == 0)
        return LATTN_OK;
    VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = n,
    };
    LAT_TRY(LAT_VK(
        dev, dev->vk.CreateQueryPool(dev->handle, &info, NULL, &out->pool), "vkCreateQueryPool"));
    out->n = n;
    return LATTN_OK;
}

void lat_timer_destroy(struct lat_device *dev, struct lat_timer *timer)
{
    if (timer->pool)
        dev->vk.DestroyQueryPool(dev->handle, timer->pool, NULL);
    *timer = (struct lat_timer){ 0 };
}

void lat_timer_cmd_reset(struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer)
{
    if (timer->pool)
        dev->vk.CmdResetQueryPool(cmd, timer->pool, 0, timer->n);
}

static void write_at(struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer,
    uint32_t i, VkPipelineStageFlagBits stage)
{
    if (!timer->pool)
        return;
    LAT_ASSERT(i < timer->n);
    dev->vk.CmdWriteTimestamp(cmd, stage, timer->pool, i);
}

void lat_timer_cmd_begin(
    struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer, uint32_t i)
{
    write_at(dev, cmd, timer, i, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT);
}

void lat_timer_cmd_end(
    struct lat_device *dev, VkCommandBuffer cmd, const struct lat_timer *timer, uint32_t i)
{
    write_at(dev, cmd, timer, i, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT);
}

static uint64_t ns_of(const struct lat_device *dev, uint64_t ticks)
{
    if (dev->caps.timestamp_bits < 64)
        ticks &= ((uint64_t) 1 << dev->caps.timestamp_bits) - 1;
    // In double a 64-bit tick count would lose its low bits, so whole periods go first.
    double period = dev->caps.timestamp_ns;
    uint64_t whole = (uint64_t) period;
    return ticks * whole + (uint64_t) ((double) ticks * (period - (double) whole));
}

lattn_status lat_timer_read(
    struct lat_device *dev, const struct lat_timer *timer, uint32_t first, uint32_t n, uint64_t *ns)
{
    memset(ns, 0, n * sizeof *ns);
    if (!timer->pool || n == 0)
        return LATTN_OK;
    LAT_ASSERT(first + n <= timer->n);
    LAT_TRY(LAT_VK(dev,
        dev->vk.GetQueryPoolResults(dev->handle, timer->pool, first, n, n * sizeof *ns, ns,
            sizeof *ns, VK_QUERY_RESULT_64_BIT),
        "vkGetQueryPoolResults"));
    for (uint32_t i = 0; i < n; i++)
        ns[i] = ns_of(dev, ns[i]);
    return LATTN_OK;
}

uint64_t lat_timer_elapsed(const struct lat_device *dev, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns >= from_ns)
        return to_ns - from_ns;
    if (dev->caps.timestamp_bits >= 64 || dev->caps.timestamp_bits == 0)
        return 0;  // no wrap to speak of: the device's clock went backwards
    return ns_of(dev, UINT64_MAX) - from_ns + to_ns;
}
