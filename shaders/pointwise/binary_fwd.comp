#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// binary_fwd: y = a op b on contiguous memory, where one operand may repeat: a bias along rows, a
// number per row or channel, a scalar. No index beyond one division.
//
// Each workgroup covers one contiguous run, so that neighbouring invocations touch neighbouring
// elements, and each invocation has PER_THREAD independent loads in flight.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n_rows * inner / (PER_THREAD * WG))

#define LAT_BINARY_FLAT
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "pointwise/binary.abi.h"
#include "pointwise/binary.glsl"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_BINARY_ADD;
layout(constant_id = 2) const uint REPEAT = LAT_BINARY_NEITHER;
layout(constant_id = 3) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer B { T b[]; };
layout(binding = 2) buffer Y { T y[]; };

void main()
{
    uint n = p.n_rows * p.inner;
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_BINARY_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_BINARY_PER_THREAD; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= n)
            return;
        uint j = i;
        if (REPEAT != LAT_BINARY_NEITHER)
            j = (i / p.inner + p.row0) % p.period;
        uint at_a = REPEAT == LAT_BINARY_REPEAT_A ? j : i;
        uint at_b = REPEAT == LAT_BINARY_REPEAT_B ? j : i;
        float v = binary(KIND, load(a[p.offset_a + at_a]), load(b[p.offset_b + at_b]));
        if (ACCUMULATE)
            v += load(y[i]);
        y[i] = store(v);
    }
}
