// SPDX-License-Identifier: MIT
//
// Torture: a device's whole life, over and over, each time with another call failing. Every
// failure must come out as the right status with a sentence, and leave nothing behind.

#include "base/alloc.h"
#include "base/status.h"
#include "device/fault.h"
#include "device/fixture.h"
#include "device/twin.h"

// The library logs a line for each loss; here that is hundreds of lines about nothing.
static void only_validation(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    (void) level;
    if (strncmp(message, "validation: ", 12) == 0)
        lt_fail(__FILE__, __LINE__, "%s", message);
}

static bool prepare(lattn_ctx_params *p, lattn_vulkan_handles *h, const char *cache_dir)
{
    *h = (lattn_vulkan_handles){ .get_instance_proc_addr = fault_entry_point() };
    *p = (lattn_ctx_params){ .cache_dir = cache_dir, .vulkan = h };
    lattn_log_set(only_validation, NULL);
    lattn_status st = h->get_instance_proc_addr ? dt_life(p) : LATTN_ERR_NO_DEVICE;
    if (st == LATTN_ERR_NO_DEVICE)
        lt_skip("no device");
    else
        EXPECT_OK(st);
    return st == LATTN_OK;
}

// What a failing call may turn into. Some calls fail without harm: extension lists then look
// empty, a cache is not saved, a counter is asked again.
static bool right_status(VkResult injected, lattn_status st)
{
    switch (injected) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return st == LATTN_OK || st == LATTN_ERR_HOST_MEMORY;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return st == LATTN_OK || st == LATTN_ERR_GPU_MEMORY;
    case VK_ERROR_DEVICE_LOST:
        return st == LATTN_OK || st == LATTN_ERR_DEVICE_LOST;
    default:
        return st == LATTN_OK || st == LATTN_ERR_UNSUPPORTED || st == LATTN_ERR_NO_DEVICE ||
               st == LATTN_ERR_GPU_MEMORY;
    }
}

static void torture(VkResult injected, const char *limits)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    dt_env("LATTN_LIMITS", limits);
    if (!prepare(&p, &h, lt_temp_dir())) {
        dt_env_restore();
        return;
    }
    fault_arm(NULL, INT64_MAX, VK_SUCCESS, false);
    EXPECT_OK(dt_life(&p));
    int64_t calls = fault_calls(), live = lat_alloc_live();
    EXPECT(calls > 20);
    int failed = 0;
    for (int64_t at = 0; at < calls && !lt_failed(); at++) {
        fault_arm(NULL, at, injected, false);
        lattn_status st = dt_life(&p);
        fault_disarm();
        failed += st != LATTN_OK;
        if (!right_status(injected, st))
            lt_fail(__FILE__, __LINE__, "call %lld, %s: %s: %s", (long long) at, fault_function(),
                lattn_status_name(st), lat_err_text());
        if (st && !*lat_err_text())
            lt_fail(
                __FILE__, __LINE__, "call %lld, %s: no sentence", (long long) at, fault_function());
        if (lat_alloc_live() != live)
            lt_fail(__FILE__, __LINE__, "call %lld, %s: %lld blocks leaked", (long long) at,
                fault_function(), (long long) (lat_alloc_live() - live));
    }
    EXPECT(failed > 10);
    EXPECT_OK(dt_life(&p));
    dt_env_restore();
}

TEST(fault, every_call_may_run_out_of_device_memory)
{
    torture(VK_ERROR_OUT_OF_DEVICE_MEMORY, NULL);
}

TEST(fault, every_call_may_run_out_of_host_memory)
{
    torture(VK_ERROR_OUT_OF_HOST_MEMORY, "floor");
}

TEST(fault, every_call_may_lose_the_device)
{
    torture(VK_ERROR_DEVICE_LOST, NULL);
}

TEST(fault, every_call_may_fail_to_initialise)
{
    torture(VK_ERROR_INITIALIZATION_FAILED, NULL);
}

