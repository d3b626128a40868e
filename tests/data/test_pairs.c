// SPDX-License-Identifier: MIT
//
// Pairs of texts for an encoder and a decoder: both sides padded, shifted and cut.

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "harness/harness.h"

static lattn_dataset *pairs(const char *text, bool no_header)
{
    char path[400];
    lattn_dataset *d;
    snprintf(path, sizeof path, "%s/pairs.tsv", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, text, strlen(text)));
    lattn_text_params params = { .text_column = no_header ? "1" : "source",
        .pair_column = no_header ? "2" : "target",
        .no_labels = true,
        .no_header = no_header };
    EXPECT_OK(lattn_text_open(path, &params, &d));
    return d;
}

// <pad> <unk> <bos> <eos> a b c
static lattn_tokenizer *letters(void)
{
    lattn_vocab_params params = { .kind = LATTN_TOKEN_KIND_CHARACTERS };
    lattn_vocab *v;
    lattn_tokenizer *t;
    EXPECT_OK(lattn_vocab_create(&params, &v));
    EXPECT_OK(lattn_vocab_add(v, "abc", 3));
    EXPECT_OK(lattn_vocab_build(v, &t));
    lattn_vocab_destroy(&v);
    return t;
}

static void expect_row(const int32_t *row, int n, const int32_t *expected)
{
    for (int i = 0; i < n; i++)
        EXPECT_EQ(row[i], expected[i]);
}

TEST(pairs, files_without_names_of_columns)
{
    lattn_dataset *d = pairs("ab\tba\nc\tc\n", true);
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 2);
    EXPECT_STR(lattn_dataset_text(d, 0, NULL), "ab");
    EXPECT_STR(lattn_dataset_pair(d, 1, NULL), "c");
    lattn_dataset_close(&d);
}

