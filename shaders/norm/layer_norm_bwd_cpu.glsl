// SPDX-License-Identifier: MIT
//
// layer_norm_bwd.glsl for lavapipe 26 and newer; see layer_norm_cpu.glsl. What is added to is loaded by
// address and stored, sum included, through the descriptor.

#include "layer_norm_cpu.glsl"

layout(binding = 2) readonly buffer Stats { float stats[]; };
#ifdef FUSED
layout(binding = 4) readonly buffer Random { uint random_state[]; };
LAT_LANES_OUT(5, Dx, dx)
LAT_LANES_OUT(6, Dr, dr)
#else
LAT_LANES_OUT(4, Dx, dx)
#endif

#ifdef FUSED
bvec4 kept[STEPS];  // drawn before anything else, where more of it stays in registers
#endif

vec4 normalised(uint row, uint k, float mean, float rstd)
{
    vec4 v = lat_load_lanes4(norm_row(LAT_NORM_BWD_SAVED, row), k * (4 * SG));
#ifndef FUSED
    v = (v - mean) * rstd;
#endif
    return v;
}

vec4 weighted(uint row, uint k)
{
    vec4 g = lat_load_lanes4(norm_row(LAT_NORM_BWD_DY, row), k * (4 * SG));
    if (has(LAT_NORM_WEIGHT))
        g *= lat_load_lanes4(norm_row(LAT_NORM_BWD_WEIGHT, 0u), k * (4 * SG));
    return g;
}

void put(uint row, uint k, vec4 dv)
{
    uint i = k * (4 * SG);
#ifdef FUSED
    if (has(LAT_NORM_DRES)) {
        vec4 sum = dv;
        if (has(LAT_NORM_ADD_DRES))
            sum += lat_load_lanes4(norm_row(LAT_NORM_BWD_DRES, row), i);
        LAT_STORE_LANES4(dr, row * COLS + i, sum)
    }
    if (DROPOUT && has(LAT_NORM_DX))
        dv = mix(vec4(0.0), dv * p.keep_scale, kept[k]);
#endif
    if (has(LAT_NORM_DX)) {
        if (has(LAT_NORM_ADD_DX))
            dv += lat_load_lanes4(norm_row(LAT_NORM_BWD_DX, row), i);
        LAT_STORE_LANES4(dx, row * COLS + i, dv)
    }
}

void main()
{
    if (has(LAT_NORM_ADD_DX | LAT_NORM_ADD_DRES) && lat_group() >= p.n_rows)
        return;  // would be added twice
    uint row = min(lat_group(), p.n_rows - 1u);
    float mean = stats[2u * row], rstd = stats[2u * row + 1u];
#ifdef FUSED
    if (DROPOUT)
        [[unroll]] for (uint k = 0; k < STEPS; k++)
            kept[k] = norm_kept(uvec2(random_state[0], random_state[1]), row, k);
#endif
    vec4 acc_g = vec4(0.0), acc_gh = vec4(0.0);
    [[unroll]] for (uint k = 0; k < STEPS; k++) {
        vec4 g = weighted(row, k);
        acc_g += g;
        acc_gh += g * normalised(row, k, mean, rstd);
    }
    vec2 sums = vec2(norm_sum(acc_g), norm_sum(acc_gh)) / float(COLS);
    if (has(LAT_NORM_RMS))
        sums.x = 0.0;
    [[unroll]] for (uint k = 0; k < STEPS; k++)
        put(row, k, rstd * (weighted(row, k) - sums.x - normalised(row, k, mean, rstd) * sums.y));
}
