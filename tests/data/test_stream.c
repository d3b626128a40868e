// SPDX-License-Identifier: MIT
//
// Streams of tokens: what is read, consecutive parts, and their two kinds of batches, the same
// whatever the threads and after a resumption.

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/hash.h"
#include "harness/harness.h"

static const char *put(const char *name, const void *text, size_t n)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", lt_temp_dir(), name);
    EXPECT_OK(lat_file_replace(path, text, n));
    return path;
}

// <pad> <unk> <bos> <eos> a .. z
static lattn_tokenizer *letters(void)
{
    lattn_vocab_params params = { .kind = LATTN_TOKEN_KIND_CHARACTERS };
    lattn_vocab *v;
    lattn_tokenizer *t;
    EXPECT_OK(lattn_vocab_create(&params, &v));
    EXPECT_OK(lattn_vocab_add(v, "abcdefghijklmnopqrstuvwxyz", 26));
    EXPECT_OK(lattn_vocab_build(v, &t));
    lattn_vocab_destroy(&v);
    return t;
}

// n tokens; token i is 4 + i % 26.
static lattn_dataset *stream(int n)
{
    char text[2000];
    lattn_tokenizer *t = letters();
    lattn_dataset *d;
    for (int i = 0; i < n; i++)
        text[i] = (char) ('a' + i % 26);
    EXPECT_OK(lattn_stream_open(
        put("stream.txt", text, (size_t) n), &(lattn_stream_params){ .tokenizer = t }, &d));
    lattn_tokenizer_destroy(&t);
    return d;
}

TEST(stream, plain_text_is_encoded_as_it_is)
{
    lattn_tokenizer *t = letters();
    lattn_dataset *d;
    int64_t n;
    const char *path = put("a.txt", "ab\xC3\xA9z\n", 6);
    EXPECT_OK(lattn_stream_open(path, &(lattn_stream_params){ .tokenizer = t }, &d));
    REQUIRE(d);
    const int32_t *ids = lattn_stream_tokens(d, &n);
    EXPECT(n == 5 && lattn_dataset_count(d) == 5);
    EXPECT(ids[0] == 4 && ids[1] == 5 && ids[2] == 1 && ids[3] == 29 && ids[4] == 1);
    lattn_data_stats s = lattn_dataset_stats(d);
    EXPECT(
        s.n_unknown == 2 && s.n_bytes == 6 && s.n_characters == 5 && s.file_bytes == 6 && s.hash);
    EXPECT(lattn_dataset_label(d, 0) == -1 && !lattn_dataset_text(d, 0, NULL));
    lattn_dataset_close(&d);
    lattn_tokenizer_destroy(&t);
}

TEST(stream, rows_of_a_column_end_with_eos)
{
    lattn_tokenizer *t = letters();
    lattn_dataset *d;
    int64_t n;
    static const char tsv[] = "label\tgloss\n1\tab\n2\t\n1\tc\n";
    static const int32_t expected[] = { 4, 5, 3, 3, 6, 3 };
    const char *path = put("rows.tsv", tsv, sizeof tsv - 1);
    lattn_stream_params params = { .tokenizer = t, .text_column = "gloss" };
    EXPECT_OK(lattn_stream_open(path, &params, &d));
    REQUIRE(d);
    const int32_t *ids = lattn_stream_tokens(d, &n);
    EXPECT(n == 6 && !memcmp(ids, expected, sizeof expected));
    EXPECT_EQ(lattn_dataset_stats(d).n_characters, 3);
    lattn_dataset_close(&d);
    params.text_column = "none";
    EXPECT_STATUS(lattn_stream_open(path, &params, &d), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "no column \"none\"");
    params.plain = true;
    EXPECT_OK(lattn_stream_open(path, &params, &d));
    EXPECT_EQ(lattn_dataset_count(d), sizeof tsv - 1);
    lattn_dataset_close(&d);
    lattn_tokenizer_destroy(&t);
}

