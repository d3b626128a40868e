// SPDX-License-Identifier: MIT
//
// layer_norm_fwd over each row v of n_cols:
//
//     mean = sum v / n    rstd = 1 / sqrt(sum (v - mean)^2 / n + eps)    y = (v - mean) rstd w + b
//
// With RMS the mean counts as 0. v is x, with FUSED residual + dropout(x), with EMBED the sum of a token's rows
// of the tables, and y is dropped out. The variance is taken from the deviations in a second pass over the
// row: E[v^2] - mean^2 cancels. For backward, FUSED and EMBED also keep h = (v - mean) rstd: in 16 bits that
// is off by its last place at most, where a kept v would lose all of v - mean in rows whose elements are
// nearly the same.

#if defined FUSED || defined EMBED
#define KEEPS_H
#include "dropout_row.glsl"
#endif

layout(binding = 0) readonly buffer X { T x[]; };  // with EMBED the table of words
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer W { T w[]; };
layout(binding = 1) readonly buffer W4 { T4 w4[]; };
layout(binding = 2) readonly buffer B { T b[]; };
layout(binding = 2) readonly buffer B4 { T4 b4[]; };
#if defined EMBED
layout(binding = 3) readonly buffer Position { T position[]; };
layout(binding = 3) readonly buffer Position4 { T4 position4[]; };
layout(binding = 4) readonly buffer Type { T type[]; };
layout(binding = 4) readonly buffer Type4 { T4 type4[]; };
layout(binding = 5) readonly buffer Ids { int ids[]; };
layout(binding = 6) readonly buffer Types { int types[]; };
layout(binding = 7) readonly buffer Random { uint random_state[]; };
layout(binding = 8) writeonly buffer Y { T y[]; };
layout(binding = 8) writeonly buffer Y4 { T4 y4[]; };
layout(binding = 9) writeonly buffer Stats { float stats[]; };
layout(binding = 10) writeonly buffer H { T h[]; };
layout(binding = 10) writeonly buffer H4 { T4 h4[]; };
ROW_READER(read_position, position, position4)
ROW_READER(read_type, type, type4)
#elif defined FUSED
layout(binding = 3) readonly buffer R { T r[]; };
layout(binding = 3) readonly buffer R4 { T4 r4[]; };
layout(binding = 4) readonly buffer Random { uint random_state[]; };
layout(binding = 5) writeonly buffer Y { T y[]; };
layout(binding = 5) writeonly buffer Y4 { T4 y4[]; };
layout(binding = 6) writeonly buffer Stats { float stats[]; };  // mean, rstd of each row
layout(binding = 7) writeonly buffer H { T h[]; };
layout(binding = 7) writeonly buffer H4 { T4 h4[]; };
ROW_READER(read_r, r, r4)
#else
layout(binding = 3) writeonly buffer Y { T y[]; };
layout(binding = 3) writeonly buffer Y4 { T4 y4[]; };
layout(binding = 4) writeonly buffer Stats { float stats[]; };
#endif

ROW_READER(read_x, x, x4)
ROW_READER(read_w, w, w4)
ROW_READER(read_b, b, b4)
ROW_WRITER(write_y, y, y4)

#ifdef KEEPS_H
ROW_WRITER(write_h, h, h4)

vec4 dropped(vec4 v, uint row, uint q)
{
    if (p.drop_below == 0u)
        return v;
    vec4 scale = dropout_scale(uvec2(random_state[0], random_state[1]), row, q);
    return mix(v * scale, vec4(0.0), equal(scale, vec4(0.0)));  // a dropped NaN is 0
}
#endif

vec4 value(uint row, uint q)
{
#if defined EMBED
    uint token = p.row0 + row, id = uint(ids[token]);  // negative ones become large
    vec4 v = id < p.vocab ? read_x(id, q, 0.0) : vec4(LAT_NAN);
    if ((p.flags & LAT_NORM_TYPE) != 0u) {
        uint type_id = (p.flags & LAT_NORM_TYPES) != 0u ? uint(types[token]) : 0u;
        v += type_id < p.n_types ? read_type(type_id, q, 0.0) : vec4(LAT_NAN);
    }
    if ((p.flags & LAT_NORM_POSITION) != 0u)
        v += read_position(token % p.n_tokens, q, 0.0);
    return v;
#elif defined FUSED
    return dropped(read_x(row, q, 0.0), row, q) + read_r(row, q, 0.0);
#else
    return read_x(row, q, 0.0);
#endif
}

void row_main(uint row)
{
    vec4 kept[KEPT];
    vec4 acc = vec4(0.0);
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        vec4 v = value(row, ROW_QUAD(k));
        kept[ROW_SLOT(k)] = v;
        acc += v;
    }
    float mean = (p.flags & LAT_NORM_RMS) != 0u ? 0.0 : row_sum(sum4(acc)) / float(p.n_cols);

    acc = vec4(0.0);
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 d = (KEEP > 0u ? kept[ROW_SLOT(k)] : value(row, q)) - mean;
        d *= row_inside(q);
        acc += d * d;
    }
    float rstd = inversesqrt(row_sum(sum4(acc)) / float(p.n_cols) + p.eps);

    if (row_lane() == 0u && (p.flags & LAT_NORM_STATS) != 0u) {
        stats[2u * row] = mean;
        stats[2u * row + 1u] = rstd;
    }
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 v = ((KEEP > 0u ? kept[ROW_SLOT(k)] : value(row, q)) - mean) * rstd;
#ifdef KEEPS_H
        if ((p.flags & LAT_NORM_STATS) != 0u)
            write_h(row, q, v);
#endif
        if ((p.flags & LAT_NORM_WEIGHT) != 0u)
            v *= read_w(0u, q, 0.0);
        if ((p.flags & LAT_NORM_BIAS) != 0u)
            v += read_b(0u, q, 0.0);
#ifdef EMBED
        v = dropped(v, row, q);
#endif
        write_y(row, q, v);
    }
}

ROW_KERNEL_MAIN
