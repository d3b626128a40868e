// SPDX-License-Identifier: MIT

#include <sys/stat.h>
#include <zlib.h>
#include "image/pictures.h"
#include "harness/harness.h"

void lt_bytes_add(struct lt_bytes *b, const void *data, size_t n)
{
    if (b->n + n > b->capacity) {
        b->capacity = (b->n + n) * 2;
        b->items = realloc(b->items, b->capacity);
    }
    if (n)
        memcpy(b->items + b->n, data, n);
    b->n += n;
}

void lt_bytes_be32(struct lt_bytes *b, uint32_t v)
{
    const uint8_t p[] = { (uint8_t) (v >> 24), (uint8_t) (v >> 16), (uint8_t) (v >> 8),
        (uint8_t) v };
    lt_bytes_add(b, p, 4);
}

struct lt_bytes lt_golden(const char *name)
{
    char path[300];
    struct lt_bytes b = { 0 };
    snprintf(path, sizeof path, "golden/images/%s", name);
    FILE *f = fopen(lt_source_path(path), "rb");
    EXPECT(f != NULL);
    uint8_t part[4096];
    for (size_t n; f && (n = fread(part, 1, sizeof part, f)) > 0;)
        lt_bytes_add(&b, part, n);
    if (f)
        fclose(f);
    return b;
}

const char *lt_put(const char *name, const void *data, size_t n)
{
    static char path[500];
    snprintf(path, sizeof path, "%s/%s", lt_temp_dir(), name);
    char *slash = strrchr(path, '/');
    *slash = 0;
    mkdir(path, 0777);
    *slash = '/';
    FILE *f = fopen(path, "wb");
    EXPECT(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
    return path;
}

void lt_png_chunk(struct lt_bytes *b, const char *type, const void *body, size_t n)
{
    lt_bytes_be32(b, (uint32_t) n);
    lt_bytes_add(b, type, 4);
    lt_bytes_add(b, body, n);
    lt_bytes_be32(b, (uint32_t) crc32(0, b->items + b->n - n - 4, (uInt) n + 4));
}

struct lt_bytes lt_make_png(const struct lt_png *p)
{
    struct lt_bytes b = { 0 }, header = { 0 };
    lt_bytes_add(&b, "\x89PNG\r\n\x1A\n", 8);
    lt_bytes_be32(&header, p->W);
    lt_bytes_be32(&header, p->H);
    const uint8_t rest[] = { p->depth, p->colour, 0, 0, p->interlace };
    lt_bytes_add(&header, rest, sizeof rest);
    lt_png_chunk(&b, "IHDR", header.items, header.n);
    if (p->palette)
        lt_png_chunk(&b, "PLTE", p->palette, p->n_palette);
    uLongf n = compressBound((uLong) p->n_raw);
    uint8_t *packed = malloc(n);
    EXPECT_EQ(compress2(packed, &n, p->raw, (uLong) p->n_raw, 9), Z_OK);
    lt_png_chunk(&b, "IDAT", packed, n);
    lt_png_chunk(&b, "IEND", NULL, 0);
    free(packed);
    free(header.items);
    return b;
}

const char *lt_put_picture(const char *name, int32_t C, int32_t H, int32_t W, uint8_t value)
{
    const char *path = lt_put(name, "", 0);
    size_t n = (size_t) C * (size_t) H * (size_t) W;
    lattn_image image = { .C = C, .H = H, .W = W, .data = malloc(n) };
    memset(image.data, value, n);
    EXPECT_OK(lattn_image_save_png(path, &image));
    free(image.data);
    return path;
}
