// SPDX-License-Identifier: MIT
//
// IDX, CIFAR, CSV of numbers and folders of pictures: what is read, and every way a file can be wrong.

#include <sys/stat.h>
#include <zlib.h>
#include "base/alloc.h"
#include "base/compiler.h"
#include "image/pictures.h"
#include "harness/harness.h"

static void expect_refused(
    lattn_status st, lattn_dataset *d, lattn_status expected, int64_t live, const char *part)
{
    EXPECT_STATUS(st, expected);
    EXPECT(d == NULL);
    EXPECT_CONTAINS(lattn_error(NULL), part);
    EXPECT_EQ(lat_alloc_live(), live);
}

static void expect_pixels(const lattn_dataset *d, int64_t i, const uint8_t *pixels, size_t n)
{
    lattn_image image;
    EXPECT_OK(lattn_dataset_image(d, i, &image));
    EXPECT_EQ((size_t) image.C * (size_t) image.H * (size_t) image.W, n);
    EXPECT(image.data && !memcmp(image.data, pixels, n));
    lattn_image_free(&image);
}

// ---- IDX --------------------------------------------------------------------------------------

static struct lt_bytes idx(uint32_t magic, int rank, const uint32_t *sizes, size_t n_elements)
{
    struct lt_bytes b = { 0 };
    lt_bytes_be32(&b, magic);
    for (int i = 0; i < rank; i++)
        lt_bytes_be32(&b, sizes[i]);
    for (size_t i = 0; i < n_elements; i++)
        lt_bytes_add(&b, &(uint8_t){ (uint8_t) (i % 5) }, 1);
    return b;
}

static char *put_idx(const char *name, uint32_t magic, int rank, const uint32_t *sizes, size_t n)
{
    struct lt_bytes b = idx(magic, rank, sizes, n);
    char *path = strdup(lt_put(name, b.items, b.n));
    free(b.items);
    return path;
}

