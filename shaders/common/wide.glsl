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
//   - PAIRS is a constant: whether every run that LAT_STORE_LANES writes starts at an even element.
#ifndef LAT_WIDE_GLSL
#define LAT_WIDE_GLSL
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_EXT_control_flow_attributes : require
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

// Four such vectors, one behind the other.
vec4 lat_load_lanes4(LatFloats r, uint offset)
{
    return vec4(lat_load_lanes(r, offset), lat_load_lanes(r, offset + SG),
        lat_load_lanes(r, offset + 2u * SG), lat_load_lanes(r, offset + 3u * SG));
}

// Element `first` of the tensor at an address that came in two halves.
LatFloats lat_floats(uint lo, uint hi, uint first)
{
    return LatFloats(packUint2x32(uvec2(lo, hi)) + 4ul * first);
}

// The counterpart goes through the descriptor, as scalar stores of a uniform address, which are cheaper than one
// scatter. Each may be checked against the buffer's end (shader objects of lavapipe 26.1 are always robust), so
// two floats go at once where they can. LAT_LANES_OUT declares such a buffer, LAT_PAIRS_OUT what one that is
// declared already lacks; first is uniform.
#define LAT_LANES_OUT(number, Name, name)                              \
    layout(binding = number) writeonly buffer Name { float name[]; };  \
    LAT_PAIRS_OUT(number, Name, name)
#define LAT_PAIRS_OUT(number, Name, name) \
    layout(binding = number) writeonly buffer Name##Pairs { uint64_t pairs_##name[]; };

// One float at a time, step elements apart; for a buffer of any declaration.
#define LAT_STORE_EACH(name, first, step, value)                                  \
    {                                                                             \
        float each_ = (value);                                                    \
        uint from_ = (first);                                                     \
        [[unroll]] for (uint lane_ = 0; lane_ < SG; lane_++)                      \
            name[from_ + lane_ * (step)] = subgroupBroadcast(each_, lane_);       \
    }
#define LAT_STORE_LANES(name, first, value)                                                    \
    {                                                                                          \
        float lanes_ = (value);                                                                \
        uint first_ = (first);                                                                 \
        if (PAIRS) {                                                                           \
            first_ /= 2u;                                                                      \
            [[unroll]] for (uint lane_ = 0; lane_ < SG; lane_ += 2)                            \
                pairs_##name[first_ + lane_ / 2u] = lat_pair(                                  \
                    subgroupBroadcast(lanes_, lane_), subgroupBroadcast(lanes_, lane_ + 1u));  \
        } else {                                                                               \
            LAT_STORE_EACH(name, first_, 1u, lanes_)                                           \
        }                                                                                      \
    }
#define LAT_STORE_LANES4(name, first, value)                             \
    {                                                                    \
        vec4 vectors_ = (value);                                         \
        [[unroll]] for (uint part_ = 0; part_ < 4; part_++)              \
            LAT_STORE_LANES(name, (first) + part_ * SG, vectors_[part_]) \
    }

uint64_t lat_pair(float lo, float hi)
{
    return packUint2x32(uvec2(floatBitsToUint(lo), floatBitsToUint(hi)));
}

#endif
