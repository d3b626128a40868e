// SPDX-License-Identifier: MIT
//
// The tokenizer against transformers' BertTokenizer (golden/make_tokenizer.py), the files of a
// model folder (rows V1, V2, C7 of the bad-input list), and encoding by hand.

#include <jansson.h>
#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "harness/harness.h"

// A new folder at every call.
static const char *dir(void)
{
    static char path[300];
    static int n;
    snprintf(path, sizeof path, "%s/%d", lt_temp_dir(), n++);
    EXPECT_OK(lat_dir_create(path));
    return path;
}

static void put(const char *folder, const char *name, const char *text, size_t n)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    EXPECT_OK(lat_file_replace(path, text, n));
}

static lattn_tokenizer *make(const lattn_tokenizer_params *params)
{
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un",
        "##aff", "##able", "hello", "world", ",", "##a", "a", "b" };
    lattn_tokenizer *t;
    EXPECT_OK(lattn_tokenizer_create(tokens, LAT_COUNT(tokens), params, &t));
    return t;
}

// ---- against transformers ---------------------------------------------------------------------

static const char *text_of(const json_t *row, const char *field, size_t *n)
{
    const json_t *j = json_object_get(row, field);
    *n = json_string_length(j);
    return json_string_value(j);
}

static bool same(const json_t *list, const int32_t *ids, int32_t n)
{
    bool equal = json_array_size(list) == (size_t) n;
    for (int32_t i = 0; equal && i < n; i++)
        equal = json_integer_value(json_array_get(list, (size_t) i)) == ids[i];
    return equal;
}

static void check_row(lattn_tokenizer *const *tokenizers, const char *const *names,
    const json_t *row, int line, lattn_encoding *e)
{
    size_t n, m;
    const char *text = text_of(row, "text", &n), *pair = text_of(row, "pair", &m);
    const char *config = json_string_value(json_object_get(row, "config"));
    int32_t max = (int32_t) json_integer_value(json_object_get(row, "max"));
    int which = 0;
    while (names[which] && strcmp(names[which], config))
        which++;
    REQUIRE(names[which] && text);
    EXPECT_OK(lattn_tokenizer_encode(tokenizers[which], text, n, pair, m, max, e));
    if (!same(json_object_get(row, "ids"), e->ids, e->n) ||
        !same(json_object_get(row, "types"), e->type_ids, e->n)) {
        char *shown = json_dumps(row, JSON_ENSURE_ASCII);
        lt_fail(__FILE__, __LINE__, "line %d: %s", line, shown);
        for (int32_t i = 0; i < e->n; i++)
            printf("%d ", e->ids[i]);
        printf("\n");
        free(shown);
    }
}

TEST(tokenizer, encodes_as_transformers_does)
{
    static const char *const names[] = { "uncased", "cased", "keep_accents", "strip_accents",
        "no_chinese", NULL };
    static const lattn_tokenizer_params params[] = { { 0 }, { .keep_case = true },
        { .keep_accents = true }, { .keep_case = true, .strip_accents = true },
        { .no_chinese_chars = true } };
    char *vocab, *cases;
    size_t n, n_vocab;
    REQUIRE(!lat_file_read_all(
        lt_source_path("golden/tokenizer/vocab.txt"), 1 << 20, &vocab, &n_vocab));
    REQUIRE(
        !lat_file_read_all(lt_source_path("golden/tokenizer/cases.jsonl"), 1 << 22, &cases, &n));

    const char *tokens[1000];
    int32_t n_tokens = 0;
    for (char *t = strtok(vocab, "\n"); t && n_tokens < 1000; t = strtok(NULL, "\n"))
        tokens[n_tokens++] = t;
    lattn_tokenizer *tokenizers[5] = { 0 };
    for (int i = 0; i < 5; i++)
        REQUIRE(!lattn_tokenizer_create(tokens, n_tokens, &params[i], &tokenizers[i]));

    lattn_encoding e = { 0 };
    int line = 0;
    for (char *row = cases, *end; *row; row = end + 1) {
        end = strchr(row, '\n');
        REQUIRE(end);
        json_t *j = json_loadb(row, (size_t) (end - row), JSON_ALLOW_NUL, NULL);
        REQUIRE(j);
        check_row(tokenizers, names, j, ++line, &e);
        json_decref(j);
    }
    EXPECT(line > 1000);
    lattn_encoding_free(&e);
    for (int i = 0; i < 5; i++)
        lattn_tokenizer_destroy(&tokenizers[i]);
    lat_free(vocab);
    lat_free(cases);
}

