// SPDX-License-Identifier: MIT
//
// embedding and gather where the table of cases does not reach: padding, indices out of range,
// skewed distributions of ids, accumulated gradients, refused arguments.

#include "harness/harness.h"

// An argument of a macro: the parentheses keep the commas together.
#define FLOATS(...) ((float[]){ __VA_ARGS__ })

// Table, indices and gradient of a case, and the gradient of the table in double.
struct lookup {
    int64_t vocab, n_cols, n_tokens, padding_idx;
    int32_t *index;
    float *dy, *got;
    double *want;
};

static struct lookup make_lookup(int64_t vocab, int64_t n_cols, int64_t n_tokens)
{
    struct lookup l = { vocab, n_cols, n_tokens, -1, NULL, NULL, NULL, NULL };
    l.index = calloc((size_t) n_tokens, sizeof *l.index);
    l.dy = calloc((size_t) (n_tokens * n_cols), sizeof *l.dy);
    l.got = calloc((size_t) (vocab * n_cols), sizeof *l.got);
    l.want = calloc((size_t) (vocab * n_cols), sizeof *l.want);
    for (int64_t i = 0; i < n_tokens * n_cols; i++)
        l.dy[i] = (float) ((i * 37 + i / 11) % 101 - 50) / 32;
    return l;
}

static void free_lookup(struct lookup *l)
{
    free(l->index);
    free(l->dy);
    free(l->got);
    free(l->want);
}

static void fill_want(struct lookup *l)
{
    for (int64_t i = 0; i < l->n_tokens; i++) {
        int64_t id = l->index[i];
        if (id < 0 || id >= l->vocab || id == l->padding_idx)
            continue;
        for (int64_t j = 0; j < l->n_cols; j++)
            l->want[id * l->n_cols + j] += (double) l->dy[i * l->n_cols + j];
    }
}

static void run(lattn_ctx *ctx, struct lookup *l)
{
    lattn_tensor *w = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ l->vocab, l->n_cols }), *dw;
    lattn_tensor *index = lattn_from_i32(ctx, 1, &l->n_tokens, l->index);
    lattn_tensor *dy = lt_tensor(ctx, 2, (int64_t[]){ l->n_tokens, l->n_cols }, l->dy);
    EXPECT_OK(lattn_tensor_set_requires_grad(w, true));
    lattn_tensor *y = lattn_embedding(ctx, w, index, l->padding_idx);
    REQUIRE(y && dy);
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &w, 1, false, &dw));
    EXPECT_OK(lattn_tensor_read_f32(dw, l->got, l->vocab * l->n_cols));
}

// dy is a multiple of 1/32 below 2, so sums are exact: the comparison is bit for bit.
static void check(lattn_ctx *ctx, struct lookup *l)
{
    int64_t wrong = 0;
    fill_want(l);
    run(ctx, l);
    for (int64_t i = 0; i < l->vocab * l->n_cols; i++)
        wrong += (double) l->got[i] != l->want[i];
    EXPECT_EQ(wrong, 0);
    free_lookup(l);
}

GPU_TEST(embedding, one_id_for_all_tokens)
{
    struct lookup l = make_lookup(7, 6, 5000);
    for (int64_t i = 0; i < l.n_tokens; i++)
        l.index[i] = 3;
    check(ctx, &l);
}

GPU_TEST(embedding, every_token_its_own_id)
{
    struct lookup l = make_lookup(3000, 4, 3000);
    for (int64_t i = 0; i < l.n_tokens; i++)
        l.index[i] = (int32_t) ((i * 1009) % 3000);
    check(ctx, &l);
}

// As in text: few ids are most of the tokens, and segments of every length cross chunks.
GPU_TEST(embedding, skewed_ids)
{
    struct lookup l = make_lookup(16000, 32, 2048);
    uint32_t state = 1;
    for (int64_t i = 0; i < l.n_tokens; i++) {
        state = state * 1664525u + 1013904223u;
        double u = (state >> 8) / 16777216.0;
        l.index[i] = (int32_t) (15999 * u * u * u * u);
    }
    check(ctx, &l);
}

GPU_TEST(embedding, last_row_of_a_power_of_two)
{
    struct lookup l = make_lookup(65536, 1, 100);
    for (int64_t i = 0; i < l.n_tokens; i++)
        l.index[i] = i % 2 ? 65535 : 0;
    check(ctx, &l);
}

