// SPDX-License-Identifier: MIT
//
// Limits and features, and the test profile that clamps them.

#include "base/status.h"
#include "device/env.h"
#include "device/features.h"
#include "device/fixture.h"

static struct lat_device *open_with(const char *limits, const char *disable)
{
    dt_env("LATTN_LIMITS", limits);
    dt_env("LATTN_DISABLE", disable);
    struct lat_device *dev = dt_open(NULL);
    dt_env_restore();
    return dev;
}

TEST(caps, device_is_above_the_floor_and_info_agrees)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    const struct lat_caps *c = &dev->caps;
    EXPECT(c->api_version >= VK_API_VERSION_1_2 && c->timeline);
    EXPECT(c->max_invocations >= 256 && c->max_shared_bytes >= 16384);
    EXPECT(c->max_push_bytes >= LAT_MAX_PUSH_BYTES && c->max_bindings >= LAT_MAX_BINDINGS);
    EXPECT(c->max_binding_bytes > 0 && c->max_allocation_bytes > 0 && c->max_buffer_bytes > 0);
    EXPECT(c->buffer_alignment > 0 && (c->buffer_alignment & (c->buffer_alignment - 1)) == 0);
    EXPECT(c->min_subgroup_size <= c->subgroup_size && c->subgroup_size <= c->max_subgroup_size);
    EXPECT_EQ(c->info.max_binding_bytes, c->max_binding_bytes);
    EXPECT_EQ(c->info.storage_f16, c->storage_16);
    EXPECT_EQ(c->info.coopmat, c->coopmat);
    EXPECT_EQ(c->coopmat, c->n_coopmat_shapes > 0);
    EXPECT(c->n_coopmat_grains == 0 || (c->coopmat2_flexible && c->coopmat2_max_dimension > 0));
    EXPECT(c->info.memory_bytes > 0 && *c->info.driver && !*c->info.refused);
    dt_close(&dev);
}

TEST(caps, floor_profile_leaves_the_smallest_device)
{
    struct lat_device *dev = open_with("floor", NULL);
    if (!dev)
        return;
    const struct lat_caps *c = &dev->caps;
    EXPECT_EQ(c->max_invocations, 256);
    EXPECT_EQ(c->max_shared_bytes, 16384);
    EXPECT_EQ(c->max_push_bytes, 128);
    EXPECT_EQ(c->max_binding_bytes, 65536);
    EXPECT_EQ(c->buffer_alignment, 256);
    EXPECT_EQ(c->max_bindings, LAT_MAX_BINDINGS);
    EXPECT(c->timeline);
    EXPECT(!c->push_descriptors && !c->subgroup_arithmetic && !c->coopmat && !c->memory_budget);
#define XX(member, group, vulkan) EXPECT(!c->member);
    LAT_FEATURES_11(XX)
    LAT_FEATURES_13(XX)
    LAT_FEATURES_EXTENSION(XX)
#undef XX
    EXPECT(!c->storage_8 && !c->shader_f16 && !c->buffer_address && !c->memory_model);
    EXPECT(!c->info.timestamps && !c->info.storage_f16 && !c->info.push_descriptors);
    dt_close(&dev);
}

TEST(caps, single_limits_are_lowered_and_never_raised)
{
    struct lat_device *plain = open_with(NULL, NULL);
    if (!plain)
        return;
    struct lat_device *dev = open_with("max_binding_bytes=4096,push_descriptors=0,max_groups[0]=7,"
                                       "max_shared_bytes=1000000000,storage_16=1",
        NULL);
    EXPECT_EQ(dev->caps.max_binding_bytes, 4096);
    EXPECT_EQ(dev->caps.info.max_binding_bytes, 4096);
    EXPECT_EQ(dev->caps.max_groups[0], 7);
    EXPECT(!dev->caps.push_descriptors);
    EXPECT_EQ(dev->caps.max_shared_bytes, plain->caps.max_shared_bytes);
    EXPECT_EQ(dev->caps.storage_16, plain->caps.storage_16);
    dt_close(&dev);
    dt_close(&plain);
}

TEST(caps, disabled_features_are_off_and_strategies_are_ignored)
{
    struct lat_device *dev = open_with(NULL, "f16,bda,subgroup,push_descriptors,coopmat,cpu");
    if (!dev)
        return;
    const struct lat_caps *c = &dev->caps;
    EXPECT(!c->shader_f16 && !c->buffer_address && !c->subgroup_arithmetic);
    EXPECT(!c->push_descriptors && !c->coopmat && !c->coopmat2_flexible && !c->n_coopmat_grains);
    EXPECT(c->max_binding_bytes > 65536);
    dt_close(&dev);
}

