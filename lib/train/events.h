// SPDX-License-Identifier: MIT
//
// TensorBoard event files: scalars by tag and step.
#ifndef LAT_EVENTS_H
#define LAT_EVENTS_H
#include <stdint.h>
#include "base/status.h"

struct lat_events;
// Makes events.out.tfevents.<seconds>.<host-free suffix> in dir.
lattn_status lat_events_open(const char *dir, struct lat_events **out);
lattn_status lat_events_scalar(struct lat_events *e, const char *tag, int64_t step, float value);
lattn_status lat_events_close(struct lat_events **e);

// CRC-32C (Castagnoli), as the records are checked with. For the test against known values.
uint32_t lat_crc32c(const void *data, size_t bytes);

#endif
