// SPDX-License-Identifier: MIT
//
// Drivers check little of what they are handed, so each file has a header of ours in front: who made it, how
// long it is, and a checksum. The name says whose it is, too, so that several drivers share a folder in peace.

#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "device/cache_file.h"

struct header {
    char magic[8];
    uint8_t device_uuid[16], driver_uuid[16], cache_uuid[16];
    uint32_t vendor_id, device_id, driver_version, pointer_bytes;
    uint64_t data_bytes, data_hash;
};

_Static_assert(sizeof(struct header) == LAT_CACHE_HEADER_BYTES, "without holes");

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

char *lat_cache_path(
    const struct lat_device *dev, const char *dir, const char *prefix, const char *suffix)
{
    struct header h = header_of(dev, "", 0);
    struct lat_str name = { 0 };
    lat_str_addf(&name, "%s-%016" PRIx64 "%s", prefix, lat_hash(&h, sizeof h), suffix);
    char *path = name.status ? NULL : lat_path_join(dir, name.items);
    lat_str_free(&name);
    return path;
}

char *lat_cache_dir(const char *dir)
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

void lat_cache_seal(const struct lat_device *dev, char *file, size_t file_bytes)
{
    struct header h = header_of(dev, file + sizeof h, file_bytes - sizeof h);
    memcpy(file, &h, sizeof h);
}

const char *lat_cache_content(
    const struct lat_device *dev, const char *file, size_t file_bytes, const char **reason)
{
    struct header h;
    *reason = "it is too short";
    if (file_bytes < sizeof h)
        return NULL;
    memcpy(&h, file, sizeof h);
    const char *data = file + sizeof h;
    size_t bytes = file_bytes - sizeof h;
    struct header expected = header_of(dev, data, bytes);
    *reason = "it is damaged";
    if (memcmp(h.magic, expected.magic, sizeof h.magic) != 0 || h.data_bytes != bytes ||
        h.data_hash != expected.data_hash)
        return NULL;
    *reason = "it is of another device or driver";
    return memcmp(&h, &expected, sizeof h) == 0 ? data : NULL;
}
