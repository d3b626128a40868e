// SPDX-License-Identifier: MIT
//
// What a driver made, kept in files between runs: where they lie, and the header in front of each.
#ifndef LAT_CACHE_FILE_H
#define LAT_CACHE_FILE_H
#include "device/device.h"

enum { LAT_CACHE_HEADER_BYTES = 88 };

// dir, NULL = LATTN_CACHE_DIR, else $XDG_CACHE_HOME/lattn, else ~/.cache/lattn; the caller's. NULL = no folder is to
// be had, or memory is out; then there are no files.
char *lat_cache_dir(const char *dir);
// "<prefix>-<whose it is><suffix>" in dir, the caller's; NULL = out of memory.
char *lat_cache_path(
    const struct lat_device *dev, const char *dir, const char *prefix, const char *suffix);
// Writes the header for the bytes behind it.
void lat_cache_seal(const struct lat_device *dev, char *file, size_t file_bytes);
// What is behind the header of a file of this device and driver, or NULL with the reason.
const char *lat_cache_content(
    const struct lat_device *dev, const char *file, size_t file_bytes, const char **reason);

#endif
