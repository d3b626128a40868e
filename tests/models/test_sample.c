// SPDX-License-Identifier: MIT
//
// The choice of the next token: each rule by itself, and draws that follow the probabilities.

#include "harness/harness.h"

enum { N = 5 };
static const float logits[N] = { 1, 3, NAN, 2, 3 };

static int32_t choose(const lattn_sampling *how, const int32_t *previous, int64_t n, int64_t step)
{
    int32_t token = -1;
    EXPECT_OK(lattn_sample_token(logits, N, how, previous, n, step, &token));
    return token;
}

// How often each token comes in many draws.
static void count(const lattn_sampling *how, int counts[N])
{
    memset(counts, 0, N * sizeof *counts);
    for (int i = 0; i < 4000; i++)
        counts[choose(how, NULL, 0, i)]++;
}

TEST(sample, greedy_takes_the_first_of_the_likeliest)
{
    EXPECT_EQ(choose(NULL, NULL, 0, 0), 1);
    EXPECT_EQ(choose(&(lattn_sampling){ .seed = 5 }, NULL, 0, 9), 1);
}

TEST(sample, draws_follow_the_probabilities)
{
    lattn_sampling how = { .temperature = 1, .seed = 1 };
    int counts[N];
    double sum = exp(1) + 2 * exp(3) + exp(2);
    count(&how, counts);
    EXPECT_EQ(counts[2], 0);
    EXPECT_NEAR(counts[0] / 4000.0, exp(1) / sum, 0.03);
    EXPECT_NEAR(counts[1] / 4000.0, exp(3) / sum, 0.03);
    EXPECT_NEAR(counts[3] / 4000.0, exp(2) / sum, 0.03);
    how.temperature = 0.1f;
    count(&how, counts);
    EXPECT_EQ(counts[0] + counts[3], 0);
}

TEST(sample, top_k_and_top_p_cut_the_tail)
{
    int counts[N];
    count(&(lattn_sampling){ .temperature = 1, .top_k = 3, .seed = 2 }, counts);
    EXPECT(counts[0] == 0 && counts[3] > 0);
    // 0.40 and 0.40 of the likeliest two reach 0.79, so a third is not needed.
    count(&(lattn_sampling){ .temperature = 1, .top_p = 0.79f, .seed = 2 }, counts);
    EXPECT(counts[0] == 0 && counts[3] == 0 && counts[4] > 0);
    count(&(lattn_sampling){ .temperature = 1, .top_p = 1e-6f, .seed = 2 }, counts);
    EXPECT_EQ(counts[1], 4000);
}

TEST(sample, what_was_there_becomes_less_likely)
{
    lattn_sampling how = { .repetition_penalty = 2 };
    EXPECT_EQ(choose(&how, (int32_t[]){ 1 }, 1, 0), 4);
    EXPECT_EQ(choose(&how, (int32_t[]){ 1, 4, 77, -1 }, 4, 0), 3);
}

TEST(sample, the_same_seed_and_step_give_the_same_token)
{
    lattn_sampling how = { .temperature = 1, .seed = 3 };
    int differ = 0;
    for (int i = 0; i < 50; i++) {
        EXPECT_EQ(choose(&how, NULL, 0, i), choose(&how, NULL, 0, i));
        differ += choose(&how, NULL, 0, i) != choose(&how, NULL, 0, i + 1);
    }
    EXPECT(differ > 5);
}

TEST(sample, what_cannot_be_is_one_sentence)
{
    int32_t token;
    float nothing[2] = { NAN, NAN };
    EXPECT_STATUS(lattn_sample_token(nothing, 2, NULL, NULL, 0, 0, &token), LATTN_ERR_NOT_FINITE);
    EXPECT_STATUS(lattn_sample_token(nothing, 0, NULL, NULL, 0, 0, &token), LATTN_ERR_ARG);
    EXPECT_STATUS(
        lattn_sample_token(logits, N, &(lattn_sampling){ .top_p = 1.5f }, NULL, 0, 0, &token),
        LATTN_ERR_ARG);
    EXPECT_STATUS(
        lattn_sample_token(logits, N, &(lattn_sampling){ .temperature = -1 }, NULL, 0, 0, &token),
        LATTN_ERR_ARG);
}
