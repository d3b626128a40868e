// SPDX-License-Identifier: MIT
//
// Batches of pictures: the same whatever the threads, mixup with its shares, normalisation fitted on
// the rows that are trained on.

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "image/pictures.h"
#include "harness/harness.h"

enum { ROWS = 37, C = 3, H = 8, W = 6, SIZE = C * H * W };

// Label i % 4; byte k of row i: i * 7 + k.
static lattn_dataset *dataset(void)
{
    lattn_dataset *d;
    EXPECT_OK(lat_dataset_create(LAT_DATA_BYTES, ROWS, &d));
    EXPECT_OK(lat_labels_numbered(&d->labels, 4));
    d->has_labels = true;
    d->C = C;
    d->H = H;
    d->W = W;
    d->bytes = lat_alloc(ROWS * SIZE);
    for (int i = 0; i < ROWS; i++) {
        d->rows.items[i].label = i % 4;
        for (int k = 0; k < SIZE; k++)
            d->bytes[i * SIZE + k] = (uint8_t) (i * 7 + k);
    }
    return d;
}

static uint64_t hash_of(const lattn_batch *b)
{
    struct lat_hasher *h = lat_hasher_create();
    size_t n = (size_t) b->n;
    lat_hasher_add(h, &b->n, sizeof b->n);
    lat_hasher_add(h, b->x, n * (size_t) (b->C * b->H * b->W) * 4);
    lat_hasher_add(h, b->labels, n * 4);
    lat_hasher_add(h, b->rows, n * 8);
    if (b->targets)
        lat_hasher_add(h, b->targets, n * 4 * 4);
    return lat_hasher_end(&h);
}

static const lattn_transform augmented = { .pad = 1,
    .random_crop = true,
    .flip_horizontal = 0.5f,
    .rotate = 15,
    .brightness = 0.2f,
    .contrast = 0.2f,
    .saturation = 0.2f,
    .cutout = 3,
    .mixup = 0.4f };

TEST(image_loader, plain_batches_are_the_pictures)
{
    lattn_dataset *d = dataset();
    lattn_image_loader_params params = { .dataset = d, .batch_size = 10, .n_threads = 2 };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_image_loader_create(&params, &l));
    EXPECT_EQ(lattn_loader_n_batches(l), 4);
    for (int k = 0; k < 4; k++) {
        REQUIRE(!lattn_loader_next(l, &b));
        REQUIRE(b);
        EXPECT(b->n == (k < 3 ? 10 : 7) && b->C == C && b->H == H && b->W == W);
        EXPECT(!b->targets && !b->input_ids && !b->lengths && b->T == 0);
        for (int i = 0; i < b->n; i++) {
            EXPECT(b->rows[i] == k * 10 + i && b->labels[i] == b->rows[i] % 4);
            for (int p = 0; p < SIZE; p++)
                EXPECT_NEAR((double) b->x[i * SIZE + p],
                    (double) (uint8_t) (b->rows[i] * 7 + p) / 255, 1e-6);
        }
    }
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(!b);
    lattn_loader_destroy(&l);
    lattn_dataset_close(&d);
}

enum { N_BATCHES = 10 };  // 5 an epoch

static void two_epochs(const lattn_dataset *d, int n_threads, uint64_t *hashes)
{
    lattn_image_loader_params params = { .dataset = d,
        .transform = augmented,
        .batch_size = 8,
        .shuffle = true,
        .seed = 3,
        .n_threads = n_threads,
        .n_ahead = 1 + n_threads % 3 };
    lattn_loader *l;
    const lattn_batch *b;
    int n = 0;
    REQUIRE(!lattn_image_loader_create(&params, &l));
    for (int calls = 0; calls < N_BATCHES + 2; calls++) {
        REQUIRE(!lattn_loader_next(l, &b));
        if (b)
            hashes[n++] = hash_of(b);
    }
    EXPECT_EQ(n, N_BATCHES);
    // A resumed run finds the same again.
    EXPECT_OK(lattn_loader_seek(l, 1, 2));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b && hash_of(b) == hashes[7]);
    lattn_loader_destroy(&l);
}

