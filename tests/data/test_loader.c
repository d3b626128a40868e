// SPDX-License-Identifier: MIT
//
// The loader: the same batches whatever the threads, every row once an epoch, and going on
// exactly where a run stopped.

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/sampler.h"
#include "harness/harness.h"

enum { ROWS = 53 };

static lattn_tokenizer *tokenizer(int32_t max_length)
{
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b" };
    lattn_tokenizer *t;
    lattn_tokenizer_params params = { .max_length = max_length };
    EXPECT_OK(lattn_tokenizer_create(tokens, LAT_COUNT(tokens), &params, &t));
    return t;
}

// Row i: i % 13 words "a", label i % 3.
static lattn_dataset *dataset(int n, bool pairs)
{
    static char text[20000];
    char path[300];
    size_t at = (size_t) snprintf(
        text, sizeof text, pairs ? "sentence1\tsentence2\tlabel\n" : "text\tlabel\n");
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i % 13; k++)
            at += (size_t) snprintf(text + at, sizeof text - at, "a ");
        at += (size_t) snprintf(
            text + at, sizeof text - at, pairs ? "\tb b b\t%d\n" : "\t%d\n", i % 3);
    }
    snprintf(path, sizeof path, "%s/rows.tsv", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, text, at));
    lattn_dataset *d;
    EXPECT_OK(lattn_text_open(path, NULL, &d));
    return d;
}

static uint64_t hash_of(const lattn_batch *b)
{
    struct lat_hasher *h = lat_hasher_create();
    size_t n = (size_t) b->n;
    lat_hasher_add(h, &b->n, sizeof b->n);
    lat_hasher_add(h, &b->T, sizeof b->T);
    lat_hasher_add(h, b->input_ids, n * (size_t) b->T * 4);
    lat_hasher_add(h, b->token_type_ids, n * (size_t) b->T * 4);
    lat_hasher_add(h, b->lengths, n * 4);
    lat_hasher_add(h, b->labels, n * 4);
    lat_hasher_add(h, b->rows, n * 8);
    return lat_hasher_end(&h);
}

static void check_batch(const lattn_batch *b, int max_tokens)
{
    int64_t n_tokens = 0;
    EXPECT(b->T % 4 == 0 || b->T == max_tokens);
    EXPECT(b->T <= max_tokens);
    for (int i = 0; i < b->n; i++) {
        const int32_t *ids = b->input_ids + i * b->T;
        int expected = LAT_MIN((int) (b->rows[i] % 13) + 2, max_tokens);
        EXPECT_EQ(b->lengths[i], expected);
        EXPECT_EQ(b->labels[i], b->rows[i] % 3);
        EXPECT_EQ(ids[0], 2);
        EXPECT_EQ(ids[b->lengths[i] - 1], 3);
        for (int t = 0; t < b->T; t++)
            EXPECT_EQ(ids[t], t == 0 ? 2 : t < expected - 1 ? 5 : t == expected - 1 ? 3 : 0);
        n_tokens += b->lengths[i];
    }
    EXPECT_EQ(b->n_tokens, n_tokens);
}

