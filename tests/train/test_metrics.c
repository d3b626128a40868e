// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "train/metrics.h"

TEST(metrics, accuracy_and_macro_f1_are_scikit_learns)
{
    // labels 0 0 1 1 2, predictions 0 1 1 1 0
    const float logits[5][3] = { { 2, 1, 0 }, { 0, 1, 0 }, { 0, 3, 2 }, { -1, 0, -2 },
        { 5, 1, 4 } };
    const int32_t labels[] = { 0, 0, 1, 1, 2 };
    struct lat_counts c;
    EXPECT_OK(lat_counts_create(3, &c));
    lat_counts_add(&c, logits[0], labels, 5, 0);
    lattn_metrics m = lat_counts_metrics(&c);
    EXPECT_EQ(m.n, 5);
    EXPECT_NEAR(m.accuracy, 0.6, 1e-15);
    EXPECT_NEAR(m.macro_f1, (0.5 + 0.8 + 0) / 3, 1e-15);
    lat_counts_free(&c);
}

TEST(metrics, rows_without_a_label_do_not_count)
{
    const float logits[2][2] = { { 1, 0 }, { 1, 0 } };
    const int32_t labels[] = { -1, 0 };
    struct lat_counts c;
    EXPECT_OK(lat_counts_create(2, &c));
    const int32_t none[] = { -100, -1 };
    lat_counts_add(&c, logits[0], labels, 2, 3);
    lat_counts_add(&c, logits[0], none, 2, NAN);
    EXPECT_EQ(lat_counts_metrics(&c).n, 1);
    EXPECT_NEAR(lat_counts_metrics(&c).loss, 3, 0);
    EXPECT_NEAR(lat_counts_metrics(&c).accuracy, 1, 0);
    lat_counts_free(&c);
}

TEST(metrics, a_nan_logit_is_never_a_lucky_hit)
{
    const float logits[1][3] = { { 1, NAN, 5 } };
    const int32_t labels[] = { 2 };
    struct lat_counts c;
    EXPECT_OK(lat_counts_create(3, &c));
    lat_counts_add(&c, logits[0], labels, 1, 0);
    EXPECT_NEAR(lat_counts_metrics(&c).accuracy, 0, 0);
    lat_counts_free(&c);
}

TEST(metrics, nothing_counted_gives_zeros)
{
    struct lat_counts c;
    EXPECT_OK(lat_counts_create(2, &c));
    EXPECT_NEAR(lat_counts_metrics(&c).accuracy, 0, 0);
    EXPECT_NEAR(lat_counts_metrics(&c).macro_f1, 0, 0);
    lat_counts_free(&c);
}
