// SPDX-License-Identifier: MIT
//
// Choosing, opening, adopting and closing devices.

#include "base/alloc.h"
#include "base/status.h"
#include "device/fixture.h"

static lattn_status open_by(const char *text)
{
    struct lat_device *dev = NULL;
    lattn_ctx_params p = { .device = text, .cache_dir = "" };
    lattn_status st = lat_device_open(&p, &dev);
    lat_device_close(&dev);
    return st;
}

static bool first_device(lattn_device_info *info)
{
    int n = 0;
    lattn_status st = lattn_device_list(info, 1, &n);
    if (st || n == 0 || *info->refused)
        lt_skip("no usable device");
    return !st && n > 0 && !*info->refused;
}

TEST(device, runs_a_kernel_from_open_to_close)
{
    int64_t live = lat_alloc_live();
    lattn_ctx_params p = { .cache_dir = "" };
    lattn_status st = dt_life(&p);
    if (st == LATTN_ERR_NO_DEVICE) {
        lt_skip("%s", lat_err_text());
        return;
    }
    EXPECT_OK(st);
    EXPECT_EQ(lat_alloc_live(), live);
}

TEST(device, runs_a_kernel_on_the_smallest_device)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    dt_close(&dev);
    lattn_ctx_params p = { .cache_dir = "" };
    dt_env("LATTN_LIMITS", "floor");
    dt_env("LATTN_CHECK", "poison,robust");
    EXPECT_OK(dt_life(&p));
    dt_env_restore();
}

TEST(device, opens_and_closes_again_and_again)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    dt_close(&dev);
    int64_t live = lat_alloc_live();
    for (int i = 0; i < 20; i++) {
        dev = dt_open(NULL);
        dt_close(&dev);
    }
    EXPECT_EQ(lat_alloc_live(), live);
}

TEST(device, two_at_once_do_not_disturb_each_other)
{
    struct lat_device *a = dt_open(NULL), *b = a ? dt_open(NULL) : NULL;
    lattn_ctx_params p = { .cache_dir = "" };
    if (!a)
        return;
    EXPECT_OK(dt_life(&p));
    dt_close(&a);
    EXPECT_OK(dt_life(&p));
    dt_close(&b);
}

TEST(device, list_gives_every_device)
{
    lattn_device_info info, again[8];
    int n = 0, m = 0;
    if (!first_device(&info))
        return;
    EXPECT_OK(lattn_device_list(NULL, 0, &n));
    EXPECT(n >= 1);
    EXPECT_OK(lattn_device_list(again, 8, &m));
    EXPECT_EQ(n, m);
    for (int i = 0; i < m && i < 8; i++) {
        EXPECT_EQ(again[i].index, i);
        EXPECT(*again[i].name);
        EXPECT_EQ(strlen(again[i].uuid), 36);
    }
    EXPECT_STATUS(lattn_device_list(NULL, 1, &n), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_device_list(&info, 1, NULL), LATTN_ERR_ARG);
}

TEST(device, is_chosen_by_index_name_and_uuid)
{
    lattn_device_info info;
    char text[300];
    if (!first_device(&info))
        return;
    EXPECT_OK(open_by("0"));
    EXPECT_OK(open_by(info.uuid));
    EXPECT_OK(open_by(info.name));
    snprintf(text, sizeof text, "%.4s", info.name);
    for (char *c = text; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char) (*c - 'a' + 'A') : *c;
    EXPECT_OK(open_by(text));

    char *to = text;  // the UUID without its dashes
    for (const char *c = info.uuid; *c; c++)
        if (*c != '-')
            *to++ = *c;
    *to = '\0';
    EXPECT_OK(open_by(text));
}

TEST(device, unknown_choice_is_refused_with_the_list)
{
    lattn_device_info info;
    if (!first_device(&info))
        return;
    static const char *const wrong[] = {
        "999",
        "no such card",
        "-1",
        "00000000-0000-0000-0000-0000000000ff",
        "6d65",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT_STATUS(open_by(wrong[i]), LATTN_ERR_ARG);
        EXPECT_CONTAINS(lat_err_text(), wrong[i]);
        EXPECT_CONTAINS(lat_err_text(), info.name);
        EXPECT_CONTAINS(lat_err_text(), info.uuid);
    }
}

