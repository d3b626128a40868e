// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"
#include <stdlib.h>

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

static void expect_ints(lattn_tensor *t, const int32_t *want, int n)
{
    int32_t got[64];
    EXPECT_OK(lattn_tensor_read(t, got, (size_t) n * sizeof *got));
    for (int i = 0; i < n; i++)
        EXPECT_EQ(got[i], want[i]);
}

GPU_TEST(transfer, round_trip_in_every_dtype_and_odd_length)
{
    for (int dtype = 0; dtype < LATTN_DTYPE_COUNT; dtype++) {
        if (lat_dtype_check(ctx, (lattn_dtype) dtype))
            continue;
        for (int64_t n = 1; n < 70; n += n < 8 ? 1 : 13) {
            uint8_t data[70 * 4], back[70 * 4];
            size_t bytes = (size_t) n * lattn_dtype_bytes((lattn_dtype) dtype);
            for (size_t i = 0; i < bytes; i++)
                data[i] = (uint8_t) (i * 7 + 3);
            lattn_tensor *t;
            REQUIRE(lattn_tensor_create(ctx, (lattn_dtype) dtype, 1, &n, &t) == LATTN_OK);
            EXPECT_OK(lattn_tensor_write(t, data, bytes));
            EXPECT_OK(lattn_tensor_read(t, back, bytes));
            EXPECT(memcmp(data, back, bytes) == 0);
            lattn_tensor_release(&t);
        }
    }
}

GPU_TEST(transfer, reads_and_writes_through_any_strides)
{
    int32_t v[24];
    for (int i = 0; i < 24; i++)
        v[i] = i;
    lattn_tensor *t = lattn_from_i32(ctx, 3, DIMS(2, 3, 4), v);
    lattn_tensor *swapped = lattn_transpose(ctx, t, 0, 2);
    expect_ints(swapped,
        (int32_t[]){
            0, 12, 4, 16, 8, 20, 1, 13, 5, 17, 9, 21, 2, 14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23 },
        24);
    lattn_tensor *part = lattn_slice(ctx, t, 2, 1, 4, 2);
    expect_ints(part, (int32_t[]){ 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 }, 12);
    EXPECT_OK(lattn_tensor_write(part,
        (int32_t[]){ -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12 }, 12 * sizeof(int32_t)));
    expect_ints(t,
        (int32_t[]){ 0, -1, 2, -2, 4, -3, 6, -4, 8, -5, 10, -6, 12, -7, 14, -8, 16, -9, 18, -10, 20,
            -11, 22, -12 },
        24);
}

// A slice of bytes that starts and ends inside words must leave its neighbours alone.
GPU_TEST(transfer, writes_inside_words_leave_neighbours)
{
    if (lat_dtype_check(ctx, LATTN_DTYPE_U8))
        return lt_skip("no 8-bit storage");
    lattn_tensor *t = lattn_full(ctx, LATTN_DTYPE_U8, 1, DIMS(13), 7);
    lattn_tensor *part = lattn_slice(ctx, t, 0, 3, 6, 1);
    EXPECT_OK(lattn_tensor_write(part, (uint8_t[]){ 1, 2, 3 }, 3));
    EXPECT_OK(lattn_fill_(lattn_slice(ctx, t, 0, 9, 11, 1), 200));
    uint8_t got[13], want[13] = { 7, 7, 7, 1, 2, 3, 7, 7, 7, 200, 200, 7, 7 };
    EXPECT_OK(lattn_tensor_read(t, got, 13));
    EXPECT(memcmp(got, want, 13) == 0);
}

GPU_TEST(transfer, floats_are_converted)
{
    const float v[] = { 0.1f, -2.5f, 1e9f, 3.0f };
    lattn_tensor *t = lattn_from_f32(ctx, LATTN_DTYPE_I32, 1, DIMS(4), v);
    float got[4];
    EXPECT_OK(lattn_tensor_read_f32(t, got, 4));
    EXPECT(got[0] == 0 && got[1] == -2 && got[2] == 1e9f && got[3] == 3);
    double item;
    EXPECT_OK(lattn_tensor_item(ctx, lattn_select(ctx, t, 0, 1), &item));
    EXPECT(item == -2);
}

GPU_TEST(transfer, fill_is_exact_for_integers)
{
    int32_t got[3];
    lattn_tensor *t = lattn_full(ctx, LATTN_DTYPE_I32, 1, DIMS(3), 16777217);
    EXPECT_OK(lattn_tensor_read(t, got, sizeof got));
    EXPECT_EQ(got[2], 16777217);
    // strided: every second element
    lattn_tensor *all = lattn_zeros(ctx, LATTN_DTYPE_I32, 1, DIMS(5));
    EXPECT_OK(lattn_fill_(lattn_slice(ctx, all, 0, 0, 5, 2), -2147483647.0));
    expect_ints(all, (int32_t[]){ -2147483647, 0, -2147483647, 0, -2147483647 }, 5);
}

// Long enough for a kernel, where there is one; neither the ends nor what lies beside them is a whole run.
GPU_TEST(transfer, long_zeros_leave_neighbours)
{
    enum { BEFORE = 64, ZEROS = (1 << 20) + 3, AFTER = 5, ALL = BEFORE + ZEROS + AFTER };
    if (!lt_sees(ctx, ALL * sizeof(float)))
        return;
    lattn_tensor *all = lattn_full(ctx, LATTN_DTYPE_F32, 1, DIMS(ALL), 7);
    EXPECT_OK(lattn_fill_(lattn_slice(ctx, all, 0, BEFORE, BEFORE + ZEROS, 1), 0));
    float *got = calloc(ALL, sizeof *got);
    EXPECT_OK(lattn_tensor_read(all, got, ALL * sizeof *got));
    int wrong = 0;
    for (int i = 0; i < ALL; i++)
        wrong += got[i] != (i < BEFORE || i >= BEFORE + ZEROS ? 7 : 0);
    EXPECT_EQ(wrong, 0);
    free(got);
}

