#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_q_cpu: gradient of the queries of attention on lavapipe 26 and newer: rows that all lanes need are loads by
// device address.
// The method is in attention_lanes.glsl.
//
// @variants  T = f32
// @groups    (batches * heads * ceil(t / SG), 1, 1)

layout(local_size_x = 32, local_size_x_id = 0) in;  // SG

#define LAT_LANES_BY_ADDRESS
#include "attention_lanes.glsl"
#include "attention_bwd_q_lanes.glsl"
