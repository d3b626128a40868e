// SPDX-License-Identifier: MIT
//
// From a key to a VkPipeline, and what the compiler says about one: registers, spills,
// instructions. Capturing those changes how a driver compiles and caches, so statistics
// are taken from a second pipeline that is built for the question and thrown away.

#include <stdio.h>
#include "base/alloc.h"
#include "device/pipeline_build.h"

VkSpecializationInfo lat_specialise(
    const struct lat_pipeline_key *key, VkSpecializationMapEntry entries[LAT_MAX_SPEC])
{
    for (uint32_t i = 0; i < key->n_spec; i++)
        entries[i] = (VkSpecializationMapEntry){ i, i * (uint32_t) sizeof(uint32_t), 4 };
    return (VkSpecializationInfo){
        .mapEntryCount = key->n_spec,
        .pMapEntries = entries,
        .dataSize = key->n_spec * sizeof(uint32_t),
        .pData = key->spec,
    };
}

VkResult lat_pipeline_build(struct lat_device *dev, const struct lat_pipeline *p,
    VkPipelineCache cache, VkPipelineCreateFlags flags, VkPipeline *out, bool *cached)
{
    const struct lat_pipeline_key *key = &p->key;
    VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = key->spirv->n_words * sizeof(uint32_t),
        .pCode = key->spirv->words,
    };
    VkShaderModule module = VK_NULL_HANDLE;
    VkResult r = dev->vk.CreateShaderModule(dev->handle, &module_info, NULL, &module);
    if (r != VK_SUCCESS)
        return r;

    VkSpecializationMapEntry entries[LAT_MAX_SPEC];
    const VkSpecializationInfo spec = lat_specialise(key, entries);
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = key->subgroup_size,
    };
    VkPipelineCreationFeedback whole = { 0 }, stage = { 0 };
    const VkPipelineCreationFeedbackCreateInfo feedback = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO,
        .pPipelineCreationFeedback = &whole,
        .pipelineStageCreationFeedbackCount = 1,
        .pPipelineStageCreationFeedbacks = &stage,
    };
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .pNext = cached && dev->caps.creation_feedback ? &feedback : NULL,
        .flags = flags,
        .stage = {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .pNext = key->subgroup_size ? &subgroup : NULL,
            .flags = key->full_subgroups
                         ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT
                         : 0,
            .stage = VK_SHADER_STAGE_COMPUTE_BIT,
            .module = module,
            .pName = "main",
            .pSpecializationInfo = key->n_spec ? &spec : NULL,
        },
        .layout = p->layout,
    };
    r = dev->vk.CreateComputePipelines(dev->handle, cache, 1, &info, NULL, out);
    dev->vk.DestroyShaderModule(dev->handle, module, NULL);
    const VkPipelineCreationFeedbackFlags hit =
        VK_PIPELINE_CREATION_FEEDBACK_VALID_BIT |
        VK_PIPELINE_CREATION_FEEDBACK_APPLICATION_PIPELINE_CACHE_HIT_BIT;
    if (cached)
        *cached = (whole.flags & hit) == hit;
    return r;
}

static double value_of(const VkPipelineExecutableStatisticKHR *s)
{
    switch (s->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return s->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double) s->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        return (double) s->value.u64;
    default:
        return s->value.f64;
    }
}

static lattn_status read_stats(struct lat_device *dev, VkPipeline pipeline,
    struct lat_pipeline_stat *stats, int capacity, int *n)
{
    VkPipelineExecutableInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
        .pipeline = pipeline,
    };
    uint32_t count = 0;
    LAT_TRY(
        LAT_VK(dev, dev->vk.GetPipelineExecutableStatisticsKHR(dev->handle, &info, &count, NULL),
            "vkGetPipelineExecutableStatisticsKHR"));
    VkPipelineExecutableStatisticKHR *rows = lat_calloc(count, sizeof *rows);
    if (!rows)
        return LATTN_ERR_HOST_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        rows[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    lattn_status st =
        LAT_VK(dev, dev->vk.GetPipelineExecutableStatisticsKHR(dev->handle, &info, &count, rows),
            "vkGetPipelineExecutableStatisticsKHR");
    for (uint32_t i = 0; !st && i < count && *n < capacity; i++, (*n)++) {
        snprintf(stats[*n].name, sizeof stats[*n].name, "%.63s", rows[i].name);
        stats[*n].value = value_of(&rows[i]);
    }
    lat_free(rows);
    return st;
}

lattn_status lat_pipeline_stats(struct lat_device *dev, struct lat_pipeline *p,
    struct lat_pipeline_stat *stats, int capacity, int *n)
{
    VkPipeline pipeline = VK_NULL_HANDLE;
    uint32_t n_executables = 0;
    *n = 0;
    if (!dev->caps.pipeline_statistics)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s has no pipeline statistics (VK_KHR_pipeline_executable_properties)",
            dev->caps.info.name);
    LAT_TRY(LAT_VK(dev,
        lat_pipeline_build(
            dev, p, VK_NULL_HANDLE, VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR, &pipeline, NULL),
        "pipeline for statistics"));
    VkPipelineInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR,
        .pipeline = pipeline,
    };
    // A compute pipeline is one executable; one with none has nothing to say.
    lattn_status st = LAT_VK(dev,
        dev->vk.GetPipelineExecutablePropertiesKHR(dev->handle, &info, &n_executables, NULL),
        "vkGetPipelineExecutablePropertiesKHR");
    if (!st && n_executables > 0)
        st = read_stats(dev, pipeline, stats, capacity, n);
    dev->vk.DestroyPipeline(dev->handle, pipeline, NULL);
    return st;
}