GPU_TEST(transfer, copy_converts_broadcasts_and_survives_overlap)
{
    lattn_tensor *row = lt_tensor(ctx, 1, DIMS(3), (float[]){ 1.5f, -2.5f, 300 });
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_I32, 2, DIMS(2, 3));
    EXPECT_OK(lattn_copy_(t, row));
    expect_ints(t, (int32_t[]){ 1, -2, 300, 1, -2, 300 }, 6);

    lattn_tensor *x = lattn_from_i32(ctx, 1, DIMS(6), (int32_t[]){ 1, 2, 3, 4, 5, 6 });
    EXPECT_OK(lattn_copy_(lattn_slice(ctx, x, 0, 1, 6, 1), lattn_slice(ctx, x, 0, 0, 5, 1)));
    expect_ints(x, (int32_t[]){ 1, 1, 2, 3, 4, 5 }, 6);
    EXPECT_STATUS(lattn_copy_(row, t), LATTN_ERR_SHAPE);
    EXPECT_CONTAINS(lattn_error(ctx), "[2, 3] does not broadcast to [3]");
}

GPU_TEST(transfer, add_in_place_checks_its_operands)
{
    lattn_tensor *a = lt_tensor(ctx, 1, DIMS(3), (float[]){ 1, 2, 3 });
    EXPECT_OK(lattn_add_(a, a));
    lt_expect_near(ctx, a, ((float[]){ 2, 4, 6 }), 3, 0);
    EXPECT_STATUS(lattn_add_(a, lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(4))), LATTN_ERR_SHAPE);
    EXPECT_STATUS(lattn_add_(a, lattn_zeros(ctx, LATTN_DTYPE_I32, 1, DIMS(3))), LATTN_ERR_DTYPE);
}

GPU_TEST(transfer, wrong_sizes_and_null_are_refused)
{
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, DIMS(3));
    float v[4] = { 0 };
    EXPECT_STATUS(lattn_tensor_write(t, v, 16), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tensor_read(t, v, 8), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tensor_read_f32(t, v, 4), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tensor_read_f32(NULL, v, 4), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_fill_(NULL, 0), LATTN_ERR_ARG);
    double item;
    EXPECT_STATUS(lattn_tensor_item(ctx, t, &item), LATTN_ERR_SHAPE);
    EXPECT_STATUS(lattn_tensor_item(ctx, NULL, &item), LATTN_ERR_ARG);
}

GPU_TEST(transfer, empty_tensors_go_everywhere)
{
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, DIMS(0, 3));
    float v[1];
    EXPECT_OK(lattn_tensor_read(t, v, 0));
    EXPECT_OK(lattn_tensor_write(t, v, 0));
    EXPECT_OK(lattn_copy_(t, t));
    EXPECT_OK(lattn_add_(t, t));
    EXPECT_OK(lattn_uniform_(t, 0, 1));
    EXPECT_EQ(lattn_tensor_numel(lattn_transpose(ctx, t, 0, 1)), 0);
}

GPU_TEST(transfer, shapes_that_cannot_be_are_refused)
{
    lattn_tensor *t;
    EXPECT_STATUS(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 9, NULL, &t), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(-2), &t), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tensor_create(ctx, (lattn_dtype) 17, 0, NULL, &t), LATTN_ERR_DTYPE);
    EXPECT_STATUS(lattn_tensor_create(
                      ctx, LATTN_DTYPE_F32, 2, DIMS((int64_t) 1 << 40, (int64_t) 1 << 40), &t),
        LATTN_ERR_SHAPE);
    EXPECT_STATUS(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS((int64_t) 1 << 45), &t),
        LATTN_ERR_GPU_MEMORY);
    EXPECT(t == NULL);
}

// What an expanded tensor holds after a write would depend on the order of the writes.
GPU_TEST(transfer, expanded_tensors_are_not_changed_in_place)
{
    const float v[6] = { 1, 2, 3, 4, 5, 6 };
    lattn_tensor *row = lt_tensor(ctx, 2, (int64_t[]){ 1, 3 }, v);
    lattn_tensor *wide = lattn_expand(ctx, row, 2, (int64_t[]){ 2, 3 });
    lattn_tensor *same = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 3 });
    const lattn_status refused[] = {
        lattn_fill_(wide, 0),
        lattn_copy_(wide, same),
        lattn_add_(wide, same),
        lattn_tensor_write(wide, v, sizeof v),
        lattn_tensor_write_f32(wide, v, 6),
        lattn_uniform_(wide, 0, 1),
        lattn_normal_(wide, 0, 1),
        lattn_trunc_normal_(wide, 0, 1, -1, 1),
        lattn_bernoulli_(wide, 0.5f),
        lattn_bernoulli_(wide, 1),
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        EXPECT_EQ(refused[i], LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_fill_(wide, 0), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(ctx), "lattn_fill_: an expanded tensor of shape [2, 3]");
    lt_expect_near(ctx, row, v, 3, 0);

    // Expanded by one is no repetition, and a copy of its own may be changed.
    EXPECT_OK(lattn_fill_(lattn_expand(ctx, row, 3, (int64_t[]){ 1, 1, 3 }), 7));
    lt_expect_near(ctx, row, ((float[]){ 7, 7, 7 }), 3, 0);
    EXPECT_OK(lattn_fill_(lattn_contiguous(ctx, wide), 0));
}
