// SPDX-License-Identifier: MIT
//
// The driver's pipeline cache, kept in a file between runs.
#ifndef LAT_PIPELINE_CACHE_H
#define LAT_PIPELINE_CACHE_H
#include "device/device.h"

struct lat_pipeline_cache {
    VkPipelineCache handle;
    char *path;            // NULL = not kept
    uint64_t loaded_hash;  // of the data that was read; 0 = none
    bool changed;          // a pipeline was created since
};

// dir NULL = no file. A missing, damaged or foreign file is no error: the cache starts empty.
lattn_status lat_pipeline_cache_open(
    struct lat_device *dev, const char *dir, struct lat_pipeline_cache *out);
// Saves if there is anything new. A file that cannot be written is a warning in the log.
void lat_pipeline_cache_close(struct lat_device *dev, struct lat_pipeline_cache *cache);

#endif
