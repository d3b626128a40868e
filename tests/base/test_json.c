// SPDX-License-Identifier: MIT
//
// Strict parsing, checked fields, and files that people can read.

#include "base/file.h"
#include "base/json.h"
#include "harness/harness.h"

static lattn_status parse(const char *text, json_t **j)
{
    return lat_json_parse("x.json", text, strlen(text), j);
}

TEST(json, what_other_parsers_let_pass_is_refused)
{
    static const char *const bad[] = {
        "",
        "{",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1}x",
        "\xEF\xBB\xBF{}",
        "{\"a\":01}",
        "[1,]",
        "{\"a\":99999999999999999999}",
        "{\"a\":\"\xFF\"}",
        "{\"a\":1e999}",
        "// x\n{}",
        "{\"a\":\"\\u0000\"}",
        "{'a':1}",
        "{\"a\":NaN}",
    };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        json_t *j;
        EXPECT_STATUS(parse(bad[i], &j), LATTN_ERR_FORMAT);
        EXPECT_CONTAINS(lat_err_text(), "x.json: line 1");
        EXPECT(j == NULL);
    }
}

TEST(json, a_nesting_bomb_is_refused)
{
    size_t n = 1000000;
    char *text = malloc(n);
    memset(text, '[', n);
    json_t *j;
    EXPECT_STATUS(lat_json_parse("x.json", text, n, &j), LATTN_ERR_FORMAT);
    free(text);
}

TEST(json, fields_are_checked_with_their_range)
{
    json_t *j;
    REQUIRE(!parse("{\"n\":7,\"x\":0.5,\"b\":true,\"s\":\"t\",\"z\":null}", &j));
    int64_t n = 0;
    double x = 0;
    bool b = false;
    const char *s = NULL;
    EXPECT_OK(lat_json_int("x.json", j, "n", true, 1, 10, &n));
    EXPECT_OK(lat_json_f64("x.json", j, "x", true, 0, 1, &x));
    EXPECT_OK(lat_json_f64("x.json", j, "n", true, 0, 10, &x));  // a whole number is a number
    EXPECT_OK(lat_json_bool("x.json", j, "b", true, &b));
    EXPECT_OK(lat_json_str("x.json", j, "s", true, &s));
    EXPECT(n == 7 && x == 7 && b);
    EXPECT_STR(s, "t");

    EXPECT_STATUS(lat_json_int("x.json", j, "n", true, 8, 10, &n), LATTN_ERR_FORMAT);
    EXPECT_STR(lat_err_text(), "x.json: \"n\" is 7, expected 8 to 10");
    EXPECT_STATUS(lat_json_int("x.json", j, "x", true, 0, 1, &n), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lat_err_text(), "a number with fraction");
    EXPECT_STATUS(lat_json_int("x.json", j, "z", true, 0, 1, &n), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lat_json_f64("x.json", j, "n", true, 0, 1, &x), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lat_json_f64("x.json", j, "s", true, 0, 1, &x), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lat_json_bool("x.json", j, "n", true, &b), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lat_json_str("x.json", j, "n", true, &s), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lat_json_str("x.json", j, "missing", true, &s), LATTN_ERR_FORMAT);
    EXPECT_STR(lat_err_text(), "x.json: \"missing\" is missing");
    EXPECT_OK(lat_json_int("x.json", j, "missing", false, 0, 1, &n));
    EXPECT_EQ(n, 7);
    EXPECT_STATUS(
        lat_json_int("x.json", json_object_get(j, "s"), "n", true, 0, 1, &n), LATTN_ERR_FORMAT);
    json_decref(j);
}

TEST(json, files_are_indented_and_read_back)
{
    char path[300], *text;
    size_t n;
    json_t *j, *back;
    snprintf(path, sizeof path, "%s/x.json", lt_temp_dir());
    REQUIRE(!parse("{\"eps\":1e-12,\"one\":1.0,\"list\":[1,\"a\\n\"],\"none\":[],\"o\":{}}", &j));
    EXPECT_OK(lat_json_save(path, j));
    EXPECT_OK(lat_file_read_all(path, 1000, &text, &n));
    EXPECT_STR(text, "{\n  \"eps\": 1e-12,\n  \"one\": 1.0,\n  \"list\": [\n    1,\n"
                     "    \"a\\n\"\n  ],\n  \"none\": [],\n  \"o\": {}\n}\n");
    lat_free(text);
    EXPECT_OK(lat_json_load(path, 1000, &back));
    EXPECT(json_equal(j, back));
    json_decref(back);
    json_decref(j);
    EXPECT_STATUS(lat_json_load(path, 10, &back), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lat_json_save(path, NULL), LATTN_ERR_HOST_MEMORY);
}

TEST(json, texts_are_escaped_and_stay_utf8)
{
    struct lat_str s = { 0 };
    const char text[] = "a\"\\\n\x01\xC3\xA9\xFF\x7F";
    lat_json_add_escaped(&s, text, sizeof text - 1);
    EXPECT_STR(s.items, "\"a\\\"\\\\\\n\\u0001\xC3\xA9\xEF\xBF\xBD\\u007f\"");
    lat_str_free(&s);
}
