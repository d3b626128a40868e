// SPDX-License-Identifier: MIT
//
// Safetensors: every way a file can be wrong has its test (numbers S1 to S16 are rows of the
// bad-input list), then what must be accepted, conversions, shards, and writing. Files are
// made byte by byte in the test.

#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "harness/harness.h"
#include "io/safetensors.h"

// ---- making files -----------------------------------------------------------------------------

static const char *dir(void)
{
    static const char *made;
    if (!made)
        made = strdup(lt_temp_dir());
    return made;
}

static const char *in(const char *name)
{
    static char paths[8][300];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir(), name);
    return path;
}

static void put(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f))
        lt_fail(__FILE__, __LINE__, "cannot write %s", path);
}

// length, header text, data
static const char *make_n(const char *name, uint64_t length, const char *text, size_t text_bytes,
    const void *data, size_t bytes)
{
    const char *path = in(name);
    char *all = malloc(8 + text_bytes + bytes);
    for (int i = 0; i < 8; i++)
        all[i] = (char) (length >> (8 * i) & 0xFF);
    memcpy(all + 8, text, text_bytes);
    if (bytes)
        memcpy(all + 8 + text_bytes, data, bytes);
    put(path, all, 8 + text_bytes + bytes);
    free(all);
    return path;
}

static const char *make(const char *text, const void *data, size_t bytes)
{
    return make_n("m.safetensors", strlen(text), text, strlen(text), data, bytes);
}

static void refused_as(const char *path, lattn_status expected, const char *part)
{
    lattn_safetensors *f;
    int64_t live = lat_alloc_live();
    EXPECT_STATUS(lattn_safetensors_open(path, NULL, &f), expected);
    EXPECT(f == NULL);
    EXPECT_CONTAINS(lattn_error(NULL), part);
    EXPECT_CONTAINS(lattn_error(NULL), path);
    EXPECT(!strchr(lattn_error(NULL), '\n'));
    EXPECT_EQ(lat_alloc_live(), live);
    lattn_safetensors_close(&f);
}

static void refused(const char *path, const char *part)
{
    refused_as(path, LATTN_ERR_FORMAT, part);
}

static const float zeros[64];

// A header with 8 bytes of data
static void header_refused(const char *text, const char *part)
{
    refused(make(text, zeros, 8), part);
}

// ---- S1 to S4: the frame ----------------------------------------------------------------------

TEST(safetensors, s1_shorter_than_its_length_field)
{
    for (size_t n = 0; n < 8; n++) {
        put(in("short"), "\2\0\0\0\0\0\0", n);
        refused(in("short"), "begins with a header length of 8 bytes");
    }
}

TEST(safetensors, s1_header_length_zero)
{
    refused(make_n("z", 0, "{}", 2, NULL, 0), "header length is 0");
}

TEST(safetensors, s1_header_longer_than_the_file)
{
    refused(make_n("l", 3, "{}", 2, NULL, 0), "header length is 3, but only 2 bytes follow");
}

TEST(safetensors, s2_header_length_that_overflows)
{
    refused(make_n("o", UINT64_MAX, "{}", 2, NULL, 0), "header length is 18446744073709551615");
    refused(make_n("o", UINT64_MAX - 7, "{}", 2, NULL, 0), "header length");
    refused(make_n("o", 1ull << 63, "{}", 2, NULL, 0), "header length is 9223372036854775808");
}

TEST(safetensors, s3_header_above_the_cap_is_not_read)
{
    const char *path = make_n("cap", 100000001, "{}", 2, NULL, 0);
    REQUIRE(truncate(path, 200000000) == 0);  // sparse: the bytes are there to be read
    refused(path, "at most 100000000 are accepted");
}

TEST(safetensors, s4_header_that_is_no_object)
{
    header_refused("[1]", "does not begin with {");
    header_refused(" {}", "does not begin with {");
    header_refused("   ", "does not begin with {");
    header_refused("{", "does not end with }");
}

TEST(safetensors, s4_trailing_garbage)
{
    header_refused("{}x", "does not end with }");
    header_refused("{}\n", "does not end with }");
    header_refused("{}{}", "line 1");
    const char nul[] = "{}\0\0";
    refused(make_n("nul", 4, nul, 4, NULL, 0), "does not end with }");
}

