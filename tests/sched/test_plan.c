// SPDX-License-Identifier: MIT
//
// Packing of lifetimes; no device.

#include "base/array.h"
#include "base/rng.h"
#include "harness/harness.h"
#include "sched/plan.h"

static const struct lat_plan_limits limits = { 256, (uint64_t) 1 << 30 };

static bool alive_together(const struct lat_plan_item *a, const struct lat_plan_item *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool share_bytes(const struct lat_plan_item *a, const struct lat_plan_item *b)
{
    return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

// Most bytes alive at any one time: no plan can be smaller.
static uint64_t lower_bound(const struct lat_plan_item *items, uint32_t n)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        for (uint32_t k = 0; k < n; k++)
            if (items[k].first <= items[i].first && items[i].first <= items[k].last)
                sum += items[k].bytes;
        most = LAT_MAX(most, sum);
    }
    return most;
}

static uint64_t plan(struct lat_plan_item *items, uint32_t n, const struct lat_plan_limits *l)
{
    struct lat_planner p = { 0 };
    uint64_t total = 0;
    EXPECT_OK(LAT_RESERVE(&p.items, n));
    for (p.items.n = 0; p.items.n < n; p.items.n++)
        p.items.items[p.items.n] = items[p.items.n];
    EXPECT_OK(lat_plan(&p, l, &total));
    for (uint32_t i = 0; i < n; i++)
        items[i] = p.items.items[i];
    lat_planner_free(&p);
    return total;
}

static void check_plan(
    const struct lat_plan_item *items, uint32_t n, const struct lat_plan_limits *l, uint64_t total)
{
    int bad = 0;
    for (uint32_t i = 0; i < n; i++) {
        bad += items[i].offset % l->alignment != 0;
        bad += items[i].offset + items[i].bytes > total;
        bad += items[i].offset / l->chunk_bytes !=
               (items[i].offset + items[i].bytes - 1) / l->chunk_bytes;
        for (uint32_t k = 0; k < i; k++)
            bad += alive_together(&items[i], &items[k]) && share_bytes(&items[i], &items[k]);
    }
    EXPECT_EQ(bad, 0);
}

TEST(plan, nothing_needs_nothing)
{
    EXPECT_EQ(plan(NULL, 0, &limits), 0);
}

TEST(plan, disjoint_lifetimes_share)
{
    struct lat_plan_item items[] = { { 1000, 0, 1, 0 }, { 1000, 2, 3, 0 }, { 900, 4, 4, 0 } };
    uint64_t total = plan(items, 3, &limits);
    EXPECT_EQ(total, 1000);
}

TEST(plan, touching_lifetimes_do_not_share)
{
    struct lat_plan_item items[] = { { 1000, 0, 1, 0 }, { 1000, 1, 2, 0 } };
    uint64_t total = plan(items, 2, &limits);
    EXPECT_EQ(total, 1024 + 1000);
}

// Between a tall and a low neighbour the item goes where it fits most closely.
TEST(plan, smallest_gap_is_taken)
{
    struct lat_plan_item items[] = {
        { 8192, 0, 0, 0 },
        { 4096, 1, 1, 0 },
        { 4096, 0, 1, 0 },  // placed first, by size
        { 4096, 1, 1, 0 },
        { 256, 1, 1, 0 },
    };
    uint64_t total = plan(items, 5, &limits);
    check_plan(items, 5, &limits, total);
    EXPECT_EQ(total, 8192 + 4096 + 256);
}

TEST(plan, no_item_crosses_a_chunk)
{
    struct lat_plan_limits small = { 256, 4096 };
    struct lat_plan_item items[6];
    for (uint32_t i = 0; i < 6; i++)
        items[i] = (struct lat_plan_item){ 2560, 0, 5, 0 };
    uint64_t total = plan(items, 6, &small);
    check_plan(items, 6, &small, total);
    EXPECT_EQ(total, 5 * 4096 + 2560);
}

// Random lifetimes: never overlapping in memory, and close to the bound on the whole.
TEST(plan, random_lifetimes_never_overlap_and_memory_is_reused)
{
    enum { N = 200, ROUNDS = 200 };
    struct lat_rng rng = { .seed = 7 };
    double ratio = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct lat_plan_item items[N];
        uint64_t sum = 0;
        struct lat_plan_limits l = { 256, round % 4 == 0 ? 65536 : (uint64_t) 1 << 30 };
        for (uint32_t i = 0; i < N; i++) {
            uint32_t first = (uint32_t) lat_rng_below(&rng, 300);
            uint32_t span = (uint32_t) lat_rng_below(&rng, lat_rng_below(&rng, 5) ? 10 : 300);
            uint64_t bytes = 256 * (1 + lat_rng_below(&rng, lat_rng_below(&rng, 3) ? 8 : 200));
            items[i] = (struct lat_plan_item){ bytes, first, first + span, 0 };
            sum += bytes;
        }
        uint64_t total = plan(items, N, &l);
        check_plan(items, N, &l, total);
        EXPECT(total < sum / 2);
        if (round % 4)
            ratio += (double) total / (double) lower_bound(items, N) / (ROUNDS * 3 / 4);
    }
    EXPECT(ratio < 1.10);
    if (ratio >= 1.10)
        fprintf(stderr, "mean size over lower bound: %.3f\n", ratio);
}

TEST(plan, same_input_gives_same_plan)
{
    struct lat_rng rng = { .seed = 3 };
    struct lat_plan_item a[100], b[100];
    for (uint32_t i = 0; i < 100; i++)
        a[i] = (struct lat_plan_item){ 256 * (1 + lat_rng_below(&rng, 3)), i / 3, i / 3 + 2, 0 };
    memcpy(b, a, sizeof a);
    EXPECT_EQ(plan(a, 100, &limits), plan(b, 100, &limits));
    EXPECT(memcmp(a, b, sizeof a) == 0);
}
