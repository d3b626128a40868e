// SPDX-License-Identifier: MIT
//
// Loads by device address for lavapipe (Mesa 26 and newer). Only the cpu strategies use them.
//
// That driver turns a load whose address is the same in all lanes into a scalar load and a
// broadcast, with constant offsets folded, and a set of such loads merged by constant lane masks
// into one vector load. Loads through descriptors become a gather or scatter per component.
//
// What must be kept to:
//   - Loads run even when no lane is active: no `if` guards them. Loops are tested at the bottom and
//     every address is clamped to the tensor.
//   - lat_load_lanes in one loop of a shader at most: two loops share the masks, which then are no
//     longer constants, and every load becomes a gather again.
//   - SG is the subgroup size, exactly.
#ifndef LAT_WIDE_GLSL
#define LAT_WIDE_GLSL
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly restrict buffer LatFloats {
    float f[];
};

// f[offset + lane], for a uniform r and a constant offset.
float lat_load_lanes(LatFloats r, uint offset)
{
    uint v = floatBitsToUint(r.f[offset]);
    [[unroll]] for (uint i = 1; i < SG; i++) {
        uint mask = 0u - (((1u << i) >> gl_SubgroupInvocationID) & 1u);
        v = (v & ~mask) | (floatBitsToUint(r.f[offset + i]) & mask);
    }
    return uintBitsToFloat(v);
}

#endif
