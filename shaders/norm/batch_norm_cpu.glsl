// SPDX-License-Identifier: MIT
//
// The walk over all elements on lavapipe 26 and newer (common/wide.glsl): a workgroup is one subgroup and
// has images_per_block planes next to each other, four vectors in an iteration. The last ones of a plane,
// where they would stick out, are moved back inside and compute some elements a second time, with the same
// result.

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint FLAGS = 0;
layout(constant_id = 2) const uint SG = 8;
layout(constant_id = 3) const bool PAIRS = false;  // planes of an even size

#include "common/index.glsl"
#include "common/math.glsl"
#include "common/wide.glsl"
#include "batch_norm.abi.h"

bool has(uint flag)
{
    return (FLAGS & flag) != 0u;
}

// Four vectors from element `from` of the tensor at an address of the push block.
#define BATCH_NORM_LOAD(name, from) \
    lat_load_lanes4(lat_floats(p.name##_address[0], p.name##_address[1], from), 0)

// A row of the table.
vec4 table_row(uint channel)
{
    LatFloats row =
        lat_floats(p.table_address[0], p.table_address[1], channel * LAT_BATCH_NORM_COLUMNS);
    return vec4(row.f[0], row.f[1], row.f[2], row.f[3]);
}

#define BATCH_NORM_MAIN                                                           \
    void main()                                                                   \
    {                                                                             \
        uint plane = min(lat_group() * p.images_per_block, p.n - 1u);             \
        uint end = min(plane + p.images_per_block, p.n), at = 0u;                 \
        uint channel = (p.row0 + plane) % p.channels;                             \
        for (;;) {                                                                \
            four_vectors(channel, plane * p.plane + min(at, p.plane - 4 * SG)); \
            at += 4 * SG;                                                         \
            bool plane_done = at >= p.plane;                                     \
            plane += plane_done ? 1u : 0u;                                        \
            channel += plane_done ? 1u : 0u;                                      \
            channel = channel == p.channels ? 0u : channel;                       \
            at = plane_done ? 0u : at;                                            \
            if (plane >= end)                                                     \
                break;                                                            \
        }                                                                         \
    }
