// SPDX-License-Identifier: MIT
//
// Byte-level BPE against transformers' GPT2Tokenizer and against the merges that the tokenizers
// library finds (golden/make_bpe.py), its files, and what is lossless about it.

#include <jansson.h>
#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/rng.h"
#include "text/tokenizer.h"
#include "harness/harness.h"

#define GOLDEN "golden/bpe"

// A new folder at every call.
static const char *dir(void)
{
    static char path[300];
    static int n;
    snprintf(path, sizeof path, "%s/bpe%d", lt_temp_dir(), n++);
    EXPECT_OK(lat_dir_create(path));
    return path;
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    EXPECT_OK(lat_file_replace(path, text, strlen(text)));
}

static lattn_tokenizer *golden(void)
{
    lattn_tokenizer *t;
    EXPECT_OK(lattn_tokenizer_load(lt_source_path(GOLDEN), &t));
    return t;
}

static void expect_same_text(
    const lattn_tokenizer *t, const lattn_encoding *e, const char *text, size_t bytes)
{
    lattn_decoded d = { 0 };
    EXPECT_OK(lattn_tokenizer_decode(t, e->ids, e->n, false, &d));
    EXPECT(d.bytes == bytes && !memcmp(d.text, text, bytes));
    lattn_decoded_free(&d);
}

static void check_row(const lattn_tokenizer *t, const json_t *row, int line, lattn_encoding *e)
{
    const json_t *text = json_object_get(row, "text"), *ids = json_object_get(row, "ids");
    size_t n = json_string_length(text);
    EXPECT_OK(lattn_tokenizer_encode(t, json_string_value(text), n, NULL, 0, 0, e));
    bool equal = json_array_size(ids) == (size_t) e->n;
    for (int32_t i = 0; equal && i < e->n; i++)
        equal = json_integer_value(json_array_get(ids, (size_t) i)) == e->ids[i];
    if (!equal) {
        char *shown = json_dumps(row, JSON_ENSURE_ASCII);
        lt_fail(__FILE__, __LINE__, "line %d: %s", line, shown);
        for (int32_t i = 0; i < e->n; i++)
            printf("%d ", e->ids[i]);
        printf("\n");
        free(shown);
    }
    expect_same_text(t, e, json_string_value(text), n);
}

TEST(bpe, encodes_as_transformers_does)
{
    char *cases;
    size_t n;
    lattn_tokenizer *t = golden();
    REQUIRE(t);
    EXPECT_EQ(lattn_tokenizer_kind(t), LATTN_TOKEN_KIND_BPE);
    REQUIRE(!lat_file_read_all(lt_source_path(GOLDEN "/cases.jsonl"), 1 << 22, &cases, &n));
    lattn_encoding e = { 0 };
    int line = 0;
    for (char *row = cases, *end; *row; row = end + 1) {
        end = strchr(row, '\n');
        REQUIRE(end);
        json_t *j = json_loadb(row, (size_t) (end - row), JSON_ALLOW_NUL, NULL);
        REQUIRE(j);
        check_row(t, j, ++line, &e);
        json_decref(j);
    }
    EXPECT(line > 600);
    EXPECT_EQ(e.n_unknown, 0);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
    lat_free(cases);
}

static lattn_tokenizer *build(const char *text, int32_t size, bool backwards)
{
    lattn_vocab_params params = { .kind = LATTN_TOKEN_KIND_BPE, .size = size };
    lattn_vocab *v;
    lattn_tokenizer *t;
    const char *lines[100];
    size_t n = 0;
    for (const char *at = text; *at && n < LAT_COUNT(lines); at = strchr(at, '\n') + 1)
        lines[n++] = at;
    EXPECT_OK(lattn_vocab_create(&params, &v));
    for (size_t i = 0; i < n; i++) {
        const char *line = lines[backwards ? n - 1 - i : i];
        EXPECT_OK(lattn_vocab_add(v, line, (size_t) (strchr(line, '\n') + 1 - line)));
    }
    EXPECT_OK(lattn_vocab_build(v, &t));
    lattn_vocab_destroy(&v);
    return t;
}