TEST(idx, pictures_and_labels_are_read)
{
    const uint32_t sizes[] = { 7, 3, 2 };
    char *images = put_idx("i", 0x803, 3, sizes, 42), *labels = put_idx("l", 0x801, 1, sizes, 7);
    lattn_dataset *d;
    EXPECT_OK(lattn_idx_open(images, labels, NULL, &d));
    REQUIRE(d);
    int32_t C, H, W;
    EXPECT(lattn_dataset_shape(d, &C, &H, &W) && C == 1 && H == 3 && W == 2);
    EXPECT_EQ(lattn_dataset_count(d), 7);
    EXPECT_EQ(lattn_dataset_n_labels(d), 5);
    EXPECT_STR(lattn_dataset_label_name(d, 4), "4");
    EXPECT_EQ(lattn_dataset_label(d, 6), 1);
    EXPECT_EQ(lattn_dataset_stats(d).file_bytes, 16 + 42 + 8 + 7);
    EXPECT(!lattn_dataset_text(d, 0, NULL));
    expect_pixels(d, 1, (const uint8_t[]){ 1, 2, 3, 4, 0, 1 }, 6);
    lattn_image image;
    EXPECT_STATUS(lattn_dataset_image(d, 7, &image), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_dataset_image(d, -1, &image), LATTN_ERR_ARG);
    uint64_t hash = lattn_dataset_stats(d).hash;
    lattn_dataset_close(&d);
    EXPECT_OK(lattn_idx_open(images, NULL, NULL, &d));
    REQUIRE(d);
    EXPECT(lattn_dataset_label(d, 0) == -1 && lattn_dataset_n_labels(d) == 0);
    EXPECT(lattn_dataset_stats(d).hash != hash);
    lattn_dataset_close(&d);

    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    EXPECT_OK(
        lattn_idx_open(images, labels, &(lattn_idx_params){ .labels = names, .n_labels = 6 }, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_n_labels(d), 6);
    EXPECT_STR(lattn_dataset_label_name(d, 1), "b");
    lattn_dataset_close(&d);
    int64_t live = lat_alloc_live();
    lattn_status st =
        lattn_idx_open(images, labels, &(lattn_idx_params){ .labels = names, .n_labels = 4 }, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "/l: label 4 of picture 4, expected 0 to 3");
    st = lattn_idx_open(images, labels, &(lattn_idx_params){ .n_labels = 4 }, &d);
    expect_refused(st, d, LATTN_ERR_ARG, live, "without names");
    free(images);
    free(labels);
}

TEST(idx, gz_is_expanded)
{
    const uint32_t sizes[] = { 2, 28, 28 };
    struct lt_bytes b = idx(0x803, 3, sizes, 2 * 28 * 28);
    char path[500];
    snprintf(path, sizeof path, "%s/x.gz", lt_temp_dir());
    gzFile f = gzopen(path, "wb");
    EXPECT(gzwrite(f, b.items, (unsigned) b.n) == (int) b.n && gzclose(f) == Z_OK);
    lattn_dataset *d;
    EXPECT_OK(lattn_idx_open(path, NULL, NULL, &d));
    expect_pixels(d, 1, b.items + 16 + 28 * 28, 28 * 28);
    lattn_dataset_close(&d);
    free(b.items);
}

TEST(idx, every_size_is_compared_with_the_file)
{
    static const struct {
        uint32_t magic;
        uint32_t sizes[3];
        size_t n;
        lattn_status status;
        const char *part;
    } cases[] = {
        { 0x803, { 2, 3, 4 }, 23, LATTN_ERR_FORMAT, "size 3 of the IDX file is 4, too much" },
        { 0x803, { 2, 3, 4 }, 25, LATTN_ERR_FORMAT, "25 bytes of elements, expected 24" },
        { 0x803, { 25, 1, 1 }, 24, LATTN_ERR_FORMAT, "size 1 of the IDX file is 25, too much" },
        { 0x803, { 0, 3, 4 }, 0, LATTN_ERR_FORMAT, "size 1 of the IDX file is 0" },
        { 0x803, { 2, 3, 0 }, 6, LATTN_ERR_FORMAT, "size 3 of the IDX file is 0" },
        { 0x803, { 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF }, 1, LATTN_ERR_FORMAT, "is 4294967295" },
        { 0x803, { 0x80000000, 0x80000000, 4 }, 0, LATTN_ERR_FORMAT, "is 2147483648, too much" },
        { 0x801, { 2, 3, 4 }, 24, LATTN_ERR_FORMAT, "1 dimensions, expected 3 for pictures" },
        { 0x804, { 2, 3, 4 }, 24, LATTN_ERR_FORMAT, "4 dimensions" },
        { 0xD03, { 2, 3, 4 }, 96, LATTN_ERR_UNSUPPORTED, "32-bit floats" },
        { 0x703, { 2, 3, 4 }, 24, LATTN_ERR_FORMAT, "type 0x07" },
        { 0x01000803, { 2, 3, 4 }, 24, LATTN_ERR_FORMAT, "two zero bytes" },
    };
    int64_t live = lat_alloc_live();
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        char *path = put_idx("name", cases[i].magic, 3, cases[i].sizes, cases[i].n);
        lattn_dataset *d;
        lattn_status st = lattn_idx_open(path, NULL, NULL, &d);
        expect_refused(st, d, cases[i].status, live, cases[i].part);
        EXPECT_CONTAINS(lattn_error(NULL), "/name");
        free(path);
    }
    struct lt_bytes b = idx(0x803, 3, cases[0].sizes, 0);
    for (size_t n = 0; n < b.n; n++) {
        lattn_dataset *d;
        lattn_status st = lattn_idx_open(lt_put("x", b.items, n), NULL, NULL, &d);
        expect_refused(st, d, LATTN_ERR_FORMAT, live, "/x");
    }
    free(b.items);
}

TEST(idx, labels_must_be_as_many_as_pictures)
{
    const uint32_t sizes[] = { 7, 3, 2 }, six[] = { 6 };
    char *images = put_idx("i", 0x803, 3, sizes, 42), *labels = put_idx("l", 0x801, 1, six, 6);
    int64_t live = lat_alloc_live();
    lattn_dataset *d;
    lattn_status st = lattn_idx_open(images, labels, NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "/l has 6 labels for 7 pictures");
    st = lattn_idx_open(images, images, NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "3 dimensions, expected 1 for labels");
    st = lattn_idx_open(images, "/none", NULL, &d);
    expect_refused(st, d, LATTN_ERR_IO, live, "/none");
    free(images);
    free(labels);
}

