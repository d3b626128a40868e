// SPDX-License-Identifier: MIT
//
// One opened device: instance, logical device, one compute queue, function table, caps,
// memory and pipelines. A Vulkan result becomes a status in this layer and never
// travels higher.
#ifndef LAT_DEVICE_H
#define LAT_DEVICE_H
#include "base/status.h"
#include "device/caps.h"

struct lat_memory;
struct lat_pipelines;

struct lat_device {
    struct lat_vk vk;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    VkQueue queue;
    uint32_t queue_family;
    bool owns_instance, owns_device;
    bool is_twin;               // nobody is told about its pipelines
    uint32_t instance_version;  // the instance was created for
    bool labels;                // debug labels and names reach somebody
    VkDebugUtilsMessengerEXT messenger;
    struct lat_caps caps;

    struct lat_memory *memory;        // memory.c
    struct lat_pipelines *pipelines;  // pipeline.c

    VkSemaphore timeline;                  // queue.c: one counter for all submissions
    uint64_t last_ticket;                  // value of the newest submission
    uint64_t completed_ticket;             // newest one known to be complete
    uint64_t timeout_ns;                   // LATTN_TIMEOUT
    bool lost;                             // sticky: every later call returns ERR_DEVICE_LOST
    bool wedged;                           // a wait ran out: nothing in flight may be freed
    char lost_text[512];                   // the sentence of lost or wedged
    _Atomic uint64_t validation_messages;  // VALIDATION or PERFORMANCE warnings and errors seen

    lattn_stats stats;                  // counters; each layer adds to its own members
    struct lat_library *loader;         // NULL when the application brought the entry point
    struct lat_device *next_abandoned;  // wedged devices, see device.c
};

// params as given by the caller; NULL device text = LATTN_DEVICE, else the best.
lattn_status lat_device_open(const lattn_ctx_params *params, struct lat_device **out);
// A device of its own, with the same features, on the same instance and physical device, which have to outlive it.
lattn_status lat_device_open_twin(
    const struct lat_device *dev, const char *cache_dir, struct lat_device **out);
// Waits for the queue (unless lost or wedged) and frees everything.
void lat_device_close(struct lat_device **dev);

// Turns a Vulkan result into a status with a sentence "what: VK_ERROR_...". Sets lost.
lattn_status lat_vk_status(struct lat_device *dev, VkResult result, const char *what);
#define LAT_VK(dev, call, what) lat_vk_status((dev), (call), (what))

// LATTN_OK, or ERR_DEVICE_LOST with the sentence once the device is lost or wedged.
lattn_status lat_device_alive(struct lat_device *dev);

// ---- queue.c --------------------------------------------------------------------------------

// Submits command buffers in order; *ticket (may be NULL) becomes complete when they are.
lattn_status lat_device_submit(
    struct lat_device *dev, const VkCommandBuffer *buffers, uint32_t n, uint64_t *ticket);
// Waits in slices of 1 s, logs after 10 s, gives up after LATTN_TIMEOUT seconds (default 600)
// and then marks the device wedged. what names the work for the log.
lattn_status lat_device_wait(struct lat_device *dev, uint64_t ticket, const char *what);
// Without waiting: the newest ticket known to be complete.
uint64_t lat_device_completed(struct lat_device *dev);

lattn_status lat_device_queue_open(struct lat_device *dev);  // by device.c
void lat_device_queue_close(struct lat_device *dev);

#endif
