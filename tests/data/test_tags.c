// SPDX-License-Identifier: MIT
//
// Sentences with a label at every word: the files, and where the labels lie among the tokens of
// each kind of tokenizer.

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

static lattn_dataset *small(void)
{
    static const char text[] =
        "-DOCSTART- -X- O O\n\nable\tDT\tO\nunable\tJJ\tB-X\r\nx\tNN\tI-X\n\n\n"
        "un DT O\n";
    lattn_dataset *d;
    EXPECT_OK(lattn_tags_open(put("small.conll", text), NULL, &d));
    return d;
}

static void expect_word(const lattn_dataset *d, int64_t i, int32_t k, const char *word, int tag)
{
    size_t n;
    const char *text = lattn_tags_word(d, i, k, &n);
    EXPECT(text && n == strlen(word) && !memcmp(text, word, n));
    EXPECT_EQ(lattn_tags_label(d, i, k), tag);
}

TEST(tags, sentences_words_and_labels)
{
    lattn_dataset *d = small();
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    EXPECT_EQ(lattn_dataset_n_labels(d), 3);
    EXPECT_STR(lattn_dataset_label_name(d, 0), "B-X");
    EXPECT_STR(lattn_dataset_label_name(d, 2), "O");
    EXPECT(lattn_tags_count(d, 0) == 3 && lattn_tags_count(d, 1) == 1);
    EXPECT(lattn_tags_count(d, 2) == 0 && lattn_tags_count(d, -1) == 0);
    expect_word(d, 0, 0, "able", 2);
    expect_word(d, 0, 1, "unable", 0);
    expect_word(d, 0, 2, "x", 1);
    expect_word(d, 1, 0, "un", 2);
    EXPECT(!lattn_tags_word(d, 1, 1, NULL) && lattn_tags_label(d, 1, 1) == -1);
    EXPECT_STR(lattn_dataset_text(d, 0, NULL), "able unable x");
    EXPECT_STR(lattn_dataset_text(d, 1, NULL), "un");
    EXPECT_EQ(lattn_dataset_stats(d).n_skipped, 1);
    lattn_dataset_close(&d);
}

