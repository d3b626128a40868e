#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rotary: turns pairs of elements by an angle that grows with the token's place.
//
//     y_a = x_a cos - x_b sin        y_b = x_a sin + x_b cos
//
// Cosine and sine come from a table, because no precision is promised for those of large angles. An
// invocation has a pair, or one of the elements that stay. A place outside the table gives NaN.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n_rows * per_row / WG)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "rotary.abi.h"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Table { float table[]; };
layout(binding = 2) readonly buffer Places { int places[]; };
layout(binding = 3) buffer Y { T y[]; };

void put(uint at, float v)
{
    y[at] = store((p.flags & LAT_ROTARY_ADD) != 0u ? load(y[at]) + v : v);
}

void main()
{
    uint e = lat_thread();
    uint row = lat_divide(e, p.row_magic, p.row_shift);
    if (row >= p.n_rows)
        return;
    uint half_turned = p.n_turned / 2u;
    uint item = e - row * p.per_row;
    uint head = lat_divide(item, p.head_magic, p.head_shift);
    uint pair = item - head * (p.n_dims - half_turned);
    uint base = (row * p.n_heads + head) * p.n_dims;
    if (pair >= half_turned) {
        put(base + half_turned + pair, load(x[base + half_turned + pair]));
        return;
    }
    bool neighbours = (p.flags & LAT_ROTARY_INTERLEAVED) != 0u;
    uint a = base + (neighbours ? 2u * pair : pair);
    uint b = neighbours ? a + 1u : a + half_turned;
    bool given = (p.flags & LAT_ROTARY_PLACES) != 0u;
    uint place = given ? uint(places[p.row0 + row]) : (p.row0 + row) % p.n_tokens;
    float cosine = LAT_NAN, sine = LAT_NAN;
    if (place < p.n_places) {
        cosine = table[place * p.n_turned + pair];
        sine = table[place * p.n_turned + half_turned + pair];
    }
    if ((p.flags & LAT_ROTARY_BACK) != 0u)
        sine = -sine;
    float u = load(x[a]), v = load(x[b]);
    put(a, u * cosine - v * sine);
    put(b, u * sine + v * cosine);
}