TEST(stream, empty_and_missing_texts_are_one_sentence)
{
    lattn_tokenizer *t = letters();
    lattn_dataset *d;
    lattn_stream_params params = { .tokenizer = t };
    EXPECT_STATUS(lattn_stream_open(put("e.txt", "", 0), &params, &d), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "e.txt: the text is empty");
    EXPECT(!d);
    EXPECT_STATUS(lattn_stream_open(put("e.txt",
                                        "\xFF\xFE"
                                        "a",
                                        3),
                      &params, &d),
        LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "UTF-16");
    EXPECT_STATUS(lattn_stream_open(put("e.tsv", "text\n\t\n", 7), &params, &d), LATTN_ERR_FORMAT);
    EXPECT_STATUS(lattn_stream_open("/nonexistent.txt", &params, &d), LATTN_ERR_IO);
    EXPECT_STATUS(lattn_stream_open("x.txt", NULL, &d), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_stream_open("x.txt", &(lattn_stream_params){ 0 }, &d), LATTN_ERR_ARG);
    lattn_tokenizer_destroy(&t);
}

TEST(stream, parts_are_consecutive_and_complete)
{
    lattn_dataset *d = stream(101);
    lattn_range parts[3];
    EXPECT_OK(lattn_sequence_split(d, (double[]){ 80, 10, 10 }, 3, parts));
    EXPECT(parts[0].first == 0 && parts[0].n == 80);
    EXPECT(parts[1].first == 80 && parts[1].n == 10);
    EXPECT(parts[2].first == 90 && parts[2].n == 11);
    EXPECT_STATUS(lattn_sequence_split(d, (double[]){ 1, 0 }, 2, parts), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_sequence_split(d, (double[]){ 1, NAN }, 2, parts), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_sequence_split(d, (double[]){ 1e-9, 1 }, 2, parts), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "part 0 of 101 tokens");
    EXPECT_STATUS(lattn_sequence_split(d, (double[]){ 1 }, 0, parts), LATTN_ERR_ARG);
    lattn_dataset_close(&d);
}

static void check_rows(const lattn_batch *b)
{
    for (int i = 0; i < b->n; i++) {
        EXPECT_EQ(b->lengths[i], b->T);
        for (int k = 0; k < b->T; k++) {
            EXPECT_EQ(b->input_ids[i * b->T + k], 4 + (b->rows[i] + k) % 26);
            EXPECT_EQ(b->target_ids[i * b->T + k], 4 + (b->rows[i] + k + 1) % 26);
        }
    }
    EXPECT_EQ(b->n_tokens, b->n * b->T);
}

TEST(stream_loader, contiguous_rows_go_on_where_they_ended)
{
    lattn_dataset *d = stream(104);  // 3 rows of 34; 34 = 3 * 10 + 4
    lattn_stream_loader_params params = { .dataset = d, .batch_size = 3, .T = 10, .n_threads = 2 };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_stream_loader_create(&params, &l));
    EXPECT_EQ(lattn_loader_n_batches(l), 4);
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int k = 0; k < 4; k++) {
            REQUIRE(!lattn_loader_next(l, &b));
            REQUIRE(b);
            EXPECT(b->n == 3 && b->T == (k < 3 ? 10 : 4) && b->epoch == epoch && b->index == k);
            for (int i = 0; i < 3; i++)
                EXPECT_EQ(b->rows[i], i * 34 + k * 10);
            check_rows(b);
        }
        REQUIRE(!lattn_loader_next(l, &b));
        EXPECT(!b);
    }
    lattn_loader_destroy(&l);
    params.drop_last = true;
    REQUIRE(!lattn_stream_loader_create(&params, &l));
    EXPECT_EQ(lattn_loader_n_batches(l), 3);
    lattn_loader_destroy(&l);
    lattn_dataset_close(&d);
}

TEST(stream_loader, every_window_comes_once_an_epoch)
{
    lattn_dataset *d = stream(150);
    lattn_range part = { 20, 111 };  // 11 windows of 10, the last ends with the part
    lattn_stream_loader_params params = { .dataset = d,
        .part = &part,
        .batch_size = 4,
        .T = 10,
        .windows = true,
        .shuffle = true,
        .seed = 3,
        .n_threads = 3 };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_stream_loader_create(&params, &l));
    int seen[11] = { 0 };
    bool moved = false;
    for (int k = 0; k < 3; k++) {
        REQUIRE(!lattn_loader_next(l, &b));
        REQUIRE(b);
        EXPECT(b->n == (k < 2 ? 4 : 3) && b->T == 10);
        check_rows(b);
        for (int i = 0; i < b->n; i++) {
            EXPECT_EQ((b->rows[i] - 20) % 10, 0);
            seen[(b->rows[i] - 20) / 10]++;
            moved = moved || (b->rows[i] - 20) / 10 != k * 4 + i;
        }
    }
    EXPECT(moved);
    for (int i = 0; i < 11; i++)
        EXPECT_EQ(seen[i], 1);
    lattn_loader_destroy(&l);
    params.stride = 3;
    params.drop_last = true;
    REQUIRE(!lattn_stream_loader_create(&params, &l));
    EXPECT_EQ(lattn_loader_n_batches(l), 8);  // 34 windows
    lattn_loader_destroy(&l);
    lattn_dataset_close(&d);
}

