// SPDX-License-Identifier: MIT
//
// layer_norm_fwd.glsl for lavapipe 26 and newer; see layer_norm_cpu.glsl.

#include "layer_norm_cpu.glsl"
#include "common/math.glsl"

#if defined EMBED
layout(binding = 5) readonly buffer Ids { int ids[]; };
layout(binding = 6) readonly buffer Types { int types[]; };
layout(binding = 7) readonly buffer Random { uint random_state[]; };
LAT_LANES_OUT(8, Y, y)
layout(binding = 9) writeonly buffer Stats { float stats[]; };
LAT_LANES_OUT(10, H, h)
#elif defined FUSED
layout(binding = 4) readonly buffer Random { uint random_state[]; };
LAT_LANES_OUT(5, Y, y)
layout(binding = 6) writeonly buffer Stats { float stats[]; };  // mean, rstd of each row
LAT_LANES_OUT(7, H, h)
#else
LAT_LANES_OUT(3, Y, y)
layout(binding = 4) writeonly buffer Stats { float stats[]; };
#endif

#if defined FUSED || defined EMBED
#define KEEPS_H

vec4 dropped(vec4 v, uint row, uint k)
{
    if (DROPOUT)  // a dropped NaN is 0
        v = mix(vec4(0.0), v * p.keep_scale, norm_kept(uvec2(random_state[0], random_state[1]), p.row0 + row, k));
    return v;
}
#endif

// Rows of the tables: of x and its like the same; with EMBED a token's, clamped, and NaN to add where one of
// them is not there.
struct Rows {
    uint x, type, position;
    float missing;
};

Rows rows_of(uint row)
{
    Rows r = Rows(row, 0u, 0u, 0.0);
#ifdef EMBED
    uint token = p.row0 + row;
    r.x = uint(ids[token]);  // negative ones become large
    if (has(LAT_NORM_TYPES))
        r.type = uint(types[token]);
    if (r.x >= p.vocab || (has(LAT_NORM_TYPE) && r.type >= p.n_types))
        r = Rows(0u, 0u, 0u, LAT_NAN);
    r.position = token % p.n_tokens;
#endif
    return r;
}

vec4 value(Rows r, uint k)
{
    const uint i = k * (4 * SG);
    vec4 v = lat_load_lanes4(norm_row(LAT_NORM_FWD_X, r.x), i);
#if defined EMBED
    if (has(LAT_NORM_TYPE))
        v += lat_load_lanes4(norm_row(LAT_NORM_FWD_TYPE, r.type), i);
    if (has(LAT_NORM_POSITION))
        v += lat_load_lanes4(norm_row(LAT_NORM_FWD_POSITION, r.position), i);
    v += r.missing;
#elif defined FUSED
    v = dropped(v, r.x, k) + lat_load_lanes4(norm_row(LAT_NORM_FWD_RESIDUAL, r.x), i);
#endif
    return v;
}

void main()
{
    uint row = min(lat_group(), p.n_rows - 1u);
    Rows from = rows_of(row);
    vec4 kept[STEPS];
    vec4 acc = vec4(0.0);
    [[unroll]] for (uint k = 0; k < STEPS; k++) {
        kept[k] = value(from, k);
        acc += kept[k];
    }
    float mean = has(LAT_NORM_RMS) ? 0.0 : norm_sum(acc) / float(COLS);
    acc = vec4(0.0);
    [[unroll]] for (uint k = 0; k < STEPS; k++) {
        vec4 d = kept[k] - mean;
        acc += d * d;
    }
    float rstd = inversesqrt(norm_sum(acc) / float(COLS) + p.eps);

    if (has(LAT_NORM_STATS)) {
        stats[2u * row] = mean;
        stats[2u * row + 1u] = rstd;
    }
    [[unroll]] for (uint k = 0; k < STEPS; k++) {
        uint i = k * (4 * SG);
        vec4 v = (kept[k] - mean) * rstd;
#ifdef KEEPS_H
        if (has(LAT_NORM_STATS))
            LAT_STORE_LANES4(h, row * COLS + i, v)
#endif
        if (has(LAT_NORM_WEIGHT))
            v *= lat_load_lanes4(norm_row(LAT_NORM_FWD_WEIGHT, 0u), i);
        if (has(LAT_NORM_BIAS))
            v += lat_load_lanes4(norm_row(LAT_NORM_FWD_BIAS, 0u), i);
#ifdef EMBED
        v = dropped(v, row, k);
#endif
        LAT_STORE_LANES4(y, row * COLS + i, v)
    }
}
