// SPDX-License-Identifier: MIT
//
// The switches that the scheduler reads from the environment.

#include "sched/fixture.h"

// Sets a variable for the time of one lat_sched_create.
static struct lat_sched *create_with(struct lat_device *dev, const char *name, const char *value)
{
    const char *before = getenv(name);
    char *kept = before ? lat_strdup(before) : NULL;
    setenv(name, value, 1);
    struct lat_sched *s = NULL;
    EXPECT_OK(lat_sched_create(dev, &s));
    if (kept)
        setenv(name, kept, 1);
    else
        unsetenv(name);
    lat_free(kept);
    return s;
}

TEST(sched, checks_are_named_in_the_environment)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_sched *s = create_with(f.dev, "LATTN_CHECK", "serial,hazard");
    EXPECT_EQ(s->check, LAT_CHECK_SERIAL | LAT_CHECK_HAZARD);
    EXPECT(s->checker != NULL);
    lat_sched_destroy(&s);
    s = create_with(f.dev, "LATTN_CHECK", "barriers");
    EXPECT_EQ(s->check, LAT_CHECK_BARRIERS);
    EXPECT(s->checker == NULL);
    lat_sched_destroy(&s);
    fixture_close(&f);
}

TEST(sched, budget_comes_from_the_environment)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_sched *s = create_with(f.dev, "LATTN_SUBMIT_MS", "25");
    EXPECT_NEAR(s->budget_ns, 25e6, 1);
    lat_sched_destroy(&s);
    fixture_close(&f);
}

TEST(sched, destroy_accepts_null_and_unflushed_work)
{
    struct lat_sched *none = NULL;
    lat_sched_destroy(&none);
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_STEP, 64);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 1));
    lat_block_release(b);
    EXPECT_OK(lat_capture_begin(f.s));
    b = block_of(&f, LAT_BLOCK_STEP, 64);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 1));
    lat_block_release(b);
    fixture_close(&f);
}
