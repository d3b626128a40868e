#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_norm_bwd: backward of rnn_norm_fwd, before rnn_cell_bwd. With v = (c - mean) rstd and n = v gain + bias:
//
//     dh = what the caller, the next step's product and `carry` give
//     dn = dh o (1 - tanh(n)^2),  g = dn gain,  carry of c += rstd (g - mean(g) - v mean(g v))
//     do = dh tanh(n) o (1 - o)
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch, 1, 1)

#include "rnn_norm.abi.h"
#include "common/row_base.glsl"

layout(binding = 0) readonly buffer DY { T dy[]; };            // [B, H]
layout(binding = 1) readonly buffer Product { T product[]; };  // [B, H]
layout(binding = 2) readonly buffer Lengths { int lengths[]; };
layout(binding = 3) readonly buffer Cells { float cells[]; };  // [2, B, H]
layout(binding = 4) readonly buffer Gates { T gates[]; };      // [B, 4 H]
layout(binding = 5) readonly buffer Stats { float stats[]; };  // mean, rstd of each row
layout(binding = 6) readonly buffer Gain { T gain[]; };
layout(binding = 7) readonly buffer Bias { T bias[]; };
layout(binding = 8) buffer Carry { float carry[]; };           // [2, B, H]
layout(binding = 9) writeonly buffer DA { T da[]; };           // [B, 4 H]: its last quarter
layout(binding = 10) writeonly buffer DN { float dn[]; };      // [B, H]

struct Unit {
    float v, dn, d_open;
};

Unit unit_of(uint row, uint i)
{
    uint at = row * p.n_cols + i;
    uint after = p.reverse != 0u ? at : p.n_rows * p.n_cols + at;
    float dh = carry[at] + load(dy[at]);
    if (p.first == 0u)
        dh += load(product[at]);
    Unit u;
    u.v = (cells[after] - stats[2u * row]) * stats[2u * row + 1u];
    float n = u.v * load(gain[i]), o = load(gates[(4u * row + 3u) * p.n_cols + i]);
    if (p.has_bias != 0u)
        n += load(bias[i]);
    float t = lat_tanh(n);
    u.dn = dh * o * (1.0 - t * t);
    u.d_open = dh * t * o * (1.0 - o);
    return u;
}

void row_main(uint row)
{
    uint n = p.n_cols, of_c = (p.n_rows + row) * n;
    bool live = p.has_lengths == 0u || int(p.step) < lengths[row];
    vec2 sums = vec2(0.0);
    for (uint i = row_lane(); i < n; i += row_lanes()) {
        Unit u = unit_of(row, i);
        sums += u.dn * load(gain[i]) * vec2(1.0, u.v);
    }
    vec2 mean = row_sum2(sums) / float(n);
    float rstd = stats[2u * row + 1u];
    for (uint i = row_lane(); i < n; i += row_lanes()) {
        Unit u = unit_of(row, i);
        dn[row * n + i] = live ? u.dn : 0.0;
        da[(4u * row + 3u) * n + i] = store(live ? u.d_open : 0.0);
        if (live)
            carry[of_c + i] += rstd * (u.dn * load(gain[i]) - mean.x - u.v * mean.y);
    }
}

ROW_KERNEL_MAIN