TEST(device, variable_chooses_and_is_named_in_the_error)
{
    lattn_device_info info;
    if (!first_device(&info))
        return;
    dt_env("LATTN_DEVICE", "999");
    EXPECT_STATUS(open_by(NULL), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lat_err_text(), "LATTN_DEVICE: no device has the index, UUID or name '999'");
    EXPECT_OK(open_by("0"));  // what the caller says counts more
    dt_env_restore();

    char *huge = malloc(1 << 20);
    memset(huge, 'x', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    setenv("LATTN_DEVICE", huge, 1);
    EXPECT_STATUS(open_by(NULL), LATTN_ERR_ARG);
    EXPECT(strlen(lat_err_text()) < 2000);
    unsetenv("LATTN_DEVICE");
    free(huge);

    dt_env("LATTN_DEVICE", "");
    EXPECT_OK(open_by(NULL));
    dt_env_restore();
}

TEST(device, no_driver_is_one_clear_sentence)
{
    dt_env("VK_DRIVER_FILES", "/nonexistent/driver.json");
    dt_env("VK_ICD_FILENAMES", "/nonexistent/driver.json");
    int n = 7;
    EXPECT_STATUS(open_by(NULL), LATTN_ERR_NO_DEVICE);
    EXPECT(strlen(lat_err_text()) > 20);
    EXPECT_STATUS(lattn_device_list(NULL, 0, &n), LATTN_ERR_NO_DEVICE);
    EXPECT_EQ(n, 0);
    dt_env_restore();
}

TEST(device, refusal_names_each_device_and_the_reason)
{
    lattn_device_info info;
    if (!first_device(&info))
        return;
    dt_env("LATTN_LIMITS", "max_shared_bytes=8192");
    EXPECT_STATUS(open_by(NULL), LATTN_ERR_NO_DEVICE);
    EXPECT_CONTAINS(lat_err_text(), info.name);
    EXPECT_CONTAINS(lat_err_text(), "8192 bytes of shared memory are below 16384");
    EXPECT_STATUS(open_by("0"), LATTN_ERR_NO_DEVICE);
    EXPECT_CONTAINS(lat_err_text(), "cannot be used");

    int n = 0;
    EXPECT_OK(lattn_device_list(&info, 1, &n));  // refused ones are listed all the same
    EXPECT_CONTAINS(info.refused, "shared memory");
    dt_env_restore();
}

// ---- adopted devices ------------------------------------------------------------------------

static lattn_vulkan_handles handles_of(struct lat_device *app)
{
    return (lattn_vulkan_handles){
        .instance = app->instance,
        .physical_device = app->physical,
        .device = app->handle,
        .queue = app->queue,
        .queue_family = app->queue_family,
        .api_version = app->instance_version,
    };
}

TEST(device, adopted_one_without_features_uses_only_the_floor)
{
    struct lat_device *app = dt_open(NULL), *dev = NULL;
    if (!app)
        return;
    lattn_vulkan_handles h = handles_of(app);
    lattn_ctx_params p = { .cache_dir = "", .vulkan = &h };
    EXPECT_OK(lat_device_open(&p, &dev));
    if (dev) {
        EXPECT(!dev->caps.storage_16 && !dev->caps.push_descriptors && !dev->caps.buffer_address);
        EXPECT(!dev->caps.subgroup_size_control && !dev->caps.memory_budget);
        EXPECT_STR(dev->caps.info.name, app->caps.info.name);
    }
    lat_device_close(&dev);
    EXPECT_OK(dt_life(&p));
    // The application's objects outlive ours.
    EXPECT_EQ(app->vk.DeviceWaitIdle(app->handle), VK_SUCCESS);
    dt_close(&app);
}

TEST(device, adopted_one_uses_what_the_chain_says_in_either_form)
{
    struct lat_device *app = dt_open(NULL), *dev = NULL;
    if (!app)
        return;
    VkPhysicalDeviceVulkan11Features v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
        .storageBuffer16BitAccess = app->caps.storage_16,
    };
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = &v11,
        .timelineSemaphore = VK_TRUE,
        .shaderFloat16 = app->caps.shader_f16,
    };
    VkPhysicalDeviceFeatures2 chain = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &v12,
    };
    const char *extensions[] = { VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME };
    lattn_vulkan_handles h = handles_of(app);
    h.features = &chain;
    h.extensions = extensions;
    h.n_extensions = app->caps.push_descriptors;
    lattn_ctx_params p = { .cache_dir = "", .vulkan = &h };
    EXPECT_OK(lat_device_open(&p, &dev));
    if (dev) {
        EXPECT_EQ(dev->caps.storage_16, app->caps.storage_16);
        EXPECT_EQ(dev->caps.shader_f16, app->caps.shader_f16);
        EXPECT_EQ(dev->caps.push_descriptors, app->caps.push_descriptors);
        EXPECT(!dev->caps.storage_8 && !dev->caps.scalar_layout);
    }
    lat_device_close(&dev);

    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .timelineSemaphore = VK_TRUE,
    };
    VkPhysicalDevice8BitStorageFeatures storage8 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES,
        .pNext = &timeline,
        .storageBuffer8BitAccess = app->caps.storage_8,
    };
    chain.pNext = &storage8;
    EXPECT_OK(lat_device_open(&p, &dev));
    if (dev)
        EXPECT_EQ(dev->caps.storage_8, app->caps.storage_8);
    lat_device_close(&dev);
    EXPECT_OK(dt_life(&p));
    dt_close(&app);
}

TEST(device, adopted_one_without_timeline_is_refused_by_name)
{
    struct lat_device *app = dt_open(NULL), *dev = NULL;
    if (!app)
        return;
    VkPhysicalDeviceFeatures2 chain = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    };
    lattn_vulkan_handles h = handles_of(app);
    h.features = &chain;
    lattn_ctx_params p = { .cache_dir = "", .vulkan = &h };
    EXPECT_STATUS(lat_device_open(&p, &dev), LATTN_ERR_UNSUPPORTED);
    EXPECT_CONTAINS(lat_err_text(), "timelineSemaphore");
    EXPECT(!dev);
    h.features = NULL;
    h.queue_family = 77;
    EXPECT_STATUS(lat_device_open(&p, &dev), LATTN_ERR_UNSUPPORTED);
    EXPECT_CONTAINS(lat_err_text(), "queue family");
    dt_close(&app);
}

TEST(device, incomplete_handles_are_refused)
{
    struct lat_device *dev = NULL;
    int dummy;
    lattn_vulkan_handles h = { 0 };
    lattn_ctx_params p = { .vulkan = &h };
    EXPECT_STATUS(lat_device_open(&p, &dev), LATTN_ERR_ARG);
    h.instance = &dummy;
    EXPECT_STATUS(lat_device_open(&p, &dev), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lat_err_text(), "1 of 4");
}
