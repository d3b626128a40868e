// SPDX-License-Identifier: MIT
//
// Submitting and waiting: order of tickets, timeouts, a lost device.

#include "base/status.h"
#include "base/thread.h"
#include "device/fault.h"
#include "device/fixture.h"
#include "device/timer.h"

// What a wedged device leaves behind is no leak.
#ifdef DT_ASAN
#include <sanitizer/lsan_interface.h>
#else
static void __lsan_disable(void)
{
}
static void __lsan_enable(void)
{
}
#endif

struct setup {
    struct lat_device *dev;
    struct dt_job job;
    struct lat_slice x, y;
    struct lat_pipeline *p;
};

static bool set_up(struct setup *s, const lattn_ctx_params *params)
{
    struct lat_pipeline_key key = dt_add_key(64);
    *s = (struct setup){ .dev = dt_open(params) };
    if (!s->dev)
        return false;
    EXPECT_OK(lat_memory_alloc(s->dev, LAT_MEMORY_UPLOAD, 1 << 16, &s->x));
    EXPECT_OK(lat_memory_alloc(s->dev, LAT_MEMORY_READBACK, 1 << 16, &s->y));
    EXPECT_OK(lat_pipeline_get(s->dev, &key, &s->p));
    EXPECT_OK(dt_job_create(s->dev, &s->job));
    memset(s->x.mapped, 0, 1 << 16);
    return true;
}

static void tear_down(struct setup *s)
{
    dt_job_destroy(s->dev, &s->job);
    lat_memory_free(s->dev, &s->x);
    lat_memory_free(s->dev, &s->y);
    dt_close(&s->dev);
}

TEST(queue, tickets_complete_in_order)
{
    struct setup s;
    if (!set_up(&s, NULL))
        return;
    struct add_push push = { .n = 1 << 14, .add = 1, .rounds = 1000 };
    EXPECT_OK(dt_job_record(s.dev, &s.job, s.p, &s.x, &s.y, &push));
    uint64_t first, last = 0;
    EXPECT_OK(lat_device_submit(s.dev, &s.job.cmd, 1, &first));
    EXPECT_OK(lat_device_wait(s.dev, first, "first"));
    for (int i = 0; i < 5; i++) {
        uint64_t ticket;
        EXPECT_OK(lat_device_submit(s.dev, NULL, 0, &ticket));
        EXPECT_EQ(ticket, first + 1 + (uint64_t) i);
        last = ticket;
    }
    EXPECT_OK(lat_device_wait(s.dev, last, "last"));
    EXPECT_EQ(lat_device_completed(s.dev), last);
    EXPECT_EQ(s.dev->stats.submits, 6);

    uint64_t waits = s.dev->stats.waits;
    EXPECT_OK(lat_device_wait(s.dev, first, "long over"));
    EXPECT_EQ(s.dev->stats.waits, waits);
    tear_down(&s);
}

TEST(queue, nothing_submitted_needs_no_wait)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    EXPECT_OK(lat_device_wait(dev, 0, "nothing"));
    EXPECT_EQ(lat_device_completed(dev), 0);
    EXPECT_EQ(dev->stats.waits, 0);
    dt_close(&dev);
}

TEST(queue, timestamps_surround_the_work)
{
    struct setup s;
    if (!set_up(&s, NULL))
        return;
    struct lat_timer timer;
    uint64_t ns[2], ticket;
    struct add_push push = { .n = 1 << 14, .rounds = 2000 };
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    struct lat_buffer_range ranges[] = {
        { s.x.buffer, s.x.offset, s.x.bytes },
        { s.y.buffer, s.y.offset, s.y.bytes },
    };
    VkCommandBuffer cmd = s.job.cmd;
    EXPECT_OK(lat_timer_create(s.dev, 2, &timer));
    s.dev->vk.BeginCommandBuffer(cmd, &begin);
    lat_timer_cmd_reset(s.dev, cmd, &timer);
    lat_timer_cmd_begin(s.dev, cmd, &timer, 0);
    lat_pipeline_bind(s.dev, cmd, s.p);
    EXPECT_OK(lat_binding_cmd(s.dev, s.job.bindings, cmd, s.p, ranges, 2));
    s.dev->vk.CmdPushConstants(
        cmd, s.p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
    s.dev->vk.CmdDispatch(cmd, push.n / 64, 1, 1);
    lat_timer_cmd_end(s.dev, cmd, &timer, 1);
    s.dev->vk.EndCommandBuffer(cmd);
    uint64_t host = lat_now_ns();
    EXPECT_OK(lat_device_submit(s.dev, &cmd, 1, &ticket));
    EXPECT_OK(lat_device_wait(s.dev, ticket, "timed work"));
    host = lat_now_ns() - host;
    EXPECT_OK(lat_timer_read(s.dev, &timer, 0, 2, ns));
    uint64_t taken = lat_timer_elapsed(s.dev, ns[0], ns[1]);
    if (s.dev->caps.info.timestamps)
        EXPECT(taken > 0 && taken <= host);
    else
        EXPECT_EQ(taken, 0);
    lat_timer_destroy(s.dev, &timer);
    tear_down(&s);
}

TEST(queue, timestamp_counter_may_wrap)
{
    struct lat_device dev = { 0 };
    dev.caps.timestamp_bits = 36;
    dev.caps.timestamp_ns = 1;
    EXPECT_EQ(lat_timer_elapsed(&dev, 100, 250), 150);
    EXPECT_EQ(lat_timer_elapsed(&dev, (1ull << 36) - 11, 20), 30);
    dev.caps.timestamp_bits = 64;
    EXPECT_EQ(lat_timer_elapsed(&dev, 500, 400), 0);
}

static bool fault_params(lattn_ctx_params *p, lattn_vulkan_handles *h)
{
    *h = (lattn_vulkan_handles){ .get_instance_proc_addr = fault_entry_point() };
    *p = (lattn_ctx_params){ .cache_dir = "", .vulkan = h };
    if (!h->get_instance_proc_addr)
        lt_skip("no Vulkan loader");
    return h->get_instance_proc_addr != NULL;
}

TEST(queue, lost_device_stays_lost)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    struct setup s;
    if (!fault_params(&p, &h) || !set_up(&s, &p))
        return;
    uint64_t ticket;
    fault_arm("vkQueueSubmit", 0, VK_ERROR_DEVICE_LOST, false);
    EXPECT_STATUS(lat_device_submit(s.dev, NULL, 0, &ticket), LATTN_ERR_DEVICE_LOST);
    EXPECT_CONTAINS(lat_err_text(), "vkQueueSubmit: VK_ERROR_DEVICE_LOST");
    fault_disarm();  // the driver is fine again, but a loss is for ever
    struct lat_slice slice;
    struct lat_pipeline_key key = dt_add_key(32);
    EXPECT_STATUS(lat_device_submit(s.dev, NULL, 0, &ticket), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_device_wait(s.dev, 0, "x"), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_memory_alloc(s.dev, LAT_MEMORY_DEVICE, 1, &slice), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_pipeline_get(s.dev, &key, &s.p), LATTN_ERR_DEVICE_LOST);
    EXPECT_CONTAINS(lat_err_text(), "vkQueueSubmit: VK_ERROR_DEVICE_LOST");
    tear_down(&s);
}