TEST(idx, fashion_mnist_is_read)
{
    static const char images[] = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
    static const char labels[] = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";
    struct stat info;
    if (stat(images, &info)) {
        lt_skip("the package dataset-fashion-mnist is not installed");
        return;
    }
    lattn_dataset *d;
    EXPECT_OK(lattn_idx_open(images, labels, NULL, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 10000);
    EXPECT_EQ(lattn_dataset_n_labels(d), 10);
    int n[10] = { 0 };
    for (int64_t i = 0; i < 10000; i++)
        n[lattn_dataset_label(d, i)]++;
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(n[i], 1000);
    float mean, std;
    EXPECT_OK(lattn_dataset_mean_std(d, NULL, &mean, &std));
    EXPECT_NEAR((double) mean, 0.2868, 1e-4);
    EXPECT_NEAR((double) std, 0.3524, 1e-4);
    lattn_dataset_close(&d);
}

// ---- CIFAR ------------------------------------------------------------------------------------

enum { PIXELS = 3072 };

static struct lt_bytes cifar(int n, int label_bytes, int first)
{
    struct lt_bytes b = { 0 };
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < label_bytes; k++)
            lt_bytes_add(&b, &(uint8_t){ (uint8_t) (first + i + 10 * k) }, 1);
        for (int k = 0; k < PIXELS; k++)
            lt_bytes_add(&b, &(uint8_t){ (uint8_t) (i + k) }, 1);
    }
    return b;
}

