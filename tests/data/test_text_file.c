// SPDX-License-Identifier: MIT
//
// Text files: columns, quotes, labels, and every way a file can be wrong (numbers D1 to D10 are
// rows of the bad-input list).

#include <zlib.h>
#include "base/alloc.h"
#include "base/compiler.h"
#include "harness/harness.h"

static const char *put_n(const char *name, const char *text, size_t n)
{
    static char path[400];
    static const char *dir;
    if (!dir)
        dir = strdup(lt_temp_dir());
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");  // without the sync of lat_file_replace
    EXPECT(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
    return path;
}

static const char *put(const char *name, const char *text)
{
    return put_n(name, text, strlen(text));
}

static lattn_dataset *open_as(const char *path, const lattn_text_params *params)
{
    lattn_dataset *d;
    EXPECT_OK(lattn_text_open(path, params, &d));
    return d;
}

static void refused_as(
    const char *path, const lattn_text_params *params, lattn_status status, const char *part)
{
    lattn_dataset *d;
    int64_t live = lat_alloc_live();
    EXPECT_STATUS(lattn_text_open(path, params, &d), status);
    EXPECT(d == NULL);
    EXPECT_CONTAINS(lattn_error(NULL), part);
    EXPECT_CONTAINS(lattn_error(NULL), strrchr(path, '/') + 1);
    EXPECT_EQ(lat_alloc_live(), live);
}

static void refused(const char *path, const char *part)
{
    refused_as(path, NULL, LATTN_ERR_FORMAT, part);
}

static void expect_row(const lattn_dataset *d, int64_t i, const char *text, int32_t label)
{
    size_t n;
    const char *got = lattn_dataset_text(d, i, &n);
    EXPECT_STR(got, text);
    EXPECT_EQ(n, strlen(text));
    EXPECT_EQ(lattn_dataset_label(d, i), label);
}

// ---- formats ----------------------------------------------------------------------------------

TEST(text_file, tsv_takes_quotes_as_they_are)
{
    lattn_dataset *d =
        open_as(put("a.tsv", "id\ttext\tlabel\n1\t\"a, b\tx\r\n2\t\ty\n3\tc\tx"), NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 3);
    EXPECT_EQ(lattn_dataset_n_labels(d), 2);
    EXPECT_STR(lattn_dataset_label_name(d, 0), "x");
    EXPECT_STR(lattn_dataset_label_name(d, 1), "y");
    EXPECT(!lattn_dataset_label_name(d, 2) && !lattn_dataset_label_name(d, -1));
    expect_row(d, 0, "\"a, b", 0);
    expect_row(d, 1, "", 1);
    expect_row(d, 2, "c", 0);
    EXPECT(!lattn_dataset_text(d, 3, NULL) && !lattn_dataset_text(d, -1, NULL));
    EXPECT_EQ(lattn_dataset_label(d, 3), -1);
    EXPECT(!lattn_dataset_pair(d, 0, NULL));
    EXPECT_EQ(lattn_dataset_stats(d).n_empty, 1);
    lattn_dataset_close(&d);
    lattn_dataset_close(&d);
}

TEST(text_file, csv_quotes_hold_commas_quotes_and_lines)
{
    lattn_dataset *d =
        open_as(put("a.csv", "label,sentence\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n0,plain \"x\" \r\n"
                             "10,\"\"\n2,\n"),
            NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 4);
    expect_row(d, 0, "a, \"b\"\r\nc", 1);
    expect_row(d, 1, "plain \"x\" ", 0);
    expect_row(d, 2, "", 3);  // numbers by value: 0 1 2 10
    expect_row(d, 3, "", 2);
    EXPECT_STR(lattn_dataset_label_name(d, 3), "10");
    lattn_dataset_close(&d);
}

TEST(text_file, jsonl_takes_the_keys_of_the_first_object)
{
    lattn_dataset *d = open_as(put("a.jsonl", "{\"label\":1,\"text\":\"a\\u00e9\\n\",\"n\":0.5}\n\n"
                                              "{\"text\":\"b\",\"more\":[],\"label\":0}\r\n"),
        NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    expect_row(d, 0, "a\xC3\xA9\n", 1);
    expect_row(d, 1, "b", 0);
    EXPECT_EQ(lattn_dataset_stats(d).n_skipped, 1);
    lattn_dataset_close(&d);
    d = open_as(
        put("b.json", "{\"label\":true,\"text\":\"x\"}\n{\"label\":false,\"text\":\"y\"}"), NULL);
    REQUIRE(d);
    expect_row(d, 0, "x", 1);
    lattn_dataset_close(&d);
}

TEST(text_file, the_ending_tells_the_format)
{
    refused_as(put("a.txt", "x"), NULL, LATTN_ERR_ARG, "ends in .tsv, .csv, .jsonl or .json");
    refused_as("/none/a.tsv", NULL, LATTN_ERR_IO, "No such file");
}

// ---- columns ----------------------------------------------------------------------------------

TEST(text_file, columns_are_chosen)
{
    static const struct {
        const char *header, *text, *pair;
    } cases[] = {
        { "a\tlabel\tb", "1", NULL },
        { "label\ta\tb", "2", NULL },
        { "a\tsentence\tlabel", "2", NULL },
        { "sentence\ttext\tlabel", "2", NULL },
        { "sentence2\tsentence1\tlabel", "2", "1" },
    };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        char text[100];
        snprintf(text, sizeof text, "%s\n1\t2\t3\n", cases[i].header);
        lattn_dataset *d = open_as(put("c.tsv", text), NULL);
        REQUIRE(d);
        EXPECT_STR(lattn_dataset_text(d, 0, NULL), cases[i].text);
        if (cases[i].pair)
            EXPECT_STR(lattn_dataset_pair(d, 0, NULL), cases[i].pair);
        else
            EXPECT(!lattn_dataset_pair(d, 0, NULL));
        lattn_dataset_close(&d);
    }
}

TEST(text_file, columns_can_be_named)
{
    const char *path = put("c.tsv", "sentence1\tsentence2\tlabel\ttopic\n1\t2\t3\t4\n");
    lattn_text_params params = {
        .text_column = "sentence2", .pair_column = "sentence1", .label_column = "topic"
    };
    lattn_dataset *d = open_as(path, &params);
    REQUIRE(d);
    EXPECT_STR(lattn_dataset_text(d, 0, NULL), "2");
    EXPECT_STR(lattn_dataset_pair(d, 0, NULL), "1");
    EXPECT_STR(lattn_dataset_label_name(d, 0), "4");
    lattn_dataset_close(&d);
    params = (lattn_text_params){ .pair_column = "", .no_labels = true };
    d = open_as(path, &params);
    REQUIRE(d);
    EXPECT(!lattn_dataset_pair(d, 0, NULL));
    EXPECT_EQ(lattn_dataset_label(d, 0), -1);
    EXPECT_EQ(lattn_dataset_n_labels(d), 0);
    lattn_dataset_close(&d);

    params = (lattn_text_params){ .text_column = "body" };
    refused_as(path, &params, LATTN_ERR_FORMAT,
        "has no column \"body\"; its columns are \"sentence1\", \"sentence2\", \"label\", "
        "\"topic\"");
    params = (lattn_text_params){ .pair_column = "body" };
    refused_as(path, &params, LATTN_ERR_FORMAT, "has no column \"body\"");
    refused(put("d.tsv", "a\tb\n1\t2\n"), "has no column \"label\"; its columns are \"a\", \"b\"");
    refused(put("d.tsv", "label\n1\n"), "has no column of texts");
}

// ---- D1 to D10 --------------------------------------------------------------------------------

TEST(text_file, d1_broken_utf8_is_replaced_and_counted)
{
    static const char text[] =
        "text\tlabel\na\xFF\xC0\x80z\tx\nb\0c\tx\n\xED\xA0\x80\xEF\xBF\xBD\xE2\x80\xAE\ty\n";
    const char *path = put_n("u.tsv", text, sizeof text - 1);
    lattn_dataset *d = open_as(path, NULL);
    REQUIRE(d);
    expect_row(d, 0, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz", 0);
    expect_row(d, 1,
        "b\xEF\xBF\xBD"
        "c",
        0);
    EXPECT_EQ(lattn_dataset_stats(d).n_replaced, 7);
    lattn_dataset_close(&d);
    refused_as(
        path, &(lattn_text_params){ .strict = true }, LATTN_ERR_FORMAT, "u.tsv:2: invalid UTF-8");

    static const char json[] =
        "{\"text\":\"a\xFF\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n";
    path = put_n("u.jsonl", json, sizeof json - 1);
    d = open_as(path, NULL);
    REQUIRE(d);
    expect_row(d, 0, "a\xEF\xBF\xBD", 0);
    EXPECT_EQ(lattn_dataset_stats(d).n_replaced, 1);
    lattn_dataset_close(&d);
    refused_as(
        path, &(lattn_text_params){ .strict = true }, LATTN_ERR_FORMAT, "u.jsonl:1: invalid UTF-8");
}

TEST(text_file, d2_lines_too_long)
{
    char text[300] = "text,label\nshort,x\n";
    size_t n = strlen(text);
    memset(text + n, 'a', 100);
    strcpy(text + n + 100, ",y\n");
    const lattn_text_params params = { .max_line_bytes = 64 };
    refused_as(
        put("l.csv", text), &params, LATTN_ERR_FORMAT, "l.csv:3: the line has more than 64 bytes");
    text[n] = '"';
    refused_as(
        put("l.csv", text), &params, LATTN_ERR_FORMAT, "l.csv:3: the line has more than 64 bytes");
    refused_as(put("l.tsv", "text\tlabel\nshort\tx\n"), &(lattn_text_params){ .max_line_bytes = 8 },
        LATTN_ERR_FORMAT, "l.tsv:1: the line has more than 8 bytes");
}

TEST(text_file, d2_other_line_ends_and_encodings)
{
    lattn_dataset *d = open_as(put("m.tsv", "text\tlabel\ra\tx\rb\ty\r"), NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    expect_row(d, 1, "b", 1);
    lattn_dataset_close(&d);
    d = open_as(put("m.csv", "text,label\r\"a\",x\rb,\"y\"\r"), NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    expect_row(d, 0, "a", 0);
    expect_row(d, 1, "b", 1);
    lattn_dataset_close(&d);
    d = open_as(put("m.tsv", "\xEF\xBB\xBFtext\tlabel\r\na\tx\nb\ty"), NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    lattn_dataset_close(&d);
    refused(put_n("w.tsv", "\xFF\xFEt\0", 4), "is UTF-16");
    refused(put_n("w.csv", "\xFE\xFF\0t", 4), "is UTF-16");
}

TEST(text_file, d3_empty_lines_and_texts)
{
    const char *path = put("e.tsv", "text\tlabel\n\na\tx\n   \n\ty\n");
    lattn_dataset *d = open_as(path, NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    EXPECT_EQ(lattn_dataset_stats(d).n_skipped, 2);
    EXPECT_EQ(lattn_dataset_stats(d).n_empty, 1);
    lattn_dataset_close(&d);
    const lattn_text_params strict = { .strict = true };
    refused_as(path, &strict, LATTN_ERR_FORMAT, "e.tsv:2: empty line");
    refused_as(
        put("e.tsv", "text\tlabel\n\ty\n"), &strict, LATTN_ERR_FORMAT, "e.tsv:2: empty text");
    d = open_as(put("e.csv", "text,label\n\n\"\",x\n \na,y\n"), NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    EXPECT_EQ(lattn_dataset_stats(d).n_skipped, 2);
    lattn_dataset_close(&d);
}

TEST(text_file, d4_wrong_columns_and_open_quotes)
{
    refused(put("q.tsv", "text\tlabel\na\tx\nb\n"), "q.tsv:3: 1 columns in the row, expected 2");
    refused(put("q.tsv", "text\tlabel\na\tx\tz\n"), "q.tsv:2: 3 columns in the row, expected 2");
    refused(put("q.csv", "text,label\na,x\n\"b\n\n,y\nc,z\n"),
        "q.csv:3: a quote is opened and never closed");
    refused(put("q.csv", "text,label\n\"a\"b,x\n"), "q.csv:2: text behind a closing quote");
    refused(put("q.csv", "text,label\n\"a\n\"\"b\",x,\n"), "q.csv:2: 3 columns in the row");
    refused(put("q.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"label\":1}\n"),
        "q.jsonl:2: a text is missing");
    refused(put("q.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"text\":[],\"label\":1}\n"),
        "q.jsonl:2: a text is missing");
    refused(put("q.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"text\":\n"), "q.jsonl:2");
    refused(put("q.jsonl", "[1]\n"), "q.jsonl:1: expected one JSON object a line");
}

TEST(text_file, d5_labels_are_those_of_the_model)
{
    static const char *const names[] = { "neg", "pos" };
    lattn_text_params params = { .labels = names, .n_labels = 2 };
    lattn_dataset *d = open_as(put("k.tsv", "text\tlabel\na\tpos\nb\tneg\n"), &params);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_label(d, 0), 1);
    EXPECT_EQ(lattn_dataset_n_labels(d), 2);
    lattn_dataset_close(&d);
    refused_as(put("k.tsv", "text\tlabel\na\tpos\nb\tneutral\n"), &params, LATTN_ERR_FORMAT,
        "k.tsv:3: label \"neutral\" is not among those of the model: \"neg\", \"pos\"");
    refused_as(put("k.tsv", "text\tlabel\na\t1\n"), &params, LATTN_ERR_FORMAT, "label \"1\"");

    static const char *const numbered[] = { "LABEL_0", "LABEL_1" };
    params.labels = numbered;
    d = open_as(put("k.tsv", "text\tlabel\na\t1\nb\tLABEL_0\n"), &params);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_label(d, 0), 1);
    EXPECT_EQ(lattn_dataset_label(d, 1), 0);
    lattn_dataset_close(&d);
    refused_as(put("k.tsv", "text\tlabel\na\t2\n"), &params, LATTN_ERR_FORMAT, "label \"2\"");
    refused_as(put("k.tsv", "text\tlabel\na\t-1\n"), &params, LATTN_ERR_FORMAT, "label \"-1\"");
    refused_as(put("k.tsv", "text\tlabel\na\t01\n"), &params, LATTN_ERR_FORMAT, "label \"01\"");

    lattn_dataset *none;
    static const char *const twice[] = { "a", "a" };
    params.labels = twice;
    EXPECT_STATUS(
        lattn_text_open(put("k.tsv", "text\tlabel\na\ta\n"), &params, &none), LATTN_ERR_ARG);
    params.n_labels = -1;
    EXPECT_STATUS(
        lattn_text_open(put("k.tsv", "text\tlabel\na\ta\n"), &params, &none), LATTN_ERR_ARG);
}

static char heard[300];

static void hear(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    if (level == LATTN_LOG_WARN)
        snprintf(heard, sizeof heard, "%s", message);
}

TEST(text_file, d5_missing_labels_and_a_single_class)
{
    refused(put("n.tsv", "text\tlabel\na\tx\nb\t\n"), "n.tsv:3: no label");
    refused(put("n.jsonl", "{\"text\":\"a\",\"label\":0.5}\n"), "n.jsonl:1: no label");
    heard[0] = 0;
    lattn_log_set(hear, NULL);
    lattn_dataset *d = open_as(put("n.tsv", "text\tlabel\na\tx\nb\tx\n"), NULL);
    lattn_log_set(NULL, NULL);
    EXPECT_CONTAINS(heard, "every row has the label \"x\"");
    lattn_dataset_close(&d);
}

TEST(text_file, d5_a_column_of_texts_is_no_label_column)
{
    size_t n = 0, room = 400000;
    char *text = malloc(room);
    n += (size_t) snprintf(text, room, "text\tlabel\n");
    for (int i = 0; i <= 10000; i++)
        n += (size_t) snprintf(text + n, room - n, "a\tlabel %d\n", i);
    refused(put("t.tsv", text), "t.tsv:10002: more than 10000 different labels");
    free(text);
}

TEST(text_file, d7_nothing_to_train_on)
{
    refused(put("z.tsv", ""), "has no rows");
    refused(put("z.tsv", "text\tlabel\n"), "has no rows");
    refused(put("z.jsonl", "\n\n"), "has no rows");
}

static size_t gzip(const char *text, size_t n, unsigned char *out, size_t room)
{
    z_stream z = { 0 };
    deflateInit2(&z, 6, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *) text;
    z.avail_in = (uInt) n;
    z.next_out = out;
    z.avail_out = (uInt) room;
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return z.total_out;
}

TEST(text_file, d9_gzip_members_are_joined)
{
    unsigned char packed[400];
    size_t n = gzip("text\tlabel\na\t", 13, packed, sizeof packed);
    size_t both = n + gzip("x\nb\ty\n", 6, packed + n, sizeof packed - n);
    lattn_dataset *d = open_as(put_n("g.tsv.gz", (char *) packed, both), NULL);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    EXPECT_EQ(lattn_dataset_stats(d).file_bytes, both);
    expect_row(d, 1, "b", 1);
    lattn_dataset_close(&d);

    memset(packed + both, 0, 8);  // padding
    d = open_as(put_n("g.tsv.gz", (char *) packed, both + 8), NULL);
    EXPECT(d);
    lattn_dataset_close(&d);
    memset(packed + both, 'x', 8);
    refused(put_n("g.tsv.gz", (char *) packed, both + 8), "damaged gzip data");
}

TEST(text_file, d9_damaged_gzip)
{
    unsigned char packed[400];
    static const char text[] = "text\tlabel\nabc\tx\nbcd\ty\nabd\tx\n";
    size_t n = gzip(text, sizeof text - 1, packed, sizeof packed);
    for (size_t cut = 0; cut < n; cut++)
        refused(put_n("h.tsv.gz", (char *) packed, cut), "gzip data ends too early");
    packed[n - 1] ^= 1;
    refused(put_n("h.tsv.gz", (char *) packed, n), "damaged gzip data");
    refused(put("h.tsv.gz", "text\tlabel\na\tx\n"), "damaged gzip data");
}

TEST(text_file, d9_gzip_bomb)
{
    size_t n = 80 << 20, room = 1 << 20;
    char *zeros = calloc(1, n);
    unsigned char *packed = malloc(room);
    size_t packed_bytes = gzip(zeros, n, packed, room);
    free(zeros);
    refused(put_n("bomb.tsv.gz", (char *) packed, packed_bytes), "no plausible data do");
    free(packed);
}

TEST(text_file, d10_a_change_of_the_file_changes_the_hash)
{
    lattn_dataset *a = open_as(put("x.tsv", "text\tlabel\na\tx\n"), NULL);
    lattn_dataset *b = open_as(put("x.tsv", "text\tlabel\nb\tx\n"), NULL);
    lattn_dataset *c = open_as(put("x.tsv", "text\tlabel\na\tx\n"), NULL);
    REQUIRE(a && b && c);
    EXPECT(lattn_dataset_stats(a).hash != lattn_dataset_stats(b).hash);
    EXPECT(lattn_dataset_stats(a).hash == lattn_dataset_stats(c).hash);
    lattn_dataset_close(&a);
    lattn_dataset_close(&b);
    lattn_dataset_close(&c);
}

TEST(text_file, every_failed_allocation_is_one_clean_error)
{
    unsigned char packed[400];
    static const char text[] =
        "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\xFF\",\"label\":\"x\"}\n";
    size_t n = gzip(text, sizeof text - 1, packed, sizeof packed);
    static const char *const names[] = { "m.jsonl.gz", "m.csv", "m.tsv" };
    for (size_t i = 0; i < LAT_COUNT(names); i++) {
        const char *path = i == 0   ? put_n(names[i], (char *) packed, n)
                           : i == 1 ? put(names[i], "text,label\n\"a\"\"\",x\nb,y\n")
                                    : put(names[i], "text\tlabel\na\tx\n\nb\ty\n");
        int64_t live = lat_alloc_live();
        for (int64_t at = 0;; at++) {
            lattn_dataset *d;
            lat_alloc_fail_at(at);
            lattn_status st = lattn_text_open(path, NULL, &d);
            lat_alloc_fail_at(-1);
            lattn_dataset_close(&d);
            EXPECT_EQ(lat_alloc_live(), live);
            if (!st)
                break;
            EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
        }
    }
}
