#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embed_layer_norm_fwd_cpu, for lavapipe 26 and newer. The kernel is in layer_norm_fwd_cpu.glsl.
//
// @variants  T = f32
// @groups    (n_rows, 1, 1), folded into y past the device's limit

#define EMBED
#include "layer_norm.abi.h"
#include "layer_norm_fwd_cpu.glsl"