GPU_TEST(embedding, padding_row_gets_no_gradient)
{
    struct lookup l = make_lookup(5, 64, 70);
    l.padding_idx = 0;
    for (int64_t i = 0; i < l.n_tokens; i++)
        l.index[i] = (int32_t) (i % 5);
    check(ctx, &l);
}

GPU_TEST(embedding, only_padding)
{
    struct lookup l = make_lookup(5, 9, 70);
    l.padding_idx = 0;
    check(ctx, &l);
}

GPU_TEST(embedding, index_out_of_range_is_nan_and_gets_no_gradient)
{
    const int32_t index[] = { 1, -1, 3, INT32_MAX, INT32_MIN, 0 };
    lattn_tensor *w = lt_tensor(ctx, 2, (int64_t[]){ 3, 2 }, (float[]){ 1, 2, 3, 4, 5, 6 });
    lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ 6 }, index);
    const float want[] = { 3, 4, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 1, 2 };
    lt_expect_near(ctx, lattn_embedding(ctx, w, t, -1), want, 12, 0);

    struct lookup l = make_lookup(3, 32, 6);
    memcpy(l.index, index, sizeof index);
    check(ctx, &l);
}

GPU_TEST(embedding, second_backward_adds_to_the_first)
{
    lattn_tensor *w = NULL;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 4, 32 }, &w));
    EXPECT_OK(lattn_fill_(w, 1));
    EXPECT_OK(lattn_tensor_set_requires_grad(w, true));
    for (int run_number = 0; run_number < 2; run_number++) {
        lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ 3 }, (int32_t[]){ 2, run_number, 2 });
        lattn_tensor *y = lattn_sum(ctx, lattn_embedding(ctx, w, t, -1), NULL, 0, false);
        EXPECT_OK(lattn_backward(ctx, y, NULL));
    }
    float want[4 * 32];
    for (int i = 0; i < 4 * 32; i++)
        want[i] = i < 64 ? 1 : i < 96 ? 4 : 0;
    lt_expect_near(ctx, lattn_tensor_grad(w), want, 4 * 32, 0);
    lattn_tensor_release(&w);
}

GPU_TEST(embedding, wrong_arguments_are_refused)
{
    lattn_tensor *w = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 3, 2 });
    lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ 1 }, (int32_t[]){ 0 });
    EXPECT(!lattn_embedding(ctx, w, t, 3));
    lt_expect_error(ctx, LATTN_ERR_ARG, "padding_idx 3 is outside the table [3, 2]");
    EXPECT(!lattn_embedding(ctx, w, w, -1));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "index is f32, not i32");
    lattn_tensor *flat = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 3 });
    EXPECT(!lattn_embedding(ctx, flat, t, -1));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "weight [3] is not [V, C]");
}

GPU_TEST(gather, index_out_of_range_is_nan_and_gets_no_gradient)
{
    lattn_tensor *x = lt_tensor(ctx, 1, (int64_t[]){ 3 }, (float[]){ 1, 2, 3 }), *dx;
    lattn_tensor *t = lattn_from_i32(ctx, 1, (int64_t[]){ 4 }, (int32_t[]){ 2, 3, -1, 2 });
    EXPECT_OK(lattn_tensor_set_requires_grad(x, true));
    lattn_tensor *y = lattn_gather(ctx, x, 0, t);
    lt_expect_near(ctx, y, FLOATS(3, NAN, NAN, 3), 4, 0);
    lattn_tensor *dy = lt_tensor(ctx, 1, (int64_t[]){ 4 }, (float[]){ 1, 10, 100, 2 });
    REQUIRE(y && dy);
    EXPECT_OK(lattn_grad(ctx, &y, &dy, 1, &x, 1, false, &dx));
    lt_expect_near(ctx, dx, FLOATS(0, 0, 3), 3, 0);
}

GPU_TEST(gather, wrong_arguments_are_refused)
{
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 3 });
    lattn_tensor *t = lattn_from_i32(ctx, 2, (int64_t[]){ 3, 1 }, (int32_t[]){ 0, 0, 0 });
    EXPECT(!lattn_gather(ctx, x, 1, t));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "index [3, 1] reaches beyond x [2, 3] in dim 0");
    EXPECT(!lattn_gather(ctx, x, 2, t));
    lt_expect_error(ctx, LATTN_ERR_ARG, "gather: dim 2");
    EXPECT(!lattn_gather(ctx, x, 0, x));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "index is f32");
    lattn_tensor *flat = lattn_from_i32(ctx, 1, (int64_t[]){ 1 }, (int32_t[]){ 0 });
    EXPECT(!lattn_gather(ctx, x, 0, flat));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "differ in rank");
}