TEST(safetensors, s4_invalid_utf8_and_nul)
{
    header_refused("{\"\xFF\":1}", "line 1");
    const char nul[] = "{\"a\0b\":1}";
    refused(make_n("nul", 9, nul, 9, NULL, 0), "line 1");
    header_refused("{\"a\\u0000b\":1}", "line 1");
}

TEST(safetensors, s4_nesting_bomb)
{
    size_t n = 1000002;
    char *text = malloc(n);
    memset(text, '[', n);
    memcpy(text, "{\"a\":", 5);
    text[n - 1] = '}';
    refused(make_n("bomb", n, text, n, NULL, 0), "line 1");
    free(text);
}

// ---- S5 to S11: entries -----------------------------------------------------------------------

#define F32_2 "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"

TEST(safetensors, s5_duplicate_tensor)
{
    header_refused("{\"a\":{" F32_2 "},\"a\":{" F32_2 "}}", "duplicate");
}

TEST(safetensors, s5_duplicate_field)
{
    header_refused("{\"a\":{\"dtype\":\"F32\"," F32_2 "}}", "duplicate");
}

TEST(safetensors, s6_unknown_dtype_names_the_tensor)
{
    header_refused("{\"w\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "tensor \"w\" has the unknown dtype \"F33\"");
    header_refused(
        "{\"w\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", "\"dtype\" is no text");
}

TEST(safetensors, s6_missing_field)
{
    header_refused("{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "has no \"dtype\"");
    header_refused("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "has no \"shape\"");
    header_refused("{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", "has no \"data_offsets\"");
    header_refused("{\"w\":[]}", "is no object");
}

TEST(safetensors, s6_extra_field_is_ignored)
{
    lattn_safetensors *f;
    EXPECT_OK(lattn_safetensors_open(make("{\"w\":{" F32_2 ",\"more\":[1]}}", zeros, 8), NULL, &f));
    lattn_safetensors_close(&f);
}

TEST(safetensors, s7_offsets_that_are_no_range)
{
    static const struct {
        const char *offsets, *part;
    } bad[] = {
        { "[8,0]", "begins at 8, behind its end 0" },
        { "[0,9]", "ends at 9, the file has 8 bytes" },
        { "[-8,0]", "no two whole numbers" },
        { "[0,8.0]", "no two whole numbers" },
        { "[0,8e0]", "no two whole numbers" },
        { "[0,9007199254740993]", "ends at 9007199254740993" },
        { "[0,9223372036854775807]", "ends at 9223372036854775807" },
        { "[0,9223372036854775808]", "line 1" },
        { "[0]", "no two whole numbers" },
        { "[0,8,8]", "no two whole numbers" },
        { "8", "no two whole numbers" },
        { "[\"0\",8]", "no two whole numbers" },
    };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":%s}}",
            bad[i].offsets);
        header_refused(text, bad[i].part);
    }
}

#define TWO(b1, e1, b2, e2)                                                                        \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #b1 "," #e1 "]},"                 \
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #b2 "," #e2 "]}}"

TEST(safetensors, s8_overlap)
{
    header_refused(TWO(0, 4, 0, 4), "inside the one before it");
    header_refused(TWO(0, 4, 2, 6), "tensor \"b\" begins at 2, inside the one before it");
}

TEST(safetensors, s8_hole)
{
    refused(make(TWO(0, 4, 5, 9), zeros, 9), "leaving a hole behind 4");
    refused(make(TWO(1, 5, 5, 9), zeros, 9), "tensor \"a\" begins at 1, leaving a hole behind 0");
}

TEST(safetensors, s8_bytes_behind_the_last_tensor)
{
    refused(make(TWO(0, 4, 4, 8), zeros, 9), "the tensors end at 8, the file has 9 bytes");
    refused(make("{}", zeros, 1), "the tensors end at 0, the file has 1 bytes");
}

