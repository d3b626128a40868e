#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// softmax_bwd_cpu, for lavapipe 26 and newer. The kernel is in softmax_bwd_cpu.glsl.
//
// @variants  T = f32
// @groups    (ceil(n_rows / (WG / SG)), 1, 1), folded into y past the device's limit

#include "softmax.abi.h"
#include "softmax_bwd_cpu.glsl"
