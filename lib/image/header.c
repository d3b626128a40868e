// SPDX-License-Identifier: MIT
//
// What a picture file is, and its size, before any memory is taken for its pixels. The
// content tells the kind, not the ending of the name. BMP and PNM are checked here whole;
// PNG and JPEG have files of their own.
//
//     PNM    P5 (grey) and P6 (RGB), the binary kinds
//     BMP    uncompressed or with bit masks, from Windows 3 on
// Source: netpbm's pgm(5) and ppm(5); Microsoft, BITMAPV5HEADER.

#include <string.h>
#include "image/image.h"

static bool starts_with(const struct lat_image_file *f, const char *magic, size_t n)
{
    return f->n >= n && !memcmp(f->data, magic, n);
}

lattn_status lat_image_check_size(
    const struct lat_image_file *f, uint64_t W, uint64_t H, int64_t max_pixels)
{
    if (W == 0 || H == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s: a picture of %llu x %llu pixels", f->name,
            (unsigned long long) W, (unsigned long long) H);
    // Both below 2^32: the product fits.
    if (W > INT32_MAX || H > INT32_MAX || W * H > (uint64_t) max_pixels)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: a picture of %llu x %llu pixels, at most %lld pixels are accepted", f->name,
            (unsigned long long) W, (unsigned long long) H, (long long) max_pixels);
    return LATTN_OK;
}

// ---- PNM --------------------------------------------------------------------------------------

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// The next number of the header; blanks and comments to the end of a line in front of it.
static bool take_number(const struct lat_image_file *f, size_t *at, uint64_t *out)
{
    bool comment = false;
    for (; *at < f->n && (comment || is_blank(f->data[*at]) || f->data[*at] == '#'); ++*at)
        comment = comment ? f->data[*at] != '\n' : f->data[*at] == '#';
    size_t start = *at;
    for (*out = 0; *at < f->n && f->data[*at] >= '0' && f->data[*at] <= '9'; ++*at) {
        if (*at - start >= 10)
            return false;
        *out = *out * 10 + (uint64_t) (f->data[*at] - '0');
    }
    return *at > start;
}

static lattn_status check_pnm(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out)
{
    if (f->data[1] != '5' && f->data[1] != '6')
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: PNM of the kind P%c is not supported, only P5 and P6", f->name, f->data[1]);
    uint64_t W, H, max_value;
    size_t at = 2;
    if (!take_number(f, &at, &W) || !take_number(f, &at, &H) || !take_number(f, &at, &max_value) ||
        at >= f->n || !is_blank(f->data[at]) || max_value == 0 || max_value > 65535)
        return lat_err(LATTN_ERR_FORMAT, "%s: damaged PNM header", f->name);
    LAT_TRY(lat_image_check_size(f, W, H, max_pixels));
    out->C = f->data[1] == '5' ? 1 : 3;
    out->H = (int32_t) H;
    out->W = (int32_t) W;
    out->max_value = (uint32_t) max_value;
    out->pixels = at + 1;
    uint64_t bytes = W * H * (uint64_t) out->C * (max_value > 255 ? 2 : 1);
    if (f->n - out->pixels < bytes)
        return lat_err(LATTN_ERR_FORMAT, "%s: PNM with %zu bytes of pixels, expected %llu", f->name,
            f->n - out->pixels, (unsigned long long) bytes);
    return LATTN_OK;
}

// ---- BMP --------------------------------------------------------------------------------------

// Rows are padded to 4 bytes, and below 8 bits a pixel its index starts at the high bits.
static lattn_status check_indices(const struct lat_image_file *f, size_t offset, uint32_t n_entries,
    int bits, const struct lat_image_info *info)
{
    size_t stride = ((size_t) info->W * (size_t) bits + 31) / 32 * 4;
    for (int32_t y = 0; y < info->H; y++) {
        const uint8_t *row = f->data + offset + (size_t) y * stride;
        for (size_t x = 0; x < (size_t) info->W; x++) {
            size_t bit = x * (size_t) bits;
            unsigned index = row[bit / 8] >> (8 - bits - (int) (bit % 8)) & ((1u << bits) - 1);
            if (index >= n_entries)
                return lat_err(LATTN_ERR_FORMAT,
                    "%s: damaged BMP: colour %u of a palette with %u entries", f->name, index,
                    n_entries);
        }
    }
    return LATTN_OK;
}

