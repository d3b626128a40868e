#version 450
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
// SPDX-License-Identifier: MIT
//
// address_mix: z[i] = x[i] + 1 with both buffers taken by device address. They are bound as well,
// as every strategy that loads by address must do.

layout(local_size_x = 64) in;

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint v[]; };

layout(push_constant, std430) uniform address_push {
    uint n, pad;
    uvec2 x, z;
} p;

layout(binding = 0) readonly buffer X { uint bound_x[]; };
layout(binding = 1) buffer Z { uint bound_z[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i < p.n)
        Words(p.z).v[i] = Words(p.x).v[i] + 1u;
}
