// SPDX-License-Identifier: MIT
//
// A picture of a file as planar bytes: decoded, upright, in the channels that are wanted.
//
// PNG, JPEG and BMP go through stb_image. Two things are done here instead, because it does
// not: the palette of a PNG is applied after every index has been compared with its
// length (the decoder gets a palette whose colours are their own numbers), and samples of a PNM
// are scaled by its largest value.

#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "image/image.h"

enum { MAX_FILE_BYTES = 256 << 20 };

// Pixels as they come from a decoder: channels beside one another, row after row.
struct pixels {
    uint8_t *data;
    int32_t C, H, W;
};

lattn_status lat_image_params(const lattn_image_params *params, lattn_image_params *out)
{
    const int64_t usual = (int64_t) 1 << 26, largest = (int64_t) 1 << 28;
    *out = params ? *params : (lattn_image_params){ 0 };
    out->max_pixels = out->max_pixels ? out->max_pixels : usual;
    if (out->channels < 0 || out->channels > 4)
        return lat_err(LATTN_ERR_ARG, "picture: channels is %d, expected 0 to 4", out->channels);
    if (out->max_pixels < 1 || out->max_pixels > largest)
        return lat_err(LATTN_ERR_ARG, "picture: max_pixels is %lld, expected 1 to %lld",
            (long long) out->max_pixels, (long long) largest);
    return LATTN_OK;
}

void lattn_image_free(lattn_image *image)
{
    if (!image)
        return;
    lat_free(image->data);
    *image = (lattn_image){ 0 };
}

// ---- palette of a PNG -------------------------------------------------------------------------

// The file with entry i of its palette being (i, i, i).
static lattn_status number_palette(
    const struct lat_image_file *f, const struct lat_image_info *info, uint8_t **out, size_t *n)
{
    enum { ENTRIES = 256, CHUNK = 12 + 3 * ENTRIES };
    size_t before = info->palette - 8;
    size_t behind = info->palette + (size_t) info->n_palette * 3 + 4;
    *n = before + CHUNK + (f->n - behind);
    uint8_t *copy = lat_calloc(*n, 1);
    *out = copy;
    if (!copy)
        return LATTN_ERR_HOST_MEMORY;
    memcpy(copy, f->data, before);
    memcpy(copy + before, "\0\0\3\0PLTE", 8);
    for (size_t i = 0; i < ENTRIES; i++)
        memset(copy + before + 8 + 3 * i, (int) i, 3);
    memcpy(copy + before + CHUNK, f->data + behind, f->n - behind);
    return LATTN_OK;
}

static lattn_status apply_palette(const struct lat_image_file *f, const struct lat_image_info *info,
    const uint8_t *indices, int32_t step, uint8_t *out)
{
    size_t n = (size_t) info->H * (size_t) info->W;
    const uint8_t *entries = f->data + info->palette, *alphas = f->data + info->alphas;
    for (size_t i = 0; i < n; i++) {
        uint32_t index = indices[i * (size_t) step];
        if (index >= info->n_palette)
            return lat_err(LATTN_ERR_FORMAT,
                "%s: damaged PNG: colour %u of a palette with %u entries", f->name, index,
                info->n_palette);
        uint8_t *pixel = out + i * (size_t) info->C;
        memcpy(pixel, entries + 3 * (size_t) index, 3);
        if (info->C == 4)
            pixel[3] = index < info->n_alphas ? alphas[index] : 255;
    }
    return LATTN_OK;
}

static lattn_status decode_palette(
    const struct lat_image_file *f, const struct lat_image_info *info, struct pixels *out)
{
    struct lat_image_file numbered = { .name = f->name };
    uint8_t *copy = NULL, *indices = NULL;
    int32_t step;
    lattn_status st;
    LAT_GO(number_palette(f, info, &copy, &numbered.n));
    numbered.data = copy;
    LAT_GO(lat_stb_decode(&numbered, info, &indices, &step));
    out->C = info->C;
    out->data = lat_calloc((size_t) info->H * (size_t) info->W, (size_t) info->C);
    st = out->data ? apply_palette(f, info, indices, step, out->data) : LATTN_ERR_HOST_MEMORY;
done:
    lat_stb_free(indices);
    lat_free(copy);
    return st;
}

// ---- PNM --------------------------------------------------------------------------------------

static lattn_status decode_pnm(
    const struct lat_image_file *f, const struct lat_image_info *info, struct pixels *out)
{
    size_t n = (size_t) info->H * (size_t) info->W * (size_t) info->C;
    const uint8_t *from = f->data + info->pixels;
    uint32_t max = info->max_value;
    bool wide = max > 255;
    out->C = info->C;
    out->data = lat_alloc(n);
    if (!out->data)
        return LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < n; i++) {
        uint32_t value = wide ? lat_be16(from + 2 * i) : from[i];
        if (value > max)
            return lat_err(LATTN_ERR_FORMAT, "%s: PNM sample %u above its largest value %u",
                f->name, value, max);
        out->data[i] = (uint8_t) ((value * 255 + max / 2) / max);
    }
    return LATTN_OK;
}