// ---- by hand ----------------------------------------------------------------------------------

static void expect_ids(const lattn_tokenizer *t, const char *text, const char *pair, int32_t max,
    const int32_t *ids, int32_t n)
{
    lattn_encoding e = { 0 };
    EXPECT_OK(
        lattn_tokenizer_encode(t, text, strlen(text), pair, pair ? strlen(pair) : 0, max, &e));
    EXPECT_EQ(e.n, n);
    for (int32_t i = 0; i < n && i < e.n; i++)
        EXPECT_EQ(e.ids[i], ids[i]);
    lattn_encoding_free(&e);
}

#define IDS(...) (int32_t[]){ __VA_ARGS__ }, (int32_t) (sizeof((int32_t[]){ __VA_ARGS__ }) / 4)

TEST(tokenizer, pieces_and_special_tokens)
{
    lattn_tokenizer *t = make(NULL);
    expect_ids(t, "unaffable", NULL, 0, IDS(2, 5, 6, 7, 3));
    expect_ids(t, "Hello, WORLD", NULL, 0, IDS(2, 8, 10, 9, 3));
    expect_ids(t, "unaffablex hello", NULL, 0, IDS(2, 1, 8, 3));
    expect_ids(t, "", NULL, 0, IDS(2, 3));
    expect_ids(t, "a", "b", 0, IDS(2, 12, 3, 13, 3));
    expect_ids(t, "a [MASK]a", NULL, 0, IDS(2, 12, 4, 12, 3));
    lattn_tokenizer_destroy(&t);
    lattn_tokenizer_destroy(&t);
}

TEST(tokenizer, accessors)
{
    lattn_tokenizer *t = make(NULL);
    EXPECT_EQ(lattn_tokenizer_size(t), 14);
    EXPECT_STR(lattn_tokenizer_token(t, 6), "##aff");
    EXPECT(!lattn_tokenizer_token(t, 14) && !lattn_tokenizer_token(t, -1));
    EXPECT_EQ(lattn_tokenizer_id(t, "world"), 9);
    EXPECT_EQ(lattn_tokenizer_id(t, "none"), -1);
    lattn_special_ids s = lattn_tokenizer_special(t);
    EXPECT(s.pad == 0 && s.unk == 1 && s.cls == 2 && s.sep == 3 && s.mask == 4);
    EXPECT_EQ(lattn_tokenizer_max_length(t), 512);
    lattn_tokenizer_destroy(&t);
}

TEST(tokenizer, invalid_utf8_is_counted)
{
    lattn_tokenizer *t = make(NULL);
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(t, "hel\xFF\xC3lo\xED\xA0\x80", 10, NULL, 0, 0, &e));
    EXPECT(e.n == 3 && e.ids[1] == 8);
    EXPECT_EQ(e.n_replaced, 5);
    EXPECT_OK(lattn_tokenizer_encode(t, "a", 1, NULL, 0, 0, &e));
    EXPECT_EQ(e.n_replaced, 0);
    lattn_encoding_free(&e);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
}

TEST(tokenizer, cutting_is_counted_and_limits_are_checked)
{
    lattn_tokenizer *t = make(NULL);
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(t, "a a a a", 7, "b b", 3, 6, &e));
    EXPECT_EQ(e.n, 6);
    EXPECT_EQ(e.n_cut, 3);
    EXPECT_STATUS(lattn_tokenizer_encode(t, "a", 1, NULL, 0, 1, &e), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tokenizer_encode(t, "a", 1, "b", 1, 2, &e), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tokenizer_encode(t, "a", 1, NULL, 0, -5, &e), LATTN_ERR_ARG);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
}

// ---- files ------------------------------------------------------------------------------------

#define GOOD "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n"

static void refused(const char *folder, lattn_status status, const char *part)
{
    lattn_tokenizer *t;
    int64_t live = lat_alloc_live();
    EXPECT_STATUS(lattn_tokenizer_load(folder, &t), status);
    EXPECT(t == NULL);
    EXPECT_CONTAINS(lattn_error(NULL), part);
    EXPECT_CONTAINS(lattn_error(NULL), folder);
    EXPECT_EQ(lat_alloc_live(), live);
}

static void vocab_refused(const char *text, size_t n, const char *part)
{
    const char *d = dir();
    put(d, "vocab.txt", text, n);
    refused(d, LATTN_ERR_FORMAT, part);
}