static void expect_bad_limits(const char *text, const char *part)
{
    struct lat_device *dev = NULL;
    lattn_ctx_params p = { .cache_dir = "" };
    dt_env("LATTN_LIMITS", text);
    lattn_status st = lat_device_open(&p, &dev);
    dt_env_restore();
    lat_device_close(&dev);
    if (st == LATTN_ERR_NO_DEVICE) {
        lt_skip("%s", lat_err_text());
        return;
    }
    EXPECT_EQ(st, LATTN_ERR_ARG);
    EXPECT_CONTAINS(lat_err_text(), "LATTN_LIMITS");
    EXPECT_CONTAINS(lat_err_text(), part);
}

TEST(caps, wrong_limits_name_the_variable_and_the_word)
{
    expect_bad_limits("cellar", "'cellar' is neither floor nor name=value");
    expect_bad_limits("max_bindingbytes=1", "'max_bindingbytes'");
    expect_bad_limits("max_binding_bytes=lots", "max_binding_bytes=lots is not a whole number");
    expect_bad_limits("max_binding_bytes=-1", "max_binding_bytes=-1");
    expect_bad_limits("buffer_alignment=100", "power of two");
    expect_bad_limits("floor,", "neither floor");
}

TEST(caps, comma_lists_match_whole_words)
{
    dt_env("LATTN_CHECK", "poisoned,robust,,hazard");
    EXPECT(!lat_env_has("LATTN_CHECK", "poison"));
    EXPECT(lat_env_has("LATTN_CHECK", "robust"));
    EXPECT(lat_env_has("LATTN_CHECK", "hazard"));
    EXPECT(!lat_env_has("LATTN_CHECK", "haz"));
    dt_env_restore();
}

TEST(caps, a_gpu_is_as_wide_as_all_its_units)
{
    EXPECT_EQ(lat_gpu_width(0), 128);
    EXPECT_EQ(lat_gpu_width(132), 132);
    EXPECT_EQ(lat_gpu_width(64), 64);
    EXPECT_EQ(lat_gpu_width(20), 80);
    EXPECT_EQ(lat_gpu_width(1), 64);
}

// The feature list against a hand-made chain: what is switched on arrives, nothing else does.
TEST(caps, chain_for_device_creation_has_exactly_the_features)
{
    struct lat_caps caps = { .api_version = VK_API_VERSION_1_2 }, back = { 0 };
    caps.storage_16 = caps.timeline = caps.full_subgroups = caps.coopmat2_flexible = true;
    caps.shader_i64 = true;
    struct lat_feature_chain chain;
    lat_features_chain(&caps, &chain);
    lat_features_adopt(&chain.head, &back);
#define XX(member, group, vulkan) EXPECT_EQ(back.member, caps.member);
    LAT_FEATURES(XX)
#undef XX
    EXPECT(back.shader_i64 && !back.shader_i16 && !back.robust_access);

    const char *names[LAT_MAX_EXTENSIONS];
    uint32_t n = lat_features_extensions(&caps, names);
    struct lat_extensions e = { names, n };
    EXPECT_EQ(n, 2);
    EXPECT(lat_extensions_have(&e, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME));
    EXPECT(lat_extensions_have(&e, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME));
    caps.api_version = VK_API_VERSION_1_3;  // where one of them is core
    EXPECT_EQ(lat_features_extensions(&caps, names), 1);
}

static struct lat_caps usable(void)
{
    return (struct lat_caps){
        .api_version = VK_API_VERSION_1_2,
        .timeline = true,
        .max_invocations = 256,
        .max_group_size = { 256, 256, 64 },
        .max_shared_bytes = 16384,
        .max_push_bytes = 128,
        .max_bindings = LAT_MAX_BINDINGS,
    };
}

TEST(caps, everything_below_the_floor_has_its_reason)
{
    char text[256];
    struct lat_caps c = usable();
    lat_caps_refusal(&c, text, sizeof text);
    EXPECT_STR(text, "");
#define BELOW(member, value, part)                                                                 \
    c = usable();                                                                                  \
    c.member = value;                                                                              \
    lat_caps_refusal(&c, text, sizeof text);                                                       \
    EXPECT_CONTAINS(text, part);
    BELOW(api_version, VK_API_VERSION_1_1, "Vulkan 1.1 is below 1.2")
    BELOW(timeline, false, "timeline")
    BELOW(max_invocations, 128, "128 invocations")
    BELOW(max_group_size[0], 64, "64 invocations")
    BELOW(max_shared_bytes, 16383, "shared memory")
    BELOW(max_push_bytes, 127, "push constants")
    BELOW(max_bindings, 4, "4 storage buffers")
#undef BELOW
}
