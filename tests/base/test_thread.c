// SPDX-License-Identifier: MIT
//
// Threads, the queue between them, clocks, and random numbers.

#include <signal.h>
#include "base/queue.h"
#include "base/rng.h"
#include "base/thread.h"
#include "harness/harness.h"

static void add_numbers(void *queue)
{
    static int numbers[1000];
    for (int i = 0; i < 1000; i++) {
        numbers[i] = i;
        if (!lat_queue_push(queue, &numbers[i]))
            return;
    }
    lat_queue_close(queue);
}

TEST(queue, items_come_in_order_through_a_small_queue)
{
    struct lat_queue *q;
    struct lat_thread *t;
    REQUIRE(!lat_queue_create(3, &q));
    REQUIRE(!lat_thread_start(add_numbers, q, &t));
    void *item;
    int n = 0;
    while (lat_queue_pop(q, &item))
        EXPECT_EQ(*(int *) item, n++);
    EXPECT_EQ(n, 1000);
    lat_thread_join(&t);
    EXPECT(t == NULL);
    lat_thread_join(&t);
    lat_queue_destroy(&q);
    lat_queue_destroy(&q);
}

TEST(queue, close_wakes_a_waiting_producer)
{
    struct lat_queue *q;
    struct lat_thread *t;
    REQUIRE(!lat_queue_create(1, &q));
    REQUIRE(!lat_thread_start(add_numbers, q, &t));
    void *item;
    EXPECT(lat_queue_pop(q, &item));
    lat_queue_close(q);
    lat_thread_join(&t);
    EXPECT(!lat_queue_push(q, &item));
    lat_queue_destroy(&q);
}

TEST(queue, no_memory_is_an_error)
{
    struct lat_queue *q;
    int64_t live = lat_alloc_live();
    EXPECT_STATUS(lat_queue_create(0, &q), LATTN_ERR_ARG);
    for (int64_t at = 0; at < 4; at++) {
        lat_alloc_fail_at(at);
        EXPECT_STATUS(lat_queue_create(4, &q), LATTN_ERR_HOST_MEMORY);
        EXPECT(q == NULL);
    }
    EXPECT_EQ(lat_alloc_live(), live);
}

static void look_at_mask(void *blocked)
{
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    *(bool *) blocked = sigismember(&set, SIGINT) == 1 && sigismember(&set, SIGSEGV) == 0;
}

TEST(thread, signals_of_the_application_stay_away)
{
    bool blocked = false;
    struct lat_thread *t;
    REQUIRE(!lat_thread_start(look_at_mask, &blocked, &t));
    lat_thread_join(&t);
    EXPECT(blocked);
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    EXPECT_EQ(sigismember(&set, SIGINT), 0);
}

TEST(thread, time_passes)
{
    uint64_t before = lat_now_ns();
    lat_sleep_ns(2000000);
    EXPECT(lat_now_ns() - before >= 2000000);
    EXPECT(lat_wall_seconds() > 1.5e9);
    EXPECT(lat_cpu_count() >= 1);
}

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(rng, philox_gives_the_published_words)
{
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
            { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
            { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < LAT_COUNT(known); i++) {
        uint32_t words[4];
        lat_philox(known[i].key, known[i].counter, words);
        for (int w = 0; w < 4; w++)
            EXPECT_EQ(words[w], known[i].words[w]);
    }
}

TEST(rng, keys_differ_between_seeds_and_steps)
{
    uint32_t a[2], b[2];
    lat_philox_key(0x0000000200000001ull, 0x0000000400000003ull, a);
    EXPECT_EQ(a[0], 1u ^ 4u);
    EXPECT_EQ(a[1], 3u ^ 2u << 16);
    lat_philox_key(1, 2, a);
    lat_philox_key(2, 1, b);
    EXPECT(a[0] != b[0] || a[1] != b[1]);
}

TEST(rng, uniform_uses_24_bits_and_stays_below_one)
{
    EXPECT(lat_philox_uniform(0) == 0);
    EXPECT(lat_philox_uniform(0xFFFFFFFFu) == 1 - 0x1p-24f);
}

TEST(rng, a_position_can_be_restored)
{
    struct lat_rng a = { .seed = 5, .stream = 6 }, b;
    for (int i = 0; i < 7; i++)
        lat_rng_u32(&a);
    b = a;
    for (int i = 0; i < 10; i++)
        EXPECT(lat_rng_u32(&a) == lat_rng_u32(&b));
}

TEST(rng, below_is_even_and_in_range)
{
    struct lat_rng r = { .seed = 1 };
    int count[6] = { 0 };
    for (int i = 0; i < 60000; i++) {
        uint64_t v = lat_rng_below(&r, 6);
        REQUIRE(v < 6);
        count[v]++;
    }
    for (int i = 0; i < 6; i++)
        EXPECT_NEAR(count[i], 10000, 400);  // 4.4 standard deviations
    EXPECT_EQ(lat_rng_below(&r, 1), 0);
}

TEST(rng, uniform_and_normal_have_their_moments)
{
    struct lat_rng r = { .seed = 2 };
    enum { N = 100000 };
    double u = 0, n = 0, n2 = 0;
    for (int i = 0; i < N; i++) {
        double v = lat_rng_uniform(&r), w = lat_rng_normal(&r);
        EXPECT(v >= 0 && v < 1);
        u += v;
        n += w;
        n2 += w * w;
    }
    EXPECT_NEAR(u / N, 0.5, 0.004);
    EXPECT_NEAR(n / N, 0, 0.014);
    EXPECT_NEAR(n2 / N, 1, 0.02);
}

TEST(rng, shuffle_is_a_permutation)
{
    struct lat_rng r = { .seed = 3 };
    uint32_t items[100];
    bool seen[100] = { false };
    int moved = 0;
    for (uint32_t i = 0; i < 100; i++)
        items[i] = i;
    lat_rng_shuffle(&r, items, 100);
    for (uint32_t i = 0; i < 100; i++) {
        REQUIRE(items[i] < 100 && !seen[items[i]]);
        seen[items[i]] = true;
        moved += items[i] != i;
    }
    EXPECT(moved > 80);
    lat_rng_shuffle(&r, items, 0);
}
