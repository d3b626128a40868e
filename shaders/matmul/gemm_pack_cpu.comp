#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// gemm_pack_cpu: an operand of a matrix product as panels of WIDTH rows of A or columns of B, in the order
// in which gemm_cpu reads it:
//
//     packed[batch][panel][k][x] = source[batch][x0 + x, k],   x0 = min(panel * WIDTH, n_x - WIDTH)
//
// The last panel begins earlier where it would stick out, as the last tile of gemm_cpu does; so does
// the last chunk of k, whose overlap is written twice with the same values. Thus there are no edges,
// for n_x >= WIDTH and n_k >= STEPS.
// ALONG_K: the source is contiguous along k. Transposing it costs nothing, as stores are scalar anyway.
//
// @variants  T = f32
// @groups    (chunks * panels * batches, 1, 1)

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint WIDTH = 32;  // a multiple of SG
layout(constant_id = 3) const uint STEPS = 8;  // of k in a chunk, a multiple of SG
layout(constant_id = 4) const bool ALONG_K = false;
const bool PAIRS = true;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/wide.glsl"
#include "gemm_pack.abi.h"

LAT_LANES_OUT(1, Packed, packed)

void main()
{
    uint group = min(lat_group(), p.n_groups - 1);
    uint panel = group / p.n_chunks;
    uint batch = panel / p.n_panels;
    uint outer = batch / p.n_inner;
    uint inner = batch - outer * p.n_inner;
    uint x0 = min((panel - batch * p.n_panels) * WIDTH, p.n_x - WIDTH);
    uint k0 = min((group - panel * p.n_chunks) * STEPS, p.n_k - STEPS);
    uint64_t first = uint64_t(p.offset) + uint64_t(outer) * p.outer + uint64_t(inner) * p.inner
        + uint64_t(x0) * p.x_stride + uint64_t(k0) * p.k_stride;
    uint64_t from = packUint2x32(uvec2(p.address0, p.address1)) + 4ul * first;
    uint to = (panel * p.n_k + k0) * WIDTH;

    if (ALONG_K) {
        [[unroll]] for (uint x = 0; x < WIDTH; x += 2)
            [[unroll]] for (uint k = 0; k < STEPS; k += SG) {
                float v = lat_load_lanes(LatFloats(from + x * (4ul * p.x_stride)), k);
                float w = lat_load_lanes(LatFloats(from + (x + 1) * (4ul * p.x_stride)), k);
                [[unroll]] for (uint i = 0; i < SG; i++)
                    pairs_packed[(to + (k + i) * WIDTH + x) / 2] =
                        lat_pair(subgroupBroadcast(v, i), subgroupBroadcast(w, i));
            }
    } else {
        [[unroll]] for (uint k = 0; k < STEPS; k++)
            [[unroll]] for (uint x = 0; x < WIDTH; x += SG) {
                float v = lat_load_lanes(LatFloats(from + k * (4ul * p.k_stride)), x);
                LAT_STORE_LANES(packed, to + k * WIDTH + x, v);
            }
    }
}