TEST(image_loader, threads_do_not_change_the_batches)
{
    lattn_dataset *d = dataset();
    uint64_t reference[N_BATCHES], hashes[N_BATCHES];
    two_epochs(d, 1, reference);
    for (int i = 0; i < N_BATCHES; i++)
        for (int k = 0; k < i; k++)
            EXPECT(reference[i] != reference[k]);
    for (int threads = 2; threads <= 5; threads++) {
        two_epochs(d, threads, hashes);
        EXPECT(!memcmp(reference, hashes, sizeof hashes));
    }
    lattn_dataset_close(&d);
}

TEST(image_loader, only_the_rows_that_were_asked_for_come)
{
    lattn_dataset *d = dataset();
    int64_t items[] = { 30, 2, 17, 5, 11 };
    const lattn_rows rows = { items, 5 };
    lattn_image_loader_params params = {
        .dataset = d, .rows = &rows, .batch_size = 3, .shuffle = true, .seed = 1
    };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_image_loader_create(&params, &l));
    items[0] = 0;  // they were copied
    int64_t first[3];
    for (int epoch = 0; epoch < 3; epoch++) {
        int64_t sum = 0, n = 0;
        for (;;) {
            REQUIRE(!lattn_loader_next(l, &b));
            if (!b)
                break;
            if (n == 0)
                first[epoch] = b->rows[0] * 100 + b->rows[1];
            for (int i = 0; i < b->n; i++, n++)
                sum += b->rows[i];
        }
        EXPECT(n == 5 && sum == 65);
    }
    EXPECT(first[0] != first[1] || first[1] != first[2]);
    lattn_loader_destroy(&l);
    const lattn_rows bad[] = { { items, 0 }, { NULL, 3 }, { (int64_t[]){ ROWS }, 1 },
        { (int64_t[]){ -1 }, 1 } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        params.rows = &bad[i];
        EXPECT_STATUS(lattn_image_loader_create(&params, &l), LATTN_ERR_ARG);
    }
    lattn_dataset_close(&d);
}

// x and targets are mixed alike: with pictures that are all their own label, one tells the other.
TEST(image_loader, mixup_mixes_pictures_and_labels_alike)
{
    lattn_dataset *d = dataset();
    for (int i = 0; i < ROWS; i++)
        memset(d->bytes + i * SIZE, 51 * (i % 4), SIZE);
    lattn_image_loader_params params = {
        .dataset = d, .transform = { .mixup = 1 }, .batch_size = 12, .shuffle = true, .seed = 4
    };
    lattn_loader *l;
    const lattn_batch *b;
    int n_mixed = 0;
    float shares[4] = { 0 };  // of each batch
    REQUIRE(!lattn_image_loader_create(&params, &l));
    for (int k = 0; k < 4; k++) {
        REQUIRE(!lattn_loader_next(l, &b));
        REQUIRE(b && b->targets);
        for (int i = 0; i < b->n; i++) {
            const float *t = b->targets + i * 4;
            double expected = 0, sum = 0;
            for (int c = 0; c < 4; c++) {
                expected += 0.2 * c * (double) t[c];
                sum += (double) t[c];
            }
            EXPECT_NEAR(sum, 1, 1e-6);
            EXPECT(b->labels[i] == b->rows[i] % 4);
            EXPECT(t[b->labels[i]] > 0);
            EXPECT_NEAR((double) b->x[i * SIZE], expected, 1e-6);
            EXPECT_NEAR((double) b->x[i * SIZE + SIZE - 1], expected, 1e-6);
            n_mixed += t[b->labels[i]] < 1;
            shares[k] = t[b->labels[i]] < 1 ? t[b->labels[i]] : shares[k];
        }
        for (int i = 0; i < k; i++)
            EXPECT(shares[i] != shares[k]);
    }
    EXPECT(n_mixed > 5);
    lattn_loader_destroy(&l);

    // One alone stays what it is.
    params.rows = &(lattn_rows){ (int64_t[]){ 3 }, 1 };
    REQUIRE(!lattn_image_loader_create(&params, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b && b->targets[3] == 1);
    EXPECT_NEAR((double) b->x[0], 0.6, 1e-6);
    lattn_loader_destroy(&l);
    lattn_dataset_close(&d);
}

// ---- mean and deviation -----------------------------------------------------------------------

static void reference_mean_std(
    const lattn_dataset *d, const lattn_rows *rows, double *mean, double *std)
{
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < rows->n; i++)
            for (int k = 0; k < H * W; k++)
                sum += d->bytes[rows->items[i] * SIZE + c * H * W + k] / 255.0;
        mean[c] = sum / (double) (rows->n * H * W);
        for (int64_t i = 0; i < rows->n; i++)
            for (int k = 0; k < H * W; k++) {
                double v = d->bytes[rows->items[i] * SIZE + c * H * W + k] / 255.0 - mean[c];
                squares += v * v;
            }
        std[c] = sqrt(squares / (double) (rows->n * H * W));
    }
}