TEST(safetensors, s9_shape_that_overflows)
{
    static const struct {
        const char *shape, *part;
    } bad[] = {
        { "[4294967296,4294967296]", "more than 2^63 elements" },
        { "[9223372036854775807,3]", "more than 2^63 elements" },
        { "[9223372036854775807]", "more than 2^64 bits" },
        { "[9223372036854775808]", "line 1" },
        { "[4611686018427387904]", "more than 2^64 bits" },  // times 4 bytes is 0 modulo 2^64
        { "[3]", "needs 12 bytes for its shape, its offsets give 8" },
        { "[0]", "needs 0 bytes" },
        { "[-2]", "size 0 of \"shape\" is no whole number" },
        { "[2.0]", "is no whole number" },
        { "2", "\"shape\" is no list" },
    };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        char text[200];
        snprintf(text, sizeof text,
            "{\"w\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,8]}}", bad[i].shape);
        header_refused(text, bad[i].part);
    }
}

TEST(safetensors, s9_too_many_dimensions)
{
    refused_as(make("{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],"
                    "\"data_offsets\":[0,8]}}",
                   zeros, 8),
        LATTN_ERR_UNSUPPORTED, "has 9 dimensions, at most 8");
}

TEST(safetensors, s9_part_of_a_byte)
{
    refused(make("{\"w\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", zeros, 2),
        "does not fill whole bytes");
}

TEST(safetensors, s9_empty_tensors_and_scalars_are_valid)
{
    const float x = 1.5f;
    const char *path = make("{\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
                            "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
        &x, 4);
    lattn_safetensors *f;
    lattn_safetensors_entry e;
    float y = 0;
    REQUIRE(!lattn_safetensors_open(path, NULL, &f));
    EXPECT_OK(lattn_safetensors_get(f, 0, &e));
    EXPECT(e.rank == 2 && e.dim[1] == 7 && e.numel == 0 && e.bytes == 0);
    EXPECT_OK(lattn_safetensors_read(f, 0, LATTN_DTYPE_F32, &y, 0));
    EXPECT_OK(lattn_safetensors_get(f, 1, &e));
    EXPECT(e.rank == 0 && e.numel == 1);
    EXPECT_OK(lattn_safetensors_read(f, 1, LATTN_DTYPE_F32, &y, 4));
    EXPECT(y == 1.5f);
    EXPECT_STATUS(lattn_safetensors_get(f, 2, &e), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_safetensors_read(f, 2, LATTN_DTYPE_F32, &y, 4), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_safetensors_read(f, 1, LATTN_DTYPE_F32, &y, 5), LATTN_ERR_ARG);
    lattn_safetensors_close(&f);
}

TEST(safetensors, s10_unaligned_data_is_read)
{
    unsigned char data[9] = { 0xAA };
    const float x[2] = { 3.25f, -7 };
    memcpy(data + 1, x, 8);
    // 125 bytes of header: the data begins at an odd address too
    const char *path = make("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                            "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}   ",
        data, 9);
    lattn_safetensors *f;
    float y[2];
    REQUIRE(!lattn_safetensors_open(path, NULL, &f));
    EXPECT_OK(lattn_safetensors_read(f, 1, LATTN_DTYPE_F32, y, 8));
    EXPECT(y[0] == x[0] && y[1] == x[1]);
    lattn_safetensors_close(&f);
}

TEST(safetensors, s11_metadata_that_is_no_text)
{
    header_refused(
        "{\"__metadata__\":{\"n\":1},\"w\":{" F32_2 "}}", "\"n\" of \"__metadata__\" is no text");
    header_refused("{\"__metadata__\":7,\"w\":{" F32_2 "}}", "\"__metadata__\" is no object");
}

TEST(safetensors, metadata_is_lent)
{
    lattn_safetensors *f;
    REQUIRE(!lattn_safetensors_open(
        make("{\"__metadata__\":{\"format\":\"pt\"},\"w\":{" F32_2 "}}", zeros, 8), NULL, &f));
    EXPECT_EQ(lattn_safetensors_count(f), 1);
    EXPECT_STR(lattn_safetensors_metadata(f, "format"), "pt");
    EXPECT(!lattn_safetensors_metadata(f, "other"));
    lattn_safetensors_close(&f);
    REQUIRE(!lattn_safetensors_open(make("{\"w\":{" F32_2 "}}", zeros, 8), NULL, &f));
    EXPECT(!lattn_safetensors_metadata(f, "format"));
    lattn_safetensors_close(&f);
}

// ---- S12 to S16 -------------------------------------------------------------------------------

static char heard[300];

static void hear(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    if (level == LATTN_LOG_WARN)
        snprintf(heard, sizeof heard, "%s", message);
}

