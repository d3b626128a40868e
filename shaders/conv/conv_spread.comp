#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// conv_spread: the source of a convolution with its zeros in memory, for the cpu strategy.
//
//     copy[image, channel, plane, row, column] = source[image, channel, y, x] or 0 outside of it,
//     y = row * step_y + plane_y + lo_y, x likewise
//
// With channels first a workgroup has one plane; with channels last one row of one plane, so that
// lanes write side by side either way. What has to be divided is the same in all lanes.
//
// @variants  T = f32
// @groups    images * planes * (channels, or rows with channels last)

layout(local_size_x = 8, local_size_x_id = 0) in;
layout(constant_id = 1) const bool LAST = false;  // channels last

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "conv_spread.abi.h"

layout(binding = 0) readonly buffer Source { T source[]; };
layout(binding = 1) writeonly buffer Copy { T copy[]; };

uint image, plane_y, plane_x;

void write(uint channel, uint row, uint column)
{
    int y = int(row * p.step_y + plane_y) + p.lo_y, x = int(column * p.step_x + plane_x) + p.lo_x;
    float v = 0.0;
    if (uint(y) < p.src_h && uint(x) < p.src_w)
        v = load(source[p.src_offset
            + ((image * p.n_channels + channel) * p.src_h + uint(y)) * p.src_w + uint(x)]);
    copy[image * p.image + channel * p.channel + plane_y * p.plane_y + plane_x * p.plane_x
        + row * p.row + column * p.column] = store(v);
}

void main()
{
    uint lane = gl_LocalInvocationID.x, at = lat_group();
    uint inner = LAST ? p.rows : p.n_channels;
    uint n_groups = p.n_images * p.planes_y * p.planes_x * inner;
    if (at == 0)
        for (uint i = lane; i < p.tail; i += gl_WorkGroupSize.x)
            copy[p.tail_at + i] = store(0.0);
    if (at >= n_groups)
        return;
    uint which = at % inner;
    at /= inner;
    plane_x = at % p.planes_x;
    at /= p.planes_x;
    plane_y = at % p.planes_y;
    image = at / p.planes_y;

    if (LAST) {
        for (uint first = 0; first < p.n_channels; first += gl_WorkGroupSize.x)
            for (uint column = 0; column < p.columns; column++)
                if (first + lane < p.n_channels)
                    write(first + lane, which, column);
    } else {
        for (uint row = 0; row < p.rows; row++)
            for (uint column = lane; column < p.columns; column += gl_WorkGroupSize.x)
                write(which, row, column);
    }
}