TEST(tokenizer, v1_vocabularies_that_are_refused)
{
    vocab_refused("", 0, "the vocabulary is empty");
    vocab_refused("[PAD]\n[CLS]\n[SEP]\n", 18, "has no [UNK]");
    vocab_refused("[UNK]\n[CLS]\n[SEP]\n", 18, "has no [PAD]");
    vocab_refused("[PAD]\n[UNK]\n[SEP]\n", 18, "has no [CLS]");
    vocab_refused("[PAD]\n[UNK]\n[CLS]\n", 18, "has no [SEP]");
    vocab_refused(GOOD "\xFF\n", strlen(GOOD) + 2, "token 6 is not UTF-8");
    vocab_refused(GOOD "a\0b\n", strlen(GOOD) + 4, "token 6 has a NUL byte");
    char text[400] = GOOD;
    memset(text + strlen(GOOD), 'x', 257);
    vocab_refused(text, strlen(text), "token 6 has 257 bytes, at most 256");
    refused(dir(), LATTN_ERR_IO, "vocab.txt");
}

static int n_warnings;

static void count_warnings(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    (void) message;
    n_warnings += level == LATTN_LOG_WARN;
}

TEST(tokenizer, v1_vocabularies_that_are_accepted)
{
    const char *d = dir();
    static const char bom[] = "\xEF\xBB\xBF[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n\r\nhello\r\nhello";
    put(d, "vocab.txt", bom, sizeof bom - 1);
    lattn_tokenizer *t;
    n_warnings = 0;
    lattn_log_set(count_warnings, NULL);
    EXPECT_OK(lattn_tokenizer_load(d, &t));
    lattn_log_set(NULL, NULL);
    REQUIRE(t);
    EXPECT_EQ(n_warnings, 1);
    EXPECT_EQ(lattn_tokenizer_size(t), 7);
    EXPECT_STR(lattn_tokenizer_token(t, 0), "[PAD]");
    EXPECT_STR(lattn_tokenizer_token(t, 4), "");
    EXPECT_EQ(lattn_tokenizer_id(t, "hello"), 6);  // the last one counts
    EXPECT_EQ(lattn_tokenizer_special(t).mask, -1);
    expect_ids(t, "[MASK]", NULL, 0, IDS(2, 1, 1, 1, 3));
    lattn_tokenizer_destroy(&t);
}

static void config_refused(const char *text, lattn_status status, const char *part)
{
    const char *d = dir();
    put(d, "vocab.txt", GOOD, strlen(GOOD));
    put(d, "tokenizer_config.json", text, strlen(text));
    refused(d, status, part);
}

TEST(tokenizer, v2_other_kinds_are_refused)
{
    config_refused("{\"tokenizer_class\":\"RobertaTokenizer\"}", LATTN_ERR_UNSUPPORTED,
        "\"RobertaTokenizer\" is not supported");
    config_refused("{\"do_basic_tokenize\":false}", LATTN_ERR_UNSUPPORTED, "do_basic_tokenize");
    config_refused("{\"unk_token\":\"<unk>\"}", LATTN_ERR_UNSUPPORTED, "only [UNK] is supported");
    const char *d = dir();
    static const char bpe[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}";
    put(d, "vocab.txt", GOOD, strlen(GOOD));
    put(d, "tokenizer.json", bpe, strlen(bpe));
    refused(d, LATTN_ERR_UNSUPPORTED, "\"BPE\" is not supported");
}

TEST(tokenizer, c7_configs_are_strict_json)
{
    config_refused("{\"do_lower_case\":true,}", LATTN_ERR_FORMAT, "line 1");
    config_refused("\xEF\xBB\xBF{}", LATTN_ERR_FORMAT, "line 1");
    config_refused("{} // x", LATTN_ERR_FORMAT, "line 1");
    config_refused("[]", LATTN_ERR_FORMAT, "is no object");
    config_refused("{\"do_lower_case\":1}", LATTN_ERR_FORMAT, "\"do_lower_case\" is");
    config_refused("{\"model_max_length\":1}", LATTN_ERR_FORMAT, "\"model_max_length\" is 1");
    config_refused(
        "{\"model_max_length\":\"512\"}", LATTN_ERR_FORMAT, "\"model_max_length\" is a text");
}

