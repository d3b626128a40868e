// SPDX-License-Identifier: MIT
//
// What is in a --data_path, told by the names in it.

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cnn/cnn.h"

enum { MAX_PATH = 4096 };

struct labels {
    const char *const *names;
    int n;
};

static bool exists(const char *dir, const char *name, char path[MAX_PATH])
{
    struct stat s;
    snprintf(path, MAX_PATH, "%s/%s", dir, name);
    return stat(path, &s) == 0;
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

// ---- MNIST and its family ---------------------------------------------------------------------------

static bool has_idx(const char *dir, const char *part, char images[MAX_PATH], char labels[MAX_PATH])
{
    static const char *const ends[] = { "", ".gz" };
    char name[64];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s-images-idx3-ubyte%s", part, ends[i]);
        bool found = exists(dir, name, images);
        snprintf(name, sizeof name, "%s-labels-idx1-ubyte%s", part, ends[i]);
        if (found && exists(dir, name, labels))
            return true;
    }
    return false;
}

static lattn_status open_idx(const char *dir, struct labels l, struct cnn_data *d)
{
    static const char *const fashion[] = { "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot" };
    char images[MAX_PATH], labels[MAX_PATH];
    lattn_idx_params params = { .labels = l.names, .n_labels = l.n };
    lattn_status st = LATTN_OK;
    if (!l.names && strstr(dir, "fashion"))
        params = (lattn_idx_params){ .labels = fashion, .n_labels = 10 };
    if (has_idx(dir, "train", images, labels))
        TRY(lattn_idx_open(images, labels, &params, &d->train));
    if (has_idx(dir, "t10k", images, labels))
        TRY(lattn_idx_open(images, labels, &params, &d->test));

done:
    return st;
}

// ---- CIFAR ------------------------------------------------------------------------------------------

static lattn_status open_cifar(const char *dir, int n_classes, struct labels l, struct cnn_data *d)
{
    char path[6][MAX_PATH];
    const char *train[5];
    int n = 0;
    for (int i = 0; i < 5 && n_classes == 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i + 1);
        if (exists(dir, name, path[n])) {
            train[n] = path[n];
            n++;
        }
    }
    if (n_classes == 100 && exists(dir, "train.bin", path[0]))
        train[n++] = path[0];
    lattn_cifar_params params = { .n_classes = n_classes, .labels = l.names, .n_labels = l.n };
    const char *test = path[5];
    lattn_status st;
    TRY(lattn_cifar_open(train, n, &params, &d->train));
    if (exists(dir, n_classes == 10 ? "test_batch.bin" : "test.bin", path[5]))
        TRY(lattn_cifar_open(&test, 1, &params, &d->test));

done:
    return st;
}

// ---- folders ----------------------------------------------------------------------------------------

static lattn_status open_folders(const char *dir, int channels, struct labels l, struct cnn_data *d)
{
    char path[MAX_PATH];
    const char *names[256];
    lattn_folder_params params = {
        .image = { .channels = channels }, .labels = l.names, .n_labels = l.n
    };
    lattn_status st;
    if (!exists(dir, "train", path))
        return lattn_folder_open(dir, &params, &d->train);
    TRY(lattn_folder_open(path, &params, &d->train));
    int n = lattn_dataset_n_labels(d->train);
    for (int i = 0; i < n && i < 256; i++)
        names[i] = lattn_dataset_label_name(d->train, i);
    if (!l.names && n <= 256) {  // the other parts must have the same classes
        params.labels = names;
        params.n_labels = n;
    }
    if (exists(dir, "val", path) || exists(dir, "validation", path))
        TRY(lattn_folder_open(path, &params, &d->validation));
    if (exists(dir, "test", path))
        TRY(lattn_folder_open(path, &params, &d->test));

done:
    return st;
}

static lattn_status open_numbers(
    const char *path, int channels, struct labels l, struct cnn_data *d)
{
    lattn_numbers_params params = {
        .labels = l.names, .n_labels = l.n, .C = channels ? channels : 0
    };
    return lattn_numbers_open(path, &params, &d->train);
}

// ---- all of them ------------------------------------------------------------------------------------

static lattn_status open_parts(const char *path, int channels, struct labels l, struct cnn_data *d)
{
    char first[MAX_PATH], second[MAX_PATH];
    if (!is_folder(path) && (ends_with(path, ".csv") || ends_with(path, ".csv.gz")))
        return open_numbers(path, channels, l, d);
    if (has_idx(path, "train", first, second) || has_idx(path, "t10k", first, second))
        return open_idx(path, l, d);
    if (exists(path, "data_batch_1.bin", first))
        return open_cifar(path, 10, l, d);
    if (exists(path, "train.bin", first))
        return open_cifar(path, 100, l, d);
    return open_folders(path, channels, l, d);
}

lattn_status cnn_data_open(
    const char *path, int channels, const char *const *labels, int n_labels, struct cnn_data *out)
{
    struct labels l = { labels, labels ? n_labels : 0 };
    lattn_status st = open_parts(path, channels, l, out);
    const lattn_dataset *any = out->train ? out->train : out->test;
    if (!st)
        lattn_dataset_shape(any, &out->channels, &out->height, &out->width);
    return st;
}

lattn_status cnn_data_split(struct cnn_data *d, double share, uint64_t seed)
{
    lattn_rows parts[2] = { 0 };
    if (d->validation || share <= 0)
        return LATTN_OK;
    lattn_status st = lattn_dataset_split(d->train, (double[]){ 1 - share, share }, 2, seed, parts);
    d->train_rows = parts[0];
    d->validation_rows = parts[1];
    d->split = !st;
    return st;
}

void cnn_data_close(struct cnn_data *d)
{
    lattn_rows_free(&d->train_rows);
    lattn_rows_free(&d->validation_rows);
    lattn_dataset_close(&d->train);
    lattn_dataset_close(&d->validation);
    lattn_dataset_close(&d->test);
}
