// SPDX-License-Identifier: MIT
//
// Shared libraries opened at run time.
#ifndef LAT_LIBRARY_H
#define LAT_LIBRARY_H
#include "base/status.h"

struct lat_library;
// ERR_IO with the system's reason. The library's code stays mapped after close: drivers
// leave thread-exit handlers behind that would otherwise call into nothing.
lattn_status lat_library_open(const char *name, struct lat_library **out);
void lat_library_close(struct lat_library **library);  // accepts NULL

typedef void (*lat_library_fn)(void);
lat_library_fn lat_library_find(struct lat_library *library, const char *name);  // NULL = none

#endif
