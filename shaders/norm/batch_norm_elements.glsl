// SPDX-License-Identifier: MIT
//
// The walk over all elements that batch_norm_fwd and batch_norm_bwd share: quads where a plane is whole
// quads, else element by element.

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint FLAGS = 0;
layout(constant_id = 2) const bool WHOLE = false;  // plane is a multiple of 4

#include "common/divide.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "common/vec4.glsl"
#include "batch_norm.abi.h"

bool has(uint flag)
{
    return (FLAGS & flag) != 0u;
}

uint channel_of(uint i)
{
    uint plane = lat_divide(p.row0 + i, p.plane_magic, p.plane_shift);
    return plane - lat_divide(plane, p.channels_magic, p.channels_shift) * p.channels;
}

#define BATCH_NORM_MAIN                                                                             \
    void main()                                                                                     \
    {                                                                                               \
        uint stride = gl_WorkGroupSize.x;                                                           \
        uint first = lat_group() * stride * LAT_BATCH_NORM_QUADS + gl_LocalInvocationID.x;          \
        for (uint k = 0u; k < LAT_BATCH_NORM_QUADS; k++) {                                          \
            uint q = first + k * stride;                                                            \
            if (WHOLE) {                                                                            \
                if (q < p.n / 4u)                                                                   \
                    one_quad(q);                                                                    \
                continue;                                                                           \
            }                                                                                       \
            for (uint i = 0u; i < 4u; i++) {                                                        \
                uint e = (first - gl_LocalInvocationID.x + k * stride) * 4u + gl_LocalInvocationID.x + i * stride; \
                if (e < p.n)                                                                        \
                    one_element(e);                                                                 \
            }                                                                                       \
        }                                                                                           \
    }
