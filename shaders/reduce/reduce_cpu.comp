#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// reduce_cpu: sums of columns on lavapipe 26 and newer (common/wide.glsl), as reduce.comp describes them. A
// workgroup is one subgroup and has four vectors of columns of one piece, LAT_REDUCE_ROWS rows in an
// iteration, so that loop control does not count. A strip that would stick out is moved back inside and
// stores only what is its own.
//
// @variants  T = f32
// @groups    (ceil(inner / (4 * SG)) * outer * n_chunks, 1, 1); inner at least a strip

#include "common/index.glsl"
#include "reduce/reduce.abi.h"

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint KIND = LAT_REDUCE_SUM;
layout(constant_id = 2) const bool ROOT = false;
layout(constant_id = 3) const bool ACCUMULATE = false;
layout(constant_id = 4) const uint SG = 8;
layout(constant_id = 5) const bool RAGGED = true;  // pieces may end inside an iteration

#include "common/wide.glsl"

layout(binding = 1) buffer Y { float y[]; };

void main()
{
    const uint strip = LAT_REDUCE_VECTORS * SG;
    uint strips = (p.inner + strip - 1u) / strip;
    uint n_groups = strips * p.outer * p.n_chunks;
    uint group = min(lat_group(), n_groups - 1u);
    uint piece = group / strips, run = piece / p.n_chunks;
    uint own = (group - piece * strips) * strip, column = min(own, p.inner - strip);
    uint chunk = piece - run * p.n_chunks;
    uint row = run * p.n + chunk * p.chunk;
    uint end = row + min(p.chunk, p.n - (chunk + p.chunk0) * p.chunk);

    vec4 sums = vec4(0.0);
    for (;;) {
        [[unroll]] for (uint q = 0; q < LAT_REDUCE_ROWS; q++) {
            uint at = RAGGED ? min(row + q, end - 1u) : row + q;
            vec4 v = lat_load_lanes4(lat_floats(p.x_address[0], p.x_address[1], at * p.inner + column), 0);
            if (KIND == LAT_REDUCE_SQUARES)
                v *= v;
            sums += !RAGGED || row + q < end ? v : vec4(0.0);
        }
        row += LAT_REDUCE_ROWS;
        if (row >= end)
            break;
    }

    sums *= p.scale;
    if (ROOT)
        sums = sqrt(sums);
    if (lat_group() >= n_groups)
        return;
    [[unroll]] for (uint j = 0; j < LAT_REDUCE_VECTORS; j++) {
        uint i = column + j * SG + gl_SubgroupInvocationID, at = (piece + p.chunk0) * p.inner + i;
        if (i >= own)
            y[at] = ACCUMULATE ? y[at] + sums[j] : sums[j];
    }
}
