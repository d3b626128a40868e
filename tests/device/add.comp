#version 450
// SPDX-License-Identifier: MIT
//
// The kernel of the device tests: y = x + p.add, wrapped in a loop when p.rounds asks for
// work that takes a while.
layout(local_size_x = 64, local_size_x_id = 0) in;

layout(push_constant, std430) uniform push
{
    uint n;
    uint add;
    uint rounds;
} p;

layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) writeonly buffer Y { uint y[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i >= p.n)
        return;
    uint v = x[i] + p.add;
    for (uint r = 0; r < p.rounds; r++)
        v = v * 1664525u + 1013904223u;
    y[i] = v;
}
