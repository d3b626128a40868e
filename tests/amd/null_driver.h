// SPDX-License-Identifier: MIT
//
// RADV's null device compiles pipelines and does nothing else. This is the loader's entry point with
// stand-ins for memory, commands, submission and semaphores, so that the library can open such a
// device and record whole ops on it; only shaders, pipelines and properties reach the driver.
#ifndef AMD_NULL_DRIVER_H
#define AMD_NULL_DRIVER_H
#include <stdbool.h>
#include "device/vk.h"

// Opens the loader; false with a sentence on stderr.
bool amd_open_loader(void);
PFN_vkVoidFunction VKAPI_CALL amd_get_instance_proc_addr(VkInstance instance, const char *name);

#endif