TEST(queue, passing_failure_of_a_submit_can_be_repeated)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    struct setup s;
    if (!fault_params(&p, &h) || !set_up(&s, &p))
        return;
    uint64_t ticket;
    fault_arm("vkQueueSubmit", 0, VK_ERROR_OUT_OF_DEVICE_MEMORY, false);
    EXPECT_STATUS(lat_device_submit(s.dev, NULL, 0, &ticket), LATTN_ERR_GPU_MEMORY);
    EXPECT_OK(lat_device_submit(s.dev, NULL, 0, &ticket));
    EXPECT_OK(lat_device_wait(s.dev, ticket, "second try"));
    fault_disarm();
    tear_down(&s);
}

TEST(queue, endless_wait_is_given_up_and_nothing_is_destroyed)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    static struct setup s;  // what a wedged device holds is never freed
    __lsan_disable();
    dt_env("LATTN_TIMEOUT", "1");
    bool ready = fault_params(&p, &h) && set_up(&s, &p);
    dt_env_restore();
    if (!ready) {
        __lsan_enable();
        return;
    }
    uint64_t ticket;
    EXPECT_OK(lat_device_submit(s.dev, NULL, 0, &ticket));
    EXPECT_EQ(s.dev->vk.DeviceWaitIdle(s.dev->handle), VK_SUCCESS);
    fault_arm("vkGetSemaphoreCounterValue", 0, VK_ERROR_OUT_OF_HOST_MEMORY, true);
    lat_device_completed(s.dev);
    EXPECT(fault_happened());
    fault_disarm();

    // The counter says "not yet" and every slice of the wait runs out.
    struct lat_device *dev = s.dev;
    dev->last_ticket++;
    EXPECT_STATUS(
        lat_device_wait(dev, dev->last_ticket, "work without end"), LATTN_ERR_DEVICE_LOST);
    EXPECT_CONTAINS(lat_err_text(), "work without end");
    EXPECT_CONTAINS(lat_err_text(), "LATTN_TIMEOUT");
    EXPECT(dev->wedged);
    EXPECT_STATUS(lat_device_submit(dev, NULL, 0, &ticket), LATTN_ERR_DEVICE_LOST);
    lat_device_close(&s.dev);
    EXPECT(!s.dev);
    __lsan_enable();
}

// ---- pooled descriptors ---------------------------------------------------------------------

TEST(queue, pooled_sets_grow_and_are_used_again)
{
    struct setup s;
    dt_env("LATTN_LIMITS", "push_descriptors=0");
    bool ready = set_up(&s, NULL);
    dt_env_restore();
    if (!ready)
        return;
    struct add_push push = { .n = 64, .add = 3 };
    struct lat_buffer_range ranges[] = {
        { s.x.buffer, s.x.offset, 256 },
        { s.y.buffer, s.y.offset, 256 },
    };
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    VkMemoryBarrier b = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT,
    };
    for (int round = 0; round < 3; round++) {
        uint64_t ticket;
        VkCommandBuffer cmd = s.job.cmd;
        EXPECT_EQ(s.dev->vk.ResetCommandPool(s.dev->handle, s.job.pool, 0), VK_SUCCESS);
        lat_binding_pool_reset(s.dev, s.job.bindings);
        s.dev->vk.BeginCommandBuffer(cmd, &begin);
        lat_pipeline_bind(s.dev, cmd, s.p);
        for (int i = 0; i < 700; i++) {
            EXPECT_OK(lat_binding_cmd(s.dev, s.job.bindings, cmd, s.p, ranges, 2));
            s.dev->vk.CmdPushConstants(
                cmd, s.p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
            s.dev->vk.CmdDispatch(cmd, 1, 1, 1);
            s.dev->vk.CmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &b, 0,
                NULL, 0, NULL);
        }
        s.dev->vk.EndCommandBuffer(cmd);
        EXPECT_OK(lat_device_submit(s.dev, &cmd, 1, &ticket));
        EXPECT_OK(lat_device_wait(s.dev, ticket, "many sets"));
    }
    EXPECT_EQ(((uint32_t *) s.y.mapped)[63], 3);
    EXPECT_EQ(s.dev->stats.descriptor_writes, 3 * 700 * 2);
    tear_down(&s);
}