static bool same_vocabulary(const lattn_tokenizer *a, const lattn_tokenizer *b)
{
    bool same = a->tokens.n == b->tokens.n && a->bpe.merges.n == b->bpe.merges.n;
    for (size_t i = 0; same && i < a->tokens.n; i++)
        same = !strcmp(a->tokens.items[i], b->tokens.items[i]);
    for (size_t i = 0; same && i < a->bpe.merges.n; i++) {
        const struct lat_merge *m = &a->bpe.merges.items[i], *k = &b->bpe.merges.items[i];
        same = !strcmp(a->bpe.pieces.items[m->left], b->bpe.pieces.items[k->left]) &&
               !strcmp(a->bpe.pieces.items[m->right], b->bpe.pieces.items[k->right]);
    }
    return same;
}

TEST(bpe, builds_the_merges_that_the_tokenizers_library_finds)
{
    char *text;
    size_t n;
    REQUIRE(!lat_file_read_all(lt_source_path(GOLDEN "/corpus.txt"), 1 << 20, &text, &n));
    lattn_tokenizer *expected = golden();
    lattn_tokenizer *t = build(text, lattn_tokenizer_size(expected), false);
    lattn_tokenizer *again = build(text, lattn_tokenizer_size(expected), true);
    REQUIRE(t && again && expected);
    EXPECT(same_vocabulary(t, expected));
    EXPECT(same_vocabulary(again, expected));  // the order of the texts does not matter
    const char *d = dir();
    lattn_tokenizer *back;
    EXPECT_OK(lattn_tokenizer_save(t, d));
    EXPECT_OK(lattn_tokenizer_load(d, &back));
    REQUIRE(back);
    EXPECT(same_vocabulary(back, expected));
    EXPECT_EQ(lattn_tokenizer_max_length(back), 1024);
    lattn_tokenizer_destroy(&back);
    lattn_tokenizer_destroy(&t);
    lattn_tokenizer_destroy(&again);
    lattn_tokenizer_destroy(&expected);
    lat_free(text);
}

TEST(bpe, any_bytes_come_back_as_they_were)
{
    lattn_tokenizer *t = golden();
    lattn_encoding e = { 0 };
    struct lat_rng rng = { .seed = 5 };
    for (int round = 0; round < 300; round++) {
        char text[64];
        size_t n = (size_t) lat_rng_below(&rng, sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char) (round % 2 ? (char) lat_rng_below(&rng, 256) : " the'\xC3\xA9"[i % 7]);
        EXPECT_OK(lattn_tokenizer_encode(t, text, n, NULL, 0, 0, &e));
        expect_same_text(t, &e, text, n);
    }
    EXPECT_OK(lattn_tokenizer_encode(t, "a\xFF\xC3z", 4, NULL, 0, 0, &e));
    EXPECT_EQ(e.n_replaced, 2);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
}

// A part of n bytes must not take n * n steps.
TEST(bpe, a_megabyte_without_a_blank_is_encoded)
{
    enum { N = 1 << 20 };
    lattn_tokenizer *t = golden();
    char *text = lat_alloc(N);
    REQUIRE(text);
    memset(text, 'a', N);
    for (size_t i = 0; i + 3 < N; i += 5)
        memcpy(text + i, "the", 3);
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(t, text, N, NULL, 0, 0, &e));
    expect_same_text(t, &e, text, N);
    lattn_encoding_free(&e);
    lat_free(text);
    lattn_tokenizer_destroy(&t);
}

#define SMALL_VOCAB "{\"a\":0,\"b\":1,\"ab\":2,\"<|endoftext|>\":3,\"aba\":4}"

static lattn_tokenizer *small(const char *vocab, const char *merges, const char *config)
{
    const char *d = dir();
    lattn_tokenizer *t;
    put(d, "vocab.json", vocab);
    put(d, "merges.txt", merges);
    if (config)
        put(d, "tokenizer_config.json", config);
    EXPECT_OK(lattn_tokenizer_load(d, &t));
    return t;
}

static void expect_ids(
    const lattn_tokenizer *t, const char *text, const int32_t *ids, int32_t n, int64_t n_unknown)
{
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(t, text, strlen(text), NULL, 0, 0, &e));
    EXPECT_EQ(e.n, n);
    EXPECT_EQ(e.n_unknown, n_unknown);
    for (int32_t i = 0; i < n && i < e.n; i++)
        EXPECT_EQ(e.ids[i], ids[i]);
    lattn_encoding_free(&e);
}

