#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
// SPDX-License-Identifier: MIT
//
// attention_bwd_q_coopmat2_subgroup: a workgroup is one subgroup, which holds a matrix
// (attention_bwd_q_coopmat2.glsl).
//
// @variants  T = f16 bf16
// @target    vulkan1.3
// @needs     coopmat2
// @needs     bfloat16 for bf16
// @groups    (batches * heads * ceil(t / ROWS), 1, 1)

layout(local_size_x = 32, local_size_x_id = 0) in;

#include "attention_matrices_subgroup.glsl"
#include "attention_bwd_q_coopmat2.glsl"