// ---- to planes --------------------------------------------------------------------------------

// Where pixel (0, 0) of the upright picture lies, and how far the next column and the next row are.
struct walk {
    int32_t H, W;
    ptrdiff_t start, column, row;
};

// Source: CIPA DC-008 (EXIF 2.32), table of Orientation: where row 0 and column 0 of the file are.
static struct walk upright(const struct pixels *p, int32_t orientation)
{
    ptrdiff_t x = p->C, y = (ptrdiff_t) p->W * p->C;
    ptrdiff_t right = (p->W - 1) * x, bottom = (p->H - 1) * y;
    switch (orientation) {
    case 2:
        return (struct walk){ p->H, p->W, right, -x, y };
    case 3:
        return (struct walk){ p->H, p->W, right + bottom, -x, -y };
    case 4:
        return (struct walk){ p->H, p->W, bottom, x, -y };
    case 5:
        return (struct walk){ p->W, p->H, 0, y, x };
    case 6:
        return (struct walk){ p->W, p->H, bottom, -y, x };
    case 7:
        return (struct walk){ p->W, p->H, right + bottom, -y, -x };
    case 8:
        return (struct walk){ p->W, p->H, right, y, -x };
    default:
        return (struct walk){ p->H, p->W, 0, x, y };
    }
}

// ITU-R BT.601 luma in 16 bits, as Pillow has it.
static uint8_t grey(const uint8_t *rgb)
{
    return (uint8_t) ((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

static uint8_t channel_of(const uint8_t *pixel, int32_t C, int32_t wanted_C, int32_t c)
{
    bool coloured = C >= 3, is_alpha = wanted_C % 2 == 0 && c == wanted_C - 1;
    if (is_alpha)
        return C % 2 == 0 ? pixel[C - 1] : 255;
    if (wanted_C >= 3)
        return coloured ? pixel[c] : pixel[0];
    return coloured ? grey(pixel) : pixel[0];
}

static lattn_status to_planes(
    const struct pixels *p, int32_t orientation, int32_t wanted_C, lattn_image *out)
{
    struct walk w = upright(p, orientation);
    int32_t C = wanted_C ? wanted_C : p->C;
    size_t plane = (size_t) w.H * (size_t) w.W;
    uint8_t *to = lat_calloc(plane, (size_t) C);
    if (!to)
        return LATTN_ERR_HOST_MEMORY;
    *out = (lattn_image){ .C = C, .H = w.H, .W = w.W, .data = to };
    for (int32_t c = 0; c < C; c++) {
        for (int32_t y = 0; y < w.H; y++) {
            const uint8_t *from = p->data + w.start + y * w.row;
            for (int32_t x = 0; x < w.W; x++, from += w.column)
                *to++ = channel_of(from, p->C, C, c);
        }
    }
    return LATTN_OK;
}

// ---- the whole --------------------------------------------------------------------------------

static lattn_status decode(
    const struct lat_image_file *f, const lattn_image_params *p, lattn_image *out)
{
    struct lat_image_info info;
    LAT_TRY(lat_image_check(f, p->max_pixels, &info));
    struct pixels pixels = { .H = info.H, .W = info.W };
    bool by_stb = false;
    lattn_status st;
    if (info.kind == LAT_IMAGE_PNM) {
        st = decode_pnm(f, &info, &pixels);
    } else if (info.palette) {
        st = decode_palette(f, &info, &pixels);
    } else {
        by_stb = true;
        st = lat_stb_decode(f, &info, &pixels.data, &pixels.C);
    }
    if (!st)
        st = to_planes(&pixels, info.orientation, p->channels, out);
    if (by_stb)
        lat_stb_free(pixels.data);
    else
        lat_free(pixels.data);
    return st;
}

lattn_status lattn_image_decode(const void *data, size_t bytes, const char *name,
    const lattn_image_params *params, lattn_image *out)
{
    LAT_CHECK_ARG(out);
    *out = (lattn_image){ 0 };
    LAT_CHECK_ARRAY(data, bytes);
    LAT_CHECK_ARG(name);
    lattn_image_params p;
    LAT_TRY(lat_image_params(params, &p));
    return decode(&(struct lat_image_file){ .name = name, .data = data, .n = bytes }, &p, out);
}

lattn_status lattn_image_load(const char *path, const lattn_image_params *params, lattn_image *out)
{
    LAT_CHECK_ARG(out);
    *out = (lattn_image){ 0 };
    LAT_CHECK_ARG(path);
    lattn_image_params p;
    char *data;
    size_t n;
    LAT_TRY(lat_image_params(params, &p));
    LAT_TRY(lat_file_read_all(path, MAX_FILE_BYTES, &data, &n));
    lattn_status st = lattn_image_decode(data, n, path, &p, out);
    lat_free(data);
    return st;
}