#define IDS(...) (int32_t[]){ __VA_ARGS__ }, (int32_t) (sizeof((int32_t[]){ __VA_ARGS__ }) / 4)

TEST(bpe, merges_by_rank_and_not_by_length)
{
    lattn_tokenizer *t = small(SMALL_VOCAB, "a b\nab a\n", NULL);
    expect_ids(t, "abab", IDS(2, 2), 0);  // ab ab, not aba b: all of rank 0 first
    expect_ids(t, "aba", IDS(4), 0);
    expect_ids(t, "abc", IDS(2, 3), 1);  // c is not in the vocabulary
    expect_ids(t, "a<|endoftext|>b", IDS(0, 3, 1), 0);
    lattn_special_ids s = lattn_tokenizer_special(t);
    EXPECT(s.eos == 3 && s.bos == 3 && s.unk == 3 && s.pad == 3 && s.cls == -1 && s.mask == -1);
    lattn_tokenizer_destroy(&t);
    // A merge that is listed before the one it needs, and one that makes no token.
    t = small(SMALL_VOCAB, "#version: 0.2\r\nab a\r\na b\r\nb a\r\n\r\n", NULL);
    expect_ids(t, "abab", IDS(2, 2), 0);
    expect_ids(t, "ba", IDS(3), 1);
    lattn_tokenizer_destroy(&t);
}

TEST(bpe, pairs_are_joined_and_cut_without_tokens_around)
{
    lattn_tokenizer *t = small(SMALL_VOCAB, "a b\nab a\n", NULL);
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(t, "aa", 2, "b", 1, 0, &e));
    EXPECT(e.n == 3 && e.ids[0] == 0 && e.ids[1] == 0 && e.ids[2] == 1);
    EXPECT(e.type_ids[0] == 0 && e.type_ids[2] == 1);
    EXPECT_OK(lattn_tokenizer_encode(t, "aa", 2, "b", 1, 2, &e));
    EXPECT(e.n == 2 && e.n_cut == 1);
    EXPECT_OK(lattn_tokenizer_encode(t, "", 0, NULL, 0, 0, &e));
    EXPECT_EQ(e.n, 0);
    EXPECT_STATUS(lattn_tokenizer_encode(t, "a", 1, NULL, 0, -1, &e), LATTN_ERR_ARG);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
}

TEST(bpe, added_tokens_and_names_of_special_ones)
{
    static const char config[] =
        "{\"tokenizer_class\":\"GPT2Tokenizer\",\"model_max_length\":77,\"pad_token\":\"[PAD]\","
        "\"eos_token\":{\"content\":\"<|endoftext|>\"},\"added_tokens_decoder\":{"
        "\"5\":{\"content\":\"[PAD]\",\"lstrip\":false,\"special\":true},"
        "\"3\":{\"content\":\"<|endoftext|>\"}}}";
    lattn_tokenizer *t = small(SMALL_VOCAB, "a b\n", config), *back;
    EXPECT_EQ(lattn_tokenizer_size(t), 6);
    EXPECT_EQ(lattn_tokenizer_special(t).pad, 5);
    EXPECT_EQ(lattn_tokenizer_max_length(t), 77);
    expect_ids(t, "ab[PAD]a", IDS(2, 5, 0), 0);
    const char *d = dir();
    EXPECT_OK(lattn_tokenizer_save(t, d));
    EXPECT_OK(lattn_tokenizer_load(d, &back));
    REQUIRE(back);
    EXPECT_EQ(lattn_tokenizer_special(back).pad, 5);
    EXPECT_EQ(lattn_tokenizer_max_length(back), 77);
    expect_ids(back, "ab[PAD]a", IDS(2, 5, 0), 0);
    lattn_decoded text = { 0 };
    EXPECT_OK(lattn_tokenizer_decode(back, (int32_t[]){ 2, 5, 0, 3 }, 4, true, &text));
    EXPECT_STR(text.text, "aba");
    EXPECT_OK(lattn_tokenizer_decode(back, (int32_t[]){ 5, 0 }, 2, false, &text));
    EXPECT_STR(text.text, "[PAD]a");
    EXPECT_STATUS(
        lattn_tokenizer_decode(back, (int32_t[]){ 0, 6 }, 2, false, &text), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "id 6 at place 1, the vocabulary has 6");
    EXPECT_STATUS(lattn_tokenizer_decode(back, (int32_t[]){ -1 }, 1, false, &text), LATTN_ERR_ARG);
    lattn_decoded_free(&text);
    lattn_tokenizer_destroy(&back);
    lattn_tokenizer_destroy(&t);
}