TEST(tokenizer, configs_are_read)
{
    const char *d = dir();
    static const char config[] =
        "{\"do_lower_case\":false,\"strip_accents\":null,\"tokenize_chinese_chars\":true,"
        "\"model_max_length\":1000000000000000019884624838656,\"tokenizer_class\":"
        "\"BertTokenizer\","
        "\"unk_token\":{\"content\":\"[UNK]\"},\"mask_token\":\"[MASK]\",\"other\":1}";
    put(d, "vocab.txt", GOOD, strlen(GOOD));
    put(d, "tokenizer_config.json", config, strlen(config));
    lattn_tokenizer *t;
    EXPECT_OK(lattn_tokenizer_load(d, &t));
    REQUIRE(t);
    EXPECT_EQ(lattn_tokenizer_max_length(t), INT32_MAX);
    expect_ids(t, "hello Hello", NULL, 0, IDS(2, 5, 1, 3));
    lattn_tokenizer_destroy(&t);
}

TEST(tokenizer, tokenizer_json_alone_is_enough)
{
    const char *d = dir();
    static const char json[] =
        "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false,\"strip_accents\":null},"
        "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"hello\":4,\"[PAD]\":0,\"[UNK]\":1,\"[CLS]"
        "\":2,"
        "\"[SEP]\":3}}}";
    put(d, "tokenizer.json", json, strlen(json));
    lattn_tokenizer *t;
    EXPECT_OK(lattn_tokenizer_load(d, &t));
    REQUIRE(t);
    expect_ids(t, "hello Hello", NULL, 0, IDS(2, 4, 1, 3));
    lattn_tokenizer_destroy(&t);

    static const char gap[] =
        "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[PAD]\":0,\"[UNK]\":2}}}";
    put(d, "tokenizer.json", gap, strlen(gap));
    refused(d, LATTN_ERR_FORMAT, "id of token \"[UNK]\"");
    static const char other[] = "{\"normalizer\":{\"type\":\"Lowercase\"},"
                                "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[PAD]\":0}}}";
    put(d, "tokenizer.json", other, strlen(other));
    refused(d, LATTN_ERR_UNSUPPORTED, "\"Lowercase\" is not supported");
}

TEST(tokenizer, what_is_saved_is_loaded)
{
    static const lattn_tokenizer_params params[] = { { 0 }, { .keep_case = true, .max_length = 64 },
        { .keep_accents = true, .no_chinese_chars = true },
        { .keep_case = true, .strip_accents = true } };
    for (size_t i = 0; i < LAT_COUNT(params); i++) {
        const char *d = dir();
        lattn_tokenizer *t = make(&params[i]), *back;
        EXPECT_OK(lattn_tokenizer_save(t, d));
        EXPECT_OK(lattn_tokenizer_load(d, &back));
        REQUIRE(back);
        EXPECT_EQ(lattn_tokenizer_size(back), lattn_tokenizer_size(t));
        EXPECT_EQ(lattn_tokenizer_max_length(back), lattn_tokenizer_max_length(t));
        lattn_encoding a = { 0 }, b = { 0 };
        static const char text[] = "\xC3\x81 hello A \xE4\xB8\xAD a\xCC\x81 unaffable";
        EXPECT_OK(lattn_tokenizer_encode(t, text, sizeof text - 1, NULL, 0, 0, &a));
        EXPECT_OK(lattn_tokenizer_encode(back, text, sizeof text - 1, NULL, 0, 0, &b));
        EXPECT(a.n == b.n && !memcmp(a.ids, b.ids, (size_t) a.n * 4));
        lattn_encoding_free(&a);
        lattn_encoding_free(&b);
        lattn_tokenizer_destroy(&t);
        lattn_tokenizer_destroy(&back);
    }
}

TEST(tokenizer, every_failed_allocation_is_one_clean_error)
{
    const char *d = dir();
    lattn_tokenizer *t = make(NULL);
    EXPECT_OK(lattn_tokenizer_save(t, d));
    lattn_tokenizer_destroy(&t);
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at++) {
        lattn_encoding e = { 0 };
        static const char text[] = "\xC3\x81 hello unaffable a a a a a a a a a a a a a a";
        lat_alloc_fail_at(at);
        lattn_status st = lattn_tokenizer_load(d, &t);
        if (!st)
            st = lattn_tokenizer_encode(t, text, sizeof text - 1, "a b", 3, 0, &e);
        lat_alloc_fail_at(-1);
        lattn_tokenizer_destroy(&t);
        lattn_encoding_free(&e);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
    }
}
