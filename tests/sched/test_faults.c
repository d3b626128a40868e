// SPDX-License-Identifier: MIT
//
// Things that go wrong on purpose: host memory runs out at the n-th allocation, a Vulkan call
// fails, device memory is short. Every failure must be a status; what can go on goes on.

#include "sched/fixture.h"

enum { WORDS = 1024, BYTES = WORDS * 4 };

// Uses everything once: blocks of both kinds, all commands, staging, a capture and two runs.
// Stops at the first error and leaves nothing behind.
static lattn_status scenario(struct fixture *f)
{
    static uint32_t data[WORDS], got[WORDS];
    struct lat_sched *s = f->s;
    struct lat_block *kept = NULL, *tmp = NULL;
    struct lat_replay *r = NULL;
    lattn_status st;
    LAT_GO(lat_block_create(s, LAT_BLOCK_KEPT, BYTES, &kept));
    LAT_GO(lat_block_create(s, LAT_BLOCK_STEP, BYTES, &tmp));
    LAT_GO(lat_sched_upload(s, whole(kept), data));
    LAT_GO(lat_sched_copy(s, whole(tmp), whole(kept)));
    LAT_GO(lat_sched_update(s, (struct lat_range){ tmp, 0, 64 }, data));
    struct mix m = { .z = whole(kept), .x = whole(tmp), .y = whole(tmp), .a = 1 };
    LAT_GO(mix(f, &m));
    LAT_GO(lat_sched_download(s, whole(kept), got));
    LAT_GO(lat_capture_begin(s));
    LAT_GO(lat_sched_fill(s, whole(tmp), 3));
    LAT_GO(mix(f, &m));
    struct lat_range io = whole(kept);
    struct lat_replay_params params = {
        .inputs = &io, .n_inputs = 1, .outputs = &io, .n_outputs = 1
    };
    LAT_GO(lat_capture_end(s, &params, &r));
    LAT_GO(lat_replay_write(r, 0, data, BYTES));
    LAT_GO(lat_replay_run(r));
    LAT_GO(lat_replay_run(r));
    LAT_GO(lat_replay_read(r, 0, 0, got, BYTES));

done:
    if (lat_capturing(s))
        lat_capture_abort(s);
    lat_replay_destroy(&r);
    lat_block_release(kept);
    lat_block_release(tmp);
    return st;
}

TEST(faults, every_failed_host_allocation_is_survived)
{
    int64_t n;
    bool failed = true;
    for (n = 0; failed && !lt_failed(); n++) {
        struct fixture f;
        if (!fixture_open(&f))
            return;
        lat_alloc_fail_at(n);
        lattn_status st = scenario(&f);
        lat_alloc_fail_at(-1);
        failed = st != LATTN_OK;
        if (failed) {
            EXPECT_EQ(st, LATTN_ERR_HOST_MEMORY);
            EXPECT_OK(scenario(&f));  // the scheduler is as good as new
        }
        fixture_close(&f);
    }
    EXPECT(n > 20);
}

// ---- Vulkan ---------------------------------------------------------------------------------

// One wrapper per function; the n-th call from now of the chosen one fails.
static struct {
    const char *name;
    int countdown;
    VkResult result;
    VkDevice device;
    struct lat_vk real;
} fault;

static bool is_due(const char *name)
{
    if (!fault.name || strcmp(fault.name, name) != 0 || fault.countdown-- != 0)
        return false;
    // What runs on a lost device counts as complete; this one has to finish first.
    if (fault.result == VK_ERROR_DEVICE_LOST)
        (void) fault.real.DeviceWaitIdle(fault.device);
    return true;
}

#define FAULTY(name, params, args)                                                                 \
    static VkResult VKAPI_PTR faulty_##name params                                                 \
    {                                                                                              \
        return is_due(#name) ? fault.result : fault.real.name args;                                \
    }
// clang-format off
FAULTY(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f))
FAULTY(WaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t))
FAULTY(CreateCommandPool, (VkDevice d, const VkCommandPoolCreateInfo *i,
    const VkAllocationCallbacks *a, VkCommandPool *p), (d, i, a, p))
