// SPDX-License-Identifier: MIT
//
// The debug hazard checker (LATTN_CHECK=hazard): an independent look at the stream of commands
// and barriers that was emitted. It keeps every access since the last barrier and reports two
// that overlap with at least one write between them, by the names of both. It shares no code
// with hazard.c, sees buffer addresses too, and catches a dropped barrier.
#ifndef LAT_CHECK_H
#define LAT_CHECK_H
#include "base/status.h"
#include <vulkan/vulkan_core.h>

struct lat_check;
lattn_status lat_check_create(struct lat_check **out);
void lat_check_destroy(struct lat_check **c);
// ERR_INTERNAL naming both commands when this access races with an earlier one.
lattn_status lat_check_access(struct lat_check *c, const char *name, uint64_t buffer,
    uint64_t offset, uint64_t bytes, bool write);
void lat_check_next_command(struct lat_check *c);  // accesses of one command do not conflict
// A global barrier over compute and transfer. memory = false: execution only, which orders
// earlier reads before later writes and nothing else.
void lat_check_barrier(struct lat_check *c, bool memory);
uint64_t lat_check_found(const struct lat_check *c);

#endif
