// SPDX-License-Identifier: MIT
//
// A second device on the same driver, on which nothing is computed: dispatches without workgroups make a driver
// that compiles at the first dispatch do so in another thread than that of the queue.
#ifndef LAT_TWIN_H
#define LAT_TWIN_H
#include "device/pipeline.h"

struct lat_twin;

// Whether the driver compiles at the first dispatch, what it makes on one device is found on disk by the other, and
// there is a core to do it on.
bool lat_twin_pays(const struct lat_device *dev);
// cache_dir: where dev keeps its shader objects.
lattn_status lat_twin_create(
    const struct lat_device *dev, const char *cache_dir, struct lat_twin **out);
void lat_twin_destroy(struct lat_twin **twin);  // accepts NULL
// Dispatches nothing with the pipeline of this key, and waits for it.
lattn_status lat_twin_compile(struct lat_twin *twin, const struct lat_pipeline_key *key);

#endif