TEST(mean_std, is_that_of_the_training_rows_alone)
{
    lattn_dataset *d = dataset();
    lattn_rows parts[2];
    float mean[C], std[C], whole_mean[C], whole_std[C];
    double expected_mean[C], expected_std[C];
    EXPECT_OK(lattn_dataset_split(d, (double[]){ 70, 30 }, 2, 5, parts));
    EXPECT_OK(lattn_dataset_mean_std(d, &parts[0], mean, std));
    EXPECT_OK(lattn_dataset_mean_std(d, NULL, whole_mean, whole_std));
    reference_mean_std(d, &parts[0], expected_mean, expected_std);
    for (int c = 0; c < C; c++) {
        EXPECT_NEAR((double) mean[c], expected_mean[c], 1e-7);
        EXPECT_NEAR((double) std[c], expected_std[c], 1e-7);
        EXPECT(mean[c] != whole_mean[c]);
    }
    // Normalised with them, the training rows have mean 0 and deviation 1.
    lattn_image_loader_params params = { .dataset = d,
        .rows = &parts[0],
        .transform = { .mean = mean, .std = std },
        .batch_size = (int32_t) parts[0].n };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_image_loader_create(&params, &l));
    mean[0] = 1000;  // they were copied
    REQUIRE(!lattn_loader_next(l, &b));
    double sum = 0, squares = 0;
    for (int i = 0; i < b->n * SIZE; i++) {
        sum += (double) b->x[i];
        squares += (double) b->x[i] * (double) b->x[i];
    }
    EXPECT_NEAR(sum / (b->n * SIZE), 0, 1e-5);
    EXPECT_NEAR(squares / (b->n * SIZE), 1, 1e-5);
    lattn_loader_destroy(&l);
    lattn_rows_free(&parts[0]);
    lattn_rows_free(&parts[1]);
    lattn_dataset_close(&d);
}

TEST(mean_std, of_numbers_survives_a_large_offset)
{
    static const char text[] = "a,b\n100000001,5\n100000003,5\n100000005,5\n";
    lattn_dataset *d;
    float mean[2], std[2];
    EXPECT_OK(lattn_numbers_open(
        lt_put("n.csv", text, sizeof text - 1), &(lattn_numbers_params){ .no_labels = true }, &d));
    REQUIRE(d);
    EXPECT_OK(lattn_dataset_mean_std(d, NULL, mean, std));
    EXPECT_NEAR((double) mean[0], 1e8, 8);
    EXPECT(std[0] > 0 && std[0] < 10);    // floats near 1e8 are 8 apart
    EXPECT(mean[1] == 5 && std[1] == 1);  // constant
    lattn_dataset_close(&d);
}