TEST(bpe, tokenizer_json_alone_is_enough)
{
    static const char *const merges[] = { "[\"a b\",\"ab a\"]", "[[\"a\",\"b\"],[\"ab\",\"a\"]]" };
    for (size_t i = 0; i < LAT_COUNT(merges); i++) {
        const char *d = dir();
        char text[600];
        lattn_tokenizer *t;
        snprintf(text, sizeof text,
            "{\"added_tokens\":[{\"id\":3,\"content\":\"<|endoftext|>\"}],\"normalizer\":null,"
            "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
            "\"model\":{\"type\":\"BPE\",\"vocab\":%s,\"merges\":%s}}",
            SMALL_VOCAB, merges[i]);
        put(d, "tokenizer.json", text);
        EXPECT_OK(lattn_tokenizer_load(d, &t));
        REQUIRE(t);
        expect_ids(t, "aba ab", IDS(4, 3, 2), 1);
        lattn_tokenizer_destroy(&t);
    }
}

static void refused(const char *vocab, const char *merges, const char *config, lattn_status status,
    const char *part)
{
    const char *d = dir();
    lattn_tokenizer *t;
    if (vocab)
        put(d, "vocab.json", vocab);
    if (merges)
        put(d, "merges.txt", merges);
    if (config)
        put(d, strstr(config, "\"model\":") ? "tokenizer.json" : "tokenizer_config.json", config);
    int64_t live = lat_alloc_live();
    EXPECT_STATUS(lattn_tokenizer_load(d, &t), status);
    EXPECT(!t);
    EXPECT_CONTAINS(lattn_error(NULL), part);
    EXPECT_CONTAINS(lattn_error(NULL), d);
    EXPECT_EQ(lat_alloc_live(), live);
}

TEST(bpe, what_is_damaged_or_different_is_refused_with_its_place)
{
    refused(SMALL_VOCAB, NULL, NULL, LATTN_ERR_IO, "merges.txt");
    refused(SMALL_VOCAB, "a b\nab\n", NULL, LATTN_ERR_FORMAT, "merges.txt:2: \"ab\" is no pair");
    refused(
        SMALL_VOCAB, "a b\na  b\n", NULL, LATTN_ERR_FORMAT, "merges.txt:2: \"a  b\" is no pair");
    refused(SMALL_VOCAB, " b\n", NULL, LATTN_ERR_FORMAT, "merges.txt:1: \" b\" is no pair");
    refused(SMALL_VOCAB, "a b\n\na b\n", NULL, LATTN_ERR_FORMAT, "merges.txt:3: empty line 2");
    refused(SMALL_VOCAB, "a \xFF\n", NULL, LATTN_ERR_FORMAT, "merges.txt:1: a merge is not UTF-8");
    refused("{\"a\":0", "a b\n", NULL, LATTN_ERR_FORMAT, "vocab.json");
    refused("[]", "a b\n", NULL, LATTN_ERR_FORMAT, "the vocabulary is empty");
    refused("{\"a\":0,\"<|endoftext|>\":2}", "", NULL, LATTN_ERR_FORMAT, "id of token");
    refused("{\"a\":0}", "a b\n", NULL, LATTN_ERR_FORMAT, "has no <|endoftext|>");
    refused(SMALL_VOCAB, "a b\n", "{\"tokenizer_class\":\"RobertaTokenizer\"}",
        LATTN_ERR_UNSUPPORTED, "\"RobertaTokenizer\" is not supported");
    refused(SMALL_VOCAB, "a b\n", "{\"add_prefix_space\":true}", LATTN_ERR_UNSUPPORTED,
        "add_prefix_space");
    refused(SMALL_VOCAB, "a b\n", "{\"added_tokens_decoder\":{\"9\":{\"content\":\"x\"}}}",
        LATTN_ERR_FORMAT, "\"x\" has the id 9");
    refused(SMALL_VOCAB, "a b\n",
        "{\"added_tokens_decoder\":{\"5\":{\"content\":\"x\",\"lstrip\":true}}}",
        LATTN_ERR_UNSUPPORTED, "\"lstrip\" is not supported");
    refused(SMALL_VOCAB, "a b\n", "{\"pad_token\":\"<pad>\"}", LATTN_ERR_FORMAT, "has no <pad>");
    refused(NULL, NULL, "{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", LATTN_ERR_UNSUPPORTED,
        "\"pre_tokenizer\" of type \"none\"");
    refused(NULL, NULL,
        "{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\"},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{}}}",
        LATTN_ERR_UNSUPPORTED, "\"normalizer\" of type \"NFC\"");
    refused(NULL, NULL,
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":"
        "{\"a\":0},\"merges\":[\"a\"]}}",
        LATTN_ERR_FORMAT, "merge 0");
}

