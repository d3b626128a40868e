#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// where: y = cond ? a : b, operands of any strides, y contiguous. An operand that is not there counts
// as zero: the gradient of a is (cond ? g : 0) and that of b is (cond ? 0 : g). Nothing is computed
// from the value that is not chosen, so NaN does not leak through a mask.
//
// @variants  T = f32 f16 bf16
// @variants  U = u8 i32
// @groups    ceil(n / (PER_THREAD * WG))

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "pointwise/where.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const bool HAS_A = true;
layout(constant_id = 2) const bool HAS_B = true;
layout(constant_id = 3) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer Cond { U cond[]; };
layout(binding = 1) readonly buffer A { T a[]; };
layout(binding = 2) readonly buffer B { T b[]; };
layout(binding = 3) buffer Y { T y[]; };

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_WHERE_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_WHERE_PER_THREAD; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= p.n)
            return;
        uint rest = i, at_cond = p.offset_cond, at_a = p.offset_a, at_b = p.offset_b;
        for (uint d = p.rank; d-- > 0u;) {
            uint at = rest % p.dims[d];
            rest /= p.dims[d];
            at_cond += at * p.stride_cond[d];
            at_a += at * p.stride_a[d];
            at_b += at * p.stride_b[d];
        }
        float v = 0.0;
        if (load_u(cond[at_cond]) != 0.0) {
            if (HAS_A)
                v = load(a[at_a]);
        } else {
            if (HAS_B)
                v = load(b[at_b]);
        }
        if (ACCUMULATE)
            v += load(y[i]);
        y[i] = store(v);
    }
}
