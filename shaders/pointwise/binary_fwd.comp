#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// binary_fwd: y = a op b on contiguous memory, where one operand may repeat: a bias along rows, a
// number per row or channel, a scalar.
//
// Elements are loaded and stored as quads. Each workgroup covers one contiguous run, so that
// neighbouring invocations touch neighbouring quads. The last, broken quad is done element by element
// by the invocation it would belong to.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n_rows * inner / (4 * QUADS_PER_THREAD * WG))

#define LAT_BINARY_FLAT
#include "common/divide.glsl"
#include "common/index.glsl"
#include "common/vec4.glsl"
#include "pointwise/binary.abi.h"
#include "pointwise/binary.glsl"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_BINARY_ADD;
layout(constant_id = 2) const uint REPEAT = LAT_BINARY_NEITHER;
layout(constant_id = 3) const bool ACCUMULATE = false;
layout(constant_id = 4) const uint READ = LAT_BINARY_QUADS;

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 0) readonly buffer A4 { T4 a4[]; };
layout(binding = 1) readonly buffer B { T b[]; };
layout(binding = 1) readonly buffer B4 { T4 b4[]; };
layout(binding = 2) buffer Y { T y[]; };
layout(binding = 2) buffer Y4 { T4 y4[]; };

uint repeated(uint i)
{
    uint row = lat_divide(i, p.inner_magic, p.inner_shift) + p.row0;
    return row - lat_divide(row, p.period_magic, p.period_shift) * p.period;
}

float element(uint i)
{
    if (REPEAT == LAT_BINARY_REPEAT_A)
        return binary(KIND, load(a[repeated(i)]), load(b[i]));
    if (REPEAT == LAT_BINARY_REPEAT_B)
        return binary(KIND, load(a[i]), load(b[repeated(i)]));
    return binary(KIND, load(a[i]), load(b[i]));
}

// Defines the quad of a repeating operand that belongs to quad q of the result.
#define REPEATED_QUAD(name, buf, buf4)                                                \
    vec4 name(uint q)                                                                 \
    {                                                                                 \
        uint i = 4u * q;                                                              \
        if (READ == LAT_BINARY_QUADS)                                                 \
            return load4(buf4[repeated(i) / 4u]);                                     \
        if (READ == LAT_BINARY_ONE)                                                   \
            return vec4(load(buf[repeated(i)]));                                      \
        return vec4(load(buf[repeated(i)]), load(buf[repeated(i + 1u)]),              \
            load(buf[repeated(i + 2u)]), load(buf[repeated(i + 3u)]));                \
    }
REPEATED_QUAD(repeated_a, a, a4)
REPEATED_QUAD(repeated_b, b, b4)

vec4 quad(uint q)
{
    if (REPEAT == LAT_BINARY_REPEAT_A)
        return binary4(KIND, repeated_a(q), load4(b4[q]));
    if (REPEAT == LAT_BINARY_REPEAT_B)
        return binary4(KIND, load4(a4[q]), repeated_b(q));
    return binary4(KIND, load4(a4[q]), load4(b4[q]));
}

void main()
{
    uint n = p.n_rows * p.inner;
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_BINARY_QUADS_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_BINARY_QUADS_PER_THREAD; k++) {
        uint q = first + k * gl_WorkGroupSize.x;
        if (q < n / 4u) {
            vec4 v = quad(q);
            y4[q] = store4(ACCUMULATE ? load4(y4[q]) + v : v);
        } else if (q == n / 4u) {
            for (uint i = 4u * q; i < n; i++) {
                float v = element(i);
                y[i] = store(ACCUMULATE ? load(y[i]) + v : v);
            }
        }
    }
}
