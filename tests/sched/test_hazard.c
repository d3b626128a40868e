// SPDX-License-Identifier: MIT
//
// Which commands need a barrier, as plain lists of accesses; no device.

#include "base/array.h"
#include "base/rng.h"
#include "harness/harness.h"
#include "sched/check.h"
#include "sched/hazard.h"

static struct lat_access rd(uint64_t buffer, uint64_t offset, uint64_t bytes)
{
    return (struct lat_access){ buffer, offset, bytes, false };
}

static struct lat_access wr(uint64_t buffer, uint64_t offset, uint64_t bytes)
{
    return (struct lat_access){ buffer, offset, bytes, true };
}

static enum lat_barrier one(struct lat_hazards *h, struct lat_access a)
{
    enum lat_barrier b;
    EXPECT_OK(lat_hazards_command(h, &a, 1, &b));
    return b;
}

static enum lat_barrier two(struct lat_hazards *h, struct lat_access a, struct lat_access b)
{
    struct lat_access both[] = { a, b };
    enum lat_barrier barrier;
    EXPECT_OK(lat_hazards_command(h, both, 2, &barrier));
    return barrier;
}

TEST(hazard, read_after_write_needs_memory_barrier)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(one(&h, wr(1, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, rd(1, 60, 4)), LAT_BARRIER_MEMORY);
    EXPECT_EQ(one(&h, rd(1, 0, 64)), LAT_BARRIER_NONE);
    lat_hazards_free(&h);
}

TEST(hazard, write_after_write_needs_memory_barrier)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(one(&h, wr(1, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, wr(1, 32, 64)), LAT_BARRIER_MEMORY);
    lat_hazards_free(&h);
}

TEST(hazard, write_after_read_needs_execution_barrier)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(one(&h, rd(1, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, wr(1, 0, 64)), LAT_BARRIER_EXECUTION);
    lat_hazards_free(&h);
}

// Nothing flushed the caches at the execution barrier.
TEST(hazard, writes_before_execution_barrier_stay_dangerous)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(two(&h, rd(1, 0, 64), wr(2, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, wr(1, 0, 64)), LAT_BARRIER_EXECUTION);
    EXPECT_EQ(one(&h, rd(2, 0, 64)), LAT_BARRIER_MEMORY);
    EXPECT_EQ(one(&h, rd(1, 0, 64)), LAT_BARRIER_NONE);
    lat_hazards_free(&h);
}

TEST(hazard, memory_barrier_wins_over_execution_barrier)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(two(&h, rd(1, 0, 64), wr(2, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(two(&h, wr(1, 0, 64), rd(2, 0, 64)), LAT_BARRIER_MEMORY);
    lat_hazards_free(&h);
}

TEST(hazard, independent_commands_share_an_epoch)
{
    struct lat_hazards h = { 0 };
    for (uint64_t i = 0; i < 100; i++)
        EXPECT_EQ(two(&h, rd(1, 0, 4096), wr(2, i * 64, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, wr(2, 6400, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(h.writes.n, 1);  // neighbours were merged
    EXPECT_EQ(h.reads.n, 1);
    lat_hazards_free(&h);
}

TEST(hazard, ranges_are_exact_to_the_byte)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(one(&h, wr(1, 100, 50)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, rd(1, 0, 100)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, rd(1, 150, 100)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, rd(1, 149, 1)), LAT_BARRIER_MEMORY);
    lat_hazards_free(&h);
}

TEST(hazard, other_buffers_do_not_matter)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(one(&h, wr(5, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, wr(4, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, wr(6, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(one(&h, rd(5, 0, 64)), LAT_BARRIER_MEMORY);
    lat_hazards_free(&h);
}

TEST(hazard, in_place_command_does_not_conflict_with_itself)
{
    struct lat_hazards h = { 0 };
    EXPECT_EQ(two(&h, rd(1, 0, 64), wr(1, 0, 64)), LAT_BARRIER_NONE);
    EXPECT_EQ(two(&h, rd(1, 0, 64), wr(1, 0, 64)), LAT_BARRIER_MEMORY);
    lat_hazards_free(&h);
}

// 20,000 random commands against the checker, which is written in another way: no barrier may be
// missing, and each that is asked for must be needed.
TEST(hazard, agrees_with_the_brute_force_checker)
{
    enum { BUFFERS = 3, SPAN = 400 };
    struct lat_rng rng = { .seed = 1 };
    struct lat_hazards h = { 0 };
    struct lat_check *check;
    REQUIRE(lat_check_create(&check) == LATTN_OK);
    bool read[BUFFERS][SPAN + 32] = { 0 }, written[BUFFERS][SPAN + 32] = { 0 };
    int missing = 0, needless = 0, barriers = 0;
    for (int i = 0; i < 20000; i++) {
        struct lat_access a[3];
        uint32_t n = 1 + (uint32_t) lat_rng_below(&rng, 3);
        bool memory = false, execution = false;
        for (uint32_t k = 0; k < n; k++) {
            a[k] = (struct lat_access){ lat_rng_below(&rng, BUFFERS), lat_rng_below(&rng, SPAN),
                1 + lat_rng_below(&rng, 20), lat_rng_below(&rng, 3) == 0 };
            for (uint64_t at = a[k].offset; at < a[k].offset + a[k].bytes; at++) {
                memory |= written[a[k].buffer][at];
                execution |= a[k].write && read[a[k].buffer][at];
            }
        }
        enum lat_barrier b, expected = memory      ? LAT_BARRIER_MEMORY
                                       : execution ? LAT_BARRIER_EXECUTION
                                                   : LAT_BARRIER_NONE;
        EXPECT_OK(lat_hazards_command(&h, a, n, &b));
        needless += b > expected;
        barriers += b != LAT_BARRIER_NONE;
        if (b != LAT_BARRIER_NONE) {
            memset(read, 0, sizeof read);
            lat_check_barrier(check, b == LAT_BARRIER_MEMORY);
        }
        if (b == LAT_BARRIER_MEMORY)
            memset(written, 0, sizeof written);
        lat_check_next_command(check);
        for (uint32_t k = 0; k < n; k++) {
            bool(*marks)[SPAN + 32] = a[k].write ? written : read;
            memset(marks[a[k].buffer] + a[k].offset, 1, a[k].bytes);
            missing += lat_check_access(check, "c", a[k].buffer, a[k].offset, a[k].bytes,
                           a[k].write) != LATTN_OK;
        }
    }
    EXPECT_EQ(missing, 0);
    EXPECT_EQ(needless, 0);
    EXPECT(barriers > 1000 && barriers < 19000);
    lat_check_destroy(&check);
    lat_hazards_free(&h);
}