TEST(pairs_loader, the_decoder_reads_bos_and_is_to_say_eos)
{
    lattn_dataset *d = pairs("source\ttarget\nab\tcba\nabcb\tc\n\t\n", false);
    lattn_tokenizer *t = letters();
    lattn_loader *l;
    const lattn_batch *b;
    lattn_pairs_loader_params p = { .dataset = d, .tokenizer = t, .pad_multiple = 1 };
    REQUIRE(!lattn_pairs_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->n == 3 && b->T == 5 && b->T_out == 4 && b->n_cut == 0 && b->n_tokens == 9);
    expect_row(b->lengths, 3, (int32_t[]){ 3, 5, 1 });
    expect_row(b->output_lengths, 3, (int32_t[]){ 4, 2, 1 });
    expect_row(b->input_ids, 15, (int32_t[]){ 4, 5, 3, 0, 0, 4, 5, 6, 5, 3, 3, 0, 0, 0, 0 });
    expect_row(b->output_ids, 12, (int32_t[]){ 2, 6, 5, 4, 2, 6, 0, 0, 2, 0, 0, 0 });
    expect_row(b->target_ids, 12, (int32_t[]){ 6, 5, 4, 3, 6, 3, -100, -100, 3, -100, -100, -100 });
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(pairs_loader, both_sides_are_cut_and_counted)
{
    lattn_dataset *d = pairs("source\ttarget\nabc\tcba\na\tb\n", false);
    lattn_tokenizer *t = letters();
    lattn_loader *l;
    const lattn_batch *b;
    lattn_pairs_loader_params p = { .dataset = d,
        .tokenizer = t,
        .max_source = 3,
        .max_target = 2,
        .pad_to_max = true,
        .n_threads = 3 };
    REQUIRE(!lattn_pairs_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->T == 3 && b->T_out == 2 && b->n_cut == 1);
    expect_row(b->input_ids, 6, (int32_t[]){ 4, 5, 3, 4, 3, 0 });
    expect_row(b->output_ids, 4, (int32_t[]){ 2, 6, 2, 5 });
    expect_row(b->target_ids, 4, (int32_t[]){ 6, 5, 5, 3 });  // the cut one says no eos
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(pairs_loader, sources_alone_need_no_pairs)
{
    lattn_text_params params = { .text_column = "source", .pair_column = "", .no_labels = true };
    lattn_tokenizer *t = letters();
    lattn_dataset *d;
    lattn_loader *l;
    const lattn_batch *b;
    char path[400];
    snprintf(path, sizeof path, "%s/sources.tsv", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, "source\nab\nc\n", 12));
    EXPECT_OK(lattn_text_open(path, &params, &d));
    lattn_pairs_loader_params p = { .dataset = d, .tokenizer = t, .pad_multiple = 1 };
    EXPECT_STATUS(lattn_pairs_loader_create(&p, &l), LATTN_ERR_ARG);
    p.no_targets = true;
    REQUIRE(!lattn_pairs_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->n == 2 && b->T == 3 && b->T_out == 0);
    expect_row(b->input_ids, 6, (int32_t[]){ 4, 5, 3, 6, 3, 0 });
    expect_row(b->output_lengths, 2, (int32_t[]){ 0, 0 });
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(pairs_loader, each_side_may_have_its_tokenizer)
{
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello" };
    lattn_dataset *d = pairs("source\ttarget\nhello x\tab\n", false);
    lattn_tokenizer *words, *t = letters();
    lattn_loader *l;
    const lattn_batch *b;
    EXPECT_OK(lattn_tokenizer_create(tokens, LAT_COUNT(tokens), NULL, &words));
    lattn_pairs_loader_params p = {
        .dataset = d, .tokenizer = words, .target_tokenizer = t, .pad_multiple = 1
    };
    REQUIRE(!lattn_pairs_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->T == 4 && b->T_out == 3);
    expect_row(b->input_ids, 4, (int32_t[]){ 2, 4, 1, 3 });
    expect_row(b->output_ids, 3, (int32_t[]){ 2, 4, 5 });
    lattn_loader_destroy(&l);
    p.target_tokenizer = words;
    p.tokenizer = t;
    REQUIRE(!lattn_pairs_loader_create(&p, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    expect_row(b->output_ids, 2, (int32_t[]){ 2, 1 });
    expect_row(b->target_ids, 2, (int32_t[]){ 1, 3 });
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_tokenizer_destroy(&words);
    lattn_dataset_close(&d);
}

TEST(pairs_loader, every_row_comes_once_an_epoch_whatever_the_threads)
{
    char text[4000] = "source\ttarget\n";
    for (int i = 0; i < 37; i++) {
        for (int k = 0; k < i % 7; k++)
            strcat(text, "a");
        strcat(text, "\tb\n");
    }
    lattn_dataset *d = pairs(text, false);
    lattn_tokenizer *t = letters();
    int64_t order[37];
    for (int threads = 1; threads < 4; threads++) {
        lattn_pairs_loader_params p = { .dataset = d,
            .tokenizer = t,
            .batch_size = 5,
            .shuffle = true,
            .seed = 4,
            .n_threads = threads };
        lattn_loader *l;
        const lattn_batch *b;
        int seen = 0;
        REQUIRE(!lattn_pairs_loader_create(&p, &l));
        while (seen < 37) {
            REQUIRE(!lattn_loader_next(l, &b));
            REQUIRE(b);
            for (int i = 0; i < b->n; i++, seen++) {
                EXPECT(threads == 1 || order[seen] == b->rows[i]);
                order[seen] = b->rows[i];
                EXPECT_EQ(b->lengths[i], b->rows[i] % 7 + 1);
            }
        }
        lattn_loader_destroy(&l);
    }
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(pairs_loader, arguments_are_checked)
{
    lattn_dataset *d = pairs("source\ttarget\nab\tcba\n", false), *single;
    lattn_tokenizer *t = letters();
    lattn_loader *l;
    char path[400];
    snprintf(path, sizeof path, "%s/single.tsv", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, "text\na\n", 7));
    EXPECT_OK(lattn_text_open(path, &(lattn_text_params){ .no_labels = true }, &single));
    const lattn_pairs_loader_params bad[] = { { .tokenizer = t }, { .dataset = d },
        { .dataset = single, .tokenizer = t }, { .dataset = d, .tokenizer = t, .max_source = 1 },
        { .dataset = d, .tokenizer = t, .max_target = -1 },
        { .dataset = d, .tokenizer = t, .pad_multiple = -1 },
        { .dataset = d, .tokenizer = t, .batch_size = -1 } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        EXPECT_STATUS(lattn_pairs_loader_create(&bad[i], &l), LATTN_ERR_ARG);
        EXPECT(!l);
    }
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&single);
    lattn_dataset_close(&d);
}