FAULTY(AllocateCommandBuffers, (VkDevice d, const VkCommandBufferAllocateInfo *i,
    VkCommandBuffer *b), (d, i, b))
FAULTY(BeginCommandBuffer, (VkCommandBuffer b, const VkCommandBufferBeginInfo *i), (b, i))
FAULTY(EndCommandBuffer, (VkCommandBuffer b), (b))
FAULTY(ResetCommandPool, (VkDevice d, VkCommandPool p, VkCommandPoolResetFlags f), (d, p, f))
FAULTY(CreateQueryPool, (VkDevice d, const VkQueryPoolCreateInfo *i,
    const VkAllocationCallbacks *a, VkQueryPool *p), (d, i, a, p))
FAULTY(GetQueryPoolResults, (VkDevice d, VkQueryPool p, uint32_t f, uint32_t n, size_t b, void *o,
    VkDeviceSize s, VkQueryResultFlags g), (d, p, f, n, b, o, s, g))
FAULTY(AllocateMemory, (VkDevice d, const VkMemoryAllocateInfo *i,
    const VkAllocationCallbacks *a, VkDeviceMemory *m), (d, i, a, m))
#define FAULTS(XX) XX(QueueSubmit) XX(WaitSemaphores) XX(CreateCommandPool)               \
    XX(AllocateCommandBuffers) XX(BeginCommandBuffer) XX(EndCommandBuffer)                \
    XX(ResetCommandPool) XX(CreateQueryPool) XX(GetQueryPoolResults) XX(AllocateMemory)
// clang-format on

static void install(struct lat_device *dev)
{
    fault.real = dev->vk;
    fault.device = dev->handle;
#define XX(name) dev->vk.name = faulty_##name;
    FAULTS(XX)
#undef XX
}

// Fails every call in turn until the scenario gets through.
static void fail_each_call(const char *name, VkResult result, lattn_status expected)
{
    bool failed = true;
    for (int n = 0; failed && !lt_failed(); n++) {
        struct fixture f;
        if (!fixture_open(&f))
            return;
        install(f.dev);
        fault.name = name;
        fault.countdown = n;
        fault.result = result;
        lattn_status st = scenario(&f);
        fault.name = NULL;
        failed = fault.countdown < 0;
        // A memory allocation that fails once is tried again after a clean-up.
        bool recovered = st == LATTN_OK && strcmp(name, "AllocateMemory") == 0;
        if (failed && !recovered && st != expected)
            lt_fail(__FILE__, __LINE__, "%s, call %d: %s (%s)", name, n, lattn_status_name(st),
                lat_err_text());
        if (expected != LATTN_ERR_DEVICE_LOST)
            EXPECT_OK(scenario(&f));
        else if (failed)
            EXPECT_STATUS(scenario(&f), LATTN_ERR_DEVICE_LOST);
        f.dev->vk = fault.real;
        fixture_close(&f);
    }
}

