// SPDX-License-Identifier: MIT
//
// GLSL text to SPIR-V at run time, through libshaderc opened on demand.
#ifndef LAT_GLSL_H
#define LAT_GLSL_H
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

// *words is freed with lat_free. ERR_UNSUPPORTED where there is no libshaderc; ERR_ARG with the
// compiler's messages.
lattn_status lat_glsl_compile(
    const char *name, const char *glsl, uint32_t **words, size_t *n_words);

#endif