TEST(bpe, vocabularies_that_are_too_small_are_refused)
{
    lattn_vocab_params params = { .kind = LATTN_TOKEN_KIND_BPE, .size = 256 };
    lattn_vocab *v;
    lattn_tokenizer *t;
    EXPECT_OK(lattn_vocab_create(&params, &v));
    EXPECT_STATUS(lattn_vocab_build(v, &t), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "no words");
    EXPECT_OK(lattn_vocab_add(v, "a", 1));
    EXPECT_STATUS(lattn_vocab_build(v, &t), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "256 entries does not hold the 256 bytes");
    lattn_vocab_destroy(&v);
    params.kind = (lattn_token_kind) 7;
    EXPECT_STATUS(lattn_vocab_create(&params, &v), LATTN_ERR_ARG);
}

TEST(bpe, every_failed_allocation_is_one_clean_error)
{
    static const char text[] = "the cat, the hat<|endoftext|> and the bat";
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at++) {
        lattn_vocab_params params = { .kind = LATTN_TOKEN_KIND_BPE, .size = 270 };
        lattn_vocab *v = NULL;
        lattn_tokenizer *t = NULL;
        lattn_encoding e = { 0 };
        lattn_decoded d = { 0 };
        lat_alloc_fail_at(at);
        lattn_status st = lattn_vocab_create(&params, &v);
        if (!st)
            st = lattn_vocab_add(v, text, sizeof text - 1);
        if (!st)
            st = lattn_vocab_build(v, &t);
        if (!st)
            st = lattn_tokenizer_encode(t, text, sizeof text - 1, NULL, 0, 0, &e);
        if (!st)
            st = lattn_tokenizer_decode(t, e.ids, e.n, false, &d);
        lat_alloc_fail_at(-1);
        lattn_vocab_destroy(&v);
        lattn_tokenizer_destroy(&t);
        lattn_encoding_free(&e);
        lattn_decoded_free(&d);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
    }
}

TEST(bpe, reading_survives_failed_allocations)
{
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at += 1 + at / 40) {
        lattn_tokenizer *t;
        const char *path = lt_source_path(GOLDEN);
        lat_alloc_fail_at(at);
        lattn_status st = lattn_tokenizer_load(path, &t);
        lat_alloc_fail_at(-1);
        lattn_tokenizer_destroy(&t);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
    }
}

// ---- characters -------------------------------------------------------------------------------

static lattn_tokenizer *characters(const char *text, int32_t size, int32_t min_frequency)
{
    lattn_vocab_params params = {
        .kind = LATTN_TOKEN_KIND_CHARACTERS, .size = size, .min_frequency = min_frequency
    };
    lattn_vocab *v;
    lattn_tokenizer *t;
    EXPECT_OK(lattn_vocab_create(&params, &v));
    EXPECT_OK(lattn_vocab_add(v, text, strlen(text)));
    EXPECT_OK(lattn_vocab_build(v, &t));
    lattn_vocab_destroy(&v);
    return t;
}