TEST(cifar, files_are_read_as_one)
{
    struct lt_bytes a = cifar(3, 1, 0), b = cifar(2, 1, 7);
    char *first = strdup(lt_put("a.bin", a.items, a.n)), *second;
    second = strdup(lt_put("b.bin", b.items, b.n));
    const char *const paths[] = { first, second };
    lattn_dataset *d;
    EXPECT_OK(lattn_cifar_open(paths, 2, NULL, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 5);
    EXPECT_EQ(lattn_dataset_n_labels(d), 10);
    EXPECT_EQ(lattn_dataset_label(d, 4), 8);
    EXPECT_STR(lattn_dataset_label_name(d, 8), "ship");
    expect_pixels(d, 1, a.items + 3073 + 1, PIXELS);
    expect_pixels(d, 3, b.items + 1, PIXELS);
    lattn_dataset_close(&d);
    free(first);
    free(second);
    free(a.items);
    free(b.items);
}

TEST(cifar, of_100_classes_fine_or_coarse)
{
    struct lt_bytes a = cifar(3, 2, 5);
    const char *path = lt_put("a.bin", a.items, a.n);
    lattn_dataset *d;
    EXPECT_OK(lattn_cifar_open(&path, 1, &(lattn_cifar_params){ .n_classes = 100 }, &d));
    REQUIRE(d);
    EXPECT(lattn_dataset_n_labels(d) == 100 && lattn_dataset_label(d, 2) == 17);
    expect_pixels(d, 2, a.items + 2 * 3074 + 2, PIXELS);
    lattn_dataset_close(&d);
    EXPECT_OK(
        lattn_cifar_open(&path, 1, &(lattn_cifar_params){ .n_classes = 100, .coarse = true }, &d));
    REQUIRE(d);
    EXPECT(lattn_dataset_n_labels(d) == 20 && lattn_dataset_label(d, 2) == 7);
    EXPECT_STR(lattn_dataset_label_name(d, 7), "7");
    lattn_dataset_close(&d);
    free(a.items);
}

TEST(cifar, bad_files_and_arguments_are_refused)
{
    struct lt_bytes a = cifar(3, 1, 8);
    int64_t live = lat_alloc_live();
    lattn_dataset *d;
    const char *path = lt_put("a.bin", a.items, a.n);
    lattn_status st = lattn_cifar_open(&path, 1, NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "a.bin: label 10 of picture 2, expected 0 to 9");
    path = lt_put("a.bin", a.items, 2 * 3073 + 1);
    st = lattn_cifar_open(&path, 1, NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "a.bin: 6147 bytes, expected a multiple of 3073");
    path = lt_put("a.bin", a.items, 0);
    st = lattn_cifar_open(&path, 1, NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "a.bin: 0 bytes");
    path = lt_put("a.bin", a.items, 2 * 3073);
    const lattn_cifar_params bad[] = { { .n_classes = 20 }, { .coarse = true }, { .n_labels = 5 } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++) {
        st = lattn_cifar_open(&path, 1, &bad[i], &d);
        expect_refused(st, d, LATTN_ERR_ARG, live, "CIFAR");
    }
    st = lattn_cifar_open(&path, 0, NULL, &d);
    expect_refused(st, d, LATTN_ERR_ARG, live, "no files");
    free(a.items);
}

// ---- numbers ----------------------------------------------------------------------------------

static const char *put_text(const char *name, const char *text)
{
    return lt_put(name, text, strlen(text));
}

static lattn_dataset *numbers(const char *text, const lattn_numbers_params *params)
{
    lattn_dataset *d;
    EXPECT_OK(lattn_numbers_open(put_text("n.csv", text), params, &d));
    return d;
}

// The samples as the loader gives them.
static void expect_numbers(lattn_dataset *d, const float *expected, int n_rows, int n)
{
    lattn_loader *l;
    const lattn_batch *b;
    lattn_image_loader_params params = { .dataset = d, .batch_size = n_rows };
    REQUIRE(!lattn_image_loader_create(&params, &l));
    REQUIRE(!lattn_loader_next(l, &b));
    EXPECT(b && b->n == n_rows && b->C * b->H * b->W == n);
    for (int i = 0; b && i < n_rows * n; i++)
        EXPECT_NEAR((double) b->x[i], (double) expected[i], 1e-7);
    lattn_loader_destroy(&l);
}

TEST(numbers, columns_are_numbers_but_for_the_label)
{
    lattn_dataset *d = numbers("a,label,b\n1,x,-2.5\r\n 3e2 ,\"y\",0.125\n\n1e-3,x,7", NULL);
    REQUIRE(d);
    int32_t C, H, W;
    EXPECT(lattn_dataset_shape(d, &C, &H, &W) && C == 2 && H == 1 && W == 1);
    EXPECT(lattn_dataset_count(d) == 3 && lattn_dataset_n_labels(d) == 2);
    EXPECT(lattn_dataset_label(d, 0) == 0 && lattn_dataset_label(d, 1) == 1);
    EXPECT_EQ(lattn_dataset_stats(d).n_skipped, 1);
    expect_numbers(d, (float[]){ 1, -2.5f, 300, 0.125f, 1e-3f, 7 }, 3, 2);
    lattn_image image;
    EXPECT_STATUS(lattn_dataset_image(d, 0, &image), LATTN_ERR_ARG);
    lattn_dataset_close(&d);
}

TEST(numbers, the_label_is_found_by_name_or_number)
{
    static const struct {
        const char *column, *text;
        bool no_header;
        int label;  // of the second row
    } cases[] = { { "kind", "kind,a\n2,9\n10,8\n", false, 1 },
        { "2", "a,b\n9,2\n8,10\n", false, 1 }, { "-1", "9,2\n8,10\n", true, 1 },
        { NULL, "2,9\n10,8\n", true, 1 }, { "1", "2,9\n10,8\n", true, 1 } };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        lattn_dataset *d =
            numbers(cases[i].text, &(lattn_numbers_params){ .label_column = cases[i].column,
                                       .no_header = cases[i].no_header });
        REQUIRE(d);
        EXPECT_EQ(lattn_dataset_label(d, 1), cases[i].label);
        EXPECT_STR(lattn_dataset_label_name(d, 1), "10");
        expect_numbers(d, (float[]){ 9, 8 }, 2, 1);
        lattn_dataset_close(&d);
    }
}

TEST(numbers, pixels_are_bytes_of_a_shape)
{
    lattn_dataset *d = numbers("label,a,b,c,d\n1,0,255,51,102\n",
        &(lattn_numbers_params){ .pixels = true, .C = 1, .H = 2, .W = 2 });
    REQUIRE(d);
    expect_pixels(d, 0, (const uint8_t[]){ 0, 255, 51, 102 }, 4);
    expect_numbers(d, (float[]){ 0, 1, 0.2f, 0.4f }, 1, 4);
    lattn_dataset_close(&d);
    d = numbers("1,2\n3,4\n", &(lattn_numbers_params){ .no_labels = true, .no_header = true });
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_label(d, 0), -1);
    expect_numbers(d, (float[]){ 1, 2, 3, 4 }, 2, 2);
    lattn_dataset_close(&d);
}

