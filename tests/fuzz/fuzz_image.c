// SPDX-License-Identifier: MIT
//
// libFuzzer target for pictures: the header check, and the decoders behind it. The first byte
// chooses the channels, and whether the checksums of a PNG are put right, without which hardly
// one would reach the decoder; the rest is the file. What is decoded has the size that the
// header said; memory is given back.

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include "base/alloc.h"
#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool promised)
{
    if (!promised)
        abort();
}

static void repair_checksums(uint8_t *file, size_t n)
{
    for (size_t at = 8; at < n && n - at >= 12;) {
        uint32_t bytes = lat_be32(file + at);
        if (bytes > n - at - 12)
            return;
        uint32_t crc = (uint32_t) crc32(0, file + at + 4, bytes + 4);
        for (int i = 0; i < 4; i++)
            file[at + 8 + bytes + (size_t) i] = (uint8_t) (crc >> (24 - 8 * i));
        at += (size_t) bytes + 12;
    }
}

static void try_file(const uint8_t *data, size_t n, int32_t channels)
{
    enum { MAX_PIXELS = 1 << 14 };
    const struct lat_image_file file = { .name = "fuzz", .data = data, .n = n };
    struct lat_image_info info;
    lattn_status header = lat_image_check(&file, MAX_PIXELS, &info);
    check(header == LATTN_OK || header == LATTN_ERR_FORMAT || header == LATTN_ERR_UNSUPPORTED);
    if (!header)
        check(info.H > 0 && info.W > 0 && (int64_t) info.H * info.W <= MAX_PIXELS);

    const lattn_image_params params = { .channels = channels, .max_pixels = MAX_PIXELS };
    lattn_image image;
    lattn_status st = lattn_image_decode(data, n, "fuzz", &params, &image);
    if (st) {
        check(!image.data && *lat_err_text());
    } else {
        check(!header && (image.H == info.H || image.H == info.W));
        check(image.H * image.W == info.H * info.W && image.C >= 1 && image.C <= 4);
        check(params.channels == 0 || params.channels == image.C);
        unsigned sum = 0;  // every byte has a value
        for (int64_t i = 0; i < (int64_t) image.C * image.H * image.W; i++)
            sum += image.data[i];
        check(sum <= 255u * 4 * MAX_PIXELS);
    }
    lattn_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    int64_t live = lat_alloc_live();
    uint8_t *copy = lat_memdup(data + 1, n - 1);  // of exactly that size, so that overreads show
    check(copy != NULL);
    if (data[0] & 128)
        repair_checksums(copy, n - 1);
    try_file(copy, n - 1, data[0] % 5);
    lat_free(copy);
    check(lat_alloc_live() == live);
    return 0;
}
