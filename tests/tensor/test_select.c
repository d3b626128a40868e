// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/kernel.h"

static bool wide(const struct lat_problem *p)
{
    return p->size[0] >= 64;
}

static double cheap_when_large(const struct lat_problem *p)
{
    return p->size[0] >= 1000 ? 0.5 : 2;
}

static const struct lat_strategy table[] = {
    { .kind = LAT_STRATEGY_BASE, .detail = "" },
    { .kind = LAT_STRATEGY_SUBGROUP, .detail = "rows", .admits = wide, .cost = cheap_when_large },
};

static int chosen(lattn_ctx *ctx, int64_t size)
{
    struct lat_problem p = { .caps = lat_caps(ctx), .size = { size } };
    return lat_strategy_select(ctx, "test", table, 2, &p);
}

GPU_TEST(select, the_cheapest_admissible_row_runs)
{
    EXPECT_EQ(chosen(ctx, 10), 0);
    EXPECT_EQ(chosen(ctx, 100), 0);
    EXPECT_EQ(chosen(ctx, 2000), 1);
    EXPECT(lat_strategy_last(ctx) == &table[1]);
}

GPU_TEST(select, force_prefers_where_admissible)
{
    lat_strategy_force(ctx, LAT_STRATEGY_SUBGROUP);
    EXPECT_EQ(chosen(ctx, 10), 0);
    EXPECT_EQ(chosen(ctx, 100), 1);
    lat_strategy_force(ctx, LAT_STRATEGY_BASE);
    EXPECT_EQ(chosen(ctx, 2000), 0);
    lat_strategy_force(ctx, -1);
    EXPECT_EQ(chosen(ctx, 2000), 1);
}

GPU_TEST(select, disabled_strategies_never_run)
{
    lat_strategy_disable(ctx, LAT_STRATEGY_SUBGROUP, true);
    lat_strategy_force(ctx, LAT_STRATEGY_SUBGROUP);
    EXPECT_EQ(chosen(ctx, 2000), 0);
    lat_strategy_disable(ctx, LAT_STRATEGY_SUBGROUP, false);
    EXPECT_EQ(chosen(ctx, 2000), 1);
    lat_strategy_disable(ctx, LAT_STRATEGY_BASE, true);
    lat_strategy_force(ctx, -1);
    EXPECT_EQ(chosen(ctx, 10), 0);
}

TEST(select, the_environment_is_read_per_context)
{
    setenv("LATTN_DISABLE", "coopmat,subgroup", 1);
    lattn_ctx *ctx;
    lattn_status st = lattn_ctx_create(NULL, &ctx);
    if (!st)
        EXPECT_EQ(chosen(ctx, 2000), 0);
    unsetenv("LATTN_DISABLE");
    lattn_ctx_destroy(&ctx);
    if (st == LATTN_ERR_NO_DEVICE)
        return lt_skip("no device");
    setenv("LATTN_STRATEGY", "base", 1);
    REQUIRE(lattn_ctx_create(NULL, &ctx) == LATTN_OK);
    EXPECT_EQ(chosen(ctx, 2000), 0);
    unsetenv("LATTN_STRATEGY");
    lattn_ctx_destroy(&ctx);
}