TEST(numbers, bad_files_are_refused_with_line_and_column)
{
    static const struct {
        const char *text, *part;
        lattn_numbers_params params;
    } cases[] = {
        { "a,label\n1,0\nx,1\n", "n.csv:3: column 1 is \"x\", expected a finite number", { 0 } },
        { "a,label\n,0\n", "n.csv:2: column 1 is \"\"", { 0 } },
        { "a,label\nnan,0\n", "column 1 is \"nan\"", { 0 } },
        { "a,label\ninf,0\n", "column 1 is \"inf\"", { 0 } },
        { "a,label\n1e39,0\n", "column 1 is \"1e39\"", { 0 } },
        { "a,label\n1 2,0\n", "column 1 is \"1 2\"", { 0 } },
        { "a,label\n1,\n", "n.csv:2: no label", { 0 } },
        { "a,label\n1,0,3\n", "n.csv:2: 3 columns in the row, expected 2", { 0 } },
        { "a,b\n1,0\n", "no column \"label\" among its 2 columns", { 0 } },
        { "a,b\n1,0\n", "no column \"3\"", { .label_column = "3" } },
        { "a,b\n1,0\n", "no column \"0\"", { .label_column = "0" } },
        { "1,2\n3,4\n", "holds only numbers", { .label_column = "1" } },
        { "label\n1\n", "no column of numbers", { 0 } },
        { "a,label\n", "has no rows", { 0 } },
        { "", "has no rows", { 0 } },
        { "a,label\n256,0\n", "is \"256\", expected a whole number from 0 to 255",
            { .pixels = true } },
        { "a,label\n-1,0\n", "is \"-1\", expected a whole", { .pixels = true } },
        { "a,label\n0.5,0\n", "is \"0.5\", expected a whole", { .pixels = true } },
        { "a,label\n1,0\n", "1 numbers a row, expected 1 x 2 x 2", { .C = 1, .H = 2, .W = 2 } },
        { "a,label\n1,0\n", "1 numbers a row", { .C = 65536, .H = 65536, .W = 65536 } },
    };
    int64_t live = lat_alloc_live();
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        lattn_dataset *d;
        lattn_status st =
            lattn_numbers_open(put_text("n.csv", cases[i].text), &cases[i].params, &d);
        expect_refused(st, d, LATTN_ERR_FORMAT, live, cases[i].part);
        EXPECT_CONTAINS(lattn_error(NULL), "/n.csv");
    }
    static const char *const names[] = { "no", "yes" };
    lattn_dataset *d;
    lattn_status st = lattn_numbers_open(put_text("n.csv", "a,label\n1,no\n1,perhaps\n"),
        &(lattn_numbers_params){ .labels = names, .n_labels = 2 }, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "n.csv:3: label \"perhaps\" is not among");
    st = lattn_numbers_open(put_text("n.csv", "a\n1\n"), &(lattn_numbers_params){ .C = 3 }, &d);
    expect_refused(st, d, LATTN_ERR_ARG, live, "3 x 0 x 0");
}

// ---- folder -----------------------------------------------------------------------------------

static const char *folder_of(const char *path, int levels)
{
    static char dir[500];
    snprintf(dir, sizeof dir, "%s", path);
    while (levels-- > 0)
        *strrchr(dir, '/') = 0;
    return dir;
}

static void put_folder(void)
{
    lt_put_picture("b/2.PNG", 3, 4, 5, 20);
    lt_put_picture("b/10.png", 3, 3, 3, 10);
    lt_put_picture("a/x.png", 1, 2, 2, 30);
    lt_put("a/.hidden.png", "x", 1);
    lt_put("a/notes.txt", "x", 1);
    lt_put("README", "x", 1);
}