TEST(characters, one_token_for_each_code_point)
{
    lattn_tokenizer *t = characters("b\n\xC3\xA9"
                                    "aa\xF0\x9F\x98\x80\xFF",
                        0, 0),
                    *back;
    EXPECT_EQ(lattn_tokenizer_kind(t), LATTN_TOKEN_KIND_CHARACTERS);
    EXPECT_EQ(lattn_tokenizer_size(t), 9);
    EXPECT_STR(lattn_tokenizer_token(t, 4), "\n");
    EXPECT_STR(lattn_tokenizer_token(t, 8), "\xF0\x9F\x98\x80");
    lattn_special_ids s = lattn_tokenizer_special(t);
    EXPECT(s.pad == 0 && s.unk == 1 && s.bos == 2 && s.eos == 3 && s.cls == -1);
    expect_ids(t, "ab\n\xC3\xA9", IDS(5, 6, 4, 7), 0);
    expect_ids(t, "azb<unk>", IDS(5, 1, 6, 1, 1, 1, 1, 1), 6);
    const char *d = dir();
    EXPECT_OK(lattn_tokenizer_save(t, d));
    EXPECT_OK(lattn_tokenizer_load(d, &back));
    REQUIRE(back);
    EXPECT_EQ(lattn_tokenizer_kind(back), LATTN_TOKEN_KIND_CHARACTERS);
    expect_ids(back, "ab\n\xC3\xA9", IDS(5, 6, 4, 7), 0);
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(back, "a\xC3z\0", 4, NULL, 0, 0, &e));
    EXPECT(e.n == 4 && e.n_replaced == 2 && e.n_unknown == 3);
    lattn_decoded text = { 0 };
    EXPECT_OK(lattn_tokenizer_decode(back, (int32_t[]){ 2, 8, 1, 5, 3, 0 }, 6, true, &text));
    EXPECT_STR(text.text, "\xF0\x9F\x98\x80\xEF\xBF\xBD"
                          "a");
    EXPECT_OK(lattn_tokenizer_decode(back, (int32_t[]){ 2, 5 }, 2, false, &text));
    EXPECT_STR(text.text, "<bos>a");
    EXPECT_OK(lattn_tokenizer_decode(back, NULL, 0, false, &text));
    EXPECT_STR(text.text, "");
    lattn_decoded_free(&text);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
    lattn_tokenizer_destroy(&back);
}

TEST(characters, rare_ones_are_unknown)
{
    lattn_tokenizer *t = characters("aaabbcccd", 0, 2);
    EXPECT_EQ(lattn_tokenizer_size(t), 7);
    EXPECT_EQ(lattn_tokenizer_id(t, "d"), -1);
    lattn_tokenizer_destroy(&t);
    t = characters("aaabbcccd", 6, 0);  // the two most frequent
    EXPECT_EQ(lattn_tokenizer_size(t), 6);
    EXPECT(lattn_tokenizer_id(t, "a") == 4 && lattn_tokenizer_id(t, "c") == 5);
    lattn_tokenizer_destroy(&t);
}

TEST(tokenizer, wordpiece_decodes_to_words)
{
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##able", "a" };
    lattn_tokenizer *t;
    lattn_decoded d = { 0 };
    EXPECT_OK(lattn_tokenizer_create(tokens, LAT_COUNT(tokens), NULL, &t));
    EXPECT_OK(lattn_tokenizer_decode(t, (int32_t[]){ 2, 4, 5, 6, 1, 3, 0 }, 7, true, &d));
    EXPECT_STR(d.text, "unable a");
    EXPECT_OK(lattn_tokenizer_decode(t, (int32_t[]){ 2, 4, 5, 6, 1, 3 }, 6, false, &d));
    EXPECT_STR(d.text, "[CLS] unable a [UNK] [SEP]");
    lattn_decoded_free(&d);
    lattn_encoding e = { 0 };
    EXPECT_OK(lattn_tokenizer_encode(t, "unable x y", 10, NULL, 0, 0, &e));
    EXPECT_EQ(e.n_unknown, 2);
    lattn_encoding_free(&e);
    lattn_tokenizer_destroy(&t);
}
