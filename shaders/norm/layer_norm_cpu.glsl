// SPDX-License-Identifier: MIT
//
// What the kernels of layer_norm, dropout_add_layer_norm and embed_layer_norm share on lavapipe 26 and newer
// (common/wide.glsl): a workgroup is one subgroup and goes through a row without a loop, four vectors at a time;
// forward has one row, backward those of a block. Options are constants of the pipeline, because a load runs even
// where a branch says otherwise.

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint COLS = 64;   // of a row, or of backward's strip: a multiple of 4 * SG
layout(constant_id = 3) const uint FLAGS = 0;   // push.flags
layout(constant_id = 4) const bool DROPOUT = false;
layout(constant_id = 5) const bool PAIRS = true;  // rows of an even length

#extension GL_KHR_shader_subgroup_arithmetic : require
#include "common/index.glsl"
#include "common/rng.glsl"
#include "common/wide.glsl"

const uint STEPS = COLS / (4 * SG);

bool has(uint flag)
{
    return (FLAGS & flag) != 0u;
}

// A row of the tensor at an address of the push block.
LatFloats norm_row(uint address, uint row)
{
    return lat_floats(p.address[2 * address], p.address[2 * address + 1], row * COLS);
}

float norm_sum(vec4 v)
{
    return subgroupAdd((v.x + v.y) + (v.z + v.w));
}

// Which elements of step k of a row of the whole tensor are kept; the same as in dropout_row.glsl. A lane draws the
// words of four elements next to each other, the vectors have them in as many lanes: they change hands as bits.
bvec4 norm_kept(uvec2 key, uint row, uint k)
{
    uint counter = (row * COLS + k * (4 * SG)) / 4u + gl_SubgroupInvocationID;
    uvec4 words = lat_philox(key, uvec4(counter, 0u, p.op, 0u));
    uint bits[4];
    [[unroll]] for (uint w = 0; w < 4; w++)
        bits[w] = subgroupBallot(words[w] >= p.drop_below).x;
    uint word = gl_SubgroupInvocationID & 3u;
    uint mine = word == 0u ? bits[0] : word == 1u ? bits[1] : word == 2u ? bits[2] : bits[3];
    mine >>= gl_SubgroupInvocationID >> 2;
    return notEqual(uvec4(mine, mine >> (SG / 4), mine >> (SG / 2), mine >> (3 * SG / 4)) & 1u, uvec4(0u));
}
