#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// mse_loss_bwd: 2 (x - t) and -2 (x - t). The kernel is in pair_loss_bwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_blocks, 1, 1), folded into y past the device's limit

#include "pair_loss.abi.h"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"

vec2 pair_grad(float x, float t)
{
    return vec2(2.0, -2.0) * (x - t);
}

#include "pair_loss_bwd.glsl"
