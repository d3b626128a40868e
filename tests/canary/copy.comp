#version 450
// SPDX-License-Identifier: MIT
//
// dst = src, the least kernel that can race with another one.
layout(local_size_x = 64) in;
layout(binding = 0) readonly  buffer Src { uint src[]; };
layout(binding = 1) writeonly buffer Dst { uint dst[]; };

void main()
{
    dst[gl_GlobalInvocationID.x] = src[gl_GlobalInvocationID.x];
}
