// SPDX-License-Identifier: MIT
//
// libFuzzer target for the files of many pictures: IDX (pictures, labels, gz), CIFAR-10 and -100, CSV
// of numbers. The first byte chooses which; the rest is the file, in TMPDIR (or /dev/shm, which is
// faster than a disk). Whatever the content, the answer is a dataset whose every sample can be
// read, or one error, and memory is given back.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/alloc.h"
#include "lattn/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[200], images[300], other[300], packed[300];

static void check(bool promised)
{
    if (!promised)
        abort();
}

static void put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    check(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

static void quiet(void *user, lattn_log_level level, const char *text)
{
    (void) user, (void) level, (void) text;
}

static void make_folder(void)
{
    static const uint8_t pictures[] = { 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3 };
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/lattn-fuzz-XXXXXX", tmp ? tmp : "/dev/shm");
    check(mkdtemp(folder) != NULL);
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(other, sizeof other, "%s/x.csv", folder);
    snprintf(packed, sizeof packed, "%s/x.gz", folder);
    put(images, pictures, sizeof pictures);
    lattn_log_set(quiet, NULL);
}

static lattn_status open_as(int which, lattn_dataset **d)
{
    const char *path = other;
    const lattn_cifar_params fine = { .n_classes = 100 }, coarse = { 100, true, NULL, 0 };
    const lattn_numbers_params pixels = { .pixels = true, .no_header = true };
    switch (which) {
    case 0:
        return lattn_idx_open(other, NULL, NULL, d);
    case 1:
        return lattn_idx_open(images, other, NULL, d);
    case 2:
        return lattn_idx_open(packed, NULL, NULL, d);
    case 3:
        return lattn_cifar_open(&path, 1, NULL, d);
    case 4:
        return lattn_cifar_open(&path, 1, &fine, d);
    case 5:
        return lattn_cifar_open(&path, 1, &coarse, d);
    case 6:
        return lattn_numbers_open(other, NULL, d);
    default:
        return lattn_numbers_open(other, &pixels, d);
    }
}

static void read_all(const lattn_dataset *d)
{
    int32_t C, H, W;
    check(lattn_dataset_shape(d, &C, &H, &W) && C > 0 && H > 0 && W > 0);
    check(lattn_dataset_count(d) > 0);
    float *mean = malloc((size_t) C * sizeof *mean), *std = malloc((size_t) C * sizeof *std);
    check(mean && std && lattn_dataset_mean_std(d, NULL, mean, std) == LATTN_OK);
    for (int32_t c = 0; c < C; c++)
        check(std[c] > 0);
    free(mean);
    free(std);
    for (int64_t i = 0; i < lattn_dataset_count(d); i++)
        check(lattn_dataset_label(d, i) < lattn_dataset_n_labels(d) ||
              lattn_dataset_n_labels(d) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    if (!*folder)
        make_folder();
    int which = data[0] % 8;
    int64_t live = lat_alloc_live();
    put(which == 2 ? packed : other, data + 1, n - 1);
    lattn_dataset *d;
    lattn_status st = open_as(which, &d);
    check(st == LATTN_OK ? d != NULL : d == NULL && *lattn_error(NULL));
    check(st == LATTN_OK || st == LATTN_ERR_FORMAT || st == LATTN_ERR_UNSUPPORTED);
    if (d)
        read_all(d);
    lattn_dataset_close(&d);
    check(lat_alloc_live() == live);
    return 0;
}
