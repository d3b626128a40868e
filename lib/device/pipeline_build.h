// SPDX-License-Identifier: MIT
//
// Creates the Vulkan pipeline for a key and its layout.
#ifndef LAT_PIPELINE_BUILD_H
#define LAT_PIPELINE_BUILD_H
#include "device/pipeline.h"

// Called from worker threads too, so it gives a Vulkan result and keeps no sentence.
// *cached (may be NULL): whether it came from the cache; false where the driver does not say.
VkResult lat_pipeline_build(struct lat_device *dev, const struct lat_pipeline *p,
    VkPipelineCache cache, VkPipelineCreateFlags flags, VkPipeline *out, bool *cached);

// The constants of a key as Vulkan takes them; entries live as long as they do.
VkSpecializationInfo lat_specialise(
    const struct lat_pipeline_key *key, VkSpecializationMapEntry entries[LAT_MAX_SPEC]);

#endif
