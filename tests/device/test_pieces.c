// SPDX-License-Identifier: MIT
//
// Sub-allocation on its own, against a model that remembers every block.

#include "base/rng.h"
#include "device/pieces.h"
#include "harness/harness.h"

enum { UNIT = 256, TOTAL = 4096 * UNIT, SLOTS = 300 };

TEST(pieces, best_fit_takes_the_smallest_hole)
{
    struct lat_pieces b;
    struct lat_piece *block[6];
    EXPECT_OK(lat_pieces_create(&b, 100 * UNIT));
    static const int sizes[] = { 10, 1, 4, 1, 6, 1 };
    for (int i = 0; i < 6; i++)
        EXPECT_OK(lat_pieces_take(&b, (uint64_t) sizes[i] * UNIT, &block[i]));
    lat_pieces_give(&b, block[0]);
    lat_pieces_give(&b, block[2]);
    lat_pieces_give(&b, block[4]);  // holes of 10, 4, 6 and the rest
    EXPECT_EQ(lat_pieces_best(&b, 5 * UNIT), 6 * UNIT);
    EXPECT_EQ(lat_pieces_best(&b, 4 * UNIT), 4 * UNIT);
    EXPECT_EQ(lat_pieces_best(&b, 7 * UNIT), 10 * UNIT);
    EXPECT_EQ(lat_pieces_best(&b, 11 * UNIT), 77 * UNIT);
    EXPECT(lat_pieces_best(&b, 78 * UNIT) == UINT64_MAX);
    lat_pieces_destroy(&b);
}

TEST(pieces, freed_neighbours_merge_in_any_order)
{
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
        { 2, 0, 1 }, { 2, 1, 0 } };
    for (int o = 0; o < 6; o++) {
        struct lat_pieces b;
        struct lat_piece *block[3];
        EXPECT_OK(lat_pieces_create(&b, 3 * UNIT));
        for (int i = 0; i < 3; i++)
            EXPECT_OK(lat_pieces_take(&b, UNIT, &block[i]));
        EXPECT(lat_pieces_best(&b, UNIT) == UINT64_MAX);
        for (int i = 0; i < 3; i++)
            lat_pieces_give(&b, block[orders[o][i]]);
        EXPECT(lat_pieces_empty(&b));
        EXPECT_EQ(lat_pieces_best(&b, UNIT), 3 * UNIT);
        lat_pieces_destroy(&b);
    }
}

// Best fit by looking at every gap of the model.
static uint64_t best_gap(struct lat_piece *const *used, uint64_t bytes)
{
    static bool taken[TOTAL / UNIT];
    memset(taken, 0, sizeof taken);
    for (int i = 0; i < SLOTS; i++)
        for (uint64_t u = 0; used[i] && u < used[i]->bytes / UNIT; u++)
            taken[used[i]->offset / UNIT + u] = true;
    uint64_t best = UINT64_MAX, run = 0;
    for (size_t u = 0; u <= TOTAL / UNIT; u++) {
        if (u < TOTAL / UNIT && !taken[u]) {
            run += UNIT;
            continue;
        }
        if (run >= bytes && run < best)
            best = run;
        run = 0;
    }
    return best;
}

static bool overlaps(struct lat_piece *const *used, int me)
{
    for (int i = 0; i < SLOTS; i++)
        if (i != me && used[i] && used[i]->offset < used[me]->offset + used[me]->bytes &&
            used[me]->offset < used[i]->offset + used[i]->bytes)
            return true;
    return used[me]->offset + used[me]->bytes > TOTAL;
}

TEST(pieces, random_use_agrees_with_a_model)
{
    struct lat_pieces b;
    struct lat_piece *used[SLOTS] = { 0 };
    struct lat_rng rng = { .seed = 7 };
    EXPECT_OK(lat_pieces_create(&b, TOTAL));
    for (int step = 0; step < 20000 && !lt_failed(); step++) {
        int i = (int) lat_rng_below(&rng, SLOTS);
        if (used[i]) {
            lat_pieces_give(&b, used[i]);
            used[i] = NULL;
            continue;
        }
        uint64_t bytes = (1 + lat_rng_below(&rng, lat_rng_below(&rng, 8) ? 20 : 400)) * UNIT;
        uint64_t best = lat_pieces_best(&b, bytes);
        if (step % 50 == 0)
            EXPECT(best == best_gap(used, bytes));
        if (best == UINT64_MAX)
            continue;
        EXPECT_OK(lat_pieces_take(&b, bytes, &used[i]));
        EXPECT_EQ(used[i]->bytes, bytes);
        EXPECT(!overlaps(used, i));
    }
    for (int i = 0; i < SLOTS; i++)
        if (used[i])
            lat_pieces_give(&b, used[i]);
    EXPECT(lat_pieces_empty(&b));
    lat_pieces_destroy(&b);
}

TEST(pieces, running_out_of_host_memory_changes_nothing)
{
    struct lat_pieces b;
    struct lat_piece *block = NULL;
    EXPECT_OK(lat_pieces_create(&b, 4 * UNIT));
    lat_alloc_fail_at(0);
    EXPECT_STATUS(lat_pieces_take(&b, UNIT, &block), LATTN_ERR_HOST_MEMORY);
    lat_alloc_fail_at(-1);
    EXPECT(!block && lat_pieces_empty(&b));
    EXPECT_OK(lat_pieces_take(&b, UNIT, &block));
    EXPECT_EQ(block->offset, 0);
    lat_pieces_destroy(&b);
}
