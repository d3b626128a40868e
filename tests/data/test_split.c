// SPDX-License-Identifier: MIT
//
// Splits and folds: nothing in common, nothing lost, the shares of the labels kept.

#include "base/alloc.h"
#include "base/compiler.h"
#include "data/dataset.h"
#include "image/pictures.h"
#include "harness/harness.h"

// Rows of 10 labels in these numbers, mixed.
static lattn_dataset *labelled(const int *counts, int n_labels)
{
    lattn_dataset *d;
    size_t n = 0;
    for (int i = 0; i < n_labels; i++)
        n += (size_t) counts[i];
    EXPECT_OK(lat_dataset_create(LAT_DATA_TEXTS, n, &d));
    EXPECT_OK(lat_labels_numbered(&d->labels, n_labels));
    d->has_labels = true;
    size_t row = 0;
    for (int left = (int) n, turn = 0; left > 0; turn++)
        for (int i = 0; i < n_labels; i++)
            if (turn < counts[i]) {
                d->rows.items[row++].label = i;
                left--;
            }
    return d;
}

static void count_labels(const lattn_dataset *d, const lattn_rows *part, int *counts)
{
    for (int64_t i = 0; i < part->n; i++) {
        counts[lattn_dataset_label(d, part->items[i])]++;
        EXPECT(i == 0 || part->items[i] > part->items[i - 1]);
    }
}

TEST(split, parts_are_disjoint_complete_and_stratified)
{
    static const int counts[] = { 500, 250, 100, 50, 30, 7, 3, 1, 0, 59 };
    static const double ratios[][3] = { { 70, 30 }, { 60, 20, 20 }, { 98, 1, 1 },
        { 0.5, 0.25, 0.25 } };
    static const int n_parts[] = { 2, 3, 3, 3 };
    lattn_dataset *d = labelled(counts, 10);
    for (size_t i = 0; i < LAT_COUNT(ratios); i++) {
        lattn_rows parts[3];
        int seen[1000] = { 0 };
        double sum = ratios[i][0] + ratios[i][1] + (n_parts[i] == 3 ? ratios[i][2] : 0);
        EXPECT_OK(lattn_dataset_split(d, ratios[i], n_parts[i], 7, parts));
        for (int p = 0; p < n_parts[i]; p++) {
            int got[10] = { 0 };
            double share = ratios[i][p] / sum;
            count_labels(d, &parts[p], got);
            EXPECT_NEAR((double) parts[p].n, 1000 * share, n_parts[i] - 0.01);
            for (int k = 0; k < 10; k++)
                EXPECT_NEAR(got[k], counts[k] * share, n_parts[i] - 0.01);
            for (int64_t k = 0; k < parts[p].n; k++)
                seen[parts[p].items[k]]++;
            lattn_rows_free(&parts[p]);
            EXPECT(parts[p].items == NULL && parts[p].n == 0);
        }
        for (int k = 0; k < 1000; k++)
            EXPECT_EQ(seen[k], 1);
    }
    lattn_dataset_close(&d);
}

// 98/1/1 of 50 rows a label: each label alone has half a row for the small parts.
TEST(split, many_small_labels_still_fill_small_parts)
{
    int counts[100];
    for (int i = 0; i < 100; i++)
        counts[i] = 50;
    lattn_dataset *d = labelled(counts, 100);
    lattn_rows parts[3];
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 98, 1, 1 }, 3, 1, parts));
    EXPECT_NEAR((double) parts[0].n, 4900, 2);
    EXPECT_NEAR((double) parts[1].n, 50, 2);
    EXPECT_NEAR((double) parts[2].n, 50, 2);
    for (int p = 0; p < 3; p++)
        lattn_rows_free(&parts[p]);
    lattn_dataset_close(&d);
}

TEST(split, depends_on_the_seed_alone)
{
    static const int counts[] = { 60, 40 };
    lattn_dataset *d = labelled(counts, 2);
    lattn_rows a[2], b[2], c[2];
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 7, 3 }, 2, 1, a));
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 7, 3 }, 2, 1, b));
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 7, 3 }, 2, 2, c));
    EXPECT(a[0].n == 70 && b[0].n == 70 && c[0].n == 70);
    EXPECT(!memcmp(a[0].items, b[0].items, 70 * sizeof(int64_t)));
    EXPECT(memcmp(a[0].items, c[0].items, 70 * sizeof(int64_t)) != 0);
    for (int p = 0; p < 2; p++) {
        lattn_rows_free(&a[p]);
        lattn_rows_free(&b[p]);
        lattn_rows_free(&c[p]);
    }
    lattn_dataset_close(&d);
}

