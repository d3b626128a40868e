#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// binary_fwd_strided: y = a op b for operands of any strides, broadcast ones (stride 0) included.
// y is contiguous. The caller has joined dimensions, so rank is small.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (PER_THREAD * WG))

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "pointwise/binary.abi.h"
#include "pointwise/binary.glsl"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_BINARY_ADD;
layout(constant_id = 3) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer B { T b[]; };
layout(binding = 2) buffer Y { T y[]; };

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_BINARY_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_BINARY_PER_THREAD; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= p.n)
            return;
        uint rest = i, at_a = p.offset_a, at_b = p.offset_b;
        for (uint d = p.rank; d-- > 0u;) {
            uint at = rest % p.dims[d];
            rest /= p.dims[d];
            at_a += at * p.stride_a[d];
            at_b += at * p.stride_b[d];
        }
        float v = binary(KIND, load(a[at_a]), load(b[at_b]));
        if (ACCUMULATE)
            v += load(y[i]);
        y[i] = store(v);
    }
}