TEST(fault, every_host_allocation_may_fail)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    if (!prepare(&p, &h, lt_temp_dir()))
        return;
    int64_t live = lat_alloc_live();
    uint64_t before = lat_alloc_count();
    EXPECT_OK(dt_life(&p));
    int64_t n = (int64_t) (lat_alloc_count() - before);
    EXPECT(n > 10);
    for (int64_t at = 0; at < n && !lt_failed(); at++) {
        lat_alloc_fail_at(at);
        lattn_status st = dt_life(&p);
        lat_alloc_fail_at(-1);
        if (st && st != LATTN_ERR_HOST_MEMORY)
            lt_fail(__FILE__, __LINE__, "allocation %lld: %s: %s", (long long) at,
                lattn_status_name(st), lat_err_text());
        if (lat_alloc_live() != live)
            lt_fail(__FILE__, __LINE__, "allocation %lld: %lld blocks leaked", (long long) at,
                (long long) (lat_alloc_live() - live));
    }
}

TEST(fault, driver_that_dislikes_its_own_cache_gets_an_empty_one)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    dt_env("LATTN_LIMITS", "shader_object=0");
    if (prepare(&p, &h, lt_temp_dir())) {
        fault_arm("vkCreatePipelineCache", 0, VK_ERROR_INITIALIZATION_FAILED, false);
        EXPECT_OK(dt_life(&p));
        EXPECT(fault_happened());
        fault_disarm();
    }
    dt_env_restore();
}

TEST(fault, driver_that_dislikes_its_own_binary_gets_the_spirv)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    if (!prepare(&p, &h, lt_temp_dir()))
        return;
    fault_arm("vkCreateShadersEXT", 0, (VkResult) 1000482000, false);
    EXPECT_OK(dt_life(&p));
    if (!fault_happened())
        lt_skip("no shader objects");
    fault_disarm();
}

// Any device may have a twin. Nothing of it is left when a call fails, and the device lives on.
TEST(fault, every_call_for_a_twin_may_fail)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    struct lat_device *dev = NULL;
    if (!prepare(&p, &h, ""))
        return;
    EXPECT_OK(lat_device_open(&p, &dev));
    struct lat_pipeline_key key = dt_add_key(64);
    int64_t live = lat_alloc_live(), calls = INT64_MAX;
    for (int64_t at = -1; at < calls && !lt_failed(); at++) {
        struct lat_twin *twin = NULL;
        fault_arm(NULL, at < 0 ? INT64_MAX : at, VK_ERROR_OUT_OF_HOST_MEMORY, false);
        lattn_status st = lat_twin_create(dev, "", &twin);
        if (!st)
            st = lat_twin_compile(twin, &key);
        if (!st)
            st = lat_twin_compile(twin, &key);
        if (at < 0)
            calls = fault_calls();
        fault_disarm();
        lat_twin_destroy(&twin);
        EXPECT_EQ(lat_alloc_live(), live);
        if (at < 0)
            EXPECT_OK(st);
        else if (st && st != LATTN_ERR_HOST_MEMORY)
            lt_fail(__FILE__, __LINE__, "call %lld, %s: %s", (long long) at, fault_function(),
                lat_err_text());
    }
    EXPECT(calls > 10 && !dev->lost);
    lat_device_close(&dev);
    EXPECT_OK(dt_life(&p));
}

TEST(fault, memory_that_cannot_be_mapped_is_given_back)
{
    lattn_vulkan_handles h;
    lattn_ctx_params p;
    struct lat_device *dev = NULL;
    if (!prepare(&p, &h, ""))
        return;
    EXPECT_OK(lat_device_open(&p, &dev));
    struct lat_slice s;
    fault_arm("vkMapMemory", 0, VK_ERROR_MEMORY_MAP_FAILED, true);
    EXPECT_STATUS(lat_memory_alloc(dev, LAT_MEMORY_UPLOAD, 4096, &s), LATTN_ERR_GPU_MEMORY);
    EXPECT_EQ(dev->stats.device_bytes_now, 0);
    fault_arm("vkAllocateMemory", 0, VK_ERROR_OUT_OF_DEVICE_MEMORY, false);
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_UPLOAD, 4096, &s));  // with a smaller slab
    fault_disarm();
    lat_memory_free(dev, &s);
    lat_device_close(&dev);
}