TEST(safetensors, s12_values_that_are_not_finite)
{
    const float x[2] = { NAN, INFINITY };
    float y[2] = { 0 };
    const char *path = make("{\"w\":{" F32_2 "}}", x, 8);
    lattn_safetensors *f;
    REQUIRE(!lattn_safetensors_open(path, NULL, &f));
    heard[0] = 0;
    lattn_log_set(hear, NULL);
    EXPECT_OK(lattn_safetensors_read(f, 0, LATTN_DTYPE_F32, y, 8));
    lattn_log_set(NULL, NULL);
    EXPECT_CONTAINS(heard, "tensor \"w\" has 2 values that are not finite");
    EXPECT(isnan(y[0]) && y[1] == INFINITY);
    lattn_safetensors_close(&f);

    lattn_safetensors_params strict = { .refuse_not_finite = true };
    REQUIRE(!lattn_safetensors_open(path, &strict, &f));
    EXPECT_STATUS(lattn_safetensors_read(f, 0, LATTN_DTYPE_F32, y, 8), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "2 values that are not finite");
    lattn_safetensors_close(&f);
}

TEST(safetensors, s12_values_beyond_f16_are_told)
{
    const float x[2] = { 65520, 65519 };
    uint16_t y[2];
    lattn_safetensors_params strict = { .refuse_not_finite = true };
    lattn_safetensors *f;
    REQUIRE(!lattn_safetensors_open(make("{\"w\":{" F32_2 "}}", x, 8), &strict, &f));
    EXPECT_STATUS(lattn_safetensors_read(f, 0, LATTN_DTYPE_F16, y, 4), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "has 1 values");
    lattn_safetensors_close(&f);
}

TEST(safetensors, s13_file_cut_after_open)
{
    const char *path = make("{\"w\":{" F32_2 "}}", zeros, 8);
    float y[2];
    lattn_safetensors *f;
    REQUIRE(!lattn_safetensors_open(path, NULL, &f));
    REQUIRE(truncate(path, 60) == 0);
    EXPECT_STATUS(lattn_safetensors_read(f, 0, LATTN_DTYPE_F32, y, 8), LATTN_ERR_IO);
    EXPECT_CONTAINS(lattn_error(NULL), path);
    lattn_safetensors_close(&f);
}

TEST(safetensors, s14_only_regular_files)
{
    refused_as("/dev/zero", LATTN_ERR_IO, "a device");
    unlink(in("pipe"));
    REQUIRE(mkfifo(in("pipe"), 0600) == 0);
    refused_as(in("pipe"), LATTN_ERR_IO, "a pipe");
    unlink(in("loop"));
    REQUIRE(symlink("loop", in("loop")) == 0);
    refused_as(in("loop"), LATTN_ERR_IO, "cannot open");
    refused_as(in("none"), LATTN_ERR_IO, "No such file");
    REQUIRE(!lat_dir_create(in("empty")));
    refused_as(in("empty"), LATTN_ERR_IO, "has neither model.safetensors");
}

TEST(safetensors, s14_sparse_terabyte)
{
    const char *path = make("{\"w\":{" F32_2 "}}", zeros, 8);
    if (truncate(path, (off_t) 1 << 40)) {
        lt_skip("the file system has no sparse files of 1 TiB");
        return;
    }
    refused(path, "bytes of data");
    unlink(path);
}

static void make_shard(const char *name, const char *text, const void *data, size_t bytes)
{
    make_n(name, strlen(text), text, strlen(text), data, bytes);
}

