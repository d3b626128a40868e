// SPDX-License-Identifier: MIT
//
// Which channel an element of prelu has, and the walk over all elements: `void one(uint i)`.

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "pointwise/prelu.abi.h"

uint channel_of(uint i)
{
    uint plane = lat_divide(p.element0 + i, p.plane_magic, p.plane_shift);
    return plane - lat_divide(plane, p.channels_magic, p.channels_shift) * p.channels;
}

#define PRELU_MAIN                                                                          \
    void main()                                                                             \
    {                                                                                       \
        uint first = lat_group() * gl_WorkGroupSize.x * LAT_PRELU_STEPS + gl_LocalInvocationID.x; \
        for (uint k = 0u; k < LAT_PRELU_STEPS; k++) {                                       \
            uint i = first + k * gl_WorkGroupSize.x;                                        \
            if (i < p.n)                                                                    \
                one(i);                                                                     \
        }                                                                                   \
    }
