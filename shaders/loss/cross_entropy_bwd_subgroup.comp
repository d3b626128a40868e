#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// cross_entropy_bwd, a subgroup per row. The kernel is in cross_entropy_bwd.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n_rows / ROWS), 1, 1), folded into y past the device's limit

#include "cross_entropy.abi.h"
#include "common/row_subgroup.glsl"
#include "cross_entropy_bwd.glsl"