TEST(mean_std, of_a_folder_counts_every_pixel_once)
{
    char dir[500];
    lt_put_picture("a/1.png", 1, 2, 3, 255);
    snprintf(dir, sizeof dir, "%s", lt_put_picture("a/2.png", 1, 3, 4, 0));
    lattn_dataset *d;
    float mean, std;
    *strrchr(dir, '/') = *strrchr(dir, '/') = 0;
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), &(lattn_folder_params){ .image.channels = 1 }, &d));
    REQUIRE(d);
    EXPECT_OK(lattn_dataset_mean_std(d, NULL, &mean, &std));
    EXPECT_NEAR((double) mean, 6.0 / 18, 1e-6);
    EXPECT_NEAR((double) std, sqrt(2.0 / 9), 1e-6);
    lattn_dataset_close(&d);
}

// ---- errors -----------------------------------------------------------------------------------

TEST(image_loader, a_bad_picture_reaches_the_caller_with_its_name)
{
    lt_put_picture("a/1.png", 3, 20, 20, 1);
    lt_put_picture("a/2.png", 3, 20, 20, 1);
    lt_put("b/3.png", "GIF89a", 6);
    lt_put_picture("b/4.png", 3, 5, 20, 1);
    lattn_dataset *d;
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), NULL, &d));
    REQUIRE(d);
    lattn_image_loader_params params = {
        .dataset = d, .transform = { .height = 10, .width = 10 }, .batch_size = 2, .n_threads = 2
    };
    lattn_loader *l;
    const lattn_batch *b;
    REQUIRE(!lattn_image_loader_create(&params, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b && b->n == 2 && b->H == 10);
    EXPECT_STATUS(lattn_loader_next(l, &b), LATTN_ERR_UNSUPPORTED);
    EXPECT_CONTAINS(lattn_error(NULL), "/b/3.png: GIF is not supported");
    lattn_loader_destroy(&l);
    params.rows = &(lattn_rows){ (int64_t[]){ 3 }, 1 };
    REQUIRE(!lattn_image_loader_create(&params, &l));
    EXPECT_STATUS(lattn_loader_next(l, &b), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL),
        "/b/4.png: a picture of 20 x 5 pixels is smaller than the crop of 10 x 10");
    lattn_loader_destroy(&l);
    lattn_dataset_close(&d);
}

