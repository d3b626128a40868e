#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// sgd: unscales, clips and applies one arena's gradients in one pass.
//
//     g = share (g + decay w)        m = momentum m + g
//     w = w - lr m           with Nesterov w - lr (g + momentum m), without momentum w - lr g
//
// With the rate inside, share holds lr as well and w = w - m.
//
// @variants  T = f32 f16 bf16
// @groups    (n_chunks, 1, 1), folded into y past the device's limit

#include "optim.abi.h"
#include "common/index.glsl"
#include "common/vec4.glsl"
#include "update.glsl"

#include "sgd.glsl"