static void make_shards(const char *index)
{
    make_shard("s1.safetensors", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        &(float){ 1 }, 4);
    make_shard("s2.safetensors", "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        &(float){ 2 }, 4);
    put(in("m.safetensors.index.json"), index, strlen(index));
}

TEST(safetensors, s15_shards_are_one_set)
{
    make_shards("{\"metadata\":{\"total_size\":8},\"weight_map\":{\"b\":\"s2.safetensors\","
                "\"a\":\"s1.safetensors\"}}");
    lattn_safetensors *f;
    lattn_safetensors_entry e;
    float y;
    REQUIRE(!lattn_safetensors_open(in("m.safetensors.index.json"), NULL, &f));
    EXPECT_EQ(lattn_safetensors_count(f), 2);
    EXPECT_EQ(lattn_safetensors_find(f, "a"), 0);
    EXPECT_EQ(lattn_safetensors_find(f, "b"), 1);
    EXPECT_EQ(lattn_safetensors_find(f, "c"), -1);
    EXPECT_OK(lattn_safetensors_read(f, 1, LATTN_DTYPE_F32, &y, 4));
    EXPECT(y == 2);
    EXPECT_OK(lattn_safetensors_get(f, 1, &e));
    EXPECT_CONTAINS(e.path, "/s2.safetensors");
    lattn_safetensors_close(&f);
}

TEST(safetensors, s15_missing_shard)
{
    make_shards("{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"s3.safetensors\"}}");
    refused_as(in("m.safetensors.index.json"), LATTN_ERR_IO, "s3.safetensors");
}

TEST(safetensors, s15_tensor_in_two_shards)
{
    make_shards("{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\"}}");
    make_shard("s2.safetensors", TWO(0, 4, 4, 8), zeros, 8);
    refused(in("m.safetensors.index.json"), "puts tensor \"a\" into s1.safetensors, but it is in");
}

TEST(safetensors, s15_tensor_listed_but_absent)
{
    make_shards("{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\","
                "\"c\":\"s1.safetensors\"}}");
    refused(in("m.safetensors.index.json"),
        "puts tensor \"c\" into s1.safetensors, but it is not there");
}

TEST(safetensors, s15_shards_stay_in_the_folder)
{
    static const char *const bad[] = { "../s1.safetensors", "/etc/passwd", "x/s1.safetensors", "..",
        ".", "", "x\\\\y" };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"weight_map\":{\"a\":\"%s\"}}", bad[i]);
        make_shards(text);
        refused(in("m.safetensors.index.json"), "is no plain file name");
    }
    make_shards("{\"weight_map\":{\"a\":1}}");
    refused(in("m.safetensors.index.json"), "is no text");
    make_shards("{\"weight_map\":[]}");
    refused(in("m.safetensors.index.json"), "\"weight_map\" is missing or no object");
    make_shards("{");
    refused(in("m.safetensors.index.json"), "line 1");
}

TEST(safetensors, s16_pickles_are_refused_with_a_hint)
{
    put(in("zip.bin"), "PK\x03\x04..........", 14);
    refused(in("zip.bin"), "save_file(torch.load(");
    put(in("old.pt"), "\x80\x02}q\x00..........", 14);
    refused(in("old.pt"), "is a PyTorch pickle");
    REQUIRE(!lat_dir_create(in("pickled")));
    put(in("pickled/pytorch_model.bin"), "PK\x03\x04..........", 14);
    refused(in("pickled"), "save_pretrained");
}

TEST(safetensors, a_header_length_like_a_pickle)
{
    static const uint64_t lengths[] = { 0x280, 0x380, 0x480, 0x580 };
    char text[0x580];
    for (size_t i = 0; i < LAT_COUNT(lengths); i++) {
        lattn_safetensors *f = NULL;
        memset(text, ' ', sizeof text);
        memcpy(text, "{}", 2);
        const char *path = make_n("like", lengths[i], text, (size_t) lengths[i], NULL, 0);
        EXPECT_OK(lattn_safetensors_open(path, NULL, &f));
        lattn_safetensors_close(&f);
    }
}

TEST(safetensors, hostile_names_do_not_reach_the_terminal)
{
    header_refused("{\"\\u001b[31m\\n\":{\"dtype\":\"X\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "tensor \"?[31m?\" has the unknown dtype");
}

// ---- conversion -------------------------------------------------------------------------------

static void read_as(const char *st_dtype, const void *data, size_t bytes, int n, lattn_dtype dtype,
    void *out, size_t out_bytes, lattn_status expected)
{
    char text[200];
    snprintf(text, sizeof text,
        "{\"w\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%zu]}}", st_dtype, n, bytes);
    lattn_safetensors *f;
    REQUIRE(!lattn_safetensors_open(make(text, data, bytes), NULL, &f));
    EXPECT_STATUS(lattn_safetensors_read(f, 0, dtype, out, out_bytes), expected);
    lattn_safetensors_close(&f);
}

