// SPDX-License-Identifier: MIT
//
// Compute pipelines, made on first use, kept in a table, cached on disk per driver and
// device UUID. On some drivers a pipeline is a shader object (shader_object.h); nobody above has to know.
#ifndef LAT_PIPELINE_H
#define LAT_PIPELINE_H
#include "device/device.h"
#include "device/shader.h"

struct lat_pipeline_key {
    const struct lat_spirv *spirv;
    const char *name;     // for labels, errors and traces
    uint32_t n_bindings;  // storage buffers 0 .. n-1 of set 0
    uint32_t push_bytes;
    uint32_t n_spec;  // specialisation constants 0 .. n-1
    uint32_t spec[LAT_MAX_SPEC];
    uint32_t subgroup_size;  // required size; 0 = the driver's choice
    bool full_subgroups;
};

struct lat_pipeline {
    struct lat_pipeline_key key;
    VkPipeline handle;        // or
    VkShaderEXT object;       // where the device has better of those; the other one is null
    VkPipelineLayout layout;  // shared by (n_bindings, push_bytes); owned by the table
    VkDescriptorSetLayout set_layout;
    uint32_t n_bindings;
};

// Finds, or has a worker thread begin to create: everything but the handle is there. Before it is bound comes
// lat_pipeline_wait, and key->spirv has to live until then. The pipeline lives as long as the device.
lattn_status lat_pipeline_request(
    struct lat_device *dev, const struct lat_pipeline_key *key, struct lat_pipeline **out);
lattn_status lat_pipeline_wait(struct lat_device *dev, struct lat_pipeline *p);
void lat_pipeline_bind(
    const struct lat_device *dev, VkCommandBuffer cmd, const struct lat_pipeline *p);
// Finds or creates at once; key->spirv may go after the call.
lattn_status lat_pipeline_get(
    struct lat_device *dev, const struct lat_pipeline_key *key, struct lat_pipeline **out);

lattn_status lat_pipelines_create(struct lat_device *dev, const char *cache_dir);  // by device.c
void lat_pipelines_destroy(struct lat_device *dev);  // saves the cache
// Path of a file beside the pipeline cache, the caller's; NULL = there is no cache folder.
char *lat_cache_file(const struct lat_device *dev, const char *name);

// Calls fn for every pipeline asked for so far, in that order, once it is made; those that cannot be made are
// left out.
void lat_pipelines_each(
    struct lat_device *dev, void (*fn)(void *user, const struct lat_pipeline *p), void *user);

// Registers, spills and so on, where VK_KHR_pipeline_executable_properties is there. The
// SPIR-V the pipeline was made from must still be alive.
struct lat_pipeline_stat {
    char name[64];
    double value;
};
lattn_status lat_pipeline_stats(struct lat_device *dev, struct lat_pipeline *p,
    struct lat_pipeline_stat *stats, int capacity, int *n);

#endif
