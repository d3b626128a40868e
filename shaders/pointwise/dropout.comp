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

#include "common/index.glsl"
#include "common/rng.glsl"
#include "common/vec4.glsl"
#include "pointwise/dropout.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer Rng { uint key[]; };
layout(binding = 2) buffer Y { T y[]; };
layout(binding = 2) buffer Y4 { T4 y4[]; };

void main()
{
    uint block = lat_thread();
    if (block >= p.n_blocks)
        return;
    uint n = p.n - p.block0 * 4u;
    uvec4 words = lat_philox(uvec2(key[0], key[1]), uvec4(p.block0 + block, 0u, p.op, 0u));
    bvec4 keep = greaterThanEqual(words, uvec4(p.threshold));
    if (block < n / 4u) {
        vec4 v = mix(vec4(0.0), load4(x4[block]) * p.scale, keep);
        y4[block] = store4(ACCUMULATE ? load4(y4[block]) + v : v);
        return;
    }
    for (uint i = block * 4u; i < n; i++) {
        float v = keep[i % 4u] ? load(x[i]) * p.scale : 0.0;
        y[i] = store(ACCUMULATE ? load(y[i]) + v : v);
    }
}
