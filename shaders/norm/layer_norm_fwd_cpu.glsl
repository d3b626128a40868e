// SPDX-License-Identifier: MIT
//
// layer_norm_fwd.glsl for lavapipe 26 and newer; see layer_norm_cpu.glsl.

#include "layer_norm_cpu.glsl"

#ifdef FUSED
layout(binding = 4) readonly buffer Random { uint random_state[]; };
layout(binding = 5) writeonly buffer Y { float y[]; };
layout(binding = 6) writeonly buffer Stats { float stats[]; };  // mean, rstd of each row
layout(binding = 7) writeonly buffer H { float h[]; };
#else
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(binding = 4) writeonly buffer Stats { float stats[]; };
#endif

vec4 value(uint row, uint k)
{
    vec4 v = lat_load_lanes4(norm_row(LAT_NORM_FWD_X, row), k * (4 * SG));
#ifdef FUSED
    if (DROPOUT)  // a dropped NaN is 0
        v = mix(vec4(0.0), v * p.keep_scale, norm_kept(uvec2(random_state[0], random_state[1]), row, k));
    v += lat_load_lanes4(norm_row(LAT_NORM_FWD_RESIDUAL, row), k * (4 * SG));
#endif
    return v;
}

void main()
{
    uint row = min(lat_group(), p.n_rows - 1u);
    vec4 kept[STEPS];
    vec4 acc = vec4(0.0);
    [[unroll]] for (uint k = 0; k < STEPS; k++) {
        kept[k] = value(row, k);
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
#ifdef FUSED
        if (has(LAT_NORM_STATS))
            LAT_STORE_LANES4(h, row * COLS + i, v)
#endif
        if (has(LAT_NORM_WEIGHT))
            v *= lat_load_lanes4(norm_row(LAT_NORM_FWD_WEIGHT, 0u), i);
        if (has(LAT_NORM_BIAS))
            v += lat_load_lanes4(norm_row(LAT_NORM_FWD_BIAS, 0u), i);
        LAT_STORE_LANES4(y, row * COLS + i, v)
    }
}
