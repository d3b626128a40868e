// SPDX-License-Identifier: MIT
//
// String building, numbers in any locale, UTF-8, and the map and hash.

#include <locale.h>
#include "base/hash.h"
#include "base/str.h"
#include "harness/harness.h"

TEST(str, parts_are_joined)
{
    struct lat_str s = { 0 };
    lat_str_add(&s, "a");
    lat_str_addn(&s, "bcd", 2);
    lat_str_addf(&s, "%d-%s", 7, "x");
    EXPECT_STR(s.items, "abc7-x");
    EXPECT_EQ(s.n, 6);
    lat_str_clear(&s);
    EXPECT_STR(s.items, "");
    lat_str_free(&s);
}

TEST(str, a_failure_is_remembered)
{
    struct lat_str s = { 0 };
    lat_str_add(&s, "kept");
    lat_alloc_fail_at(0);
    lat_str_addf(&s, "%100d", 1);
    lat_str_add(&s, "!");
    EXPECT_STATUS(s.status, LATTN_ERR_HOST_MEMORY);
    EXPECT_STR(s.items, "kept");
    lat_str_free(&s);
}

static void expect_f32(float v, const char *text)
{
    struct lat_str s = { 0 };
    lat_str_add_f32(&s, v);
    EXPECT_STR(s.items, text);
    lat_str_free(&s);
}

TEST(str, floats_are_short_and_read_back)
{
    expect_f32(0.1f, "0.1");
    expect_f32(1.0f / 3.0f, "0.33333334");
    expect_f32(16777217.0f, "16777216");
    expect_f32(1e-45f, "1.4013e-45");
    expect_f32(-0.0f, "-0");
    expect_f32(NAN, "nan");
    expect_f32(-INFINITY, "-inf");
    struct lat_str s = { 0 };
    for (uint32_t bits = 1; bits < 0x7F800000u; bits += 7654321u) {
        float v, back;
        memcpy(&v, &bits, 4);
        lat_str_clear(&s);
        lat_str_add_f32(&s, v);
        back = strtof(s.items, NULL);
        EXPECT(!memcmp(&v, &back, 4));
    }
    lat_str_free(&s);
}

TEST(str, doubles_are_short_and_read_back)
{
    struct lat_str s = { 0 };
    lat_str_add_f64(&s, 1e-12);
    lat_str_add(&s, " ");
    lat_str_add_f64(&s, 0.1);
    lat_str_add(&s, " ");
    lat_str_add_f64(&s, 1.0 / 3.0);
    EXPECT_STR(s.items, "1e-12 0.1 0.3333333333333333");
    lat_str_free(&s);
}

TEST(str, numbers_ignore_the_locale)
{
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        lt_skip("no locale with a decimal comma is installed");
        return;
    }
    expect_f32(0.5f, "0.5");
    double v = 0;
    EXPECT(lat_parse_f64("0.5", &v) && v == 0.5);
    EXPECT(!lat_parse_f64("0,5", &v));
    setlocale(LC_NUMERIC, "C");
}

TEST(str, numbers_are_the_whole_text)
{
    double v;
    int64_t n;
    EXPECT(lat_parse_f64("-1.5e3", &v) && v == -1500);
    EXPECT(!lat_parse_f64("", &v) && !lat_parse_f64(" 1", &v) && !lat_parse_f64("1x", &v));
    EXPECT(lat_parse_i64("-9223372036854775808", &n) && n == INT64_MIN);
    EXPECT(!lat_parse_i64("9223372036854775808", &n));
    EXPECT(!lat_parse_i64("", &n) && !lat_parse_i64(" 1", &n) && !lat_parse_i64("1.0", &n));
}

TEST(str, utf8_sequences_are_measured)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        { "a", 1 },
        { "\xC3\xA9", 2 },
        { "\xE2\x82\xAC", 3 },
        { "\xF0\x9F\x98\x80", 4 },
        { "\xF4\x8F\xBF\xBF", 4 },  // U+10FFFF
        { "\xF4\x90\x80\x80", 0 },  // above it
        { "\xC0\x80", 0 },          // overlong
        { "\xE0\x9F\xBF", 0 },
        { "\xF0\x8F\xBF\xBF", 0 },
        { "\xED\xA0\x80", 0 },  // surrogate
        { "\xE2\x82", 0 },      // cut
        { "\x80", 0 },
        { "\xFF", 0 },
    };
    for (size_t i = 0; i < LAT_COUNT(cases); i++)
        EXPECT_EQ(lat_utf8_length(cases[i].text, strlen(cases[i].text)), cases[i].length);
}

