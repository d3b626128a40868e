// SPDX-License-Identifier: MIT
//
// RADV's null device compiles but has neither semaphores nor memory. This is the loader's entry point
// with stand-ins for both, so that the library can open such a device as any other.
#ifndef AMD_NULL_DEVICE_H
#define AMD_NULL_DEVICE_H
#include <stdbool.h>
#include "device/vk.h"

// Opens the loader; false with a sentence on stderr.
bool amd_open_loader(void);
PFN_vkVoidFunction VKAPI_CALL amd_get_instance_proc_addr(VkInstance instance, const char *name);

#endif
