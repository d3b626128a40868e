// SPDX-License-Identifier: MIT
//
// The test profile: clamps a device's limits and features down, so that code for small
// devices runs on every machine.
//
//   LATTN_LIMITS=floor                      the smallest device that design.md allows
//   LATTN_LIMITS=max_binding_bytes=65536,push_descriptors=0
//   LATTN_DISABLE=f16,subgroup,coopmat,bda,push_descriptors
//
// Nothing can be raised above what the device has. Words of LATTN_DISABLE that are not
// features are kernel strategies and none of this layer's business.

#include <stddef.h>
#include <string.h>
#include "base/log.h"
#include "base/str.h"
#include "device/caps.h"
#include "device/env.h"
#include "device/features.h"

enum kind { U32, U64, BOOL, F32, ALIGN };  // ALIGN: a larger value is the smaller device

struct limit {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t floor;  // value in the floor profile
};

#define LIMIT(kind, member, floor)                                                                 \
    {                                                                                              \
#member, kind, offsetof(struct lat_caps, member), floor                                    \
    }
#define FEATURE(member, group, vulkan) LIMIT(BOOL, member, 0),

// Timeline semaphores are part of the floor; buffer checks are wanted, not offered. is_cpu=0 and a width make a
// CPU choose as a narrow GPU does.
static const struct limit limits[] = {
    LIMIT(U64, max_binding_bytes, 65536), LIMIT(U64, max_allocation_bytes, 1u << 30),
    LIMIT(U64, max_buffer_bytes, 1u << 30), LIMIT(ALIGN, buffer_alignment, 256),
    LIMIT(U32, max_groups[0], 65535), LIMIT(U32, max_groups[1], 65535),
    LIMIT(U32, max_groups[2], 65535), LIMIT(U32, max_group_size[0], 256),
    LIMIT(U32, max_group_size[1], 256), LIMIT(U32, max_group_size[2], 64),
    LIMIT(U32, max_invocations, 256), LIMIT(U32, max_shared_bytes, 16384),
    LIMIT(U32, max_push_bytes, LAT_MAX_PUSH_BYTES), LIMIT(U32, max_bindings, LAT_MAX_BINDINGS),
    LIMIT(U32, max_memory_allocations, 4096), LIMIT(U32, width, UINT32_MAX), LIMIT(BOOL, is_cpu, 1),
    LIMIT(BOOL, subgroup_vote, 0), LIMIT(BOOL, subgroup_arithmetic, 0),
    LIMIT(BOOL, subgroup_ballot, 0), LIMIT(BOOL, subgroup_shuffle, 0),
    LIMIT(BOOL, subgroup_clustered, 0), LIMIT(BOOL, shader_i16, 0), LIMIT(BOOL, shader_i64, 0),
    LIMIT(BOOL, push_descriptors, 0), LIMIT(BOOL, memory_budget, 0),
    LIMIT(BOOL, creation_feedback, 0), LIMIT(F32, timestamp_ns, 0),
    // clang-format off
    LAT_FEATURES_11(FEATURE)
    LAT_FEATURES_12(FEATURE)
    LAT_FEATURES_13(FEATURE)
    LAT_FEATURES_EXTENSION(FEATURE)
    // clang-format on
};

static void clamp(struct lat_caps *caps, const struct limit *l, uint64_t value)
{
    void *p = (char *) caps + l->offset;
    switch (l->kind) {
    case U32:
        *(uint32_t *) p = (uint32_t) LAT_MIN(*(uint32_t *) p, value);
        break;
    case ALIGN:
        *(uint32_t *) p = (uint32_t) LAT_MAX(*(uint32_t *) p, value);
        break;
    case U64:
        *(uint64_t *) p = LAT_MIN(*(uint64_t *) p, value);
        break;
    case F32:
        if (value == 0)
            *(float *) p = 0;
        break;
    case BOOL:
        *(bool *) p = *(bool *) p && value;
        break;
    }
}

static void clamp_to_floor(struct lat_caps *caps)
{
    for (size_t i = 0; i < LAT_COUNT(limits); i++)
        if (strcmp(limits[i].name, "timeline") != 0)
            clamp(caps, &limits[i], limits[i].floor);
}

static const struct limit *find(const char *name)
{
    for (size_t i = 0; i < LAT_COUNT(limits); i++)
        if (strcmp(limits[i].name, name) == 0)
            return &limits[i];
    return NULL;
}