TEST(folder, classes_and_files_come_sorted)
{
    put_folder();
    lattn_dataset *d;
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), NULL, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 3);
    EXPECT_EQ(lattn_dataset_n_labels(d), 2);
    EXPECT_STR(lattn_dataset_label_name(d, 0), "a");
    EXPECT_CONTAINS(lattn_dataset_text(d, 0, NULL), "/a/x.png");
    EXPECT_CONTAINS(lattn_dataset_text(d, 1, NULL), "/b/10.png");
    EXPECT_CONTAINS(lattn_dataset_text(d, 2, NULL), "/b/2.PNG");
    EXPECT_EQ(lattn_dataset_label(d, 2), 1);
    EXPECT_EQ(lattn_dataset_stats(d).n_skipped, 2);
    int32_t C, H, W;
    EXPECT(lattn_dataset_shape(d, &C, &H, &W) && C == 3 && H == 0 && W == 0);
    lattn_image image;
    EXPECT_OK(lattn_dataset_image(d, 0, &image));
    EXPECT(image.C == 3 && image.H == 2 && image.data[11] == 30);
    lattn_image_free(&image);
    uint64_t hash = lattn_dataset_stats(d).hash;
    lattn_dataset_close(&d);

    lt_put_picture("b/2.PNG", 3, 40, 50, 20);
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), NULL, &d));
    EXPECT(d && lattn_dataset_stats(d).hash != hash);
    lattn_dataset_close(&d);
}

TEST(folder, labels_are_those_of_the_model)
{
    static const char *const names[] = { "b", "c", "a" }, *const other[] = { "b", "c" };
    put_folder();
    lattn_dataset *d;
    EXPECT_OK(lattn_folder_open(
        lt_temp_dir(), &(lattn_folder_params){ .labels = names, .n_labels = 3 }, &d));
    REQUIRE(d);
    EXPECT(lattn_dataset_label(d, 0) == 2 && lattn_dataset_n_labels(d) == 3);
    lattn_dataset_close(&d);
    int64_t live = lat_alloc_live();
    lattn_status st = lattn_folder_open(
        lt_temp_dir(), &(lattn_folder_params){ .labels = other, .n_labels = 2 }, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "label \"a\" is not among");
}

TEST(folder, without_labels_the_pictures_lie_in_the_folder_itself)
{
    const char *path = lt_put_picture("all/1.png", 3, 2, 2, 1);
    lattn_dataset *d;
    EXPECT_OK(lattn_folder_open(
        folder_of(path, 1), &(lattn_folder_params){ .no_labels = true, .image.channels = 1 }, &d));
    REQUIRE(d);
    EXPECT(lattn_dataset_count(d) == 1 && lattn_dataset_label(d, 0) == -1);
    lattn_image image;
    EXPECT_OK(lattn_dataset_image(d, 0, &image));
    EXPECT_EQ(image.C, 1);
    lattn_image_free(&image);
    lattn_dataset_close(&d);
}

TEST(folder, single_pictures_come_in_their_order)
{
    char *b = strdup(lt_put_picture("b.png", 1, 2, 3, 9)), *a;
    a = strdup(lt_put_picture("a.png", 3, 4, 5, 8));
    const char *const paths[] = { b, a };
    lattn_dataset *d;
    lattn_image image;
    EXPECT_OK(lattn_pictures_open(paths, 2, NULL, &d));
    REQUIRE(d);
    EXPECT(lattn_dataset_count(d) == 2 && lattn_dataset_label(d, 0) == -1);
    EXPECT_EQ(lattn_dataset_n_labels(d), 0);
    EXPECT_STR(lattn_dataset_text(d, 0, NULL), b);
    EXPECT_OK(lattn_dataset_image(d, 0, &image));
    EXPECT(image.C == 3 && image.H == 2 && image.data[17] == 9);
    lattn_image_free(&image);
    lattn_dataset_close(&d);
    int64_t live = lat_alloc_live();
    const char *const none[] = { a, "/none.png" };
    lattn_status st = lattn_pictures_open(none, 2, NULL, &d);
    expect_refused(st, d, LATTN_ERR_IO, live, "/none.png");
    st = lattn_pictures_open(paths, 0, NULL, &d);
    expect_refused(st, d, LATTN_ERR_ARG, live, "0 paths");
    st = lattn_pictures_open(paths, 2, &(lattn_image_params){ .channels = 7 }, &d);
    expect_refused(st, d, LATTN_ERR_ARG, live, "channels is 7");
    free(a);
    free(b);
}

TEST(folder, what_is_no_folder_of_classes_is_refused)
{
    int64_t live = lat_alloc_live();
    lattn_dataset *d;
    lattn_status st = lattn_folder_open("/none", NULL, &d);
    expect_refused(st, d, LATTN_ERR_IO, live, "/none");
    lt_put("x.txt", "", 0);
    st = lattn_folder_open(lt_temp_dir(), NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "has no sub-folders");
    lt_put("a/x.txt", "", 0);
    st = lattn_folder_open(lt_temp_dir(), NULL, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "/a has no pictures (1 other files)");
    st = lattn_folder_open(lt_temp_dir(), &(lattn_folder_params){ .image.channels = 9 }, &d);
    expect_refused(st, d, LATTN_ERR_ARG, live, "channels is 9");
}

