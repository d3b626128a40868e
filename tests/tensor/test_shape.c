// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

TEST(shape, element_count_catches_overflow_and_negative_sizes)
{
    EXPECT_EQ(lat_numel_of(0, NULL), 1);
    EXPECT_EQ(lat_numel_of(3, DIMS(2, 3, 4)), 24);
    EXPECT_EQ(lat_numel_of(3, DIMS(2, 0, 4)), 0);
    EXPECT_EQ(lat_numel_of(2, DIMS(-1, 4)), -1);
    EXPECT_EQ(lat_numel_of(2, DIMS((int64_t) 1 << 40, (int64_t) 1 << 40)), -1);
    EXPECT_EQ(lat_numel_of(3, DIMS((int64_t) 1 << 40, 0, (int64_t) 1 << 40)), -1);
}

TEST(shape, broadcast_follows_numpy)
{
    int rank;
    int64_t dims[LATTN_MAX_RANK];
    EXPECT(lat_broadcast(3, DIMS(4, 1, 3), 2, DIMS(5, 1), &rank, dims));
    EXPECT_EQ(rank, 3);
    EXPECT(dims[0] == 4 && dims[1] == 5 && dims[2] == 3);
    EXPECT(lat_broadcast(0, NULL, 1, DIMS(7), &rank, dims));
    EXPECT(rank == 1 && dims[0] == 7);
    EXPECT(lat_broadcast(1, DIMS(0), 1, DIMS(1), &rank, dims));
    EXPECT_EQ(dims[0], 0);
    EXPECT(!lat_broadcast(1, DIMS(2), 1, DIMS(3), &rank, dims));
    EXPECT(!lat_broadcast(1, DIMS(0), 1, DIMS(3), &rank, dims));
}

TEST(shape, text)
{
    char text[LAT_SHAPE_TEXT];
    EXPECT_STR(lat_shape_text(text, 4, DIMS(32, 12, 128, 64)), "[32, 12, 128, 64]");
    EXPECT_STR(lat_shape_text(text, 0, NULL), "[]");
    int64_t most = INT64_MAX;
    const int64_t huge[] = { most, most, most, most, most, most, most, most };
    EXPECT(strlen(lat_shape_text(text, 8, huge)) < LAT_SHAPE_TEXT);
}

TEST(shape, collapse_joins_what_lies_together_in_all_operands)
{
    int64_t dims[LATTN_MAX_RANK] = { 2, 3, 4, 5 };
    int64_t strides[2][LATTN_MAX_RANK] = { { 60, 20, 5, 1 }, { 60, 20, 5, 1 } };
    EXPECT_EQ(lat_collapse(4, dims, 2, strides), 1);
    EXPECT(dims[0] == 120 && strides[0][0] == 1 && strides[1][0] == 1);
}

TEST(shape, collapse_keeps_a_transposition)
{
    // [2, 3, 4, 5] with the middle dimensions swapped in the second operand
    int64_t dims[LATTN_MAX_RANK] = { 2, 3, 4, 5 };
    int64_t strides[2][LATTN_MAX_RANK] = { { 60, 20, 5, 1 }, { 60, 5, 15, 1 } };
    EXPECT_EQ(lat_collapse(4, dims, 2, strides), 4);
    int64_t dims2[LATTN_MAX_RANK] = { 2, 3, 4, 5 };
    int64_t strides2[2][LATTN_MAX_RANK] = { { 60, 20, 5, 1 }, { 120, 40, 5, 1 } };
    EXPECT_EQ(lat_collapse(4, dims2, 2, strides2), 2);
    EXPECT(dims2[0] == 6 && dims2[1] == 20 && strides2[1][0] == 40 && strides2[1][1] == 1);
}

TEST(shape, collapse_drops_ones_and_joins_repeats)
{
    int64_t dims[LATTN_MAX_RANK] = { 1, 3, 1, 4, 1 };
    int64_t strides[1][LATTN_MAX_RANK] = { { 7, 0, 9, 0, 3 } };
    EXPECT_EQ(lat_collapse(5, dims, 1, strides), 1);
    EXPECT(dims[0] == 12 && strides[0][0] == 0);
    int64_t ones[LATTN_MAX_RANK] = { 1, 1 };
    EXPECT_EQ(lat_collapse(2, ones, 1, strides), 0);
    EXPECT_EQ(lat_collapse(0, ones, 1, strides), 0);
}
