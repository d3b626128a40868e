#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// copy_transpose: dst = src where the two lie together along different dimensions. An invocation
// turns 4 x 4 elements in registers: four quads in, four quads out, and a workgroup 64 x 64, so
// that cache lines are used whole on both sides. No shared memory, no barriers.
//
// @variants  T = i32 bf16 u8
// @groups    batch * ceil(n_a / TILE) * ceil(n_b / TILE)

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "copy_transpose.abi.h"

layout(local_size_x = 256) in;  // TILE * TILE

layout(binding = 0) readonly buffer X { T4 x[]; };
layout(binding = 1) writeonly buffer Y { T4 y[]; };

void main()
{
    const uint tile = LAT_TRANSPOSE_TILE;
    uint tiles_a = (p.n_a + tile - 1u) / tile, tiles_b = (p.n_b + tile - 1u) / tile;
    uint group = lat_group();  // everything derived from it is the same for the workgroup
    uint b = group % tiles_b * tile + gl_LocalInvocationID.x % tile;
    uint a = group / tiles_b % tiles_a * tile + gl_LocalInvocationID.x / tile;
    uint rest = group / (tiles_a * tiles_b);
    uint src = p.src_offset, dst = p.dst_offset;
    for (int d = LAT_TRANSPOSE_MAX_BATCH - 1; d >= 0; d--) {
        uint at = rest % p.batch[d];
        rest /= p.batch[d];
        src += at * p.src_stride[d];
        dst += at * p.dst_stride[d];
    }
    // rest is only left over in workgroups that folding put behind the end.
    if (rest > 0u || a >= p.n_a || b >= p.n_b)
        return;

    uint from = src + 4u * b * p.src_stride_b + a;
    T4 r0 = x[from];
    T4 r1 = x[from + p.src_stride_b];
    T4 r2 = x[from + 2u * p.src_stride_b];
    T4 r3 = x[from + 3u * p.src_stride_b];
    uint to = dst + 4u * a * p.dst_stride_a + b;
    y[to] = T4(r0.x, r1.x, r2.x, r3.x);
    y[to + p.dst_stride_a] = T4(r0.y, r1.y, r2.y, r3.y);
    y[to + 2u * p.dst_stride_a] = T4(r0.z, r1.z, r2.z, r3.z);
    y[to + 3u * p.dst_stride_a] = T4(r0.w, r1.w, r2.w, r3.w);
}