TEST(folder, i1_corrupt_pictures_are_an_error_or_skipped_and_counted)
{
    put_folder();
    lt_put("b/5.jpg", "\xFF\xD8 no more", 10);
    lt_put("a/a.bmp", "", 0);
    lattn_dataset *d;
    lattn_image image;
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), NULL, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 5);
    EXPECT_STATUS(lattn_dataset_image(d, 4, &image), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "/b/5.jpg: damaged JPEG");
    lattn_dataset_close(&d);
    EXPECT_OK(lattn_folder_open(lt_temp_dir(), &(lattn_folder_params){ .skip_bad = true }, &d));
    REQUIRE(d);
    EXPECT_EQ(lattn_dataset_count(d), 3);
    EXPECT_EQ(lattn_dataset_stats(d).n_bad, 2);
    for (int64_t i = 0; i < 3; i++) {
        EXPECT_OK(lattn_dataset_image(d, i, &image));
        lattn_image_free(&image);
    }
    lattn_dataset_close(&d);
}

TEST(folder, nothing_but_corrupt_pictures_is_an_error)
{
    lt_put("a/1.png", "x", 1);
    int64_t live = lat_alloc_live();
    lattn_dataset *d;
    lattn_status st =
        lattn_folder_open(lt_temp_dir(), &(lattn_folder_params){ .skip_bad = true }, &d);
    expect_refused(st, d, LATTN_ERR_FORMAT, live, "no picture can be decoded");
}

// ---- all --------------------------------------------------------------------------------------

typedef lattn_status opens(lattn_dataset **out);

static lattn_status open_idx(lattn_dataset **out)
{
    char i[500], l[500];
    snprintf(i, sizeof i, "%s/i", lt_temp_dir());
    snprintf(l, sizeof l, "%s/l", lt_temp_dir());
    return lattn_idx_open(i, l, NULL, out);
}

static lattn_status open_cifar(lattn_dataset **out)
{
    char path[500];
    const char *p = path;
    snprintf(path, sizeof path, "%s/a.bin", lt_temp_dir());
    return lattn_cifar_open(&p, 1, NULL, out);
}

static lattn_status open_numbers(lattn_dataset **out)
{
    char path[500];
    snprintf(path, sizeof path, "%s/n.csv", lt_temp_dir());
    return lattn_numbers_open(path, NULL, out);
}

static lattn_status open_folder(lattn_dataset **out)
{
    return lattn_folder_open(lt_temp_dir(), &(lattn_folder_params){ .skip_bad = true }, out);
}

TEST(image_files, a_failed_allocation_is_reported)
{
    static opens *const all[] = { open_idx, open_cifar, open_numbers, open_folder };
    const uint32_t sizes[] = { 7, 3, 2 };
    free(put_idx("i", 0x803, 3, sizes, 42));
    free(put_idx("l", 0x801, 1, sizes, 7));
    struct lt_bytes a = cifar(3, 1, 0);
    lt_put("a.bin", a.items, a.n);
    free(a.items);
    put_text("n.csv", "label,a\nx,1\ny,2\n");
    put_folder();
    for (size_t i = 0; i < LAT_COUNT(all); i++) {
        lattn_dataset *d;
        EXPECT_OK(all[i](&d));
        lattn_dataset_close(&d);
        int64_t live = lat_alloc_live();
        int n_failed = 0;
        lattn_status st = LATTN_ERR_HOST_MEMORY;
        for (int64_t at = 0; st && at < 1000; at++) {
            lat_alloc_fail_at(at);
            st = all[i](&d);
            lat_alloc_fail_at(-1);
            EXPECT(st == LATTN_OK || st == LATTN_ERR_HOST_MEMORY);
            n_failed += st != LATTN_OK;
            lattn_dataset_close(&d);
            EXPECT_EQ(lat_alloc_live(), live);
        }
        EXPECT(st == LATTN_OK && n_failed > 5);
    }
}
