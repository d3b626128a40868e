#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_kv_short_cpu: attention_bwd_kv_cpu with the weights that attention_bwd_q_short_cpu has kept.
//
// @variants  T = f32
// @groups    (batches * key heads * ceil(s / SG), 1, 1)

layout(local_size_x = 32, local_size_x_id = 0) in;  // SG

#define LAT_LANES_BY_ADDRESS
#define LAT_KEEPS_WEIGHTS
#include "attention_lanes.glsl"
#include "attention_bwd_kv_lanes.glsl"