TEST(faults, out_of_memory_in_any_vulkan_call_is_survived)
{
#define XX(name)                                                                                   \
    fail_each_call(#name, VK_ERROR_OUT_OF_HOST_MEMORY, LATTN_ERR_HOST_MEMORY);                     \
    fail_each_call(#name, VK_ERROR_OUT_OF_DEVICE_MEMORY, LATTN_ERR_GPU_MEMORY);
    FAULTS(XX)
#undef XX
}

TEST(faults, loss_in_any_vulkan_call_is_final_and_clean)
{
    fail_each_call("QueueSubmit", VK_ERROR_DEVICE_LOST, LATTN_ERR_DEVICE_LOST);
    fail_each_call("WaitSemaphores", VK_ERROR_DEVICE_LOST, LATTN_ERR_DEVICE_LOST);
    fail_each_call("GetQueryPoolResults", VK_ERROR_DEVICE_LOST, LATTN_ERR_DEVICE_LOST);
}

// ---- device memory --------------------------------------------------------------------------

TEST(faults, empty_slabs_go_back_before_memory_is_short)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    fixture_close(&f);
    f = (struct fixture){ 0 };
    lattn_ctx_params params = { .cache_dir = "", .memory_limit_bytes = 160 << 20 };
    REQUIRE(lat_device_open(&params, &f.dev) == LATTN_OK);
    REQUIRE(lat_sched_create(f.dev, &f.s) == LATTN_OK);
    struct lat_block *a = block_of(&f, LAT_BLOCK_KEPT, 80 << 20);
    EXPECT_OK(lat_sched_fill(f.s, whole(a), 1));
    EXPECT_OK(lat_sched_flush(f.s));
    lat_block_release(a);
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 120 << 20);  // not beside the old slab
    EXPECT(b != NULL);
    struct lat_block *c;
    EXPECT_STATUS(lat_block_create(f.s, LAT_BLOCK_KEPT, 120 << 20, &c), LATTN_ERR_GPU_MEMORY);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(faults, idle_planned_memory_is_given_up_before_memory_is_short)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    fixture_close(&f);
    f = (struct fixture){ 0 };
    lattn_ctx_params params = { .cache_dir = "", .memory_limit_bytes = 160 << 20 };
    REQUIRE(lat_device_open(&params, &f.dev) == LATTN_OK);
    REQUIRE(lat_sched_create(f.dev, &f.s) == LATTN_OK);
    struct lat_block *t = block_of(&f, LAT_BLOCK_STEP, 80 << 20);
    EXPECT_OK(lat_sched_fill(f.s, whole(t), 1));
    lat_block_release(t);
    EXPECT_OK(lat_sched_flush(f.s));
    EXPECT(f.s->arena != NULL);
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 120 << 20);
    EXPECT(b != NULL);
    EXPECT(f.s->arena == NULL);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(faults, planned_memory_is_cut_into_chunks_that_fit)
{
    enum { N = 10, SIZE = 300 << 10 };
    struct fixture f;
    if (!fixture_open(&f))
        return;
    f.dev->caps.max_allocation_bytes = 1 << 20;
    struct lat_block *t[N], *sum = block_of(&f, LAT_BLOCK_KEPT, N * 4);
    for (uint32_t i = 0; i < N; i++) {
        t[i] = block_of(&f, LAT_BLOCK_STEP, SIZE);
        EXPECT_OK(lat_sched_fill(f.s, whole(t[i]), i + 1));
    }
    for (uint32_t i = 0; i < N; i++) {
        struct lat_range to = { sum, i * 4, 4 }, from = { t[i], SIZE - 4, 4 };
        EXPECT_OK(lat_sched_copy(f.s, to, from));
        lat_block_release(t[i]);
    }
    uint32_t got[N];
    EXPECT_OK(lat_sched_download(f.s, whole(sum), got));
    for (uint32_t i = 0; i < N; i++)
        EXPECT_EQ(got[i], i + 1);
    EXPECT_EQ(f.s->arena->n_chunks, 4);  // three blocks in each
    lat_block_release(sum);
    fixture_close(&f);
}

TEST(faults, poison_shows_reads_of_undefined_memory)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    f.s->check |= LAT_CHECK_POISON;
    struct lat_block *undefined = block_of(&f, LAT_BLOCK_STEP, 64);
    struct lat_block *out = block_of(&f, LAT_BLOCK_KEPT, 64);
    EXPECT_OK(lat_sched_copy(f.s, whole(out), whole(undefined)));
    lat_block_release(undefined);
    uint32_t word;
    EXPECT_OK(lat_sched_download(f.s, (struct lat_range){ out, 0, 4 }, &word));
    EXPECT_EQ(word, 0x7fa5a5a5);
    lat_block_release(out);
    fixture_close(&f);
}
