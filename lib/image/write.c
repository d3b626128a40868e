// SPDX-License-Identifier: MIT
//
// A picture to a PNG file: 8 bits a sample, not interlaced, one IDAT chunk.
//
// Every row gets the one of the five filters whose bytes, taken as signed, have the smallest
// sum: the usual guess for what compresses best.
// Source: W3C, Portable Network Graphics (third edition), sections 9.2, 11.2 and 12.7.

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "image/image.h"
#include "image/fit.h"

enum { N_FILTERS = 5, LEVEL = 6 };

struct rows {
    const lattn_image *image;
    size_t step, bytes;     // of a pixel, of a row
    uint8_t *now, *above;   // pixels of two rows, channels beside one another
    uint8_t *tried, *best;  // filtered rows
};

static void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t) (v >> 24);
    p[1] = (uint8_t) (v >> 16);
    p[2] = (uint8_t) (v >> 8);
    p[3] = (uint8_t) v;
}

static void add_chunk(struct lat_str *out, const char *type, const uint8_t *body, size_t bytes)
{
    uint8_t number[4];
    put_be32(number, (uint32_t) bytes);
    lat_str_addn(out, (char *) number, 4);
    lat_str_addn(out, type, 4);
    if (bytes)
        lat_str_addn(out, (const char *) body, bytes);
    uLong crc = crc32(crc32(0, NULL, 0), (const Bytef *) type, 4);
    if (bytes)
        crc = crc32(crc, body, (uInt) bytes);
    put_be32(number, (uint32_t) crc);
    lat_str_addn(out, (char *) number, 4);
}

static void take_row(struct rows *r, int32_t y)
{
    uint8_t *swap = r->above;
    r->above = r->now;
    r->now = swap;
    const lattn_image *m = r->image;
    size_t plane = (size_t) m->H * (size_t) m->W;
    for (size_t c = 0; c < r->step; c++) {
        const uint8_t *from = m->data + c * plane + (size_t) y * (size_t) m->W;
        for (size_t x = 0; x < (size_t) m->W; x++)
            r->now[x * r->step + c] = from[x];
    }
}

static int paeth(int left, int up, int corner)
{
    int p = left + up - corner;
    int to_left = abs(p - left), to_up = abs(p - up), to_corner = abs(p - corner);
    if (to_left <= to_up && to_left <= to_corner)
        return left;
    return to_up <= to_corner ? up : corner;
}

// Returns the sum that is to be small.
static uint64_t filter(const struct rows *r, int kind, uint8_t *out)
{
    uint64_t sum = 0;
    *out++ = (uint8_t) kind;
    for (size_t i = 0; i < r->bytes; i++) {
        int left = i >= r->step ? r->now[i - r->step] : 0;
        int corner = i >= r->step ? r->above[i - r->step] : 0;
        int up = r->above[i];
        const int guess[N_FILTERS] = { 0, left, up, (left + up) / 2, paeth(left, up, corner) };
        out[i] = (uint8_t) (r->now[i] - guess[kind]);
        sum += out[i] < 128 ? out[i] : 256u - out[i];
    }
    return sum;
}

static const uint8_t *best_filter(struct rows *r)
{
    uint64_t least = UINT64_MAX;
    for (int kind = 0; kind < N_FILTERS; kind++) {
        uint64_t sum = filter(r, kind, r->tried);
        if (sum < least) {
            uint8_t *swap = r->best;
            r->best = r->tried;
            r->tried = swap;
            least = sum;
        }
    }
    return r->best;
}

static lattn_status filter_all(const lattn_image *m, uint8_t **out, size_t *n)
{
    size_t bytes = (size_t) m->W * (size_t) m->C;
    *n = (size_t) m->H * (bytes + 1);
    *out = lat_alloc(*n);
    uint8_t *room = lat_calloc(4, bytes + 1);
    if (!*out || !room) {
        lat_free(room);
        return LATTN_ERR_HOST_MEMORY;
    }
    struct rows r = { .image = m, .step = (size_t) m->C, .bytes = bytes };
    r.now = room;
    r.above = room + (bytes + 1);
    r.tried = room + 2 * (bytes + 1);
    r.best = room + 3 * (bytes + 1);
    for (int32_t y = 0; y < m->H; y++) {
        take_row(&r, y);
        memcpy(*out + (size_t) y * (bytes + 1), best_filter(&r), bytes + 1);
    }
    lat_free(room);
    return LATTN_OK;
}

static lattn_status add_pixels(struct lat_str *out, const lattn_image *m)
{
    uint8_t *raw = NULL, *packed = NULL;
    size_t n;
    lattn_status st;
    LAT_GO(filter_all(m, &raw, &n));
    uLongf n_packed = compressBound((uLong) n);
    packed = lat_alloc(n_packed);
    if (!packed || compress2(packed, &n_packed, raw, (uLong) n, LEVEL) != Z_OK) {
        st = lat_err(LATTN_ERR_HOST_MEMORY, "PNG: out of host memory while compressing");
        goto done;
    }
    add_chunk(out, "IDAT", packed, n_packed);
done:
    lat_free(packed);
    lat_free(raw);
    return st;
}

static lattn_status check(const lattn_image *m)
{
    const uint64_t most = (uint64_t) 1 << 30;  // so that the chunk's length stays below 2^31
    if (!m->data || m->C < 1 || m->C > 4 || m->H < 1 || m->W < 1 ||
        (uint64_t) m->H * (uint64_t) m->W > most / (uint64_t) m->C)
        return lat_err(LATTN_ERR_ARG, "PNG: a picture of %d channels, %d x %d pixels%s", m->C, m->W,
            m->H, m->data ? "" : ", without pixels");
    return LATTN_OK;
}

lattn_status lat_png_encode(const lattn_image *image, struct lat_str *file)
{
    static const uint8_t colour_types[] = { 0, 0, 4, 2, 6 };
    LAT_TRY(check(image));
    uint8_t header[13] = { [8] = 8 };
    put_be32(header, (uint32_t) image->W);
    put_be32(header + 4, (uint32_t) image->H);
    header[9] = colour_types[image->C];
    lat_str_addn(file, "\x89PNG\r\n\x1A\n", 8);
    add_chunk(file, "IHDR", header, sizeof header);
    LAT_TRY(add_pixels(file, image));
    add_chunk(file, "IEND", NULL, 0);
    return file->status;
}

lattn_status lattn_image_save_png(const char *path, const lattn_image *image)
{
    LAT_CHECK_ARG(path);
    LAT_CHECK_ARG(image);
    struct lat_str file = { 0 };
    lattn_status st = lat_png_encode(image, &file);
    if (!st)
        st = lat_file_replace(path, file.items, file.n);
    lat_str_free(&file);
    return st;
}
