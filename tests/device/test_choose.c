// SPDX-License-Identifier: MIT
//
// Which of several devices is picked; the devices are made up, so that every kind is there.

#include "device/choose.h"
#include "harness/harness.h"

enum { DISCRETE, INTEGRATED, VIRTUAL, CPU, OTHER, N };

static void make(struct lat_candidate c[N])
{
    static const struct {
        lattn_device_type type;
        const char *name, *uuid;
    } devices[N] = {
        { LATTN_DEVICE_TYPE_DISCRETE, "Card 4090", "00000000-0000-0000-0000-0000000000d1" },
        { LATTN_DEVICE_TYPE_INTEGRATED, "Chip 780", "00000000-0000-0000-0000-0000000000a1" },
        { LATTN_DEVICE_TYPE_VIRTUAL, "Guest card", "00000000-0000-0000-0000-0000000000f1" },
        { LATTN_DEVICE_TYPE_CPU, "llvmpipe", "00000000-0000-0000-0000-0000000000c1" },
        { LATTN_DEVICE_TYPE_OTHER, "Thing", "00000000-0000-0000-0000-0000000000e1" },
    };
    for (int i = 0; i < N; i++) {
        lattn_device_info *info = &c[i].caps.info;
        *info = (lattn_device_info){ .index = i, .type = devices[i].type };
        snprintf(info->name, sizeof info->name, "%s", devices[i].name);
        snprintf(info->uuid, sizeof info->uuid, "%s", devices[i].uuid);
    }
}

static struct lat_candidate *devices(void)
{
    struct lat_candidate *c = calloc(N, sizeof *c);
    if (c)
        make(c);
    return c;
}

static int picked(const struct lat_candidate *all, int n, const char *text)
{
    const struct lat_candidate *c = lat_candidate_pick(all, (uint32_t) n, text);
    return c ? (int) (c - all) : -1;
}

static void refuse(struct lat_candidate *c)
{
    snprintf(c->caps.info.refused, sizeof c->caps.info.refused, "too old");
}

// With each best one refused in turn the next best follows, in whatever order the driver lists them.
TEST(choose, discrete_before_integrated_before_virtual_before_cpu)
{
    struct lat_candidate *c = devices(), *reversed = devices();
    REQUIRE(c && reversed);
    for (int i = 0; i < N; i++)
        reversed[i] = c[N - 1 - i];
    for (int best = 0; best < N; best++) {
        EXPECT_EQ(picked(c, N, NULL), best);
        EXPECT_EQ(picked(reversed, N, NULL), N - 1 - best);
        refuse(&c[best]);
        refuse(&reversed[N - 1 - best]);
    }
    EXPECT_EQ(picked(c, N, NULL), -1);
    EXPECT_EQ(picked(c, 0, NULL), -1);
    free(c);
    free(reversed);
}

TEST(choose, the_first_of_equals_is_the_drivers_own_preference)
{
    struct lat_candidate *c = devices();
    REQUIRE(c);
    c[CPU].caps.info.type = LATTN_DEVICE_TYPE_DISCRETE;
    EXPECT_EQ(picked(c, N, NULL), DISCRETE);
    EXPECT_EQ(picked(c + 1, N - 1, NULL), CPU - 1);
    free(c);
}

// What is asked for counts, also a device that is refused: the caller is then told why.
TEST(choose, text_is_an_index_a_uuid_or_a_part_of_a_name)
{
    struct lat_candidate *c = devices();
    REQUIRE(c);
    EXPECT_EQ(picked(c, N, "3"), CPU);
    EXPECT_EQ(picked(c, N, "4090"), DISCRETE);  // no index
    EXPECT_EQ(picked(c, N, "LLVM"), CPU);
    EXPECT_EQ(picked(c, N, "000000000000000000000000000000A1"), INTEGRATED);
    EXPECT_EQ(picked(c, N, "card"), DISCRETE);  // the best of two
    EXPECT_EQ(picked(c, N, "5"), -1);
    EXPECT_EQ(picked(c, N, "nobody"), -1);
    refuse(&c[DISCRETE]);
    EXPECT_EQ(picked(c, N, "card"), VIRTUAL);  // one that can be used comes first
    EXPECT_EQ(picked(c, N, "4090"), DISCRETE);
    EXPECT_EQ(picked(c, N, "0"), DISCRETE);
    free(c);
}
