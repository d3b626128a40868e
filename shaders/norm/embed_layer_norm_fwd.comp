#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// embed_layer_norm_fwd, a workgroup per row. The kernel is in layer_norm_fwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (n_rows, 1, 1), folded into y past the device's limit

#define EMBED
#include "layer_norm.abi.h"
#include "common/row_base.glsl"
#include "layer_norm_fwd.glsl"
