#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// conv_direct_weight: the weight gradient of layers for conv_direct. A workgroup has CHUNK taps of one
// channel pair and a part of the positions of all images: its invocations take every WG-th position,
// and what they have is added as a tree. Parts are added by the caller, in their order.
//
//     partial[split, group, m, q, tap] = sum over positions of dy[group, m] x[group, q, tap]
//
// Names and terms are those of conv.abi.h for the weight gradient; a_offset is that of dy.
//
// @variants  T = f32 f16 bf16
// @groups    (chunks * q * m * n_groups * splits, 1, 1)

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 8) const uint CHUNK = 9;

#include "conv.glsl"

layout(binding = 0) readonly buffer Dy { T dy[]; };
layout(binding = 1) readonly buffer Source { T source[]; };
layout(binding = 2) writeonly buffer Partial { float partial[]; };

const uint WG = gl_WorkGroupSize.x;

shared float lanes[WG];

// Of all invocations, in lane 0.
float sum_of_group(float v, uint lane)
{
    lanes[lane] = v;
    barrier();
    for (uint half_ = WG / 2; half_ > 0; half_ /= 2) {
        if (lane < half_)
            lanes[lane] += lanes[lane + half_];
        barrier();
    }
    return lanes[0];
}

void main()
{
    uint chunks = (TAPS + CHUNK - 1) / CHUNK, q_channels = p.n / TAPS;
    uint splits = (p.k + p.k_part - 1) / p.k_part;
    if (lat_group() >= chunks * q_channels * p.m * p.n_groups * splits)
        return;  // uniform
    uint chunk = lat_group() % chunks, pair = lat_group() / chunks;  // split, group, m, q
    uint q = pair % q_channels, row = pair / q_channels;             // split, group, m
    uint channel = row % (p.m * p.n_groups), split = row / (p.m * p.n_groups);
    uint source_channel = channel / p.m * q_channels + q;
    uint lane = gl_LocalInvocationID.x;

    float sums[CHUNK];
    [[unroll]] for (uint i = 0; i < CHUNK; i++)
        sums[i] = 0.0;
    uint end = min((split + 1) * p.k_part, p.k);
    for (uint n = split * p.k_part + lane; n < end; n += WG) {
        Position at = lat_position(n);
        ivec2 corner = lat_corner(at);
        float g = load(dy[p.a_offset + lat_destination_at(at, channel)]);
        uint origin = p.src_offset + at.image * p.src_image + source_channel * p.src_h * p.src_w;
        [[unroll]] for (uint i = 0; i < CHUNK; i++) {
            uint tap = chunk * CHUNK + i, ty = tap / TAPS_X;
            int seen = lat_source_at(corner, ty, tap - ty * TAPS_X);
            float v = load(source[origin + uint(max(seen, 0))]);  // as in conv_direct
            v = seen >= 0 ? v : 0.0;
            sums[i] = fma(g, v, sums[i]);
        }
    }
    [[unroll]] for (uint i = 0; i < CHUNK; i++) {
        float sum = sum_of_group(sums[i], lane);
        barrier();
        if (lane == 0 && chunk * CHUNK + i < TAPS)
            partial[pair * TAPS + chunk * CHUNK + i] = sum;
    }
}
