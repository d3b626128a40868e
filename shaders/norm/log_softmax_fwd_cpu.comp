#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// log_softmax_fwd_cpu, for lavapipe 26 and newer. The kernel is in softmax_fwd_cpu.glsl.
//
// @variants  T = f32
// @groups    (ceil(n_rows / (WG / SG)), 1, 1), folded into y past the device's limit

#define LOG
#include "softmax.abi.h"
#include "softmax_fwd_cpu.glsl"