static lattn_status clamp_word(struct lat_caps *caps, char *word)
{
    if (strcmp(word, "floor") == 0) {
        clamp_to_floor(caps);
        return LATTN_OK;
    }
    char *eq = strchr(word, '=');
    int64_t value = 0;
    if (!eq)
        return lat_err(
            LATTN_ERR_ARG, "LATTN_LIMITS: '%.64s' is neither floor nor name=value", word);
    *eq = '\0';
    const struct limit *l = find(word);
    if (!l)
        return lat_err(LATTN_ERR_ARG,
            "LATTN_LIMITS: no limit is called '%.64s'; names are members of struct lat_caps, "
            "such as max_binding_bytes or push_descriptors",
            word);
    if (!lat_parse_i64(eq + 1, &value) || value < 0)
        return lat_err(
            LATTN_ERR_ARG, "LATTN_LIMITS: %s=%.64s is not a whole number from 0 up", word, eq + 1);
    if (l->kind == ALIGN && (value == 0 || value > 65536 || (value & (value - 1))))
        return lat_err(LATTN_ERR_ARG, "LATTN_LIMITS: %s=%.64s is not a power of two up to 65536",
            word, eq + 1);
    clamp(caps, l, (uint64_t) value);
    return LATTN_OK;
}

static lattn_status clamp_words(struct lat_caps *caps, char *text)
{
    for (char *word = text; word;) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma++ = '\0';
        LAT_TRY(clamp_word(caps, word));
        word = comma;
    }
    return LATTN_OK;
}

static void disable(struct lat_caps *caps)
{
    if (lat_env_has("LATTN_DISABLE", "f16"))
        caps->shader_f16 = false;
    if (lat_env_has("LATTN_DISABLE", "bda"))
        caps->buffer_address = false;
    if (lat_env_has("LATTN_DISABLE", "push_descriptors"))
        caps->push_descriptors = false;
    if (lat_env_has("LATTN_DISABLE", "coopmat"))
        caps->coopmat = false;
    if (lat_env_has("LATTN_DISABLE", "subgroup"))
        caps->subgroup_vote = caps->subgroup_arithmetic = caps->subgroup_ballot =
            caps->subgroup_shuffle = caps->subgroup_clustered = false;
}

// Features that cannot stand without another one.
static void drop_dependants(struct lat_caps *caps)
{
    if (!caps->memory_model)
        caps->coopmat = false;
    if (!caps->shader_bf16)
        caps->coopmat_bf16 = false;
    if (caps->coopmat && !lat_env_has("LATTN_DISABLE", "coopmat2"))
        return;
    caps->coopmat2_workgroup = caps->coopmat2_flexible = caps->coopmat2_reductions = false;
    caps->coopmat2_conversions = caps->coopmat2_per_element = false;
    caps->coopmat2_tensor_addressing = caps->coopmat2_block_loads = false;
    if (!caps->coopmat) {
        caps->coopmat_bf16 = false;
        caps->n_coopmat_shapes = 0;
    }
    caps->n_coopmat_grains = 0;
}

static void fill_info(struct lat_caps *caps)
{
    lattn_device_info *info = &caps->info;
    info->max_allocation_bytes = caps->max_allocation_bytes;
    info->max_binding_bytes = caps->max_binding_bytes;
    info->shared_memory_bytes = caps->max_shared_bytes;
    info->max_invocations = caps->max_invocations;
    info->subgroup_size = caps->subgroup_size;
    info->min_subgroup_size = caps->min_subgroup_size;
    info->max_subgroup_size = caps->max_subgroup_size;
    info->subgroup_arithmetic = caps->subgroup_arithmetic;
    info->storage_f16 = caps->storage_16;
    info->storage_u8 = caps->storage_8;
    info->arithmetic_f16 = caps->shader_f16;
    info->buffer_address = caps->buffer_address;
    info->push_descriptors = caps->push_descriptors;
    info->coopmat = caps->coopmat;
    const struct lat_coopmat_shape *fragment = lat_coopmat_fragment(caps, false);
    info->coopmat_m = fragment ? fragment->m : 0;
    info->coopmat_n = fragment ? fragment->n : 0;
    info->coopmat_k = fragment ? fragment->k : 0;
    info->coopmat_bf16 = lat_coopmat_fragment(caps, true) != NULL;
    info->coopmat2 = caps->coopmat2_workgroup || caps->coopmat2_flexible ||
                     caps->coopmat2_reductions || caps->coopmat2_conversions ||
                     caps->coopmat2_per_element || caps->coopmat2_tensor_addressing ||
                     caps->coopmat2_block_loads;
    info->timestamps = caps->timestamp_ns > 0 && caps->timestamp_bits > 0;
}

lattn_status lat_caps_clamp(struct lat_caps *caps)
{
    const char *text = lat_env("LATTN_LIMITS");
    if (text) {
        char *words = lat_strdup(text);
        if (!words)
            return LATTN_ERR_HOST_MEMORY;
        lattn_status st = clamp_words(caps, words);
        lat_free(words);
        LAT_TRY(st);
    }
    disable(caps);
    drop_dependants(caps);
    if (caps->timestamp_bits == 0)
        caps->timestamp_ns = 0;
    fill_info(caps);
    return LATTN_OK;
}
