#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// bce_with_logits_fwd: -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), in the form that neither
// overflows nor cancels: max(x, 0) - x t + log(1 + exp(-|x|)). The kernel is in pair_loss_fwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_blocks, 1, 1), folded into y past the device's limit

#include "pair_loss.abi.h"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"

// log(1 + e) for 0 <= e <= 1; 1 + e rounds small e away.
float log_one_plus(float e)
{
    return e < 0.01 ? e * (1.0 - e * (0.5 - e * (0.33333333 - e * 0.25))) : log(1.0 + e);
}

float pair_loss(float x, float t)
{
    float e = lat_exp(-abs(x));
    return (x < 0.0 ? -x * t : x * (1.0 - t)) + log_one_plus(e);
}

#include "pair_loss_fwd.glsl"
