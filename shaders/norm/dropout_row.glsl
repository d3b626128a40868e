// SPDX-License-Identifier: MIT
//
// Dropout inside row kernels: which elements of a quad are kept. An element's random word depends
// on its index in the whole tensor alone (common/rng.glsl), so forward and backward, every strategy
// and every device agree. Needs a push block with row0, n_cols, drop_below and op.
#ifndef LAT_DROPOUT_ROW_GLSL
#define LAT_DROPOUT_ROW_GLSL
#include "common/rng.glsl"

// 1 / (1 - p) for the elements of quad q that are kept, 0 for the others. key is the random state's.
vec4 dropout_scale(uvec2 key, uint row, uint q)
{
    uint hi, lo;
    umulExtended(p.row0 + row, p.n_cols, hi, lo);
    uint element = lo + 4u * q;
    if (element < lo)
        hi++;
    uint first = (element >> 2) | (hi << 30);
    uvec4 words = lat_philox(key, uvec4(first, hi >> 2, p.op, 0u));
    // Rows that are no whole number of quads start inside a counter's four words.
    uint shift = WHOLE ? 0u : element & 3u;
    if (shift != 0u) {
        uint next = first + 1u;
        uvec4 more = lat_philox(key, uvec4(next, (hi >> 2) + (next == 0u ? 1u : 0u), p.op, 0u));
        words = shift == 1u ? uvec4(words.yzw, more.x)
              : shift == 2u ? uvec4(words.zw, more.xy)
                            : uvec4(words.w, more.xyz);
    }
    return mix(vec4(0.0), vec4(p.keep_scale), greaterThanEqual(words, uvec4(p.drop_below)));
}

#endif
