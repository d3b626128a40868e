// SPDX-License-Identifier: MIT
//
// Shader objects (VK_EXT_shader_object) in place of pipelines, for drivers whose pipeline cache keeps nothing:
// the driver hands out what it made of the SPIR-V, and takes it back in the next run.
#ifndef LAT_SHADER_OBJECT_H
#define LAT_SHADER_OBJECT_H
#include "device/pipeline.h"

// Where a binary is kept: a file in dir (NULL = nowhere) by everything that it depends on.
struct lat_binary_place {
    const char *dir;
    const void *key;
    size_t key_bytes;
};

bool lat_shader_object_suits(const struct lat_device *dev, const struct lat_pipeline_key *key);
// May run in several threads. *cached: no SPIR-V was compiled. A file that cannot be read or written costs a line
// in the log.
VkResult lat_shader_object_build(struct lat_device *dev, const struct lat_pipeline *p,
    const struct lat_binary_place *place, VkShaderEXT *out, bool *cached);

#endif
