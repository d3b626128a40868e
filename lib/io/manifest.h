// SPDX-License-Identifier: MIT
//
// manifest.json of a checkpoint folder: what files it has, how large, with which hash.
#ifndef LAT_MANIFEST_H
#define LAT_MANIFEST_H
#include <stdint.h>
#include "lattn/status.h"

#define LAT_MANIFEST_NAME "manifest.json"

// Lists the files of dir and its sub-folders, puts them on disk, then writes the manifest.
lattn_status lat_manifest_write(const char *dir, int64_t step);
// Compares the files with the manifest. *step receives the step it tells; may be NULL.
lattn_status lat_manifest_verify(const char *dir, int64_t *step);

#endif