static lattn_status check_bmp_kind(const struct lat_image_file *f, uint32_t header_bytes)
{
    uint32_t bits = lat_le16(f->data + 28), packing = lat_le32(f->data + 30);
    if (header_bytes != 40 && header_bytes != 56 && header_bytes != 108 && header_bytes != 124)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: BMP with a header of %u bytes is not supported, only 40, 56, 108 and 124", f->name,
            header_bytes);
    if (packing == 1 || packing == 2)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s: run-length coded BMP is not supported", f->name);
    if (packing != 0 && packing != 3)
        return lat_err(
            LATTN_ERR_UNSUPPORTED, "%s: BMP of compression %u is not supported", f->name, packing);
    bool known = bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
    if (!known)
        return lat_err(LATTN_ERR_FORMAT, "%s: damaged BMP: %u bits a pixel", f->name, bits);
    return LATTN_OK;
}

static lattn_status check_bmp(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out)
{
    enum { FILE_HEADER = 14, SHORTEST = FILE_HEADER + 40 };
    if (f->n < SHORTEST)
        return lat_err(LATTN_ERR_FORMAT, "%s: damaged BMP: it ends too early", f->name);
    uint32_t offset = lat_le32(f->data + 10), header_bytes = lat_le32(f->data + 14);
    LAT_TRY(check_bmp_kind(f, header_bytes));
    // A negative height means that the first row is the top one; -2^31 has no opposite.
    uint32_t H = lat_le32(f->data + 22), W = lat_le32(f->data + 18);
    if (H > INT32_MAX)
        H = 0u - H;
    LAT_TRY(lat_image_check_size(f, W, H, max_pixels));
    int bits = (int) lat_le16(f->data + 28);
    uint64_t stride = ((uint64_t) W * (uint64_t) bits + 31) / 32 * 4;
    if (offset < FILE_HEADER + header_bytes || offset > f->n || f->n - offset < stride * H)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: damaged BMP: %llu bytes of pixels from byte %u on in a file of %zu", f->name,
            (unsigned long long) (stride * H), offset, f->n);
    out->C = 3;
    out->H = (int32_t) H;
    out->W = (int32_t) W;
    if (bits > 8)
        return LATTN_OK;
    uint32_t n_entries = (offset - FILE_HEADER - header_bytes) / 4;
    if (n_entries == 0 || n_entries > 256)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: damaged BMP: a palette of %u entries", f->name, n_entries);
    return check_indices(f, offset, n_entries, bits, out);
}

// ---- which kind -------------------------------------------------------------------------------

static const char *foreign_kind(const struct lat_image_file *f)
{
    static const struct {
        const char *magic, *name;
        size_t n;
    } kinds[] = { { "GIF8", "GIF", 4 }, { "8BPS", "PSD", 4 }, { "#?RADIANCE", "HDR", 10 },
        { "#?RGBE", "HDR", 6 }, { "RIFF", "WebP", 4 }, { "II*\0", "TIFF", 4 },
        { "MM\0*", "TIFF", 4 }, { "\0\0\1\0", "ICO", 4 }, { "\xFF\x4F\xFF\x51", "JPEG 2000", 4 },
        { "\0\0\0\x0CjP  ", "JPEG 2000", 8 } };
    for (size_t i = 0; i < LAT_COUNT(kinds); i++)
        if (starts_with(f, kinds[i].magic, kinds[i].n))
            return kinds[i].name;
    return f->n >= 12 && !memcmp(f->data + 4, "ftyp", 4) ? "AVIF or HEIC" : NULL;
}

lattn_status lat_image_check(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out)
{
    *out = (struct lat_image_info){ .orientation = 1 };
    if (f->n == 0)
        return lat_err(LATTN_ERR_FORMAT, "%s is empty", f->name);
    if (starts_with(f, "\x89PNG\r\n\x1A\n", 8)) {
        out->kind = LAT_IMAGE_PNG;
        return lat_png_check(f, max_pixels, out);
    }
    if (starts_with(f, "\xFF\xD8", 2)) {
        out->kind = LAT_IMAGE_JPEG;
        return lat_jpeg_check(f, max_pixels, out);
    }
    if (starts_with(f, "BM", 2)) {
        out->kind = LAT_IMAGE_BMP;
        return check_bmp(f, max_pixels, out);
    }
    if (f->n >= 3 && f->data[0] == 'P' && f->data[1] >= '1' && f->data[1] <= '7') {
        out->kind = LAT_IMAGE_PNM;
        return check_pnm(f, max_pixels, out);
    }
    const char *foreign = foreign_kind(f);
    if (foreign)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: %s is not supported, only JPEG, PNG, BMP and PNM", f->name, foreign);
    return lat_err(LATTN_ERR_FORMAT, "%s: not a picture: neither JPEG, PNG, BMP nor PNM", f->name);
}
