// SPDX-License-Identifier: MIT
//
// Looking at the devices of an instance and picking one.
#ifndef LAT_CHOOSE_H
#define LAT_CHOOSE_H
#include "device/device.h"

struct lat_candidate {
    VkPhysicalDevice physical;
    uint32_t queue_family;
    struct lat_caps caps;  // caps.info.refused says why not; "" = usable
};

// Looks at one device. adopted: what the application enabled and which family its queue is
// of; NULL = a device of our own.
lattn_status lat_candidate_read(struct lat_device *dev, VkPhysicalDevice physical,
    const lattn_vulkan_handles *adopted, struct lat_candidate *out);

// The one of n that text names, refused or not; text NULL = the best that is not refused. NULL = none.
const struct lat_candidate *lat_candidate_pick(
    const struct lat_candidate *all, uint32_t n, const char *text);

// Picks a device by index, UUID or part of the name; text NULL = the best one. source names
// where text comes from, for the error.
lattn_status lat_candidate_choose(
    struct lat_device *dev, const char *text, const char *source, struct lat_candidate *out);

#endif