TEST(loader, every_row_comes_once_an_epoch_in_padded_batches)
{
    lattn_dataset *d = dataset(ROWS, false);
    lattn_tokenizer *t = tokenizer(11);
    lattn_loader_params params = { .dataset = d,
        .tokenizer = t,
        .batch_size = 8,
        .pad_multiple = 4,
        .shuffle = true,
        .seed = 7,
        .n_threads = 3,
        .n_ahead = 2 };
    lattn_loader *l;
    REQUIRE(!lattn_loader_create(&params, &l));
    EXPECT_EQ(lattn_loader_n_batches(l), 7);
    int64_t first_row[2] = { 0 };
    for (int epoch = 0; epoch < 2; epoch++) {
        int seen[ROWS] = { 0 }, n_batches = 0;
        const lattn_batch *b;
        for (;;) {
            REQUIRE(!lattn_loader_next(l, &b));
            if (!b)
                break;
            EXPECT_EQ(b->epoch, epoch);
            EXPECT_EQ(b->index, n_batches);
            EXPECT_EQ(b->n, n_batches < 6 ? 8 : 5);
            check_batch(b, 11);
            if (n_batches++ == 0)
                first_row[epoch] = b->rows[0] * 100 + b->rows[1];
            for (int i = 0; i < b->n; i++)
                seen[b->rows[i]]++;
        }
        EXPECT_EQ(n_batches, 7);
        for (int i = 0; i < ROWS; i++)
            EXPECT_EQ(seen[i], 1);
    }
    EXPECT(first_row[0] != first_row[1]);
    lattn_loader_destroy(&l);
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

enum { N_HASHES = 21 };

static void three_epochs(lattn_loader *l, uint64_t *hashes)
{
    int n = 0;
    for (int calls = 0; calls < N_HASHES + 3; calls++) {
        const lattn_batch *b;
        REQUIRE(!lattn_loader_next(l, &b));
        if (b)
            hashes[n++] = hash_of(b);
    }
    EXPECT_EQ(n, N_HASHES);
}

TEST(loader, threads_do_not_change_the_batches)
{
    lattn_dataset *d = dataset(ROWS, true);
    lattn_tokenizer *t = tokenizer(0);
    uint64_t reference[N_HASHES], hashes[N_HASHES];
    for (int threads = 1; threads <= 5; threads++) {
        lattn_loader_params params = { .dataset = d,
            .tokenizer = t,
            .batch_size = 8,
            .shuffle = true,
            .seed = 3,
            .n_threads = threads,
            .n_ahead = 1 + threads % 3 };
        lattn_loader *l;
        REQUIRE(!lattn_loader_create(&params, &l));
        three_epochs(l, threads == 1 ? reference : hashes);
        if (threads > 1)
            EXPECT(!memcmp(reference, hashes, sizeof hashes));
        lattn_loader_destroy(&l);
    }
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(loader, a_run_goes_on_exactly_where_it_stopped)
{
    lattn_dataset *d = dataset(ROWS, false);
    lattn_tokenizer *t = tokenizer(0);
    lattn_loader_params params = {
        .dataset = d, .tokenizer = t, .batch_size = 8, .shuffle = true, .seed = 9, .n_threads = 2
    };
    lattn_loader *l;
    uint64_t hashes[N_HASHES];
    const lattn_batch *b;
    REQUIRE(!lattn_loader_create(&params, &l));
    three_epochs(l, hashes);
    for (int64_t stop = 0; stop < N_HASHES; stop++) {
        EXPECT_OK(lattn_loader_seek(l, stop / 7, stop % 7));
        for (int64_t k = stop; k < LAT_MIN(stop + 3, stop / 7 * 7 + 7); k++) {
            int64_t epoch, index;
            lattn_loader_position(l, &epoch, &index);
            EXPECT(epoch == k / 7 && index == k % 7);
            REQUIRE(!lattn_loader_next(l, &b));
            REQUIRE(b);
            EXPECT(hash_of(b) == hashes[k]);
        }
    }
    EXPECT_OK(lattn_loader_seek(l, 1, 7));  // at the end of an epoch
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(!b);
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b && hash_of(b) == hashes[14]);
    EXPECT_STATUS(lattn_loader_seek(l, 0, 8), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_loader_seek(l, -1, 0), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_loader_seek(l, 0, -1), LATTN_ERR_ARG);
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(loader, rows_of_a_split_are_visited_alone)
{
    lattn_dataset *d = dataset(ROWS, false);
    lattn_tokenizer *t = tokenizer(0);
    lattn_rows parts[2];
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 70, 30 }, 2, 1, parts));
    int seen[ROWS] = { 0 };
    for (int p = 0; p < 2; p++) {
        lattn_loader_params params = { .dataset = d,
            .tokenizer = t,
            .rows = &parts[p],
            .batch_size = 7,
            .shuffle = true,
            .n_threads = 2 };
        lattn_loader *l;
        REQUIRE(!lattn_loader_create(&params, &l));
        EXPECT_EQ(lattn_loader_n_batches(l), (parts[p].n + 6) / 7);
        for (const lattn_batch *b = NULL;;) {
            REQUIRE(!lattn_loader_next(l, &b));
            if (!b)
                break;
            for (int i = 0; i < b->n; i++)
                seen[b->rows[i]] += p + 1;
        }
        for (int64_t i = 0; i < parts[p].n; i++)
            EXPECT_EQ(seen[parts[p].items[i]], p + 1);
        lattn_loader_destroy(&l);
        lattn_rows_free(&parts[p]);
    }
    for (int i = 0; i < ROWS; i++)
        EXPECT(seen[i] == 1 || seen[i] == 2);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(loader, pairs_are_cut_and_typed)
{
    lattn_dataset *d = dataset(13, true);
    lattn_tokenizer *t = tokenizer(0);
    lattn_loader_params params = {
        .dataset = d, .tokenizer = t, .batch_size = 13, .max_tokens = 9, .pad_multiple = 8
    };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_loader_create(&params, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    REQUIRE(b);
    EXPECT_EQ(b->T, 9);  // 16 would be beyond max_tokens
    EXPECT_EQ(b->n_cut, 9);
    for (int i = 0; i < b->n; i++) {
        EXPECT_EQ(b->rows[i], i);  // not shuffled
        const int32_t *types = b->token_type_ids + i * b->T;
        for (int k = 0; k < b->T; k++)
            EXPECT_EQ(types[k], k < b->lengths[i] && k >= b->lengths[i] - 4);
    }
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(loader, shapes_can_be_fixed)
{
    lattn_dataset *d = dataset(ROWS, false);
    lattn_tokenizer *t = tokenizer(20);
    lattn_loader_params params = {
        .dataset = d, .tokenizer = t, .batch_size = 10, .pad_to_max = true, .drop_last = true
    };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_loader_create(&params, &l));
    EXPECT_EQ(lattn_loader_n_batches(l), 5);
    for (int i = 0; i < 5; i++) {
        REQUIRE(!lattn_loader_next(l, &b));
        EXPECT(b && b->n == 10 && b->T == 20);
    }
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(!b);
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(loader, no_row_has_length_0)
{
    static const char text[] = "text\tlabel\n\tx\nab\ty\n";
    lattn_vocab_params params = { .kind = LATTN_TOKEN_KIND_CHARACTERS };
    char path[300];
    lattn_vocab *v;
    lattn_tokenizer *t;
    lattn_dataset *d;
    lattn_loader *l;
    const lattn_batch *b;
    snprintf(path, sizeof path, "%s/empty.tsv", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, text, sizeof text - 1));
    EXPECT_OK(lattn_text_open(path, NULL, &d));
    EXPECT_OK(lattn_vocab_create(&params, &v));
    EXPECT_OK(lattn_vocab_add(v, "ab", 2));
    EXPECT_OK(lattn_vocab_build(v, &t));
    REQUIRE(!lattn_loader_create(
        &(lattn_loader_params){ .dataset = d, .tokenizer = t, .max_tokens = 1 }, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b->n == 2 && b->T == 1 && b->lengths[0] == 1 && b->lengths[1] == 1);
    EXPECT_EQ(b->input_ids[0], lattn_tokenizer_special(t).eos);
    EXPECT_EQ(b->input_ids[1], lattn_tokenizer_id(t, "a"));
    EXPECT_EQ(b->n_cut, 1);
    lattn_loader_destroy(&l);
    lattn_tokenizer_destroy(&t);
    lattn_vocab_destroy(&v);
    lattn_dataset_close(&d);
}

TEST(loader, arguments_are_checked)
{
    lattn_dataset *d = dataset(5, false);
    lattn_tokenizer *t = tokenizer(0);
    const lattn_loader_params good = { .dataset = d, .tokenizer = t };
    lattn_loader_params bad[10];
    for (int i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].dataset = NULL;
    bad[1].tokenizer = NULL;
    bad[2].batch_size = -1;
    bad[3].max_tokens = 1;
    bad[4].pad_multiple = -8;
    bad[5].n_threads = 65;
    bad[6].n_ahead = -1;
    bad[7].drop_last = true;
    bad[8].pad_to_max = true;
    bad[8].max_tokens = 1 << 30;
    bad[9].batch_size = 1 << 30;
    for (int i = 0; i < 10; i++) {
        lattn_loader *l;
        EXPECT_STATUS(lattn_loader_create(&bad[i], &l), LATTN_ERR_ARG);
        EXPECT(l == NULL);
    }
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(loader, a_failed_allocation_in_a_worker_reaches_the_caller)
{
    lattn_dataset *d = dataset(ROWS, false);
    lattn_tokenizer *t = tokenizer(0);
    int64_t live = lat_alloc_live();
    lattn_loader_params params = { .dataset = d, .tokenizer = t, .batch_size = 8, .n_threads = 2 };
    int n_failed = 0;
    // Which allocation is the n-th depends on the threads; every one is failed at some time.
    for (int64_t at = 0; at < 120; at++) {
        lattn_loader *l;
        const lattn_batch *b = NULL;
        lat_alloc_fail_at(at);
        lattn_status st = lattn_loader_create(&params, &l);
        for (int i = 0; i < 7 && !st; i++)
            st = lattn_loader_next(l, &b);
        lat_alloc_fail_at(-1);
        n_failed += st != LATTN_OK;
        if (st) {
            EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
            EXPECT_CONTAINS(lattn_error(NULL), "out of host memory");
        }
        lattn_loader_destroy(&l);
        EXPECT_EQ(lat_alloc_live(), live);
    }
    EXPECT(n_failed > 20);
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(sampler, an_epoch_is_a_permutation_of_its_own)
{
    uint32_t a[100], b[100], c[100];
    lat_sampler_order(1, 0, true, a, 100);
    lat_sampler_order(1, 1, true, b, 100);
    lat_sampler_order(1, 0, true, c, 100);
    EXPECT(memcmp(a, b, sizeof a) != 0);
    EXPECT(memcmp(a, c, sizeof a) == 0);
    uint64_t sum = 0;
    for (int i = 0; i < 100; i++)
        sum += a[i];
    EXPECT_EQ(sum, 4950);
    lat_sampler_order(1, 0, false, a, 100);
    for (uint32_t i = 0; i < 100; i++)
        EXPECT_EQ(a[i], i);
    lat_sampler_order(1, 0, true, a, 0);
}
