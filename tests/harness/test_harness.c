// SPDX-License-Identifier: MIT
//
// Checks of the harness that no other test would notice: when validation is on, its messages reach
// the library's log and would fail a test.

#include "harness/harness.h"
#include "tensor/context.h"

GPU_TEST(harness, validation_messages_arrive)
{
    if (!getenv("LATTN_TEST_VALIDATION")) {
        lt_skip("not a validated run");
        return;
    }
    struct lat_device *dev = ctx->dev;
    VkBufferCreateInfo empty = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
    };
    VkBuffer buffer = VK_NULL_HANDLE;
    lt_expect_validation(1);
    if (dev->vk.CreateBuffer(dev->handle, &empty, NULL, &buffer) == VK_SUCCESS)
        dev->vk.DestroyBuffer(dev->handle, buffer, NULL);
}
