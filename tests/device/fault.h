// SPDX-License-Identifier: MIT
//
// Makes Vulkan calls fail on purpose. The library reaches Vulkan through one table of
// functions, which it fills from an entry point that a caller may bring; ours hands out
// wrappers that count calls and let the chosen one fail.
#ifndef LT_FAULT_H
#define LT_FAULT_H
#include "device/device.h"

// For lattn_vulkan_handles.get_instance_proc_addr.
void *fault_entry_point(void);

// Counts the calls of this function ("vkQueueSubmit") or, with NULL, of every one that can
// fail; the call number at (from 0) gives result instead of being made. sticky: all later
// ones too. A lost device stays lost for submits and waits.
void fault_arm(const char *function, int64_t at, VkResult result, bool sticky);
void fault_disarm(void);

int64_t fault_calls(void);         // calls counted since fault_arm
bool fault_happened(void);         // the chosen call was reached
const char *fault_function(void);  // which function it was

#endif
