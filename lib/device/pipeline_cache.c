// SPDX-License-Identifier: MIT
//
// One file per driver build and device. Drivers check little of what they are handed, so
// the file has a header of ours in front: who made it, how long it is, and a checksum.
// Whatever does not match is ignored with a line in the log and written anew.
//
// Before writing, the file is read once more and merged, so that two programs that ran at
// the same time do not throw away each other's work. The write itself is atomic.

#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "device/pipeline_cache.h"

enum { MAX_CACHE_BYTES = 256 << 20 };

struct header {
    char magic[8];
    uint8_t device_uuid[16], driver_uuid[16], cache_uuid[16];
    uint32_t vendor_id, device_id, driver_version, pointer_bytes;
    uint64_t data_bytes, data_hash;
};

static struct header header_of(const struct lat_device *dev, const void *data, size_t bytes)
{
    struct header h;
    memset(&h, 0, sizeof h);
    memcpy(h.magic, "LATPIPE1", sizeof h.magic);
    memcpy(h.device_uuid, dev->caps.device_uuid, sizeof h.device_uuid);
    memcpy(h.driver_uuid, dev->caps.driver_uuid, sizeof h.driver_uuid);
    memcpy(h.cache_uuid, dev->caps.cache_uuid, sizeof h.cache_uuid);
    h.vendor_id = dev->caps.info.vendor_id;
    h.device_id = dev->caps.info.device_id;
    h.driver_version = dev->caps.driver_version;
    h.pointer_bytes = sizeof(void *);
    h.data_bytes = bytes;
    h.data_hash = lat_hash(data, bytes);
    return h;
}

// The file's name says whose it is, so that several drivers share a folder in peace.
static char *path_of(const struct lat_device *dev, const char *dir)
{
    struct header h = header_of(dev, "", 0);
    struct lat_str name = { 0 };
    lat_str_addf(&name, "pipelines-%016" PRIx64 ".bin", lat_hash(&h, sizeof h));
    char *path = name.status ? NULL : lat_path_join(dir, name.items);
    lat_str_free(&name);
    return path;
}

// NULL = no folder is to be had, or memory is out; then there is no file.
static char *find_dir(const char *dir)
{
    if (dir)
        return *dir ? lat_strdup(dir) : NULL;
    if (lat_env("LATTN_CACHE_DIR"))
        return lat_strdup(lat_env("LATTN_CACHE_DIR"));
    if (lat_env("XDG_CACHE_HOME"))
        return lat_path_join(lat_env("XDG_CACHE_HOME"), "lattn");
    if (lat_env("HOME"))
        return lat_path_join(lat_env("HOME"), ".cache/lattn");
    return NULL;
}

// The driver's data within the file, or NULL with the reason.
static const char *check(
    const struct lat_device *dev, const char *file, size_t bytes, const char **reason)
{
    struct header h;
    *reason = "it is too short";
    if (bytes < sizeof h)
        return NULL;
    memcpy(&h, file, sizeof h);
    const char *data = file + sizeof h;
    *reason = "it is damaged";
    if (memcmp(h.magic, "LATPIPE1", sizeof h.magic) != 0 || h.data_bytes != bytes - sizeof h ||
        h.data_hash != lat_hash(data, bytes - sizeof h))
        return NULL;
    struct header expected = header_of(dev, data, bytes - sizeof h);
    *reason = "it is of another device or driver";
    return memcmp(&h, &expected, sizeof h) == 0 ? data : NULL;
}

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
        else if (!(data = check(dev, file, bytes, &reason)))
            lat_log(LATTN_LOG_WARN, "pipeline cache %s is ignored: %s", path, reason);
    }
    size_t data_bytes = data ? bytes - sizeof(struct header) : 0;
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
    char *found = find_dir(dir);
    if (found)
        out->path = path_of(dev, found);
    lat_free(found);
    return load(dev, out->path, &out->handle, &out->loaded_hash);
}

static lattn_status write_file(struct lat_device *dev, const char *path, char *file, size_t bytes)
{
    struct header h = header_of(dev, file + sizeof h, bytes);
    memcpy(file, &h, sizeof h);
    LAT_TRY(lat_dir_create_parent(path));
    return lat_file_replace(path, file, sizeof h + bytes);
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
    file = lat_alloc(sizeof(struct header) + bytes);
    if (!file)
        LAT_GO(LATTN_ERR_HOST_MEMORY);
    LAT_GO(LAT_VK(dev,
        dev->vk.GetPipelineCacheData(
            dev->handle, cache->handle, &bytes, file + sizeof(struct header)),
        "vkGetPipelineCacheData"));
    if (other_hash != lat_hash(file + sizeof(struct header), bytes))
        LAT_GO(write_file(dev, cache->path, file, bytes));

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
