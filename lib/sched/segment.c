// SPDX-License-Identifier: MIT
//
// One command buffer, from recording to completion:
//
//     full barrier              memory is reused from one submission to the next
//     timestamp                 with all earlier work done (bottom of pipe)
//     commands                  emit.c; a timestamp behind each when a trace is written
//     timestamp
//     order, canary word        last, so that it vouches for everything above
//     barrier to the host       canary and copies to readback memory become visible
//
// A segment has a command pool of its own: resetting a pool is the cheapest way to recycle a
// command buffer, and no other command buffer is in the way.

#include "base/log.h"
#include "base/thread.h"
#include "sched/state.h"

static bool has_timestamps(const struct lat_sched *s)
{
    return s->dev->caps.timestamp_ns > 0 && !s->seams.no_timestamps;
}

lattn_status lat_segment_create(struct lat_sched *s, struct lat_segment **out)
{
    *out = NULL;
    struct lat_segment *seg = LAT_NEW(struct lat_segment);
    if (!seg)
        return LATTN_ERR_HOST_MEMORY;
    const struct lat_vk *vk = &s->dev->vk;
    lattn_status st;
    seg->canary = UINT32_MAX;
    LAT_GO(lat_canary_take(s, &seg->canary));

    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = s->dev->queue_family,
    };
    LAT_GO(LAT_VK(s->dev, vk->CreateCommandPool(s->dev->handle, &pool, NULL, &seg->pool),
        "vkCreateCommandPool"));
    VkCommandBufferAllocateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = seg->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    LAT_GO(LAT_VK(s->dev, vk->AllocateCommandBuffers(s->dev->handle, &buffer, &seg->cmd),
        "vkAllocateCommandBuffers"));
    LAT_GO(lat_binding_pool_create(s->dev, &seg->bindings));
    *out = seg;
    return LATTN_OK;

done:
    lat_segment_destroy(s, &seg);
    return st;
}

// A segment that never completed because the device is lost.
static void forget(struct lat_sched *s, const struct lat_segment *seg)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->in_flight.n; i++)
        if (s->in_flight.items[i] != seg)
            s->in_flight.items[kept++] = s->in_flight.items[i];
    s->in_flight.n = kept;
}

void lat_segment_destroy(struct lat_sched *s, struct lat_segment **out)
{
    struct lat_segment *seg = *out;
    *out = NULL;
    if (!seg)
        return;
    const struct lat_vk *vk = &s->dev->vk;
    forget(s, seg);
    if (seg->ticket && s->dev->wedged) {
        // Still running somewhere: destroying its objects crashes drivers. They leak.
    } else {
        if (seg->bindings)
            lat_binding_pool_destroy(s->dev, &seg->bindings);
        lat_timer_destroy(s->dev, &seg->timer);
        vk->DestroyCommandPool(s->dev->handle, seg->pool, NULL);
    }
    if (seg->canary != UINT32_MAX)
        lat_canary_give(s, seg->canary);
    lat_free(seg->events.items);
    lat_free(seg);
}

// ---- recording ------------------------------------------------------------------------------

static lattn_status reserve_times(struct lat_sched *s, struct lat_segment *seg, uint32_t n)
{
    if (!has_timestamps(s) || seg->timer.n >= n)
        return LATTN_OK;
    lat_timer_destroy(s->dev, &seg->timer);
    return lat_timer_create(s->dev, n + n / 2, &seg->timer);
}

static void timestamp(struct lat_sched *s, struct lat_segment *seg)
{
    if (seg->n_times < seg->timer.n)
        lat_timer_cmd_end(s->dev, seg->cmd, &seg->timer, seg->n_times++);
}

lattn_status lat_segment_begin(struct lat_sched *s, struct lat_segment *seg, uint32_t n_commands)
{
    const struct lat_vk *vk = &s->dev->vk;
    LAT_TRY(reserve_times(s, seg, s->trace ? n_commands + 2 : 2));
    LAT_TRY(
        LAT_VK(s->dev, vk->ResetCommandPool(s->dev->handle, seg->pool, 0), "vkResetCommandPool"));
    lat_binding_pool_reset(s->dev, seg->bindings);
    seg->events.n = 0;
    seg->n_times = 0;
    seg->n_dispatches = seg->n_commands = 0;
    seg->estimate_ns = 0;
    seg->measured_ns = 0;
    seg->canary_value = ++s->canaries.next_value * 2654435761u;

    VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = seg->recycle ? VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT : 0,
    };
    LAT_TRY(LAT_VK(s->dev, vk->BeginCommandBuffer(seg->cmd, &info), "vkBeginCommandBuffer"));
    lat_timer_cmd_reset(s->dev, seg->cmd, &seg->timer);
    lat_emit_full_barrier(s, seg->cmd);
    timestamp(s, seg);
    return LATTN_OK;
}