TEST(safetensors, floats_are_converted)
{
    float y[2];
    uint16_t h[2];
    read_as("F64", (double[]){ 0.1, -2 }, 16, 2, LATTN_DTYPE_F32, y, 8, LATTN_OK);
    EXPECT(y[0] == 0.1f && y[1] == -2);
    read_as("F16", (uint16_t[]){ 0x3C00, 0xC000 }, 4, 2, LATTN_DTYPE_F32, y, 8, LATTN_OK);
    EXPECT(y[0] == 1 && y[1] == -2);
    read_as("BF16", (uint16_t[]){ 0x3F80, 0xC000 }, 4, 2, LATTN_DTYPE_F32, y, 8, LATTN_OK);
    EXPECT(y[0] == 1 && y[1] == -2);
    read_as("F32", (float[]){ 1, -2 }, 8, 2, LATTN_DTYPE_F16, h, 4, LATTN_OK);
    EXPECT(h[0] == 0x3C00 && h[1] == 0xC000);
    read_as("F32", (float[]){ 1, -2 }, 8, 2, LATTN_DTYPE_BF16, h, 4, LATTN_OK);
    EXPECT(h[0] == 0x3F80 && h[1] == 0xC000);
}

TEST(safetensors, integers_are_converted_when_they_fit)
{
    int32_t y[2];
    unsigned char b[2];
    read_as("I64", (int64_t[]){ 7, -8 }, 16, 2, LATTN_DTYPE_I32, y, 8, LATTN_OK);
    EXPECT(y[0] == 7 && y[1] == -8);
    read_as("I16", (int16_t[]){ 7, -8 }, 4, 2, LATTN_DTYPE_I32, y, 8, LATTN_OK);
    EXPECT(y[0] == 7 && y[1] == -8);
    read_as("I8", (int8_t[]){ 7, -8 }, 2, 2, LATTN_DTYPE_I32, y, 8, LATTN_OK);
    EXPECT(y[0] == 7 && y[1] == -8);
    read_as("U8", (uint8_t[]){ 7, 200 }, 2, 2, LATTN_DTYPE_I32, y, 8, LATTN_OK);
    EXPECT(y[1] == 200);
    read_as("U16", (uint16_t[]){ 7, 60000 }, 4, 2, LATTN_DTYPE_I32, y, 8, LATTN_OK);
    EXPECT(y[1] == 60000);
    read_as("I32", (int32_t[]){ INT32_MIN, INT32_MAX }, 8, 2, LATTN_DTYPE_I32, y, 8, LATTN_OK);
    EXPECT(y[0] == INT32_MIN && y[1] == INT32_MAX);
    read_as("BOOL", (uint8_t[]){ 0, 1 }, 2, 2, LATTN_DTYPE_U8, b, 2, LATTN_OK);
    EXPECT(b[0] == 0 && b[1] == 1);

    read_as(
        "I64", (int64_t[]){ 0, (int64_t) 1 << 31 }, 16, 2, LATTN_DTYPE_I32, y, 8, LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "outside [-2147483648, 2147483647]");
    read_as("U64", (uint64_t[]){ 0, UINT64_MAX }, 16, 2, LATTN_DTYPE_I32, y, 8, LATTN_ERR_FORMAT);
    read_as("U32", (uint32_t[]){ 0, UINT32_MAX }, 8, 2, LATTN_DTYPE_I32, y, 8, LATTN_ERR_FORMAT);
    read_as("I16", (int16_t[]){ 0, 256 }, 4, 2, LATTN_DTYPE_U8, b, 2, LATTN_ERR_FORMAT);
    read_as("I8", (int8_t[]){ 0, -1 }, 2, 2, LATTN_DTYPE_U8, b, 2, LATTN_ERR_FORMAT);
}

TEST(safetensors, kinds_are_not_mixed)
{
    float y[2];
    read_as("I32", (int32_t[]){ 1, 2 }, 8, 2, LATTN_DTYPE_F32, y, 8, LATTN_ERR_DTYPE);
    EXPECT_CONTAINS(lattn_error(NULL), "is I32 and cannot be read as f32");
    read_as("F32", (float[]){ 1, 2 }, 8, 2, LATTN_DTYPE_I32, y, 8, LATTN_ERR_DTYPE);
    read_as("F8_E4M3", "ab", 2, 2, LATTN_DTYPE_F32, y, 8, LATTN_ERR_DTYPE);
    read_as("F32", (float[]){ 1, 2 }, 8, 2, (lattn_dtype) 99, y, 8, LATTN_ERR_DTYPE);
}

