// SPDX-License-Identifier: MIT
//
// The confusion matrix: counts, and the files that show them.

#include "base/alloc.h"
#include "base/file.h"
#include "harness/harness.h"
#include "lattn/train.h"

static char *read_text(const char *dir, const char *name)
{
    char path[4096];
    char *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    EXPECT_OK(lat_file_read_all(path, 1 << 20, &text, &n));
    return text ? text : lat_strdup("");
}

TEST(confusion, rows_are_labels_and_columns_predictions)
{
    // labels 0 0 1 -1 3 2, predictions 0 1 1 0 0 2
    const float logits[6][3] = { { 2, 1, 0 }, { 0, 1, 0 }, { 0, 3, 2 }, { 9, 0, 0 }, { 9, 0, 0 },
        { 0, 1, NAN } };
    const int32_t labels[] = { 0, 0, 1, -1, 3, 2 };
    static const int want[3][3] = { { 1, 1, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };
    lattn_confusion *c = NULL;
    REQUIRE(lattn_confusion_create(3, &c) == LATTN_OK);
    lattn_confusion_add(c, logits[0], labels, 6);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            EXPECT_EQ(lattn_confusion_count(c, i, k), want[i][k]);
    EXPECT_EQ(lattn_confusion_count(c, 3, 0), 0);
    EXPECT_EQ(lattn_confusion_count(c, 0, -1), 0);
    lattn_confusion_destroy(&c);
    EXPECT(c == NULL);
}

TEST(confusion, files_have_names_counts_and_shares)
{
    const char *const names[] = { "a, b", "\"<c>\"" }, *dir = lt_temp_dir();
    const float logits[4][2] = { { 1, 0 }, { 1, 0 }, { 1, 0 }, { 0, 1 } };
    const int32_t labels[] = { 0, 0, 1, 1 };
    lattn_confusion *c = NULL;
    REQUIRE(lattn_confusion_create(2, &c) == LATTN_OK);
    lattn_confusion_add(c, logits[0], labels, 4);
    EXPECT_OK(lattn_confusion_save(c, names, dir));
    char *csv = read_text(dir, "confusion.csv");
    EXPECT_STR(csv, "label,\"a, b\",\"\"\"<c>\"\"\"\n\"a, b\",2,0\n\"\"\"<c>\"\"\",1,1\n");
    lat_free(csv);
    char *svg = read_text(dir, "confusion.svg");
    EXPECT_CONTAINS(svg, "&#34;&#60;c&#62;&#34;</text>");
    EXPECT_CONTAINS(svg, ">2</text>");
    lat_free(svg);

    char path[4096];
    lattn_image m;
    snprintf(path, sizeof path, "%s/confusion.png", dir);
    REQUIRE(lattn_image_load(path, NULL, &m) == LATTN_OK);
    REQUIRE(m.C == 3 && m.H == 400 && m.W == 400);
    EXPECT_EQ(m.data[0], 18);                 // all of label 0
    EXPECT_EQ(m.data[399], 255);              // none of it
    EXPECT_EQ(m.data[399 * 400], 255 - 168);  // half of label 1: 255 - (255 - 18) sqrt(1/2)
    EXPECT_EQ(m.data[399 * 400 + 399], 255 - 168);
    lattn_image_free(&m);
    lattn_confusion_destroy(&c);
}

TEST(confusion, many_classes_are_numbers_and_pixels)
{
    const char *dir = lt_temp_dir();
    char path[4096];
    lattn_confusion *c = NULL;
    lattn_image m;
    REQUIRE(lattn_confusion_create(500, &c) == LATTN_OK);
    EXPECT_OK(lattn_confusion_save(c, NULL, dir));
    snprintf(path, sizeof path, "%s/confusion.png", dir);
    REQUIRE(lattn_image_load(path, NULL, &m) == LATTN_OK);
    EXPECT_EQ(m.W, 500);
    lattn_image_free(&m);
    snprintf(path, sizeof path, "%s/confusion.svg", dir);
    EXPECT(fopen(path, "r") == NULL);
    EXPECT_STATUS(lattn_confusion_save(c, NULL, "/proc/nowhere"), LATTN_ERR_IO);
    lattn_confusion_destroy(&c);
    EXPECT_STATUS(lattn_confusion_create(0, &c), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "0 classes, 1 to 65536");
}