static uint64_t hash_of(const lattn_batch *b)
{
    struct lat_hasher *h = lat_hasher_create();
    size_t n = (size_t) b->n, T = (size_t) b->T;
    lat_hasher_add(h, b->input_ids, n * T * 4);
    lat_hasher_add(h, b->target_ids, n * T * 4);
    lat_hasher_add(h, b->rows, n * 8);
    return lat_hasher_end(&h);
}

static void compare(lattn_stream_loader_params params, int n_batches)
{
    uint64_t expected[64];
    for (int threads = 1; threads <= 4; threads++) {
        lattn_loader *l;
        const lattn_batch *b;
        params.n_threads = threads;
        params.n_ahead = threads % 3 + 1;
        REQUIRE(!lattn_stream_loader_create(&params, &l));
        REQUIRE(lattn_loader_n_batches(l) == n_batches && 2 * n_batches <= 64);
        for (int k = 0; k < 2 * n_batches; k++) {
            REQUIRE(!lattn_loader_next(l, &b));
            if (!b)
                REQUIRE(!lattn_loader_next(l, &b));
            uint64_t h = hash_of(b);
            EXPECT(threads == 1 || h == expected[k]);
            expected[k] = h;
        }
        for (int stop = 0; stop < 2 * n_batches; stop += 3) {  // as a resumed run
            EXPECT_OK(lattn_loader_seek(l, stop / n_batches, stop % n_batches));
            REQUIRE(!lattn_loader_next(l, &b));
            EXPECT(b && hash_of(b) == expected[stop]);
        }
        lattn_loader_destroy(&l);
    }
}

TEST(stream_loader, threads_and_resuming_do_not_change_the_batches)
{
    lattn_dataset *d = stream(700);
    compare((lattn_stream_loader_params){ .dataset = d, .batch_size = 4, .T = 9 }, 20);
    compare(
        (lattn_stream_loader_params){
            .dataset = d, .batch_size = 4, .T = 9, .windows = true, .shuffle = true, .seed = 8 },
        20);
    lattn_dataset_close(&d);
}

TEST(stream_loader, a_short_stream_and_wrong_arguments_are_one_sentence)
{
    lattn_dataset *one = stream(1), *d = stream(10);
    lattn_loader *l;
    lattn_stream_loader_params p = { .dataset = one, .batch_size = 1, .T = 4 };
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "1 tokens, a batch of 1 needs 2");
    p.windows = true;
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "1 tokens, a window of 4 needs 5");
    p = (lattn_stream_loader_params){ .dataset = d, .batch_size = 3, .T = 4, .drop_last = true };
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "10 tokens, a batch of 3 needs 13");
    p.drop_last = false;
    p.shuffle = true;
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    p.shuffle = false;
    p.T = -1;
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    p.T = 4;
    p.part = &(lattn_range){ 5, 6 };
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "6 from 5 on, of 10");
    p.dataset = NULL;
    EXPECT_STATUS(lattn_stream_loader_create(&p, &l), LATTN_ERR_ARG);
    lattn_dataset_close(&one);
    lattn_dataset_close(&d);
}

TEST(stream, every_failed_allocation_is_one_clean_error)
{
    lattn_tokenizer *t = letters();
    static const char tsv[] = "text\nab\ncd\nef\n";
    const char *path = put("alloc.tsv", tsv, sizeof tsv - 1);
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at++) {
        lattn_dataset *d;
        lattn_loader *l = NULL;
        lat_alloc_fail_at(at);
        lattn_status st = lattn_stream_open(path, &(lattn_stream_params){ .tokenizer = t }, &d);
        if (!st)
            st = lattn_stream_loader_create(
                &(lattn_stream_loader_params){ .dataset = d, .batch_size = 1, .T = 2 }, &l);
        lat_alloc_fail_at(-1);
        lattn_loader_destroy(&l);
        lattn_dataset_close(&d);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
    }
    lattn_tokenizer_destroy(&t);
}
