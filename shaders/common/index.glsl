// SPDX-License-Identifier: MIT
//
// Where an invocation is. The linear workgroup number survives folding into x and y.
#ifndef LAT_INDEX_GLSL
#define LAT_INDEX_GLSL

uint lat_group()
{
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

uint lat_thread()
{
    return lat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}

#endif