TEST(tags, columns_can_be_chosen_and_labels_left_out)
{
    lattn_dataset *d;
    static const char *const labels[] = { "NN", "JJ" };
    const char *path = put("columns.tsv", "1\ta\tNN\t_\n2\tb\tJJ\t_");
    lattn_tags_params p = { .word_column = 2, .tag_column = -2, .labels = labels, .n_labels = 2 };
    EXPECT_OK(lattn_tags_open(path, &p, &d));
    REQUIRE(d);
    expect_word(d, 0, 0, "a", 0);
    expect_word(d, 0, 1, "b", 1);
    lattn_dataset_close(&d);
    EXPECT_OK(lattn_tags_open(
        put("words.txt", "a\nb\n\nc\n"), &(lattn_tags_params){ .no_labels = true }, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    expect_word(d, 1, 0, "c", -1);
    lattn_dataset_close(&d);
}

static void refused(const char *text, const lattn_tags_params *params, const char *part)
{
    lattn_dataset *d;
    EXPECT_STATUS(lattn_tags_open(put("bad.txt", text), params, &d), LATTN_ERR_FORMAT);
    EXPECT(!d);
    EXPECT_CONTAINS(lattn_error(NULL), part);
}

TEST(tags, bad_files_are_one_sentence_with_the_line)
{
    static const char *const labels[] = { "O" };
    refused("", NULL, "bad.txt has no sentences");
    refused("\n\n", NULL, "bad.txt has no sentences");
    refused("a\tO\nb\n", NULL, "bad.txt:2: no tag behind the word");
    refused("a\tO\nb\t\n", NULL, "bad.txt:2: no tag");
    refused("a\tO\n\tO\n", NULL, "bad.txt:2: no word");
    refused("a\tO\n", &(lattn_tags_params){ .tag_column = 3 }, "bad.txt:1: no tag");
    refused("a\tX\n", &(lattn_tags_params){ .labels = labels, .n_labels = 1 },
        "bad.txt:1: label \"X\" is not among");
    lattn_dataset *d;
    EXPECT_STATUS(lattn_tags_open("/nonexistent", NULL, &d), LATTN_ERR_IO);
    EXPECT_STATUS(
        lattn_tags_open("x", &(lattn_tags_params){ .tag_column = -9999 }, &d), LATTN_ERR_ARG);
}

static lattn_tokenizer *wordpiece(void)
{
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##able",
        "able" };
    lattn_tokenizer *t;
    EXPECT_OK(lattn_tokenizer_create(tokens, LAT_COUNT(tokens), NULL, &t));
    return t;
}

static lattn_tokenizer *built(lattn_token_kind kind, const char *text)
{
    lattn_vocab_params params = { .kind = kind };
    lattn_vocab *v;
    lattn_tokenizer *t;
    EXPECT_OK(lattn_vocab_create(&params, &v));
    EXPECT_OK(lattn_vocab_add(v, text, strlen(text)));
    EXPECT_OK(lattn_vocab_build(v, &t));
    lattn_vocab_destroy(&v);
    return t;
}

static void expect_row(const int32_t *row, int T, const int32_t *expected)
{
    for (int i = 0; i < T; i++)
        EXPECT_EQ(row[i], expected[i]);
}

TEST(tags_loader, labels_lie_at_the_first_token_of_a_word)
{
    lattn_dataset *d = small();
    lattn_tokenizer *t = wordpiece();
    lattn_loader *l;
    const lattn_batch *b;
    lattn_loader_params p = { .dataset = d, .tokenizer = t, .pad_multiple = 1 };
    REQUIRE(!lattn_tags_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->n == 2 && b->T == 6 && b->lengths[0] == 6 && b->lengths[1] == 3 && b->n_tokens == 9);
    expect_row(b->input_ids, 6, (int32_t[]){ 2, 6, 4, 5, 1, 3 });
    expect_row(b->target_ids, 6, (int32_t[]){ -100, 2, 0, -100, 1, -100 });
    expect_row(b->word_starts, 6, (int32_t[]){ -1, 0, 1, -1, 2, -1 });
    expect_row(b->input_ids + 6, 6, (int32_t[]){ 2, 4, 3, 0, 0, 0 });
    expect_row(b->target_ids + 6, 6, (int32_t[]){ -100, 2, -100, -100, -100, -100 });
    EXPECT_EQ(b->n_cut, 0);
    lattn_loader_destroy(&l);
    p.max_tokens = 4;
    REQUIRE(!lattn_tags_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->T == 4 && b->n_cut == 1);
    expect_row(b->input_ids, 4, (int32_t[]){ 2, 6, 4, 3 });
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(tags_loader, words_of_characters_have_blanks_between_them)
{
    lattn_dataset *d = small();
    lattn_tokenizer *t = built(LATTN_TOKEN_KIND_CHARACTERS, " abelnu");
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_tags_loader_create(
        &(lattn_loader_params){ .dataset = d, .tokenizer = t, .pad_multiple = 4 }, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->T == 16 && b->lengths[0] == 13);
    expect_row(b->input_ids, 16, (int32_t[]){ 5, 6, 8, 7, 4, 10, 9, 5, 6, 8, 7, 4, 1, 0, 0, 0 });
    EXPECT(b->target_ids[0] == 2 && b->target_ids[4] == -100 && b->target_ids[5] == 0);
    EXPECT(b->target_ids[12] == 1 && b->word_starts[12] == 2 && b->word_starts[13] == -1);
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(tags_loader, words_of_bpe_carry_the_blank_before_them)
{
    lattn_dataset *d = small();
    lattn_tokenizer *t = built(LATTN_TOKEN_KIND_BPE, "able unable x able unable x");
    lattn_loader *l;
    lattn_encoding e = { 0 };
    const lattn_batch *b;
    REQUIRE(!lattn_tags_loader_create(
        &(lattn_loader_params){ .dataset = d, .tokenizer = t, .n_threads = 2 }, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT_OK(lattn_tokenizer_encode(t, "able unable x", 13, NULL, 0, 0, &e));
    EXPECT_EQ(b->lengths[0], e.n);
    expect_row(b->input_ids, e.n, e.ids);
    lattn_encoding_free(&e);
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(tags_loader, arguments_are_checked)
{
    lattn_dataset *d = small();
    lattn_tokenizer *t = wordpiece();
    lattn_loader *l;
    EXPECT_STATUS(
        lattn_tags_loader_create(&(lattn_loader_params){ .tokenizer = t }, &l), LATTN_ERR_ARG);
    EXPECT_STATUS(
        lattn_tags_loader_create(&(lattn_loader_params){ .dataset = d }, &l), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_tags_loader_create(
                      &(lattn_loader_params){ .dataset = d, .tokenizer = t, .max_tokens = 2 }, &l),
        LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_loader_create(&(lattn_loader_params){ .dataset = d, .tokenizer = t }, &l),
        LATTN_ERR_ARG);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(tags, every_failed_allocation_is_one_clean_error)
{
    const char *path = put("alloc.txt", "a\tO\nb\tX\n\nc\tO\n");
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at++) {
        lattn_dataset *d;
        lat_alloc_fail_at(at);
        lattn_status st = lattn_tags_open(path, NULL, &d);
        lat_alloc_fail_at(-1);
        lattn_dataset_close(&d);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
    }
}
