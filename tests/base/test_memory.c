// SPDX-License-Identifier: MIT
//
// Counted allocation, failing on purpose, arrays and arenas.

#include "base/arena.h"
#include "base/array.h"
#include "harness/harness.h"

TEST(alloc, live_blocks_are_counted)
{
    int64_t live = lat_alloc_live();
    uint64_t calls = lat_alloc_count();
    char *p = lat_alloc(0);
    REQUIRE(p);
    p = lat_realloc(p, 100);
    REQUIRE(p);
    EXPECT_EQ(lat_alloc_live(), live + 1);
    EXPECT_EQ(lat_alloc_count(), calls + 2);
    lat_free(p);
    lat_free(NULL);
    EXPECT_EQ(lat_alloc_live(), live);
}

TEST(alloc, the_nth_call_fails_once)
{
    lat_alloc_fail_at(1);
    void *first = lat_alloc(8), *second = lat_alloc(8), *third = lat_alloc(8);
    EXPECT(first && !second && third);
    EXPECT_CONTAINS(lat_err_text(), "out of host memory");
    lat_free(first);
    lat_free(third);
    lat_alloc_fail_at(0);
    char *s = lat_strdup("x");
    EXPECT(!s);
    lat_alloc_fail_at(0);
    lat_alloc_fail_at(-1);
    s = lat_strdup("x");
    EXPECT_STR(s, "x");
    lat_free(s);
}

TEST(alloc, a_failed_realloc_keeps_the_block)
{
    char *p = lat_strdup("kept");
    lat_alloc_fail_at(0);
    EXPECT(!lat_realloc(p, 1000));
    EXPECT_STR(p, "kept");
    lat_free(p);
}

TEST(alloc, products_that_overflow_are_refused)
{
    EXPECT(!lat_calloc(SIZE_MAX / 2, 3));
    EXPECT(!lat_alloc(SIZE_MAX));
}

TEST(alloc, strndup_stops_at_the_end_of_the_text)
{
    char *s = lat_strndup("abc\0def", 7);
    EXPECT_STR(s, "abc");
    lat_free(s);
    s = lat_strndup("abcdef", 2);
    EXPECT_STR(s, "ab");
    lat_free(s);
}

TEST(array, grows_and_keeps_its_items)
{
    struct {
        int *items;
        size_t n, capacity;
    } a = { 0 };
    for (int i = 0; i < 1000; i++)
        REQUIRE(!LAT_PUSH(&a, i));
    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(a.items[i], i);
    EXPECT(a.capacity < 2000);
    lat_free(a.items);
}

TEST(array, a_failed_push_changes_nothing)
{
    struct {
        int *items;
        size_t n, capacity;
    } a = { 0 };
    lat_alloc_fail_at(0);
    EXPECT_STATUS(LAT_PUSH(&a, 1), LATTN_ERR_HOST_MEMORY);
    EXPECT(a.n == 0 && a.capacity == 0 && !a.items);
    EXPECT_STATUS(LAT_RESERVE(&a, SIZE_MAX / 2), LATTN_ERR_HOST_MEMORY);
}

TEST(arena, blocks_are_zeroed_aligned_and_apart)
{
    struct lat_arena a = { 0 };
    unsigned char *last = NULL;
    for (int round = 0; round < 2; round++) {
        for (size_t n = 0; n < 300; n++) {
            unsigned char *p = lat_arena_alloc(&a, n * 7);
            REQUIRE(p);
            EXPECT_EQ((uintptr_t) p % 16, 0);
            for (size_t i = 0; i < n * 7; i++)
                EXPECT_EQ(p[i], 0);
            memset(p, 0xAB, n * 7);
            EXPECT(p != last);
            last = p;
        }
        lat_arena_reset(&a);
    }
    lat_arena_destroy(&a);
}

TEST(arena, a_second_run_allocates_nothing)
{
    struct lat_arena a = { 0 };
    uint64_t after_first = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 60; n++)
            REQUIRE(lat_arena_alloc(&a, n * 3000));
        if (round == 0)
            after_first = lat_alloc_count();
        EXPECT_EQ(lat_alloc_count(), after_first);
        lat_arena_reset(&a);
    }
    lat_arena_destroy(&a);
}

TEST(arena, no_memory_is_an_error_and_leaves_it_usable)
{
    struct lat_arena a = { 0 };
    lat_alloc_fail_at(0);
    EXPECT(!lat_arena_alloc(&a, 10));
    EXPECT(!lat_arena_alloc(&a, SIZE_MAX - 8));
    char *s = lat_arena_strdup(&a, "text");
    EXPECT_STR(s, "text");
    lat_arena_destroy(&a);
}
