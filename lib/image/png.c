// SPDX-License-Identifier: MIT
//
// The chunks of a PNG, before anything is decoded.
//
// The decoder ignores checksums and believes the palette; here every chunk must lie in the
// file and have its CRC, the kinds must be known, and the palette is found so that its
// indices can be checked (decode.c).
// Source: W3C, Portable Network Graphics (third edition), sections 5 and 11.

#include <string.h>
#include <zlib.h>
#include "image/image.h"

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6, SIGNATURE = 8 };

struct walk {
    const struct lat_image_file *f;
    struct lat_image_info *out;
    int colour, depth;
    bool has_data, has_alpha_key, ended;
};

static lattn_status bad(const struct walk *w, const char *reason)
{
    return lat_err(LATTN_ERR_FORMAT, "%s: damaged PNG: %s", w->f->name, reason);
}

static bool depth_fits(int colour, int depth)
{
    switch (colour) {
    case GREY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case RGB:
    case GREY_ALPHA:
    case RGB_ALPHA:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static lattn_status take_header(
    struct walk *w, const uint8_t *body, uint32_t bytes, int64_t max_pixels)
{
    static const int channels[] = {
        [GREY] = 1, [RGB] = 3, [PALETTE] = 3, [GREY_ALPHA] = 2, [RGB_ALPHA] = 4
    };
    if (bytes != 13)
        return bad(w, "its header has the wrong length");
    uint32_t W = lat_be32(body), H = lat_be32(body + 4);
    LAT_TRY(lat_image_check_size(w->f, W, H, max_pixels));
    w->depth = body[8];
    w->colour = body[9];
    if (!depth_fits(w->colour, w->depth))
        return lat_err(LATTN_ERR_FORMAT, "%s: damaged PNG: colour type %d with %d bits", w->f->name,
            w->colour, w->depth);
    if (body[10] || body[11] || body[12] > 1)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: damaged PNG: compression %d, filter %d, interlace %d are not defined", w->f->name,
            body[10], body[11], body[12]);
    w->out->C = channels[w->colour];
    w->out->H = (int32_t) H;
    w->out->W = (int32_t) W;
    return LATTN_OK;
}

static lattn_status take_palette(struct walk *w, size_t at, uint32_t bytes)
{
    if (w->has_data || w->out->palette)
        return bad(w, "the palette is not where it belongs");
    if (bytes == 0 || bytes % 3 || bytes > 768)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: damaged PNG: a palette of %u bytes", w->f->name, bytes);
    if (w->colour != PALETTE)
        return LATTN_OK;  // a hint for displays
    w->out->palette = at;
    w->out->n_palette = bytes / 3;
    return LATTN_OK;
}

static lattn_status take_alphas(struct walk *w, size_t at, uint32_t bytes)
{
    if (w->has_data || w->has_alpha_key)
        return bad(w, "the transparency is not where it belongs");
    w->has_alpha_key = true;
    if (w->colour != PALETTE) {
        uint32_t expected = w->colour == GREY ? 2 : 6;
        if (w->out->C % 2 == 0 || bytes != expected)
            return bad(w, "transparency that does not fit the colours");
        w->out->C++;
        return LATTN_OK;
    }
    if (!w->out->palette || bytes > w->out->n_palette)
        return bad(w, "more transparencies than colours in the palette");
    w->out->alphas = at;
    w->out->n_alphas = bytes;
    w->out->C = 4;
    return LATTN_OK;
}

static lattn_status take_chunk(struct walk *w, const char *type, size_t at, uint32_t bytes)
{
    if (!memcmp(type, "IHDR", 4))
        return bad(w, "two headers");
    if (!memcmp(type, "PLTE", 4))
        return take_palette(w, at, bytes);
    if (!memcmp(type, "tRNS", 4))
        return take_alphas(w, at, bytes);
    if (!memcmp(type, "IDAT", 4)) {
        if (w->colour == PALETTE && !w->out->palette)
            return bad(w, "no palette");
        w->has_data = true;
        return LATTN_OK;
    }
    w->ended = !memcmp(type, "IEND", 4);
    if (w->ended && !w->has_data)
        return bad(w, "no pixels");
    bool must_be_known = (type[0] & 32) == 0;
    if (must_be_known && !w->ended)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: PNG with a chunk that is not part of the standard", w->f->name);
    return LATTN_OK;
}

lattn_status lat_png_check(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out)
{
    struct walk w = { .f = f, .out = out };
    for (size_t at = SIGNATURE; !w.ended;) {
        if (f->n - at < 12)
            return bad(&w, "it ends too early");
        const uint8_t *chunk = f->data + at;
        uint32_t bytes = lat_be32(chunk);
        bool first = at == SIGNATURE;
        if (first && memcmp(chunk + 4, "IHDR", 4))
            return bad(&w, "it does not begin with a header");
        if (bytes > f->n - at - 12 || bytes > INT32_MAX)
            return bad(&w, "it ends too early");
        if (first)  // the size before anything whose time depends on the file
            LAT_TRY(take_header(&w, chunk + 8, bytes, max_pixels));
        if (crc32(crc32(0, NULL, 0), chunk + 4, bytes + 4) != lat_be32(chunk + 8 + bytes))
            return lat_err(
                LATTN_ERR_FORMAT, "%s: damaged PNG: wrong checksum at byte %zu", f->name, at);
        if (!first)
            LAT_TRY(take_chunk(&w, (const char *) chunk + 4, at + 8, bytes));
        at += (size_t) bytes + 12;
    }
    return LATTN_OK;
}
