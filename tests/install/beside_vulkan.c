// SPDX-License-Identifier: MIT
//
// A program that links libvulkan itself and uses the library: both work, and no symbol clashes.
#include <stdio.h>
#include <lattn/lattn.h>
#include <vulkan/vulkan.h>

int main(void)
{
    uint32_t version = 0;
    if (vkEnumerateInstanceVersion(&version))
        return 1;
    int count = 0;
    lattn_status st = lattn_device_list(NULL, 0, &count);
    printf("Vulkan %u.%u beside liblattn %s: %d device(s)\n", VK_API_VERSION_MAJOR(version),
        VK_API_VERSION_MINOR(version), lattn_version(), count);
    return st || count < 1;
}