lattn_status lat_segment_event(
    struct lat_sched *s, struct lat_segment *seg, const struct lat_trace_event *e)
{
    if (!s->trace)
        return LATTN_OK;
    timestamp(s, seg);
    return LAT_PUSH(&seg->events, *e);
}

lattn_status lat_segment_end(struct lat_sched *s, struct lat_segment *seg)
{
    const struct lat_vk *vk = &s->dev->vk;
    timestamp(s, seg);
    VkPipelineStageFlags all =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vk->CmdPipelineBarrier(
        seg->cmd, all, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 0, NULL);
    VkBuffer buffer;
    uint64_t offset;
    lat_canary_place(s, seg->canary, &buffer, &offset);
    if (!s->seams.drop_canary)
        vk->CmdFillBuffer(seg->cmd, buffer, offset, 4, seg->canary_value);
    VkMemoryBarrier to_host = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    vk->CmdPipelineBarrier(seg->cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0,
        1, &to_host, 0, NULL, 0, NULL);
    s->dev->stats.barriers += 2;
    return LAT_VK(s->dev, vk->EndCommandBuffer(seg->cmd), "vkEndCommandBuffer");
}

// ---- running --------------------------------------------------------------------------------

lattn_status lat_segment_submit(
    struct lat_sched *s, struct lat_segment *seg, VkCommandBuffer *buffers, uint32_t n_before)
{
    LAT_ASSERT(seg->ticket == 0);
    LAT_TRY(LAT_RESERVE(&s->in_flight, s->in_flight.n + 1));
    LAT_TRY(LAT_RESERVE(&s->free_segments, s->free_segments.n + s->in_flight.n + 1));
    LAT_TRY(lat_canary_arm(s, seg->canary, seg->canary_value));
    buffers[n_before] = seg->cmd;
    LAT_TRY(lat_device_submit(s->dev, buffers, n_before + 1, &seg->ticket));
    seg->submit_ns = lat_now_ns();
    s->in_flight.items[s->in_flight.n++] = seg;
    s->n_eager += seg->recycle;
    s->dev->stats.dispatches += seg->n_dispatches;
    return LATTN_OK;
}

static lattn_status read_times(struct lat_sched *s, struct lat_segment *seg)
{
    LAT_TRY(LAT_RESERVE(&s->times, seg->n_times));
    uint64_t *ns = s->times.items;
    LAT_TRY(lat_timer_read(s->dev, &seg->timer, 0, seg->n_times, ns));
    uint64_t span = lat_timer_elapsed(s->dev, ns[0], ns[seg->n_times - 1]);
    seg->measured_ns = (double) span;
    s->dev->stats.device_time_ns += span;
    if (s->trace && seg->events.n &&
        lat_trace_write(s->trace, seg->events.items, seg->events.n, ns)) {
        // A full disk ends the trace, not the training.
        lat_log(LATTN_LOG_WARN, "LATTN_TRACE: %s; the trace ends here", lat_err_text());
        lat_trace_close(&s->trace);
    }
    return LATTN_OK;
}

lattn_status lat_segment_complete(struct lat_sched *s, struct lat_segment *seg, bool waited)
{
    LAT_TRY(lat_canary_check(s, seg->canary, seg->canary_value));
    uint64_t now = lat_now_ns();
    if (seg->n_times) {
        LAT_TRY(read_times(s, seg));
    } else if (waited) {
        // Only then is now the time of completion and not that of somebody looking.
        seg->measured_ns = (double) (now - LAT_MAX(seg->submit_ns, s->last_done_ns));
    }
    s->last_done_ns = now;
    lat_rate_learn(&s->rate, seg->estimate_ns, seg->measured_ns);
    seg->ticket = 0;
    return LATTN_OK;
}
