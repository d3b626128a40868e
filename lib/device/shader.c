// SPDX-License-Identifier: MIT
//
// Variants of an embedded shader. A shader has a handful of them, so a plain search is
// faster than anything cleverer.

#include "device/shader.h"

const struct lat_spirv *lat_shader_variant(const struct lat_shader *shader, int t, int u)
{
    for (int i = 0; i < shader->n_variants; i++) {
        const struct lat_spirv *v = &shader->variants[i];
        if (v->t == t && v->u == u)
            return v;
    }
    return NULL;
}
