// SPDX-License-Identifier: MIT
//
// Series of numbers: columns by name, what is no number, scales of the training part, windows.

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "harness/harness.h"

static const char *put(const char *name, const char *text)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", lt_temp_dir(), name);
    EXPECT_OK(lat_file_replace(path, text, strlen(text)));
    return path;
}

// Row i: date, i, 100 + 2 i, 7
static lattn_dataset *line(int n, const lattn_series_params *params)
{
    static char text[10000];
    size_t at = (size_t) snprintf(text, sizeof text, "date,load,temp,flat\n");
    for (int i = 0; i < n; i++)
        at += (size_t) snprintf(
            text + at, sizeof text - at, "2024-%d,%d, %d.0 ,7\n", i, i, 100 + 2 * i);
    lattn_dataset *d;
    EXPECT_OK(lattn_series_open(put("line.csv", text), params, &d));
    return d;
}

static const char *const inputs[] = { "temp", "flat" };
static const char *const targets[] = { "load", "temp" };
static const lattn_series_params usual = { inputs, 2, targets, 2 };

TEST(series, columns_are_chosen_by_name)
{
    lattn_dataset *d = line(10, &usual);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 10);
    EXPECT(lattn_series_n_columns(d) == 3 && lattn_series_n_inputs(d) == 2);
    EXPECT_EQ(lattn_series_n_targets(d), 2);
    EXPECT(lattn_series_target(d, 0) == 2 && lattn_series_target(d, 1) == 0);
    EXPECT_EQ(lattn_series_target(d, 2), -1);
    EXPECT_STR(lattn_series_column(d, 0), "temp");
    EXPECT_STR(lattn_series_column(d, 2), "load");
    EXPECT(!lattn_series_column(d, 3));
    EXPECT(lattn_series_value(d, 4, 0) == 108 && lattn_series_value(d, 4, 2) == 4);
    EXPECT(isnan(lattn_series_value(d, 10, 0)) && isnan(lattn_series_value(d, 0, 3)));
    lattn_dataset_close(&d);
    EXPECT_OK(lattn_series_open(put("all.tsv", "a\tb\n1\t2\n"), NULL, &d));
    EXPECT(lattn_series_n_inputs(d) == 2 && lattn_series_n_targets(d) == 2);
    lattn_dataset_close(&d);
}

static void refused(
    const char *text, const lattn_series_params *p, lattn_status st, const char *part)
{
    lattn_dataset *d;
    EXPECT_STATUS(lattn_series_open(put("bad.csv", text), p, &d), st);
    EXPECT(!d);
    EXPECT_CONTAINS(lattn_error(NULL), part);
}

TEST(series, what_is_no_number_is_refused_with_line_and_column)
{
    static const char *const none[] = { "x" }, *const twice[] = { "a", "a" };
    refused("a,b\n1,2\n3,nan\n", NULL, LATTN_ERR_FORMAT, "bad.csv:3: column \"b\" is \"nan\"");
    refused("a,b\n1,2\n,4\n", NULL, LATTN_ERR_FORMAT, "bad.csv:3: column \"a\" is \"\"");
    refused("a,b\n1,inf\n", NULL, LATTN_ERR_FORMAT, "bad.csv:2: column \"b\" is \"inf\"");
    refused("a,b\n1,1e39\n", NULL, LATTN_ERR_FORMAT, "\"1e39\", expected a finite number");
    refused("a,b\n1,2x\n", NULL, LATTN_ERR_FORMAT, "is \"2x\"");
    refused("a,b\n1\n", NULL, LATTN_ERR_FORMAT, "bad.csv:2: 1 columns in the row, expected 2");
    refused("a,b\n", NULL, LATTN_ERR_FORMAT, "bad.csv has no rows");
    refused("", NULL, LATTN_ERR_FORMAT, "bad.csv has no rows");
    refused("a,b\n1,2\n", &(lattn_series_params){ none, 1, NULL, 0 }, LATTN_ERR_FORMAT,
        "no column \"x\" among its 2 columns");
    refused("a,b\n1,2\n", &(lattn_series_params){ NULL, 0, none, 1 }, LATTN_ERR_FORMAT,
        "no column \"x\"");
    refused("a,b\n1,2\n", &(lattn_series_params){ twice, 2, NULL, 0 }, LATTN_ERR_ARG,
        "\"a\" is named twice");
    refused("a,b\n1,2\n", &(lattn_series_params){ NULL, 0, twice, 2 }, LATTN_ERR_ARG,
        "target \"a\" is named twice");
    refused("a,a\n1,2\n", NULL, LATTN_ERR_ARG, "\"a\" is named twice");
    lattn_dataset *d;
    EXPECT_STATUS(lattn_series_open(put("x.jsonl", "{}"), NULL, &d), LATTN_ERR_ARG);
    EXPECT_STATUS(
        lattn_series_open("x.csv", &(lattn_series_params){ NULL, 2, NULL, 0 }, &d), LATTN_ERR_ARG);
}

