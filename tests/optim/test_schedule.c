// SPDX-License-Identifier: MIT

#include "harness/harness.h"

TEST(schedule, linear_warms_up_from_zero_and_ends_at_zero)
{
    lattn_schedule s = { .kind = LATTN_SCHEDULE_LINEAR, .n_steps = 100, .n_warmup = 10 };
    EXPECT_NEAR(lattn_schedule_factor(&s, 0), 0, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 5), 0.5, 1e-15);
    EXPECT_NEAR(lattn_schedule_factor(&s, 10), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 55), 0.5, 1e-15);
    EXPECT_NEAR(lattn_schedule_factor(&s, 100), 0, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 1000), 0, 0);
}

TEST(schedule, without_warmup_the_first_update_has_the_full_rate)
{
    lattn_schedule s = { .kind = LATTN_SCHEDULE_LINEAR, .n_steps = 4 };
    EXPECT_NEAR(lattn_schedule_factor(&s, 0), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 3), 0.25, 1e-15);
}

TEST(schedule, cosine_is_half_in_the_middle)
{
    lattn_schedule s = { .kind = LATTN_SCHEDULE_COSINE, .n_steps = 110, .n_warmup = 10 };
    EXPECT_NEAR(lattn_schedule_factor(&s, 10), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 60), 0.5, 1e-15);
    EXPECT_NEAR(lattn_schedule_factor(&s, 110), 0, 1e-15);
}

TEST(schedule, constant_stays_and_polynomial_bends)
{
    lattn_schedule constant = { .kind = LATTN_SCHEDULE_CONSTANT, .n_steps = 10, .n_warmup = 2 };
    lattn_schedule square = { .kind = LATTN_SCHEDULE_POLYNOMIAL, .n_steps = 10, .power = 2 };
    EXPECT_NEAR(lattn_schedule_factor(&constant, 9), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&square, 5), 0.25, 1e-15);
}

TEST(schedule, one_update_in_all_is_possible)
{
    lattn_schedule s = { .kind = LATTN_SCHEDULE_LINEAR, .n_steps = 1, .n_warmup = 1 };
    EXPECT_NEAR(lattn_schedule_factor(&s, 0), 0, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 1), 1, 0);
}

TEST(schedule, step_cuts_by_gamma_every_step_size)
{
    lattn_schedule s = {
        .kind = LATTN_SCHEDULE_STEP, .n_steps = 100, .gamma = 0.5, .step_size = 30
    };
    EXPECT_NEAR(lattn_schedule_factor(&s, 0), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 29), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 30), 0.5, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 99), 0.125, 0);
}

// As torch's MultiStepLR, a milestone that is there twice cuts twice; the order does not matter.
TEST(schedule, multistep_cuts_at_each_milestone)
{
    lattn_schedule s = { .kind = LATTN_SCHEDULE_MULTISTEP,
        .n_steps = 100,
        .milestones = { 60, 20, 60 },
        .n_milestones = 3 };
    EXPECT_NEAR(lattn_schedule_factor(&s, 19), 1, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 20), 0.1, 1e-17);
    EXPECT_NEAR(lattn_schedule_factor(&s, 59), 0.1, 1e-17);
    EXPECT_NEAR(lattn_schedule_factor(&s, 60), 1e-3, 1e-17);
}

TEST(schedule, steps_count_from_the_start_and_warm_up_multiplies)
{
    lattn_schedule s = {
        .kind = LATTN_SCHEDULE_STEP, .n_steps = 100, .n_warmup = 10, .gamma = 0.5, .step_size = 8
    };
    EXPECT_NEAR(lattn_schedule_factor(&s, 0), 0, 0);
    EXPECT_NEAR(lattn_schedule_factor(&s, 4), 0.4, 1e-15);
    EXPECT_NEAR(lattn_schedule_factor(&s, 9), 0.45, 1e-15);
    EXPECT_NEAR(lattn_schedule_factor(&s, 16), 0.25, 0);
    s.step_size = 0;
    EXPECT_NEAR(lattn_schedule_factor(&s, 50), 1, 0);
}
