// SPDX-License-Identifier: MIT
//
// Submitting and waiting. One timeline semaphore counts submissions: its value n means that
// the first n are complete (one queue finishes its signals in order).
//
// A wait never hangs for good. It is cut into slices, says what it waits for after ten
// seconds, and gives up after LATTN_TIMEOUT. What was in flight then may still be running,
// so the device is marked wedged and nothing of it is destroyed any more.

#include <stdio.h>
#include "base/log.h"
#include "base/thread.h"
#include "device/device.h"

static const uint64_t second_ns = 1000000000u;
enum { SLOW_S = 10 };

lattn_status lat_device_queue_open(struct lat_device *dev)
{
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    return LAT_VK(dev, dev->vk.CreateSemaphore(dev->handle, &info, NULL, &dev->timeline),
        "vkCreateSemaphore");
}

void lat_device_queue_close(struct lat_device *dev)
{
    if (dev->timeline)
        dev->vk.DestroySemaphore(dev->handle, dev->timeline, NULL);
    dev->timeline = VK_NULL_HANDLE;
}

lattn_status lat_device_submit(
    struct lat_device *dev, const VkCommandBuffer *buffers, uint32_t n, uint64_t *ticket)
{
    LAT_TRY(lat_device_alive(dev));
    uint64_t value = dev->last_ticket + 1;
    VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value,
    };
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .commandBufferCount = n,
        .pCommandBuffers = buffers,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &dev->timeline,
    };
    LAT_TRY(
        LAT_VK(dev, dev->vk.QueueSubmit(dev->queue, 1, &info, VK_NULL_HANDLE), "vkQueueSubmit"));
    dev->last_ticket = value;
    dev->stats.submits++;
    if (ticket)
        *ticket = value;
    return LATTN_OK;
}

uint64_t lat_device_completed(struct lat_device *dev)
{
    uint64_t value = 0;
    if (dev->completed_ticket == dev->last_ticket || dev->lost || dev->wedged)
        return dev->completed_ticket;
    VkResult r = dev->vk.GetSemaphoreCounterValue(dev->handle, dev->timeline, &value);
    // After a loss the counter may hold anything; only values that were submitted count.
    if (r == VK_SUCCESS && value <= dev->last_ticket && value > dev->completed_ticket)
        dev->completed_ticket = value;
    return dev->completed_ticket;
}

static lattn_status give_up(struct lat_device *dev, uint64_t ticket, const char *what)
{
    snprintf(dev->lost_text, sizeof dev->lost_text,
        "%s: %.100s did not finish within %llu s (LATTN_TIMEOUT); submission %llu of %llu", what,
        dev->caps.info.name, (unsigned long long) (dev->timeout_ns / second_ns),
        (unsigned long long) ticket, (unsigned long long) dev->last_ticket);
    dev->wedged = true;
    lat_log(LATTN_LOG_ERROR, "%s", dev->lost_text);
    return lat_err(LATTN_ERR_DEVICE_LOST, "%s", dev->lost_text);
}

lattn_status lat_device_wait(struct lat_device *dev, uint64_t ticket, const char *what)
{
    LAT_TRY(lat_device_alive(dev));
    LAT_ASSERT(ticket <= dev->last_ticket);
    if (lat_device_completed(dev) >= ticket)
        return LATTN_OK;
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &dev->timeline,
        .pValues = &ticket,
    };
    uint64_t start = lat_now_ns();
    bool told = false;
    dev->stats.waits++;
    for (;;) {
        VkResult r = dev->vk.WaitSemaphores(dev->handle, &info, second_ns);
        if (r != VK_TIMEOUT) {
            LAT_TRY(LAT_VK(dev, r, what));
            dev->completed_ticket = ticket;
            return LATTN_OK;
        }
        uint64_t waited = lat_now_ns() - start;
        if (waited >= dev->timeout_ns)
            return give_up(dev, ticket, what);
        if (waited >= SLOW_S * second_ns && !told) {
            lat_log(LATTN_LOG_WARN, "still waiting for %s, submission %llu", what,
                (unsigned long long) ticket);
            told = true;
        }
    }
}
