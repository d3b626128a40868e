// SPDX-License-Identifier: MIT
//
// layer_norm_bwd: the gradient of the rows. With h = (v - mean) rstd and g = dy w,
//
//     dv = rstd (g - sum(g) / n - h sum(g h) / n)
//
// without sum(g) for RMS. It is dx, or with FUSED dresidual = dv and dx = dv times the dropout's mask and scale, made
// again from the random stream; h itself was kept then. Gradients of weight and bias:
// layer_norm_bwd_cols.

layout(binding = 0) readonly buffer V { T saved[]; };
layout(binding = 0) readonly buffer V4 { T4 saved4[]; };
layout(binding = 1) readonly buffer W { T w[]; };
layout(binding = 1) readonly buffer W4 { T4 w4[]; };
layout(binding = 2) readonly buffer Stats { float stats[]; };
layout(binding = 3) readonly buffer Dy { T dy[]; };
layout(binding = 3) readonly buffer Dy4 { T4 dy4[]; };
#ifdef FUSED
#include "dropout_row.glsl"
layout(binding = 4) readonly buffer Random { uint random_state[]; };
layout(binding = 5) buffer Dx { T dx[]; };
layout(binding = 5) buffer Dx4 { T4 dx4[]; };
layout(binding = 6) buffer Dr { T dr[]; };
layout(binding = 6) buffer Dr4 { T4 dr4[]; };
ROW_READER(read_dr, dr, dr4)
ROW_WRITER(write_dr, dr, dr4)
#else
layout(binding = 4) buffer Dx { T dx[]; };
layout(binding = 4) buffer Dx4 { T4 dx4[]; };
#endif

ROW_READER(read_saved, saved, saved4)
ROW_READER(read_w, w, w4)
ROW_READER(read_dy, dy, dy4)
ROW_READER(read_dx, dx, dx4)
ROW_WRITER(write_dx, dx, dx4)

vec4 normalised(uint row, uint q, float mean, float rstd)
{
#ifdef FUSED
    return read_saved(row, q, 0.0);
#else
    return (read_saved(row, q, 0.0) - mean) * rstd;
#endif
}

vec4 weighted(uint row, uint q)
{
    vec4 g = read_dy(row, q, 0.0);
    if ((p.flags & LAT_NORM_WEIGHT) != 0u)
        g *= read_w(0u, q, 0.0);
    return g;
}

void put(uint row, uint q, vec4 dv)
{
#ifdef FUSED
    if ((p.flags & LAT_NORM_DRES) != 0u)
        write_dr(row, q, (p.flags & LAT_NORM_ADD_DRES) != 0u ? dv + read_dr(row, q, 0.0) : dv);
    if ((p.flags & LAT_NORM_DX) == 0u)
        return;
    if (p.drop_below != 0u) {
        vec4 scale = dropout_scale(uvec2(random_state[0], random_state[1]), row, q);
        dv = mix(dv * scale, vec4(0.0), equal(scale, vec4(0.0)));
    }
#endif
    write_dx(row, q, (p.flags & LAT_NORM_ADD_DX) != 0u ? dv + read_dx(row, q, 0.0) : dv);
}

void row_main(uint row)
{
    float mean = stats[2u * row], rstd = stats[2u * row + 1u];
    vec4 kept_g[KEPT], kept_h[KEPT];
    vec4 acc_g = vec4(0.0), acc_gh = vec4(0.0);
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 g = weighted(row, q);
        vec4 h = normalised(row, q, mean, rstd);
        kept_g[ROW_SLOT(k)] = g;
        kept_h[ROW_SLOT(k)] = h;
        acc_g += g;
        acc_gh += g * h;  // g is 0 beyond the row
    }
    vec2 sums = row_sum2(vec2(sum4(acc_g), sum4(acc_gh))) / float(p.n_cols);
    if ((p.flags & LAT_NORM_RMS) != 0u)
        sums.x = 0.0;
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 g = KEEP > 0u ? kept_g[ROW_SLOT(k)] : weighted(row, q);
        vec4 h = KEEP > 0u ? kept_h[ROW_SLOT(k)] : normalised(row, q, mean, rstd);
        put(row, q, rstd * (g - sums.x - h * sums.y));
    }
}

ROW_KERNEL_MAIN
