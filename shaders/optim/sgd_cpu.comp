#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// sgd_cpu: sgd on lavapipe 26 and newer. The rule is in sgd.glsl, the walk in update_cpu.glsl.
//
// @variants  T = f32
// @groups    (n_chunks, 1, 1), folded into y past the device's limit

#include "optim.abi.h"
#include "update_cpu.glsl"
#include "sgd.glsl"
