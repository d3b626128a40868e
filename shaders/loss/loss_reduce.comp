#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// loss_reduce: one number from the losses of all rows, by one workgroup in a fixed order:
//
//     out = factor sum(losses)      or      out = sum(losses) / sum(shares), 0 where that is 0 / 0
//
// The divisor is kept for backward.
//
// @groups    (1, 1, 1)

#define T_F32
#include "loss_reduce.abi.h"
#include "common/row_base.glsl"

layout(binding = 0) readonly buffer Losses { float losses[]; };
layout(binding = 1) readonly buffer Shares { float shares[]; };
layout(binding = 2) writeonly buffer Result { float result[]; };
layout(binding = 3) writeonly buffer Divisor { float divisor[]; };

void main()
{
    bool has_shares = p.has_shares != 0u;
    vec2 acc = vec2(0.0);
    for (uint i = row_lane(); i < p.n_cols; i += row_lanes())
        acc += vec2(losses[i], has_shares ? shares[i] : 0.0);
    vec2 total = row_sum2(acc);
    if (row_lane() != 0u)
        return;
    if (!has_shares) {
        result[0] = total.x * p.factor;
        return;
    }
    result[0] = total.x == 0.0 && total.y == 0.0 ? 0.0 : total.x / total.y;
    divisor[0] = total.y;
}
