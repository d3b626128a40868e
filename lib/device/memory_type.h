// SPDX-License-Identifier: MIT
//
// Which of a device's memory types serves which purpose.
#ifndef LAT_MEMORY_TYPE_H
#define LAT_MEMORY_TYPE_H
#include "device/memory.h"

// Index of the best type among the allowed ones (a bit each); -1 = none will do. shared: host
// and device have the same memory, so being mapped costs nothing.
int lat_memory_type_choose(const VkPhysicalDeviceMemoryProperties *p, uint32_t allowed,
    enum lat_memory_kind kind, bool shared);

#endif
