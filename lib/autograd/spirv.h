// SPDX-License-Identifier: MIT
//
// A user's SPIR-V, looked at before a driver sees it.
#ifndef LAT_SPIRV_H
#define LAT_SPIRV_H
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

// ERR_ARG with the reason when words are no module with a compute entry point "main", or when it
// uses descriptor sets other than 0. *n_bindings is one more than the highest binding.
lattn_status lat_spirv_check(const uint32_t *words, size_t n_words, uint32_t *n_bindings);

#endif
