#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// copy_quads: dst = src, four elements at a time: runs of elements lie together in both, and every
// run starts at a quad. What splitting and joining attention heads comes to.
//
// @variants  T = i32 bf16 u8
// @groups    (ceil(n / (4 * WG)), 1, 1)

#include "common/divide.glsl"
#include "common/index.glsl"
#include "common/vec4.glsl"
#include "copy.abi.h"

layout(binding = 0) readonly buffer X { T4 x[]; };
layout(binding = 1) writeonly buffer Y { T4 y[]; };

#define MOVE(dst, src) y[dst] = x[src]
#include "copy.glsl"
