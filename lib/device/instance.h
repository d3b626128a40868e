// SPDX-License-Identifier: MIT
//
// The loader, the instance and the function table of a device that is being opened.
#ifndef LAT_INSTANCE_H
#define LAT_INSTANCE_H
#include "device/device.h"

// Opens the loader (or takes the caller's entry point), creates an instance (or takes the
// caller's) and fills the global and instance part of dev->vk. handles may be NULL.
lattn_status lat_instance_open(struct lat_device *dev, const lattn_vulkan_handles *handles);
void lat_instance_close(struct lat_device *dev);

// Fills the device part of dev->vk from dev->handle; functions of extensions that
// dev->caps does not have become NULL.
lattn_status lat_instance_load_device(struct lat_device *dev);

// Every physical device. *out is freed with lat_free.
lattn_status lat_instance_devices(struct lat_device *dev, VkPhysicalDevice **out, uint32_t *n);

#endif
