#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// log_softmax_fwd, a workgroup per row. The kernel is in softmax_fwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_rows, 1, 1), folded into y past the device's limit

#define LOG
#include "softmax.abi.h"
#include "common/row_base.glsl"
#include "softmax_fwd.glsl"
