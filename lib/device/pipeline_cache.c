// SPDX-License-Identifier: MIT
//
// One file per driver build and device. Whatever in it does not match is ignored with a line in the log and
// written anew.
//
// Before writing, the file is read once more and merged, so that two programs that ran at
// the same time do not throw away each other's work. The write itself is atomic.

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "device/cache_file.h"
#include "device/pipeline_cache.h"

enum { MAX_CACHE_BYTES = 256 << 20 };

static lattn_status create(
    struct lat_device *dev, const void *data, size_t bytes, VkPipelineCache *out)
{
    VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = bytes,
        .pInitialData = data,
    };
    return LAT_VK(
        dev, dev->vk.CreatePipelineCache(dev->handle, &info, NULL, out), "vkCreatePipelineCache");
}

// A cache with the content of the file; an empty one when the file is no good.
static lattn_status load(
    struct lat_device *dev, const char *path, VkPipelineCache *out, uint64_t *hash)
{
    char *file = NULL;
    const char *data = NULL, *reason = "";
    size_t bytes = 0;
    *hash = 0;
    if (path && lat_path_exists(path)) {
        if (lat_file_read_all(path, MAX_CACHE_BYTES, &file, &bytes))
            lat_log(LATTN_LOG_WARN, "pipeline cache: %s", lat_err_text());
        else if (!(data = lat_cache_content(dev, file, bytes, &reason)))
            lat_log(LATTN_LOG_WARN, "pipeline cache %s is ignored: %s", path, reason);
    }
    size_t data_bytes = data ? bytes - LAT_CACHE_HEADER_BYTES : 0;
    lattn_status st = create(dev, data, data_bytes, out);
    if (st == LATTN_ERR_UNSUPPORTED && data)  // a driver that dislikes what it wrote itself
        st = create(dev, data = NULL, 0, out);
    if (!st && data) {
        *hash = lat_hash(data, data_bytes);
        lat_log(LATTN_LOG_DEBUG, "pipeline cache: %zu bytes from %s", data_bytes, path);
    }
    lat_free(file);
    return st;
}

lattn_status lat_pipeline_cache_open(
    struct lat_device *dev, const char *dir, struct lat_pipeline_cache *out)
{
    if (dir)
        out->path = lat_cache_path(dev, dir, "pipelines", ".bin");
    return load(dev, out->path, &out->handle, &out->loaded_hash);
}

static lattn_status write_file(
    const struct lat_device *dev, const char *path, char *file, size_t file_bytes)
{
    lat_cache_seal(dev, file, file_bytes);
    LAT_TRY(lat_dir_create_parent(path));
    return lat_file_replace(path, file, file_bytes);
}

static lattn_status save(struct lat_device *dev, struct lat_pipeline_cache *cache)
{
    VkPipelineCache other = VK_NULL_HANDLE;
    uint64_t other_hash = 0;
    char *file = NULL;
    size_t bytes = 0;
    lattn_status st;

    LAT_GO(load(dev, cache->path, &other, &other_hash));
    if (other_hash && other_hash != cache->loaded_hash)
        LAT_GO(LAT_VK(dev, dev->vk.MergePipelineCaches(dev->handle, cache->handle, 1, &other),
            "vkMergePipelineCaches"));
    LAT_GO(LAT_VK(dev, dev->vk.GetPipelineCacheData(dev->handle, cache->handle, &bytes, NULL),
        "vkGetPipelineCacheData"));
    file = lat_alloc(LAT_CACHE_HEADER_BYTES + bytes);
    if (!file)
        LAT_GO(LATTN_ERR_HOST_MEMORY);
    LAT_GO(LAT_VK(dev,
        dev->vk.GetPipelineCacheData(
            dev->handle, cache->handle, &bytes, file + LAT_CACHE_HEADER_BYTES),
        "vkGetPipelineCacheData"));
    if (other_hash != lat_hash(file + LAT_CACHE_HEADER_BYTES, bytes))
        LAT_GO(write_file(dev, cache->path, file, LAT_CACHE_HEADER_BYTES + bytes));

done:
    if (other)
        dev->vk.DestroyPipelineCache(dev->handle, other, NULL);
    lat_free(file);
    return st;
}

void lat_pipeline_cache_close(struct lat_device *dev, struct lat_pipeline_cache *cache)
{
    if (cache->handle && cache->path && cache->changed && !dev->lost && save(dev, cache))
        lat_log(LATTN_LOG_WARN, "pipeline cache is not saved: %s", lat_err_text());
    if (cache->handle)
        dev->vk.DestroyPipelineCache(dev->handle, cache->handle, NULL);
    lat_free(cache->path);
    *cache = (struct lat_pipeline_cache){ 0 };
}
