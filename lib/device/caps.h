// SPDX-License-Identifier: MIT
//
// Limits and features of a device, one flat struct. Filled once; everything above asks
// here and never Vulkan. A test profile (LATTN_LIMITS=floor, or name=value,...) clamps
// members down, so that the smallest device is met on every machine.
#ifndef LAT_CAPS_H
#define LAT_CAPS_H
#include "base/status.h"
#include "lattn/device.h"
#include "device/vk.h"

enum { LAT_MAX_BINDINGS = 12, LAT_MAX_PUSH_BYTES = 128, LAT_MAX_SPEC = 20 };

struct lat_coopmat_shape {
    uint32_t m, n, k;
    VkComponentTypeKHR a, b, c, result;
    bool workgroup_scope;
};

// Matrices of f16, or bf16, summed in f32 whose m, n and k are multiples of these (VK_NV_cooperative_matrix2).
struct lat_coopmat_grain {
    uint32_t m, n, k;
    uint32_t invocations;  // of the workgroup that holds a matrix; 0 = a subgroup does
    bool bf16;
};

struct lat_coopmat_tile {
    uint32_t m, n, k;
    uint32_t invocations;  // as above
    bool from_f32;         // operands are loaded as f32 and converted
    bool bf16;             // what is multiplied; else f16
};

struct lat_caps {
    lattn_device_info info;  // what the public sees
    uint32_t api_version;
    bool is_cpu;  // a CPU driver: the cpu strategies are for these
    bool is_lavapipe;
    uint32_t width;      // workgroups that it is taken to run at once
    uint32_t driver_id;  // VkDriverId
    uint32_t driver_version;
    uint8_t device_uuid[16], driver_uuid[16], cache_uuid[16];

    uint64_t max_binding_bytes;  // maxStorageBufferRange, after clamping
    uint64_t max_allocation_bytes;
    uint64_t max_buffer_bytes;
    uint32_t buffer_alignment;  // minStorageBufferOffsetAlignment
    uint64_t noncoherent_atom;
    uint32_t max_groups[3];
    uint32_t max_invocations;
    uint32_t max_group_size[3];
    uint32_t max_shared_bytes;
    uint32_t max_push_bytes;  // at least 128
    uint32_t max_bindings;    // storage buffers per stage, >= LAT_MAX_BINDINGS or refused
    uint32_t max_memory_allocations;

    uint32_t subgroup_size, min_subgroup_size, max_subgroup_size;
    bool subgroup_size_control, full_subgroups;
    bool subgroup_basic, subgroup_vote, subgroup_arithmetic, subgroup_ballot, subgroup_shuffle,
        subgroup_clustered;

    // Members that are also Vulkan features are queried and enabled by the list in
    // features.h: true means supported, not clamped away, and switched on.
    bool storage_16, storage_8;  // storageBuffer16BitAccess, storageBuffer8BitAccess
    bool shader_f16, shader_i16, shader_i8, shader_i64;
    bool shader_bf16, coopmat_bf16;  // VK_KHR_shader_bfloat16
    bool buffer_address;
    bool scalar_layout;
    bool memory_model;  // vulkanMemoryModel
    bool maintenance4;  // LocalSizeId, maxBufferSize
    bool push_descriptors;
    bool timeline;  // always true on a usable device
    bool memory_budget;
    bool portability_subset;   // a layered implementation (MoltenVK)
    bool pipeline_statistics;  // VK_KHR_pipeline_executable_properties
    bool creation_feedback;    // VK_EXT_pipeline_creation_feedback
    bool device_fault;
    bool shader_object;  // VK_EXT_shader_object, where it is better than pipelines (caps.c)
    bool robust_access;  // switched on by LATTN_CHECK=robust
    float timestamp_ns;  // nanoseconds per tick; 0 = no timestamps
    uint32_t timestamp_bits;

    bool coopmat;  // VK_KHR_cooperative_matrix in compute shaders
    // The program's wish and no limit, kept here because strategies are chosen by it: matrix units may
    // round f32 to f16.
    bool reduced_precision;
    struct lat_coopmat_shape coopmat_shapes[64];
    uint32_t n_coopmat_shapes;
    struct lat_coopmat_grain coopmat_grains[32];
    uint32_t n_coopmat_grains;
    // Of coopmat2: invocations of a workgroup that holds matrices, rows or columns of one, and the bytes of
    // shared memory that such a workgroup loses.
    uint32_t coopmat2_max_group, coopmat2_max_dimension, coopmat2_reserved_bytes;
    bool mixed_dot;  // integerDotProduct4x8BitPackedMixedSignednessAccelerated
    bool coopmat2_workgroup, coopmat2_flexible, coopmat2_reductions, coopmat2_conversions,
        coopmat2_per_element, coopmat2_tensor_addressing, coopmat2_block_loads;
};

// Names of device extensions: what a device offers, or what an application enabled.
struct lat_extensions {
    const char *const *names;
    uint32_t n;
};
bool lat_extensions_have(const struct lat_extensions *e, const char *name);

// Fills *caps for a device. adopted: what the application enabled (the chain it created the
// device with, its extensions); NULL = what the device supports. api_version is the lower
// one of instance and device; properties and features of newer versions are not touched.
lattn_status lat_caps_query(const struct lat_vk *vk, VkPhysicalDevice physical,
    uint32_t instance_version, const lattn_vulkan_handles *adopted, struct lat_caps *caps);
// Applies LATTN_LIMITS and LATTN_DISABLE. ERR_ARG names the variable and the bad word.
lattn_status lat_caps_clamp(struct lat_caps *caps);
// How many workgroups a GPU with so many units is taken to run at once; 0 = its driver does not tell. Units of small
// GPUs have to have several, or they would wait for memory.
uint32_t lat_gpu_width(uint32_t units);
// The matrix fragment for f16, or bf16, summed in f32; NULL where kernels cannot use one (coopmat.c).
const struct lat_coopmat_shape *lat_coopmat_fragment(const struct lat_caps *caps, bool bf16);
// The subgroup size that kernels with fragments ask for.
uint32_t lat_coopmat_subgroup(const struct lat_caps *caps);
// Whether kernels may multiply matrices of these sizes, summed in f32 (coopmat2).
bool lat_coopmat_takes(const struct lat_caps *caps, const struct lat_coopmat_tile *tile);
// Writes why the device is below the floor of design.md section 3; "" = usable.
void lat_caps_refusal(const struct lat_caps *caps, char *text, size_t bytes);

#endif
