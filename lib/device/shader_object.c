// SPDX-License-Identifier: MIT
//
// A file per binary: the header of all cache files, the key, and what the driver handed out. Files are small, many
// and read when they are needed, so opening a device costs nothing and processes do not wait for each other. They
// are renamed into place but not synced: a file that a crash cut short is damaged, and made again.
//
// lavapipe 26.1: its binary is the program after all of Mesa's own passes, from which a shader is made in a tenth
// of the time and less. Machine code is made at the first dispatch in either case, and kept in Mesa's own cache.

#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "device/cache_file.h"
#include "device/pipeline_build.h"
#include "device/shader_object.h"

enum { MAX_BINARY_BYTES = 64 << 20 };

// A required subgroup size would be part of the struct chain, which lavapipe does not read here.
bool lat_shader_object_suits(const struct lat_device *dev, const struct lat_pipeline_key *key)
{
    return dev->caps.shader_object &&
           (key->subgroup_size == 0 || key->subgroup_size == dev->caps.subgroup_size);
}

static VkResult create(struct lat_device *dev, const struct lat_pipeline *p,
    VkShaderCodeTypeEXT type, const void *code, size_t bytes, VkShaderEXT *out)
{
    const struct lat_pipeline_key *key = &p->key;
    VkSpecializationMapEntry entries[LAT_MAX_SPEC];
    const VkSpecializationInfo spec = lat_specialise(key, entries);
    VkPushConstantRange push = {
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        .size = key->push_bytes,
    };
    VkShaderCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_CREATE_INFO_EXT,
        .flags = key->full_subgroups ? VK_SHADER_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT : 0,
        .stage = VK_SHADER_STAGE_COMPUTE_BIT,
        .codeType = type,
        .codeSize = bytes,
        .pCode = code,
        .pName = "main",
        .setLayoutCount = 1,
        .pSetLayouts = &p->set_layout,
        .pushConstantRangeCount = key->push_bytes > 0,
        .pPushConstantRanges = &push,
        .pSpecializationInfo = key->n_spec ? &spec : NULL,
    };
    VkResult r = dev->vk.CreateShadersEXT(dev->handle, 1, &info, NULL, out);
    if (r != VK_SUCCESS)
        *out = VK_NULL_HANDLE;
    return r;
}

static char *path_of(const struct lat_binary_place *place)
{
    struct lat_str name = { 0 };
    lat_str_addf(&name, "%016" PRIx64 ".bin", lat_hash(place->key, place->key_bytes));
    char *path = name.status || !place->dir ? NULL : lat_path_join(place->dir, name.items);
    lat_str_free(&name);
    return path;
}

// ---- reading --------------------------------------------------------------------------------

// The driver's bytes in an allocation of their own, which has the alignment that Vulkan asks for; NULL = none.
static void *read_binary(
    struct lat_device *dev, const struct lat_binary_place *place, const char *path, size_t *bytes)
{
    char *file = NULL;
    size_t file_bytes = 0;
    void *binary = NULL;
    const char *reason = "";
    if (!lat_path_exists(path))
        return NULL;
    if (lat_file_read_all(path, MAX_BINARY_BYTES, &file, &file_bytes)) {
        lat_log(LATTN_LOG_WARN, "pipeline cache: %s", lat_err_text());
        return NULL;
    }
    const char *content = lat_cache_content(dev, file, file_bytes, &reason);
    size_t content_bytes = file_bytes - LAT_CACHE_HEADER_BYTES;
    if (!content)
        lat_log(LATTN_LOG_WARN, "pipeline cache %s is ignored: %s", path, reason);
    else if (content_bytes > place->key_bytes && !memcmp(content, place->key, place->key_bytes))
        binary = lat_memdup(content + place->key_bytes, *bytes = content_bytes - place->key_bytes);
    lat_free(file);
    return binary;
}

// ---- writing --------------------------------------------------------------------------------

static lattn_status write_file(const char *path, const char *data, size_t bytes)
{
    struct lat_str tmp = { 0 };
    struct lat_file *f = NULL;
    lattn_status st;
    lat_str_addf(&tmp, "%s.tmp", path);
    LAT_GO(tmp.status);
    LAT_GO(lat_dir_create_parent(path));
    LAT_GO(lat_file_create(tmp.items, &f));
    st = lat_file_write(f, data, bytes);
    lattn_status closed = lat_file_close(&f);
    LAT_GO(st ? st : closed);
    LAT_GO(lat_rename(tmp.items, path));

done:
    lat_str_free(&tmp);
    return st;
}

static lattn_status keep(struct lat_device *dev, const struct lat_binary_place *place,
    const char *path, VkShaderEXT object)
{
    const size_t front = LAT_CACHE_HEADER_BYTES + place->key_bytes;
    char *file = NULL, *binary = NULL;
    size_t bytes = 0;
    lattn_status st;
    LAT_GO(LAT_VK(dev, dev->vk.GetShaderBinaryDataEXT(dev->handle, object, &bytes, NULL),
        "vkGetShaderBinaryDataEXT"));
    file = lat_alloc(front + bytes);
    binary = lat_alloc(bytes);
    if (!file || !binary)
        LAT_GO(LATTN_ERR_HOST_MEMORY);
    LAT_GO(LAT_VK(dev, dev->vk.GetShaderBinaryDataEXT(dev->handle, object, &bytes, binary),
        "vkGetShaderBinaryDataEXT"));
    memcpy(file + LAT_CACHE_HEADER_BYTES, place->key, place->key_bytes);
    memcpy(file + front, binary, bytes);
    lat_cache_seal(dev, file, front + bytes);
    LAT_GO(write_file(path, file, front + bytes));

done:
    lat_free(binary);
    lat_free(file);
    return st;
}

// ---- building -------------------------------------------------------------------------------

VkResult lat_shader_object_build(struct lat_device *dev, const struct lat_pipeline *p,
    const struct lat_binary_place *place, VkShaderEXT *out, bool *cached)
{
    const struct lat_spirv *spirv = p->key.spirv;
    char *path = path_of(place);
    size_t bytes = 0;
    void *binary = path ? read_binary(dev, place, path, &bytes) : NULL;
    *out = VK_NULL_HANDLE;
    // A driver that dislikes what it wrote itself says so, and gets the SPIR-V.
    *cached =
        binary && create(dev, p, VK_SHADER_CODE_TYPE_BINARY_EXT, binary, bytes, out) == VK_SUCCESS;
    lat_free(binary);
    VkResult r = VK_SUCCESS;
    if (!*cached) {
        r = create(dev, p, VK_SHADER_CODE_TYPE_SPIRV_EXT, spirv->words,
            spirv->n_words * sizeof(uint32_t), out);
        if (r == VK_SUCCESS && path && keep(dev, place, path, *out))
            lat_log(LATTN_LOG_WARN, "pipeline cache is not saved: %s", lat_err_text());
    }
    lat_free(path);
    return r;
}