TEST(series_scale, is_that_of_its_part_and_comes_back_from_its_file)
{
    lattn_dataset *d = line(10, &usual);
    lattn_range parts[2];
    lattn_series_scale s, back;
    EXPECT_OK(lattn_sequence_split(d, (double[]){ 4, 6 }, 2, parts));
    EXPECT(parts[0].n == 4 && parts[1].first == 4 && parts[1].n == 6);
    EXPECT_OK(lattn_series_scale_fit(d, &parts[0], &s));
    EXPECT_EQ(s.n, 3);
    EXPECT_NEAR(s.mean[0], 103, 1e-12);  // 100 102 104 106
    EXPECT_NEAR(s.std[0], sqrt(5), 1e-12);
    EXPECT(s.mean[1] == 7 && s.std[1] == 1);  // constant
    EXPECT_NEAR(s.mean[2], 1.5, 1e-12);
    char path[400];
    snprintf(path, sizeof path, "%s/scale.json", lt_temp_dir());
    EXPECT_OK(lattn_series_scale_save(&s, path));
    EXPECT_OK(lattn_series_scale_load(path, &back));
    EXPECT_EQ(back.n, 3);
    for (int32_t i = 0; i < 3 && back.n == 3; i++) {
        EXPECT_STR(back.names[i], s.names[i]);
        EXPECT(back.mean[i] == s.mean[i] && back.std[i] == s.std[i]);
    }
    lattn_series_scale_free(&s);
    lattn_series_scale_free(&back);
    lattn_series_scale_free(&back);
    EXPECT_STATUS(lattn_series_scale_fit(d, &(lattn_range){ 5, 6 }, &s), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_series_scale_load(put("s.json", "{\"columns\":[]}"), &s), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lattn_series_scale_load(
                      put("s.json", "{\"columns\":[{\"name\":\"a\",\"mean\":0,\"std\":0}]}"), &s),
        LATTN_ERR_FORMAT);
    EXPECT_STATUS(
        lattn_series_scale_load(put("s.json", "{\"columns\":[{\"mean\":0,\"std\":1}]}"), &s),
        LATTN_ERR_FORMAT);
    EXPECT(s.n == 0 && !s.names);
    lattn_dataset_close(&d);
}

TEST(series_loader, windows_are_followed_by_their_targets)
{
    lattn_dataset *d = line(20, &usual);
    lattn_range train = { 0, 12 }, test = { 12, 8 };
    lattn_series_scale s;
    lattn_loader *l;
    const lattn_batch *b;
    EXPECT_OK(lattn_series_scale_fit(d, &train, &s));
    lattn_series_loader_params p = {
        .dataset = d, .part = &test, .scale = &s, .T = 3, .T_out = 2, .stride = 2, .batch_size = 8
    };
    REQUIRE(!lattn_series_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->n == 2 && b->T == 3 && b->T_out == 2 && b->C == 2 && b->n_labels == 2);
    for (int i = 0; i < 2; i++) {
        int start = 12 + 2 * i;
        EXPECT_EQ(b->rows[i], start);
        for (int t = 0; t < 3; t++) {
            EXPECT_NEAR(
                b->x[(i * 3 + t) * 2], (100 + 2 * (start + t) - s.mean[0]) / s.std[0], 1e-6);
            EXPECT_NEAR(b->x[(i * 3 + t) * 2 + 1], 0, 0);
        }
        for (int t = 0; t < 2; t++) {
            int row = start + 3 + t;
            EXPECT_NEAR(b->targets[(i * 2 + t) * 2], (row - s.mean[2]) / s.std[2], 1e-6);
            EXPECT_NEAR(
                b->targets[(i * 2 + t) * 2 + 1], (100 + 2 * row - s.mean[0]) / s.std[0], 1e-6);
        }
    }
    lattn_loader_destroy(&l);
    lattn_series_scale_free(&s);
    lattn_dataset_close(&d);
}