TEST(safetensors, more_than_one_chunk_is_read)
{
    enum { N = 50001 };
    double *x = malloc(N * sizeof *x);
    float *y = malloc(N * sizeof *y);
    for (int i = 0; i < N; i++)
        x[i] = i * 0.5;
    read_as("F64", x, N * sizeof *x, N, LATTN_DTYPE_F32, y, N * sizeof *y, LATTN_OK);
    for (int i = 0; i < N; i++)
        EXPECT(y[i] == (float) x[i]);
    free(x);
    free(y);
}

// ---- writing ----------------------------------------------------------------------------------

TEST(safetensors, what_is_saved_is_read)
{
    const float w[6] = { 1, 2, 3, 4, 5, 6 };
    const uint16_t h[3] = { 0x3C00, 0x4000, 0x4200 };
    const uint8_t u[3] = { 1, 2, 3 };
    const lattn_named_array items[] = {
        { "z.u8", LATTN_DTYPE_U8, 1, (int64_t[]){ 3 }, u },
        { "half", LATTN_DTYPE_F16, 1, (int64_t[]){ 3 }, h },
        { "layer.weight", LATTN_DTYPE_F32, 2, (int64_t[]){ 2, 3 }, w },
        { "a \"name\"", LATTN_DTYPE_F32, 0, NULL, w },
        { "empty", LATTN_DTYPE_I32, 2, (int64_t[]){ 0, 5 }, NULL },
    };
    EXPECT_OK(lattn_safetensors_save_arrays(in("out.safetensors"), items, LAT_COUNT(items)));

    char *text;
    size_t n;
    REQUIRE(!lat_file_read_all(in("out.safetensors"), 10000, &text, &n));
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a \\\"name\\\"\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"empty\":{\"dtype\":\"I32\",\"shape\":[0,5],\"data_offsets\":[4,4]},"
        "\"layer.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"
        "\"half\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[28,34]},"
        "\"z.u8\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[34,37]}}";
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    EXPECT_EQ(n, 8 + padded + 37);
    EXPECT_EQ((unsigned char) text[0] + 256 * (unsigned char) text[1], padded);
    EXPECT(!memcmp(text + 8, header, sizeof header - 1));
    for (size_t i = sizeof header - 1; i < padded; i++)
        EXPECT_EQ(text[8 + i], ' ');
    lat_free(text);

    lattn_safetensors *f;
    float y[6];
    REQUIRE(!lattn_safetensors_open(in("out.safetensors"), NULL, &f));
    EXPECT_EQ(lattn_safetensors_count(f), 5);
    EXPECT_STR(lattn_safetensors_metadata(f, "format"), "pt");
    int64_t at = lattn_safetensors_find(f, "layer.weight");
    REQUIRE(at >= 0);
    EXPECT_OK(lattn_safetensors_read(f, (size_t) at, LATTN_DTYPE_F32, y, sizeof y));
    EXPECT(!memcmp(y, w, sizeof w));
    lattn_safetensors_close(&f);
}

TEST(safetensors, saving_nothing_is_valid)
{
    lattn_safetensors *f;
    EXPECT_OK(lattn_safetensors_save_arrays(in("nothing"), NULL, 0));
    EXPECT_OK(lattn_safetensors_open(in("nothing"), NULL, &f));
    EXPECT_EQ(lattn_safetensors_count(f), 0);
    EXPECT_EQ(lattn_safetensors_find(f, "x"), -1);
    lattn_safetensors_close(&f);
}

