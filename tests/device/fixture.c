// SPDX-License-Identifier: MIT
//
// One kernel from end to end with nothing but lib/device.

#include "base/alloc.h"
#include "base/log.h"
#include "device/fixture.h"
#include "device/timer.h"

enum { MAX_ENV = 16 };

static const uint32_t words[] = {
#include "device_shaders/add.inc"
};
const struct lat_spirv dt_add_spirv = { -1, -1, words, sizeof words / sizeof words[0] };

struct lat_pipeline_key dt_add_key(uint32_t group_size)
{
    return (struct lat_pipeline_key){
        .spirv = &dt_add_spirv,
        .name = "add",
        .n_bindings = 2,
        .push_bytes = sizeof(struct add_push),
        .n_spec = 1,
        .spec = { group_size },
    };
}

struct lat_device *dt_open(const lattn_ctx_params *params)
{
    static const lattn_ctx_params no_cache = { .cache_dir = "" };
    struct lat_device *dev = NULL;
    lattn_status st = lat_device_open(params ? params : &no_cache, &dev);
    if (st == LATTN_ERR_NO_DEVICE)
        lt_skip("%s", lat_err_text());
    else if (st)
        lt_fail(__FILE__, __LINE__, "lat_device_open: %s", lat_err_text());
    return dev;
}

void dt_close(struct lat_device **dev)
{
    if (*dev)
        EXPECT_EQ((*dev)->validation_messages, 0);
    lat_device_close(dev);
}

lattn_status dt_job_create(struct lat_device *dev, struct dt_job *job)
{
    *job = (struct dt_job){ 0 };
    LAT_TRY(lat_binding_pool_create(dev, &job->bindings));
    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = dev->queue_family,
    };
    LAT_TRY(LAT_VK(dev, dev->vk.CreateCommandPool(dev->handle, &pool, NULL, &job->pool),
        "vkCreateCommandPool"));
    VkCommandBufferAllocateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = job->pool,
        .commandBufferCount = 1,
    };
    return LAT_VK(dev, dev->vk.AllocateCommandBuffers(dev->handle, &buffer, &job->cmd),
        "vkAllocateCommandBuffers");
}

void dt_job_destroy(struct lat_device *dev, struct dt_job *job)
{
    if (job->pool)
        dev->vk.DestroyCommandPool(dev->handle, job->pool, NULL);
    lat_binding_pool_destroy(dev, &job->bindings);
    *job = (struct dt_job){ 0 };
}

static void barrier(struct lat_device *dev, VkCommandBuffer cmd, VkPipelineStageFlags from,
    VkAccessFlags wrote, VkPipelineStageFlags to, VkAccessFlags reads)
{
    VkMemoryBarrier b = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = wrote,
        .dstAccessMask = reads,
    };
    dev->vk.CmdPipelineBarrier(cmd, from, to, 0, 1, &b, 0, NULL, 0, NULL);
}

lattn_status dt_job_record(struct lat_device *dev, struct dt_job *job, struct lat_pipeline *p,
    const struct lat_slice *x, const struct lat_slice *y, const struct add_push *push)
{
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    VkCommandBuffer cmd = job->cmd;
    struct lat_buffer_range ranges[] = {
        { x->buffer, x->offset, x->bytes },
        { y->buffer, y->offset, y->bytes },
    };
    LAT_TRY(LAT_VK(dev, dev->vk.BeginCommandBuffer(cmd, &begin), "vkBeginCommandBuffer"));
    barrier(dev, cmd, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
        VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    lat_pipeline_bind(dev, cmd, p);
    LAT_TRY(lat_binding_cmd(dev, job->bindings, cmd, p, ranges, 2));
    dev->vk.CmdPushConstants(cmd, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof *push, push);
    dev->vk.CmdDispatch(cmd, (push->n + p->key.spec[0] - 1) / p->key.spec[0], 1, 1);
    barrier(dev, cmd, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
        VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    return LAT_VK(dev, dev->vk.EndCommandBuffer(cmd), "vkEndCommandBuffer");
}

static lattn_status run_and_check(struct lat_device *dev, struct dt_job *job,
    struct lat_pipeline *p, const struct lat_slice *x, const struct lat_slice *y)
{
    uint64_t ticket;
    uint32_t *in = x->mapped;
    const uint32_t *out = y->mapped;
    struct add_push push = { .n = 1000, .add = 5 };
    for (uint32_t i = 0; i < push.n; i++)
        in[i] = i;
    LAT_TRY(lat_memory_flush(dev, x));
    LAT_TRY(dt_job_record(dev, job, p, x, y, &push));
    LAT_TRY(lat_device_submit(dev, &job->cmd, 1, &ticket));
    LAT_TRY(lat_device_wait(dev, ticket, "the test's kernel"));
    LAT_TRY(lat_memory_invalidate(dev, y));
    for (uint32_t i = 0; i < push.n; i++)
        if (out[i] != i + 5)
            return lat_err(LATTN_ERR_INTERNAL, "y[%u] is %u", i, out[i]);
    return LATTN_OK;
}

lattn_status dt_life(const lattn_ctx_params *params)
{
    struct lat_device *dev = NULL;
    struct dt_job job = { 0 };
    struct lat_timer timer = { 0 };
    struct lat_slice x = { 0 }, y = { 0 }, local = { 0 };
    struct lat_pipeline *p = NULL;
    struct lat_pipeline_key key = dt_add_key(64);
    lattn_status st;

    LAT_TRY(lat_device_open(params, &dev));
    LAT_GO(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 100, &local));
    LAT_GO(lat_memory_alloc(dev, LAT_MEMORY_UPLOAD, 4000, &x));
    LAT_GO(lat_memory_alloc(dev, LAT_MEMORY_READBACK, 4000, &y));
    LAT_GO(lat_timer_create(dev, 2, &timer));
    LAT_GO(lat_pipeline_get(dev, &key, &p));
    LAT_GO(dt_job_create(dev, &job));
    LAT_GO(run_and_check(dev, &job, p, &x, &y));

done:
    // As the layers above do: after a failed wait the work has to be over before its objects
    // go. A lost device runs nothing any more, a wedged one keeps everything.
    if (!dev->lost && lat_device_wait(dev, dev->last_ticket, "the end") && !dev->lost)
        dev->wedged = true;
    if (!dev->wedged) {
        dt_job_destroy(dev, &job);
        lat_timer_destroy(dev, &timer);
        lat_memory_free(dev, &x);
        lat_memory_free(dev, &y);
        lat_memory_free(dev, &local);
    }
    lat_device_close(&dev);
    return st;
}

// ---- environment ----------------------------------------------------------------------------

static struct {
    char name[40], value[200];
    bool was_set;
} saved[MAX_ENV];
static int n_saved;

static void put(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

void dt_env(const char *name, const char *value)
{
    const char *old = getenv(name);
    snprintf(saved[n_saved].name, sizeof saved[n_saved].name, "%s", name);
    snprintf(saved[n_saved].value, sizeof saved[n_saved].value, "%s", old ? old : "");
    saved[n_saved++].was_set = old != NULL;
    put(name, value);
}

void dt_env_restore(void)
{
    while (n_saved > 0) {
        n_saved--;
        put(saved[n_saved].name, saved[n_saved].was_set ? saved[n_saved].value : NULL);
    }
}
