// SPDX-License-Identifier: MIT
//
// A Vulkan result becomes a status here. Anything but VK_SUCCESS is an error: callers that
// expect VK_INCOMPLETE or VK_TIMEOUT look for it before they come here.
//
// A lost device is remembered with its sentence, including what VK_EXT_device_fault knows,
// because every later call has to say it again.

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "device/device.h"

static const struct {
    VkResult result;
    lattn_status status;
    const char *name;
} rows[] = {
#define ROW(vk, status)                                                                            \
    {                                                                                              \
        VK_##vk, LATTN_##status, "VK_" #vk                                                         \
    }
    ROW(SUCCESS, OK),
    ROW(NOT_READY, ERR_INTERNAL),
    ROW(TIMEOUT, ERR_INTERNAL),
    ROW(INCOMPLETE, ERR_INTERNAL),
    ROW(ERROR_OUT_OF_HOST_MEMORY, ERR_HOST_MEMORY),
    ROW(ERROR_OUT_OF_DEVICE_MEMORY, ERR_GPU_MEMORY),
    ROW(ERROR_INITIALIZATION_FAILED, ERR_UNSUPPORTED),
    ROW(ERROR_DEVICE_LOST, ERR_DEVICE_LOST),
    ROW(ERROR_MEMORY_MAP_FAILED, ERR_GPU_MEMORY),
    ROW(ERROR_LAYER_NOT_PRESENT, ERR_UNSUPPORTED),
    ROW(ERROR_EXTENSION_NOT_PRESENT, ERR_UNSUPPORTED),
    ROW(ERROR_FEATURE_NOT_PRESENT, ERR_UNSUPPORTED),
    ROW(ERROR_INCOMPATIBLE_DRIVER, ERR_NO_DEVICE),
    ROW(ERROR_TOO_MANY_OBJECTS, ERR_GPU_MEMORY),
    ROW(ERROR_FORMAT_NOT_SUPPORTED, ERR_UNSUPPORTED),
    ROW(ERROR_FRAGMENTED_POOL, ERR_GPU_MEMORY),
    ROW(ERROR_OUT_OF_POOL_MEMORY, ERR_GPU_MEMORY),
    ROW(ERROR_FRAGMENTATION, ERR_GPU_MEMORY),
    ROW(ERROR_INVALID_EXTERNAL_HANDLE, ERR_INTERNAL),
    ROW(ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS, ERR_INTERNAL),
    ROW(PIPELINE_COMPILE_REQUIRED, ERR_INTERNAL),
    ROW(ERROR_NOT_PERMITTED_KHR, ERR_UNSUPPORTED),
    ROW(ERROR_UNKNOWN, ERR_UNSUPPORTED),
#undef ROW
};

static void fault_text(struct lat_device *dev, char *text, size_t bytes)
{
    *text = '\0';
    if (!dev->handle || !dev->vk.GetDeviceFaultInfoEXT || !dev->caps.device_fault)
        return;
    VkDeviceFaultCountsEXT counts = { .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_COUNTS_EXT };
    VkDeviceFaultInfoEXT info = { .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_INFO_EXT };
    // All counts 0: only the description is wanted, and then VK_INCOMPLETE is a success.
    VkResult r = dev->vk.GetDeviceFaultInfoEXT(dev->handle, &counts, &info);
    if (r == VK_SUCCESS || r == VK_INCOMPLETE)
        snprintf(text, bytes, " (the driver says: %.200s)", info.description);
}

static void keep_loss(struct lat_device *dev, const char *what)
{
    char fault[256];
    fault_text(dev, fault, sizeof fault);
    snprintf(dev->lost_text, sizeof dev->lost_text, "%s: VK_ERROR_DEVICE_LOST on %.100s%s", what,
        dev->caps.info.name, fault);
    dev->lost = true;
    lat_log(LATTN_LOG_ERROR, "%s", dev->lost_text);
}

lattn_status lat_vk_status(struct lat_device *dev, VkResult result, const char *what)
{
    if (result == VK_SUCCESS)
        return LATTN_OK;
    if (result == VK_ERROR_DEVICE_LOST) {
        if (!dev->lost)
            keep_loss(dev, what);
        return lat_err(LATTN_ERR_DEVICE_LOST, "%s", dev->lost_text);
    }
    for (size_t i = 0; i < LAT_COUNT(rows); i++)
        if (rows[i].result == result)
            return lat_err(rows[i].status, "%s: %s", what, rows[i].name);
    return lat_err(LATTN_ERR_UNSUPPORTED, "%s: Vulkan result %d", what, (int) result);
}

lattn_status lat_device_alive(struct lat_device *dev)
{
    if (dev->lost || dev->wedged)
        return lat_err(LATTN_ERR_DEVICE_LOST, "%s", dev->lost_text);
    return LATTN_OK;
}