TEST(series_loader, every_window_once_an_epoch_whatever_the_threads_and_resumed)
{
    lattn_dataset *d = line(60, &usual);
    int64_t order[114];
    for (int threads = 1; threads < 4; threads++) {
        lattn_series_loader_params p = {
            .dataset = d, .T = 3, .batch_size = 7, .shuffle = true, .seed = 6, .n_threads = threads
        };
        lattn_loader *l;
        const lattn_batch *b;
        int seen = 0, count[57] = { 0 };
        REQUIRE(!lattn_series_loader_create(&p, &l));
        EXPECT_EQ(lattn_loader_n_batches(l), 9);
        while (seen < 114) {
            REQUIRE(!lattn_loader_next(l, &b));
            for (int i = 0; b && i < b->n; i++, seen++) {
                EXPECT(threads == 1 || order[seen] == b->rows[i]);
                order[seen] = b->rows[i];
                count[b->rows[i]]++;
                EXPECT_NEAR(b->x[i * 6], 100 + 2 * b->rows[i], 0);  // not scaled
            }
        }
        for (int i = 0; i < 57; i++)
            EXPECT_EQ(count[i], 2);
        EXPECT_OK(lattn_loader_seek(l, 1, 3));
        REQUIRE(!lattn_loader_next(l, &b));
        EXPECT(b && b->rows[0] == order[57 + 21]);
        lattn_loader_destroy(&l);
    }
    lattn_dataset_close(&d);
}

TEST(series_loader, arguments_are_checked)
{
    lattn_dataset *d = line(10, &usual),
                  *other = line(10, &(lattn_series_params){ inputs, 2, NULL, 0 });
    lattn_series_scale s;
    lattn_loader *l;
    EXPECT_OK(lattn_series_scale_fit(other, NULL, &s));
    const lattn_series_loader_params bad[] = { { .T = 3 }, { .dataset = d },
        { .dataset = d, .T = 3, .T_out = -1 }, { .dataset = d, .T = 3, .stride = -1 },
        { .dataset = d, .T = 3, .scale = &s }, { .dataset = d, .T = 3, .batch_size = -1 },
        { .dataset = d, .T = 10 } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        EXPECT_STATUS(lattn_series_loader_create(&bad[i], &l), LATTN_ERR_ARG);
        EXPECT(!l);
    }
    EXPECT_CONTAINS(lattn_error(NULL), "10 steps, a window of 10 and 1 needs 11");
    lattn_series_scale_free(&s);
    lattn_dataset_close(&other);
    lattn_dataset_close(&d);
}

TEST(series, every_failed_allocation_is_one_clean_error)
{
    const char *path = put("alloc.csv", "load,temp,flat\n1,2,3\n4,5,6\n7,8,9\n");
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at++) {
        lattn_dataset *d;
        lattn_series_scale s = { 0 };
        lattn_loader *l = NULL;
        lat_alloc_fail_at(at);
        lattn_status st = lattn_series_open(path, &usual, &d);
        if (!st)
            st = lattn_series_scale_fit(d, NULL, &s);
        if (!st)
            st = lattn_series_loader_create(
                &(lattn_series_loader_params){ .dataset = d, .scale = &s, .T = 1 }, &l);
        lat_alloc_fail_at(-1);
        lattn_loader_destroy(&l);
        lattn_series_scale_free(&s);
        lattn_dataset_close(&d);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
    }
}