TEST(split, rows_without_labels_are_split_too)
{
    lattn_dataset *d;
    EXPECT_OK(lat_dataset_create(LAT_DATA_TEXTS, 10, &d));
    lattn_rows parts[2], train, held;
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 1, 1 }, 2, 1, parts));
    EXPECT(parts[0].n == 5 && parts[1].n == 5);
    lattn_rows_free(&parts[0]);
    lattn_rows_free(&parts[1]);
    EXPECT_OK(lattn_dataset_fold(d, 10, 9, 1, &train, &held));
    EXPECT(train.n == 9 && held.n == 1);
    lattn_rows_free(&train);
    lattn_rows_free(&held);
    lattn_dataset_close(&d);
}

TEST(split, bad_ratios_and_empty_parts_are_refused)
{
    static const int counts[] = { 5, 5 };
    static const double bad[][2] = { { 0, 1 }, { 1, -1 }, { NAN, 1 }, { 1, INFINITY } };
    lattn_dataset *d = labelled(counts, 2);
    int64_t live = lat_alloc_live();
    lattn_rows parts[2];
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        EXPECT_STATUS(lattn_dataset_split(d, bad[i], 2, 1, parts), LATTN_ERR_ARG);
        EXPECT_CONTAINS(lattn_error(NULL), "expected above 0");
    }
    EXPECT_STATUS(lattn_dataset_split(d, bad[0], 0, 1, parts), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_dataset_split(d, (double[]){ 99, 1 }, 2, 1, parts), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "part 2 of 2 gets none of 10 rows");
    EXPECT(!parts[0].items && !parts[1].items && lat_alloc_live() == live);
    lattn_dataset_close(&d);
}

TEST(split, folds_cover_every_row_once)
{
    static const int counts[] = { 31, 17, 4, 1 };
    lattn_dataset *d = labelled(counts, 4);
    for (int k = 2; k <= 53; k += 3) {
        int seen[53] = { 0 };
        for (int fold = 0; fold < k; fold++) {
            lattn_rows train, held;
            int got[4] = { 0 };
            EXPECT_OK(lattn_dataset_fold(d, k, fold, 3, &train, &held));
            count_labels(d, &held, got);
            EXPECT_EQ(train.n + held.n, 53);
            EXPECT(held.n == 53 / k || held.n == 53 / k + 1);
            for (int i = 0; i < 4; i++)
                EXPECT(got[i] == counts[i] / k || got[i] == counts[i] / k + 1);
            for (int64_t i = 0; i < held.n; i++)
                seen[held.items[i]]++;
            lattn_rows_free(&train);
            lattn_rows_free(&held);
        }
        for (int i = 0; i < 53; i++)
            EXPECT_EQ(seen[i], 1);
    }
    lattn_rows train, held;
    EXPECT_STATUS(lattn_dataset_fold(d, 1, 0, 3, &train, &held), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_dataset_fold(d, 54, 0, 3, &train, &held), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_dataset_fold(d, 5, 5, 3, &train, &held), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_dataset_fold(d, 5, -1, 3, &train, &held), LATTN_ERR_ARG);
    lattn_dataset_close(&d);
}

TEST(split, a_failed_allocation_is_reported)
{
    static const int counts[] = { 5, 5 };
    lattn_dataset *d = labelled(counts, 2);
    int64_t live = lat_alloc_live();
    lattn_rows parts[2];
    for (int which = 0; which < 2; which++) {
        lattn_status st = LATTN_ERR_HOST_MEMORY;
        int at = 0;
        for (; st && at < 50; at++) {
            lat_alloc_fail_at(at);
            st = which ? lattn_dataset_fold(d, 2, 0, 1, &parts[0], &parts[1])
                       : lattn_dataset_split(d, (double[]){ 1, 1 }, 2, 1, parts);
            lat_alloc_fail_at(-1);
            EXPECT(st == LATTN_OK || st == LATTN_ERR_HOST_MEMORY);
            lattn_rows_free(&parts[0]);
            lattn_rows_free(&parts[1]);
            EXPECT_EQ(lat_alloc_live(), live);
        }
        EXPECT(st == LATTN_OK && at > 4);
    }
    lattn_dataset_close(&d);
}
