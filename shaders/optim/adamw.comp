#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// adamw: unscales, clips and applies one arena's gradients in one pass.
//
//     m = beta1 m + (1 - beta1) g                v = beta2 v + (1 - beta2) g^2
//     w = w (1 - lr decay) - lr / bias1 m / (sqrt(v) / sqrt(bias2) + eps)
//
// Source: Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2.
//
// @variants  T = f32 f16 bf16
// @groups    (n_chunks, 1, 1), folded into y past the device's limit

#include "optim.abi.h"
#include "common/index.glsl"
#include "common/vec4.glsl"
#include "update.glsl"

#include "adamw.glsl"
