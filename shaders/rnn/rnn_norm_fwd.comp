#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// rnn_norm_fwd: the end of a step of the LSTM whose cell is layer-normalised, a row of the batch each:
//
//     h = o tanh((c - mean(c)) rstd gain + bias)
//
// rnn_cell_fwd has written c and the gates. Past a row's length the state stays and y is 0.
// Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450, appendix.
//
// @variants  T = f32 f16 bf16
// @groups    (rows of the batch, 1, 1)

#include "rnn_norm.abi.h"
#include "common/row_base.glsl"

layout(binding = 0) readonly buffer Cells { float cells[]; };  // [2, B, H]
layout(binding = 1) readonly buffer Gates { T gates[]; };      // [B, 4 H]
layout(binding = 2) readonly buffer Gain { T gain[]; };
layout(binding = 3) readonly buffer Bias { T bias[]; };
layout(binding = 4) readonly buffer Lengths { int lengths[]; };
layout(binding = 5) writeonly buffer Y { T y[]; };             // [B, H]
layout(binding = 6) buffer States { T states[]; };             // [2, B, H]
layout(binding = 7) writeonly buffer Stats { float stats[]; }; // mean, rstd of each row

void row_main(uint row)
{
    uint n = p.n_cols, slot = p.n_rows * n, before = p.reverse != 0u ? slot : 0u;
    uint at = row * n, after = slot - before + at;
    float sum = 0.0;
    for (uint i = row_lane(); i < n; i += row_lanes())
        sum += cells[after + i];
    float mean = row_sum(sum) / float(n);
    sum = 0.0;
    for (uint i = row_lane(); i < n; i += row_lanes()) {
        float d = cells[after + i] - mean;
        sum += d * d;
    }
    float rstd = inversesqrt(row_sum(sum) / float(n) + p.eps);
    if (row_lane() == 0u && p.keep != 0u) {
        stats[2u * row] = mean;
        stats[2u * row + 1u] = rstd;
    }
    bool live = p.has_lengths == 0u || int(p.step) < lengths[row];
    for (uint i = row_lane(); i < n; i += row_lanes()) {
        float v = (cells[after + i] - mean) * rstd * load(gain[i]);
        if (p.has_bias != 0u)
            v += load(bias[i]);
        float h = load(gates[4u * at + 3u * n + i]) * lat_tanh(v);
        y[at + i] = store(live ? h : 0.0);
        states[after + i] = store(live ? h : load(states[before + at + i]));
    }
}

ROW_KERNEL_MAIN
