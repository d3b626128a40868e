// SPDX-License-Identifier: MIT
//
// Where an invocation is. The linear workgroup number survives folding into x and y.
#ifndef LAT_INDEX_GLSL
#define LAT_INDEX_GLSL

uint lat_group()
{
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

// A macro and not a function: glslang takes gl_WorkGroupSize for 1 in code that stands before the
// shader's local_size layout, as an included function does.
#define lat_thread() (lat_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x)

#endif
