#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// reduce_cpu: sums of columns on lavapipe 26 and newer (common/wide.glsl), as reduce.comp describes them. A
// workgroup is one subgroup and has a strip of QUADS times four vectors of columns of one piece. Wide strips
// are what a processor fetches ahead; narrow ones take several rows in an iteration, so that loop control does
// not count. A strip that would stick out is moved back inside and makes some sums a second time, the same to the
// bit; it adds only those that are its own.
//
// @variants  T = f32
// @groups    (ceil(inner / (4 * SG * QUADS)) * outer * n_chunks, 1, 1); inner at least a strip

#include "common/index.glsl"
#include "reduce/reduce.abi.h"

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint KIND = LAT_REDUCE_SUM;
layout(constant_id = 2) const bool ROOT = false;
layout(constant_id = 3) const bool ACCUMULATE = false;
layout(constant_id = 4) const uint SG = 8;
layout(constant_id = 5) const bool RAGGED = true;  // pieces may end inside an iteration
layout(constant_id = 6) const uint QUADS = 1;
layout(constant_id = 7) const bool PAIRS = false;  // an even inner
const uint ROWS = QUADS < LAT_REDUCE_ROWS ? LAT_REDUCE_ROWS / QUADS : 1;

#include "common/wide.glsl"

layout(binding = 1) buffer Y { float y[]; };
LAT_PAIRS_OUT(1, Y, y)

void main()
{
    const uint strip = 4 * SG * QUADS;
    uint strips = (p.inner + strip - 1u) / strip;
    uint n_groups = strips * p.outer * p.n_chunks;
    uint group = min(lat_group(), n_groups - 1u);
    uint piece = group / strips, run = piece / p.n_chunks;
    uint own = (group - piece * strips) * strip, column = min(own, p.inner - strip);
    uint chunk = piece - run * p.n_chunks;
    uint row = run * p.n + chunk * p.chunk;
    uint end = row + min(p.chunk, p.n - (chunk + p.chunk0) * p.chunk);

    vec4 sums[QUADS];
    [[unroll]] for (uint k = 0; k < QUADS; k++)
        sums[k] = vec4(0.0);
    for (;;) {
        [[unroll]] for (uint q = 0; q < ROWS; q++) {
            uint at = RAGGED ? min(row + q, end - 1u) : row + q;
            LatFloats x = lat_floats(p.x_address[0], p.x_address[1], at * p.inner + column);
            [[unroll]] for (uint k = 0; k < QUADS; k++) {
                vec4 v = lat_load_lanes4(x, 4 * SG * k);
                if (KIND == LAT_REDUCE_SQUARES)
                    v *= v;
                sums[k] += !RAGGED || row + q < end ? v : vec4(0.0);
            }
        }
        row += ROWS;
        if (row >= end)
            break;
    }

    if (lat_group() >= n_groups)
        return;
    uint first = (piece + p.chunk0) * p.inner + column;
    [[unroll]] for (uint j = 0; j < 4 * QUADS; j++) {
        float v = sums[j / 4][j % 4] * p.scale;
        if (ROOT)
            v = sqrt(v);
        uint i = j * SG + gl_SubgroupInvocationID;
        if (!ACCUMULATE)
            LAT_STORE_LANES(y, first + j * SG, v)
        else if (column + i >= own)
            y[first + i] += v;
    }
}
