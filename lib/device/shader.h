// SPDX-License-Identifier: MIT
//
// Embedded SPIR-V. The build turns every shaders/**/*.comp into a struct lat_shader named
// lat_shader_<file stem>, with one variant per combination of its @variants lines.
#ifndef LAT_SHADER_H
#define LAT_SHADER_H
#include <stddef.h>
#include <stdint.h>

// dtype codes are those of lattn_dtype; -1 = the shader has no such axis.
struct lat_spirv {
    int t, u;  // storage types T and U of this variant
    const uint32_t *words;
    size_t n_words;
};

struct lat_shader {
    const char *name;    // file stem, "softmax_fwd"
    const char *source;  // path under shaders/
    const struct lat_spirv *variants;
    int n_variants;
};

// The variant for T = t and U = u (pass -1 for an axis the shader lacks); NULL if not built.
const struct lat_spirv *lat_shader_variant(const struct lat_shader *shader, int t, int u);

// Every shader of the library, for tests and lattn-info; ends with NULL.
extern const struct lat_shader *const lat_shaders[];

#endif
