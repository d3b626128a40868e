// SPDX-License-Identifier: MIT
//
// What the convolution kernels share: how positions and taps are numbered (conv.abi.h).
#ifndef LAT_CONV_GLSL
#define LAT_CONV_GLSL
#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "conv.abi.h"

layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 2) const uint TAPS = 9;
layout(constant_id = 3) const uint TAPS_X = 3;
layout(constant_id = 4) const int STEP_Y = 1;
layout(constant_id = 5) const int STEP_X = 1;
layout(constant_id = 6) const int DIL_Y = 1;
layout(constant_id = 7) const int DIL_X = 1;

struct Position {
    uint image, py, px;
};

Position lat_position(uint n)
{
    uint image = lat_divide(n, p.area_magic, p.area_shift);
    uint rest = n - image * p.area;
    uint py = lat_divide(rest, p.pw_magic, p.pw_shift);
    return Position(image, py, rest - py * p.pw);
}

// Of the source, for tap (0, 0).
ivec2 lat_corner(Position at)
{
    return ivec2(int(at.px) * STEP_X + p.off_x, int(at.py) * STEP_Y + p.off_y);
}

// Channels of one group, times taps.
struct Term {
    uint q, ty, tx;
};

Term lat_term(uint k)
{
    uint q = k / TAPS, r = k - q * TAPS, ty = r / TAPS_X;
    return Term(q, ty, r - ty * TAPS_X);
}

// The element of a source plane, or -1 outside.
int lat_source_at(ivec2 corner, uint ty, uint tx)
{
    int y = corner.y + int(ty) * DIL_Y, x = corner.x + int(tx) * DIL_X;
    bool inside = uint(y) < p.src_h && uint(x) < p.src_w;
    return inside ? y * int(p.src_w) + x : -1;
}

uint lat_weight_at(uint group, uint m, Term t)
{
    return p.a_offset + group * p.w_group + m * p.w_m + t.q * p.w_q + t.ty * p.w_ty + t.tx * p.w_tx
        + p.w_base;
}

// m counts the channels of all groups.
uint lat_destination_at(Position at, uint m)
{
    return at.image * p.dst_image + m * p.dst_plane + at.py * p.dst_y + at.px * p.dst_x + p.dst_base;
}

#endif
