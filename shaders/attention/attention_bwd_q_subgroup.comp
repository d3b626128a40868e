#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_q_subgroup: gradient of the queries of attention where the subgroup size is known: rows that all lanes need are
// loaded side by side and broadcast.
// The method is in attention_lanes.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    (batches * heads * ceil(t / SG), 1, 1)

layout(local_size_x = 32, local_size_x_id = 0) in;  // SG

#include "attention_lanes.glsl"
#include "attention_bwd_q_lanes.glsl"
