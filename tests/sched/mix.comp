#version 450
// SPDX-License-Identifier: MIT
//
// mix: z[i] = keep * z[i] + a * x[i] + b * y[n - 1 - i] + i in 32-bit integers.
//
// Integers wrap and never round, so the result tells exactly which values were read: any
// command that ran too early or too late changes it. y is read from the far end, so that an
// element depends on another invocation's.

layout(local_size_x = 64) in;

layout(push_constant, std430) uniform mix_push {
    uint n, a, b, keep;
} p;

layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) readonly buffer Y { uint y[]; };
layout(binding = 2) buffer Z { uint z[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i < p.n)
        z[i] = p.keep * z[i] + p.a * x[i] + p.b * y[p.n - 1u - i] + i;
}