TEST(str, quoted_text_is_safe_to_print)
{
    char buf[12];
    EXPECT_STR(lat_quoted("abc", buf, sizeof buf), "abc");
    EXPECT_STR(lat_quoted("a\x1B[31m\n\xFF", buf, sizeof buf), "a?[31m??");
    EXPECT_STR(lat_quoted("01234567890", buf, sizeof buf), "01234567890");
    EXPECT_STR(lat_quoted("0123456789ab", buf, sizeof buf), "01234567...");
    EXPECT_STR(lat_quoted("0123456\xC3\xA9xyz", buf, sizeof buf), "0123456...");
}

TEST(hash, a_map_finds_what_was_put)
{
    struct lat_map m = { 0 };
    char key[16];
    int64_t v = 0;
    EXPECT(!lat_map_get(&m, "k", 1, &v));
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(key, sizeof key, "k%d", i);
        REQUIRE(!lat_map_put(&m, key, (size_t) n, i));
    }
    EXPECT_EQ(m.n, 5000);
    REQUIRE(!lat_map_put(&m, "k7", 2, -1));
    EXPECT_EQ(m.n, 5000);
    EXPECT(lat_map_get(&m, "k7", 2, &v) && v == -1);
    EXPECT(lat_map_get(&m, "k4999", 5, &v) && v == 4999);
    EXPECT(!lat_map_get(&m, "k5000", 5, &v));
    REQUIRE(!lat_map_put(&m, "", 0, 3));
    REQUIRE(!lat_map_put(&m, "a\0b", 3, 4));
    EXPECT(lat_map_get(&m, "", 0, &v) && v == 3);
    EXPECT(lat_map_get(&m, "a\0b", 3, &v) && v == 4);
    EXPECT(!lat_map_get(&m, "a\0c", 3, &v));
    lat_map_free(&m);
}

TEST(hash, every_failed_allocation_leaves_the_map_whole)
{
    struct lat_map m = { 0 };
    char key[16];
    for (int i = 0; i < 100; i++) {
        int n = snprintf(key, sizeof key, "k%d", i);
        for (int64_t at = 0;; at++) {
            lat_alloc_fail_at(at);
            lattn_status st = lat_map_put(&m, key, (size_t) n, i);
            lat_alloc_fail_at(-1);
            if (!st)
                break;
            EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
            EXPECT_EQ(m.n, i);
        }
    }
    int64_t v;
    EXPECT(lat_map_get(&m, "k99", 3, &v) && v == 99);
    lat_map_free(&m);
}

TEST(hash, streaming_gives_the_hash_of_the_whole)
{
    char data[5000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char) (i * 31);
    struct lat_hasher *h = lat_hasher_create();
    REQUIRE(h);
    lat_hasher_add(h, data, 1);
    lat_hasher_add(h, data + 1, 3000);
    lat_hasher_add(h, data + 3001, sizeof data - 3001);
    EXPECT(lat_hasher_end(&h) == lat_hash(data, sizeof data));
    EXPECT(h == NULL);
    EXPECT(lat_hash("", 0) == 0x2d06800538d394c2ull);  // the value of the XXH3 specification
}

TEST(str, text_for_xml_is_escaped_and_cut_at_characters)
{
    struct lat_str s = { 0 };
    lat_str_add_xml(&s, "a<b>&\"'\n\xff\x7f", SIZE_MAX);
    EXPECT_STR(s.items, "a&#60;b&#62;&#38;&#34;&#39;???");
    lat_str_clear(&s);
    lat_str_add_xml(&s, "\xc3\xa4\xe2\x82\xac<x", 3);
    EXPECT_STR(s.items, "\xc3\xa4\xe2\x82\xac&#60;...");
    lat_str_clear(&s);
    lat_str_add_xml(&s, "abc", 3);
    EXPECT_STR(s.items, "abc");
    lat_str_free(&s);
}
