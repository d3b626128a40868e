#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// dropout_rows: y = keep(row) ? x * scale : 0, where a row is a run of elements that stay or go together.
// Backward runs the same kernel on the gradient. The words of a row are those that dropout draws for an
// element of that number.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (4 * WG))

#include "common/divide.glsl"
#include "common/index.glsl"
#include "common/rng.glsl"
#include "common/vec4.glsl"
#include "pointwise/dropout_rows.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const bool ACCUMULATE = false;
layout(constant_id = 2) const bool WHOLE = false;  // rows are whole quads

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer Rng { uint key[]; };
layout(binding = 2) buffer Y { T y[]; };
layout(binding = 2) buffer Y4 { T4 y4[]; };

bool kept(uint i)
{
    uint row = lat_divide(p.element0 + i, p.row_magic, p.row_shift);
    uvec4 words = lat_philox(uvec2(key[0], key[1]), uvec4(row / 4u, 0u, p.op, 0u));
    return words[row % 4u] >= p.threshold;
}

void main()
{
    uint q = lat_thread();
    if (WHOLE) {
        if (q >= p.n / 4u)
            return;
        vec4 v = kept(4u * q) ? load4(x4[q]) * p.scale : vec4(0.0);
        y4[q] = store4(ACCUMULATE ? load4(y4[q]) + v : v);
        return;
    }
    for (uint k = 0u; k < 4u; k++) {
        uint i = lat_group() * gl_WorkGroupSize.x * 4u + k * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
        if (i >= p.n)
            return;
        float v = kept(i) ? load(x[i]) * p.scale : 0.0;
        y[i] = store(ACCUMULATE ? load(y[i]) + v : v);
    }
}
