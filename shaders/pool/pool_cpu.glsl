// SPDX-License-Identifier: MIT
//
// What the pooling kernels for lavapipe 26 and newer share (common/wide.glsl): windows that lie inside the
// image. A workgroup is one subgroup and goes through one plane, a strip of SG windows in an iteration. A
// strip that would stick out is moved back inside and computes some windows a second time, with the same
// result.

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
#include "pool_window.glsl"
layout(constant_id = 8) const uint SG = 8;
layout(constant_id = 9) const bool PAIRS = false;  // an even ow

#include "common/index.glsl"
#include "common/math.glsl"
#include "common/wide.glsl"
#include "pool.abi.h"

// f[offset + lane * stride], for a uniform r and constant offset and stride. LAT_STORE_EACH is its counterpart.
float pool_load(LatFloats r, uint offset, uint stride)
{
    uint v = floatBitsToUint(r.f[offset]);
    [[unroll]] for (uint i = 1; i < SG; i++) {
        uint mask = 0u - (((1u << i) >> gl_SubgroupInvocationID) & 1u);
        v = (v & ~mask) | (floatBitsToUint(r.f[offset + i * stride]) & mask);
    }
    return uintBitsToFloat(v);
}

uint pool_plane()
{
    return min(lat_group(), p.n_planes - 1u);
}

// Goes to the next strip of windows: first the row's, then the next row's. False behind the last one.
bool pool_next(inout uint i, inout uint j)
{
    bool row_done = j + SG >= p.ow;
    i += row_done ? 1u : 0u;
    j = row_done ? 0u : min(j + SG, p.ow - SG);
    return i < p.oh;
}
