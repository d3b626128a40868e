// SPDX-License-Identifier: MIT

#include "e2e/pictures.h"
#include "base/alloc.h"
#include "base/file.h"
#include "e2e/command.h"

// A pixel of a class with noise. Any generator does; the runs must only be the same each time.
static uint8_t pixel(int kind, int H, int W, int y, int x, unsigned *random)
{
    bool bright = kind == 0 ? y < H / 2 : kind == 1 ? x < W / 2 : (y / 2 + x / 2) % 2;
    *random = *random * 1664525u + 1013904223u;
    return (uint8_t) ((bright ? 200 : 0) + (int) (*random >> 27));
}

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t) (v >> (24 - 8 * i));
}

static void write_images(const char *path, int n, int H, int W, int n_classes, unsigned random)
{
    size_t bytes = 16 + (size_t) (n * H * W);
    uint8_t *file = lat_alloc(bytes);
    REQUIRE(file != NULL);
    put_be32(file, 0x803);
    put_be32(file + 4, (uint32_t) n);
    put_be32(file + 8, (uint32_t) H);
    put_be32(file + 12, (uint32_t) W);
    for (int i = 0; i < n * H * W; i++)
        file[16 + i] = pixel(i / (H * W) % n_classes, H, W, i % (H * W) / W, i % W, &random);
    EXPECT_OK(lat_file_replace(path, file, bytes));
    lat_free(file);
}

static void write_labels(const char *path, int n, int n_classes)
{
    uint8_t file[8 + LT_TRAINING_PICTURES];
    put_be32(file, 0x801);
    put_be32(file + 4, (uint32_t) n);
    for (int i = 0; i < n; i++)
        file[8 + i] = (uint8_t) (i % n_classes);
    EXPECT_OK(lat_file_replace(path, file, 8 + (size_t) n));
}

void lt_idx_files(const char *dir, const char *name, int H, int W, int n_classes)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%s", dir, name);
    EXPECT_OK(lat_dir_create(folder));
    write_images(
        lt_path(folder, "train-images-idx3-ubyte"), LT_TRAINING_PICTURES, H, W, n_classes, 1);
    write_labels(lt_path(folder, "train-labels-idx1-ubyte"), LT_TRAINING_PICTURES, n_classes);
    write_images(lt_path(folder, "t10k-images-idx3-ubyte"), LT_TEST_PICTURES, H, W, n_classes, 2);
    write_labels(lt_path(folder, "t10k-labels-idx1-ubyte"), LT_TEST_PICTURES, n_classes);
}

void lt_picture(const char *path, int kind, int H, int W, unsigned seed)
{
    lattn_image image = { .C = 3, .H = H, .W = W, .data = lat_alloc((size_t) (3 * H * W)) };
    REQUIRE(image.data != NULL);
    for (int i = 0; i < 3 * H * W; i++)
        image.data[i] = pixel(kind, H, W, i / 3 / W, i / 3 % W, &seed);
    EXPECT_OK(lattn_image_save_png(path, &image));
    lattn_image_free(&image);
}

void lt_picture_folder(const char *dir, const char *name, int H, int W)
{
    static const char *const kinds[] = { "rows", "columns" };
    char folder[4096], path[8192];
    snprintf(folder, sizeof folder, "%s/%s", dir, name);
    EXPECT_OK(lat_dir_create(folder));
    for (int kind = 0; kind < 2; kind++) {
        EXPECT_OK(lat_dir_create(lt_path(folder, kinds[kind])));
        for (int i = 0; i < 12; i++) {
            snprintf(path, sizeof path, "%s/%s/%d.png", folder, kinds[kind], i);
            lt_picture(path, kind, H + i % 2, W + i % 3, (unsigned) (2 * i + kind));
        }
    }
}

void lt_cut_file(const char *path, size_t bytes)
{
    size_t n = 0;
    char *data = lt_read_file(path, &n);
    EXPECT(n > bytes);
    if (n > bytes)
        EXPECT_OK(lat_file_replace(path, data, n - bytes));
    lat_free(data);
}

const char *lt_cnn_loud_line(
    const char *dir, const char *data, const char *output, const char *extra)
{
    static char line[8192];
    snprintf(line, sizeof line,
        "lattn-cnn train --data_path %s/%s --output_dir %s/%s --seed 7 --batch_size 12 --epochs 2 "
        "--layers 'conv 4 3x3, bn, relu, maxpool 2' %s",
        dir, data, dir, output, extra);
    return line;
}

const char *lt_cnn_line(const char *dir, const char *data, const char *output, const char *extra)
{
    char quiet[4096];
    snprintf(quiet, sizeof quiet, "--quiet %s", extra);
    return lt_cnn_loud_line(dir, data, output, quiet);
}
