#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// mse_loss_fwd: (x - t)^2. The kernel is in pair_loss_fwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_blocks, 1, 1), folded into y past the device's limit

#include "pair_loss.abi.h"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"

float pair_loss(float x, float t)
{
    return (x - t) * (x - t);
}

#include "pair_loss_fwd.glsl"