TEST(image_loader, arguments_are_checked)
{
    static const float zero[C] = { 1, 0, 1 }, nan_mean[C] = { 0, NAN, 0 };
    static const struct {
        lattn_transform t;
        const char *part;
    } cases[] = {
        { { .resize = -1 }, "resize is -1" },
        { { .height = 70000, .width = 1 }, "height is 70000" },
        { { .height = 5 }, "height 5 and width 0" },
        { { .pad = -1 }, "pad is -1" },
        { { .cutout = -1 }, "cutout is -1" },
        { { .stretch = true }, "stretch needs height and width" },
        { { .min_area = 0.5f }, "min_area needs height and width" },
        { { .min_area = 1.5f, .height = 1, .width = 1 }, "min_area is 1.5" },
        { { .min_area = NAN, .height = 1, .width = 1 }, "min_area is" },
        { { .min_area = 0.5f, .stretch = true, .height = 1, .width = 1 }, "exclude one another" },
        { { .min_area = 0.5f, .pad = 4, .height = 1, .width = 1 }, "exclude one another" },
        { { .stretch = true, .resize = 4, .height = 1, .width = 1 }, "exclude one another" },
        { { .flip_horizontal = 1.1f }, "flip_horizontal is 1.1" },
        { { .flip_vertical = -0.1f }, "flip_vertical is -0.1" },
        { { .rotate = 181 }, "rotate is 181" },
        { { .brightness = -1 }, "brightness is -1" },
        { { .contrast = INFINITY }, "contrast is inf" },
        { { .saturation = NAN }, "saturation is" },
        { { .mixup = -1 }, "mixup is -1" },
        { { .std = zero }, "std 0 of channel 1" },
        { { .mean = nan_mean }, "of channel 1" },
    };
    lattn_dataset *d = dataset();
    int64_t live = lat_alloc_live();
    lattn_loader *l;
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        lattn_image_loader_params params = { .dataset = d, .transform = cases[i].t };
        EXPECT_STATUS(lattn_image_loader_create(&params, &l), LATTN_ERR_ARG);
        EXPECT(l == NULL);
        EXPECT_CONTAINS(lattn_error(NULL), cases[i].part);
    }
    const lattn_image_loader_params bad[] = { { 0 }, { .dataset = d, .batch_size = -1 },
        { .dataset = d, .n_threads = 65 }, { .dataset = d, .drop_last = true, .batch_size = 38 } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++)
        EXPECT_STATUS(lattn_image_loader_create(&bad[i], &l), LATTN_ERR_ARG);
    EXPECT_EQ(lat_alloc_live(), live);

    d->has_labels = false;
    lattn_image_loader_params params = { .dataset = d, .transform.mixup = 1 };
    EXPECT_STATUS(lattn_image_loader_create(&params, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "mixup needs labels");
    d->kind = LAT_DATA_TEXTS;
    EXPECT_STATUS(lattn_image_loader_create(&params, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "texts, not pictures");
    float mean, std;
    EXPECT_STATUS(lattn_dataset_mean_std(d, NULL, &mean, &std), LATTN_ERR_ARG);
    d->kind = LAT_DATA_BYTES;
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]" };
    lattn_tokenizer *t;
    EXPECT_OK(lattn_tokenizer_create(tokens, 4, NULL, &t));
    EXPECT_STATUS(lattn_loader_create(&(lattn_loader_params){ .dataset = d, .tokenizer = t }, &l),
        LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "the dataset has no texts");
    lattn_tokenizer_destroy(&t);
    lattn_dataset_close(&d);
}

TEST(image_loader, numbers_have_no_colours_and_folders_no_size)
{
    lattn_dataset *d;
    lattn_loader *l;
    EXPECT_OK(lattn_numbers_open(
        lt_put("n.csv", "label,a\n1,2\n2,3\n", 16), &(lattn_numbers_params){ 0 }, &d));
    REQUIRE(d);
    lattn_image_loader_params params = { .dataset = d, .transform.contrast = 1 };
    EXPECT_STATUS(lattn_image_loader_create(&params, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "not for numbers");
    lattn_dataset_close(&d);
    lt_put_picture("a/1.png", 1, 2, 3, 255);
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), NULL, &d));
    params = (lattn_image_loader_params){ .dataset = d };
    EXPECT_STATUS(lattn_image_loader_create(&params, &l), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "set height and width");
    lattn_dataset_close(&d);
}

TEST(image_loader, a_failed_allocation_in_a_worker_reaches_the_caller)
{
    lattn_dataset *d = dataset();
    int64_t live = lat_alloc_live();
    static const float mean[C] = { 1, 2, 3 };
    lattn_image_loader_params params = { .dataset = d, .transform = augmented, .batch_size = 8 };
    params.transform.mean = mean;
    params.rows = &(lattn_rows){ (int64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 9 };
    int n_failed = 0;
    for (int64_t at = 0; at < 60; at++) {
        lattn_loader *l;
        const lattn_batch *b = NULL;
        lat_alloc_fail_at(at);
        lattn_status st = lattn_image_loader_create(&params, &l);
        for (int i = 0; i < 2 && !st; i++)
            st = lattn_loader_next(l, &b);
        lat_alloc_fail_at(-1);
        n_failed += st != LATTN_OK;
        if (st)
            EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
        lattn_loader_destroy(&l);
        EXPECT_EQ(lat_alloc_live(), live);
    }
    EXPECT(n_failed > 15);
    lattn_dataset_close(&d);
}
