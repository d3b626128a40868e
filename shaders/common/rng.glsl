// SPDX-License-Identifier: MIT
//
// Philox-4x32-10: random numbers as a function of key and counter, so dropout masks are computed
// again in backward instead of being stored, and are the same on every device. The same stream as
// lib/base/rng.c.
//
//     key      (lo(seed) ^ hi(step), lo(step) ^ rotl(hi(seed), 16)), read from the random state
//     counter  (element / 4 low, element / 4 high, op, 0); word element % 4 is the element's
//              in attention (key / 4, query, batch * heads + head, op)
//
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
#ifndef LAT_RNG_GLSL
#define LAT_RNG_GLSL
#extension GL_EXT_control_flow_attributes : enable

uvec4 lat_philox(uvec2 key, uvec4 c)
{
    [[unroll]] for (int round = 0; round < 10; round++) {
        uint hi0, lo0, hi1, lo1;
        umulExtended(0xD2511F53u, c.x, hi0, lo0);
        umulExtended(0xCD9E8D57u, c.z, hi1, lo1);
        c = uvec4(hi1 ^ c.y ^ key.x, lo1, hi0 ^ c.w ^ key.y, lo0);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// Uniform in [0, 1) with 24 bits.
float lat_uniform(uint word)
{
    return float(word >> 8) * 5.9604644775390625e-8;
}

// The smallest word that is kept under drop probability prob: keep when word >= threshold.
// Computed on the host as min(2^32 - 1, round(prob * 2^32)) and passed in, so that all agree.

#endif
