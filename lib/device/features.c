// SPDX-License-Identifier: MIT
//
// Features between Vulkan's chains of structs and the flat members of struct lat_caps.
//
// A struct may be put into a chain only if the device's version or an extension has it, so
// each group of the list knows both. Device creation uses the single structs and never the
// collected VkPhysicalDeviceVulkan1xFeatures: Vulkan forbids mixing the two forms, and some
// of the structs exist only singly.

#include <string.h>
#include "device/features.h"

#define XX(group, type, stype, core, extension)                                                    \
    enum { STYPE_##group = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##stype };                            \
    typedef type group_##group;
LAT_FEATURE_GROUPS(XX)
#undef XX

bool lat_extensions_have(const struct lat_extensions *e, const char *name)
{
    for (uint32_t i = 0; i < e->n; i++)
        if (strcmp(e->names[i], name) == 0)
            return true;
    return false;
}

static void link_in(struct lat_feature_chain *chain, void *part, VkStructureType type)
{
    VkBaseOutStructure *p = part;
    p->sType = type;
    p->pNext = chain->head.pNext;
    chain->head.pNext = p;
}

static struct lat_feature_chain empty_chain(void)
{
    return (struct lat_feature_chain){
        .head.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    };
}

void lat_features_query(const struct lat_vk *vk, VkPhysicalDevice physical, uint32_t api_version,
    const struct lat_extensions *extensions, struct lat_caps *caps)
{
    struct lat_feature_chain chain = empty_chain();
#define XX(group, type, stype, core, extension)                                                    \
    if (api_version >= (core) || lat_extensions_have(extensions, extension))                       \
        link_in(&chain, &chain.group, (VkStructureType) STYPE_##group);
    LAT_FEATURE_GROUPS(XX)
#undef XX
    vk->GetPhysicalDeviceFeatures2(physical, &chain.head);

#define XX(member, group, vulkan) caps->member = chain.group.vulkan;
    LAT_FEATURES(XX)
#undef XX
    caps->shader_i16 = chain.head.features.shaderInt16;
    caps->shader_i64 = chain.head.features.shaderInt64;
    caps->robust_access = chain.head.features.robustBufferAccess;
}

static const void *find(const VkPhysicalDeviceFeatures2 *chain, VkStructureType type)
{
    for (const VkBaseInStructure *s = chain->pNext; s; s = s->pNext)
        if (s->sType == type)
            return s;
    return NULL;
}

void lat_features_adopt(const VkPhysicalDeviceFeatures2 *chain, struct lat_caps *caps)
{
    if (!chain) {
        caps->timeline = true;
        return;
    }
#define XX(member, group, vulkan)                                                                  \
    {                                                                                              \
        const group_##group *g = find(chain, (VkStructureType) STYPE_##group);                     \
        if (g && g->vulkan)                                                                        \
            caps->member = true;                                                                   \
    }
    LAT_FEATURES(XX)
#undef XX

    const VkPhysicalDeviceVulkan11Features *v11 =
        find(chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES);
    const VkPhysicalDeviceVulkan12Features *v12 =
        find(chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES);
    const VkPhysicalDeviceVulkan13Features *v13 =
        find(chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES);
#define XX11(member, group, vulkan) caps->member |= v11 && v11->vulkan;
#define XX12(member, group, vulkan) caps->member |= v12 && v12->vulkan;
#define XX13(member, group, vulkan) caps->member |= v13 && v13->vulkan;
    LAT_FEATURES_11(XX11)
    LAT_FEATURES_12(XX12)
    LAT_FEATURES_13(XX13)
#undef XX11
#undef XX12
#undef XX13
    caps->shader_i16 = chain->features.shaderInt16;
    caps->shader_i64 = chain->features.shaderInt64;
    caps->robust_access = chain->features.robustBufferAccess;
}

// Which groups *caps needs at all.
struct wanted {
#define XX(group, type, stype, core, extension) bool group;
    LAT_FEATURE_GROUPS(XX)
#undef XX
};

static struct wanted wanted_groups(const struct lat_caps *caps)
{
    struct wanted w = { 0 };
#define XX(member, group, vulkan) w.group |= caps->member;
    LAT_FEATURES(XX)
#undef XX
    return w;
}

void lat_features_chain(const struct lat_caps *caps, struct lat_feature_chain *chain)
{
    struct wanted w = wanted_groups(caps);
    *chain = empty_chain();
#define XX(member, group, vulkan) chain->group.vulkan = caps->member;
    LAT_FEATURES(XX)
#undef XX
#define XX(group, type, stype, core, extension)                                                    \
    if (w.group)                                                                                   \
        link_in(chain, &chain->group, (VkStructureType) STYPE_##group);
    LAT_FEATURE_GROUPS(XX)
#undef XX
    chain->head.features.shaderInt16 = caps->shader_i16;
    chain->head.features.shaderInt64 = caps->shader_i64;
    chain->head.features.robustBufferAccess = caps->robust_access;
}

uint32_t lat_features_extensions(const struct lat_caps *caps, const char **names)
{
    struct wanted w = wanted_groups(caps);
    uint32_t n = 0;
#define XX(group, type, stype, core, extension)                                                    \
    if (w.group && caps->api_version < (core))                                                     \
        names[n++] = extension;
    LAT_FEATURE_GROUPS(XX)
#undef XX
    if (caps->push_descriptors)
        names[n++] = VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME;
    if (caps->memory_budget)
        names[n++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    if (caps->creation_feedback && caps->api_version < VK_API_VERSION_1_3)
        names[n++] = VK_EXT_PIPELINE_CREATION_FEEDBACK_EXTENSION_NAME;
    if (caps->portability_subset)
        names[n++] = "VK_KHR_portability_subset";
    return n;
}