TEST(safetensors, bad_arguments_leave_the_old_file)
{
    const float w[2] = { 1, 2 };
    const int64_t two[] = { 2 }, negative[] = { -1 }, huge[] = { INT64_MAX };
    const lattn_named_array good = { "w", LATTN_DTYPE_F32, 1, two, w };
    EXPECT_OK(lattn_safetensors_save_arrays(in("kept"), &good, 1));
    const lattn_named_array bad[][2] = {
        { good, good },
        { good, { NULL, LATTN_DTYPE_F32, 1, two, w } },
        { good, { "__metadata__", LATTN_DTYPE_F32, 1, two, w } },
        { good, { "\xFF", LATTN_DTYPE_F32, 1, two, w } },
        { good, { "x", LATTN_DTYPE_F32, 1, negative, w } },
        { good, { "x", LATTN_DTYPE_F32, 1, huge, w } },
        { good, { "x", (lattn_dtype) 99, 1, two, w } },
        { good, { "x", LATTN_DTYPE_F32, 9, two, w } },
    };
    for (size_t i = 0; i < LAT_COUNT(bad); i++)
        EXPECT_STATUS(lattn_safetensors_save_arrays(in("kept"), bad[i], 2), LATTN_ERR_ARG);
    lattn_safetensors *f;
    EXPECT_OK(lattn_safetensors_open(in("kept"), NULL, &f));
    EXPECT_EQ(lattn_safetensors_count(f), 1);
    lattn_safetensors_close(&f);
    EXPECT_STATUS(lattn_safetensors_save_arrays(in("none/x"), &good, 1), LATTN_ERR_IO);
}

GPU_TEST(safetensors, tensors_go_to_a_file_and_back)
{
    const float values[6] = { 1, -2, 3.5f, 0, 1e-3f, 65504 };
    const float transposed[6] = { 1, 0, -2, 1e-3f, 3.5f, 65504 };
    const int64_t dims[] = { 2, 3 };
    lattn_tensor *w = lt_tensor(ctx, 2, dims, values);
    const lattn_named_tensor items[] = { { "w", w }, { "t", lattn_transpose(ctx, w, 0, 1) } };
    EXPECT_OK(lattn_safetensors_save(in("gpu"), items, 2));
    EXPECT_STATUS(
        lattn_safetensors_save(in("gpu2"), &(lattn_named_tensor){ "x", NULL }, 1), LATTN_ERR_ARG);

    lattn_safetensors *f;
    lattn_tensor *back = NULL, *wrong = NULL;
    REQUIRE(!lattn_safetensors_open(in("gpu"), NULL, &f));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 3, 2 }, &back));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 6 }, &wrong));
    EXPECT_OK(lattn_safetensors_read_tensor(f, 0, back));
    lt_expect_near(ctx, back, transposed, 6, 0);
    EXPECT_STATUS(lattn_safetensors_read_tensor(f, 0, wrong), LATTN_ERR_SHAPE);
    EXPECT_CONTAINS(lattn_error(NULL), "\"t\" is [3, 2], expected [6]");
    lattn_tensor_release(&back);
    lattn_tensor_release(&wrong);
    lattn_safetensors_close(&f);
}

// ---- memory -----------------------------------------------------------------------------------

TEST(safetensors, every_failed_allocation_is_one_clean_error)
{
    make_shards("{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\"}}");
    int64_t live = lat_alloc_live();
    int n_failed = 0;
    for (int64_t at = 0;; at++) {
        lattn_safetensors *f;
        float y;
        lat_alloc_fail_at(at);
        lattn_status st = lattn_safetensors_open(in("m.safetensors.index.json"), NULL, &f);
        if (!st)
            st = lattn_safetensors_read(f, 0, LATTN_DTYPE_F32, &y, 4);
        lat_alloc_fail_at(-1);
        lattn_safetensors_close(&f);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
        n_failed++;
    }
    EXPECT(n_failed > 10);
}

TEST(safetensors, every_failed_allocation_while_saving_keeps_the_old_file)
{
    const float w[2] = { 1, 2 };
    const lattn_named_array item = { "w", LATTN_DTYPE_F32, 1, (int64_t[]){ 2 }, w };
    int64_t live = lat_alloc_live();
    put(in("old"), "old", 3);
    for (int64_t at = 0;; at++) {
        lat_alloc_fail_at(at);
        lattn_status st = lattn_safetensors_save_arrays(in("old"), &item, 1);
        lat_alloc_fail_at(-1);
        EXPECT_EQ(lat_alloc_live(), live);
        EXPECT(!lat_path_exists(in("old.tmp")));
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
        char *text;
        size_t n;
        REQUIRE(!lat_file_read_all(in("old"), 100, &text, &n));
        EXPECT_STR(text, "old");
        lat_free(text);
    }
}
