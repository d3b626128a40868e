#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// dropout: y = keep ? x * scale : 0. The mask is a function of seed, step, op and element, so backward
// runs this same kernel on the gradient instead of reading a stored mask.
//
// One Philox call gives the four words of four consecutive elements: each invocation does one block.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (4 * WG))

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/rng.glsl"
#include "pointwise/dropout.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Rng { uint key[]; };
layout(binding = 2) buffer Y { T y[]; };

void main()
{
    uint block = lat_thread();
    if (block >= p.n_blocks)
        return;
    uint n = p.n - p.block0 * 4u;
    uvec4 words = lat_philox(uvec2(key[0], key[1]), uvec4(p.block0 + block, 0u, p.op, 0u));
    for (uint w = 0; w < 4u; w++) {
        uint i = block * 4u + w;
        if (i >= n)
            return;
        float v = words[w] >= p.threshold ? load(x[i]) * p.scale : 0.0;
        if (ACCUMULATE)
            v += load(y[i]);
        y[i] = store(v);
    }
}
