// SPDX-License-Identifier: MIT
//
// Pictures: every kind against what Pillow makes of it, every way a file can be wrong (numbers I1 to
// I3 are rows of the bad-input list), and PNG written and read back.

#include "base/alloc.h"
#include "base/compiler.h"
#include "image/pictures.h"
#include "harness/harness.h"

static void refused(const struct lt_bytes *b, const lattn_image_params *params, lattn_status status,
    const char *part)
{
    int64_t live = lat_alloc_live();
    lattn_image image = { .C = 1 };
    EXPECT_STATUS(lattn_image_decode(b->items, b->n, "a.png", params, &image), status);
    EXPECT(image.data == NULL && image.C == 0);
    EXPECT_CONTAINS(lattn_error(NULL), part);
    EXPECT_CONTAINS(lattn_error(NULL), "a.png");
    EXPECT_EQ(lat_alloc_live(), live);
}

static void refused_bytes(const void *data, size_t n, lattn_status status, const char *part)
{
    struct lt_bytes b = { .items = (uint8_t *) data, .n = n };
    refused(&b, NULL, status, part);
}

// ---- goldens ----------------------------------------------------------------------------------

static void expect_golden(const char *name, int32_t C, int32_t H, int32_t W, int tolerance)
{
    char raw[100];
    lattn_image image;
    snprintf(raw, sizeof raw, "%s.raw", name);
    struct lt_bytes file = lt_golden(name), expected = lt_golden(raw);
    EXPECT_OK(lattn_image_decode(file.items, file.n, name, NULL, &image));
    if (image.C != C || image.H != H || image.W != W) {
        lt_fail(__FILE__, __LINE__, "%s is [%d, %d, %d], expected [%d, %d, %d]", name, image.C,
            image.H, image.W, C, H, W);
    } else {
        int worst = 0;
        for (size_t i = 0; i < expected.n; i++)
            worst = LAT_MAX(worst, abs(image.data[i] - expected.items[i]));
        EXPECT_EQ(expected.n, (size_t) C * (size_t) H * (size_t) W);
        if (worst > tolerance)
            lt_fail(__FILE__, __LINE__, "%s differs by %d, expected at most %d", name, worst,
                tolerance);
    }
    lattn_image_free(&image);
    free(file.items);
    free(expected.items);
}

TEST(image, png_of_every_colour_type_is_read_as_pillow_does)
{
    expect_golden("rgb.png", 3, 13, 17, 0);
    expect_golden("grey.png", 1, 13, 17, 0);
    expect_golden("rgba.png", 4, 13, 17, 0);
    expect_golden("grey_alpha.png", 2, 13, 17, 0);
    expect_golden("grey1.png", 1, 13, 17, 0);
    expect_golden("palette.png", 3, 13, 17, 0);
    expect_golden("palette_alpha.png", 4, 13, 17, 0);
}

TEST(image, i1_16_bits_become_8)
{
    expect_golden("grey16.png", 1, 13, 17, 0);
}

TEST(image, i1_interlaced)
{
    expect_golden("interlaced.png", 3, 13, 17, 0);
}

// Decoders round differently in the inverse transform, and fill in subsampled colour differently.
TEST(image, jpeg_is_read_as_pillow_does)
{
    expect_golden("rgb.jpg", 3, 13, 17, 3);
    expect_golden("progressive.jpg", 3, 13, 17, 3);
    expect_golden("grey.jpg", 1, 13, 17, 2);
    expect_golden("subsampled.jpg", 3, 13, 17, 6);
}

TEST(image, i1_exif_rotation_is_undone)
{
    for (int i = 1; i <= 8; i++) {
        char name[20];
        snprintf(name, sizeof name, "exif%d.jpg", i);
        expect_golden(name, 3, i < 5 ? 13 : 17, i < 5 ? 17 : 13, 3);
    }
}

TEST(image, bmp_and_pnm_are_read_as_pillow_does)
{
    expect_golden("rgb.bmp", 3, 13, 17, 0);
    expect_golden("palette.bmp", 3, 13, 17, 0);
    expect_golden("grey1.bmp", 3, 13, 17, 0);
    expect_golden("rgb.ppm", 3, 13, 17, 0);
    expect_golden("grey.pgm", 1, 13, 17, 0);
}

TEST(image, channels_are_turned_into_others)
{
    struct lt_bytes file = lt_golden("rgb.png"), luma = lt_golden("luma.raw");
    lattn_image image;
    EXPECT_OK(lattn_image_decode(
        file.items, file.n, "x", &(lattn_image_params){ .channels = 1 }, &image));
    EXPECT(image.C == 1 && !memcmp(image.data, luma.items, luma.n));
    lattn_image_free(&image);
    EXPECT_OK(lattn_image_decode(
        file.items, file.n, "x", &(lattn_image_params){ .channels = 4 }, &image));
    EXPECT(image.C == 4 && image.data[3 * 13 * 17] == 255 && image.data[4 * 13 * 17 - 1] == 255);
    lattn_image_free(&image);
    free(file.items);

    file = lt_golden("grey_alpha.png");
    struct lt_bytes raw = lt_golden("grey_alpha.png.raw");
    EXPECT_OK(lattn_image_decode(
        file.items, file.n, "x", &(lattn_image_params){ .channels = 4 }, &image));
    for (size_t i = 0; i < 13 * 17 && image.C == 4; i++)
        for (size_t c = 0; c < 4; c++)
            EXPECT_EQ(image.data[c * 13 * 17 + i], raw.items[(c == 3) * 13 * 17 + i]);
    lattn_image_free(&image);
    EXPECT_OK(lattn_image_decode(
        file.items, file.n, "x", &(lattn_image_params){ .channels = 2 }, &image));
    EXPECT(image.C == 2 && !memcmp(image.data, raw.items, raw.n));
    lattn_image_free(&image);
    free(file.items);
    free(raw.items);
    free(luma.items);
    const lattn_image_params bad[] = { { .channels = 5 }, { .channels = -1 }, { .max_pixels = -1 },
        { .max_pixels = (int64_t) 1 << 40 } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++)
        EXPECT_STATUS(lattn_image_decode("P5 1 1 255 x", 12, "x", &bad[i], &image), LATTN_ERR_ARG);
}

TEST(image, pnm_samples_are_scaled_by_their_largest_value)
{
    lattn_image image;
    EXPECT_OK(lattn_image_decode("P5 # a comment\n3 1\n100\n\0\x32\x64", 26, "x", NULL, &image));
    EXPECT(image.W == 3 && image.data[0] == 0 && image.data[1] == 128 && image.data[2] == 255);
    lattn_image_free(&image);
    EXPECT_OK(lattn_image_decode("P5 2 1 65535\n\x80\x00\xFF\xFF", 17, "x", NULL, &image));
    EXPECT(image.data[0] == 128 && image.data[1] == 255);
    lattn_image_free(&image);
}

// ---- I1 to I3 ---------------------------------------------------------------------------------

static const char *const goldens[] = { "rgb.png", "grey.png", "rgba.png", "palette.png",
    "palette_alpha.png", "interlaced.png", "grey16.png", "rgb.jpg", "progressive.jpg",
    "subsampled.jpg", "exif6.jpg", "grey1.bmp", "palette.bmp", "rgb.bmp", "rgb.ppm", "grey.pgm" };

TEST(image, i1_truncated_at_any_byte)
{
    for (size_t i = 0; i < LAT_COUNT(goldens); i++) {
        struct lt_bytes file = lt_golden(goldens[i]);
        for (size_t n = 0; n < file.n; n++) {
            // Of exactly that size, so that a sanitizer sees a byte too far.
            uint8_t *copy = malloc(n ? n : 1);
            memcpy(copy, file.items, n);
            lattn_image image;
            int64_t live = lat_alloc_live();
            if (lattn_image_decode(copy, n, "a", NULL, &image) != LATTN_ERR_FORMAT)
                lt_fail(__FILE__, __LINE__, "%s is accepted with %zu of %zu bytes", goldens[i], n,
                    file.n);
            EXPECT(!image.data && lat_alloc_live() == live);
            free(copy);
        }
        free(file.items);
    }
}

TEST(image, any_wrong_byte_gives_a_picture_or_an_error)
{
    for (size_t i = 0; i < LAT_COUNT(goldens); i++) {
        struct lt_bytes file = lt_golden(goldens[i]);
        int64_t live = lat_alloc_live();
        for (size_t at = 0; at < file.n; at++) {
            uint8_t was = file.items[at];
            file.items[at] ^= (uint8_t) (1u << at % 8);
            lattn_image image;
            lattn_status st = lattn_image_decode(
                file.items, file.n, "a", &(lattn_image_params){ .max_pixels = 100000 }, &image);
            EXPECT(st == LATTN_OK || st == LATTN_ERR_FORMAT || st == LATTN_ERR_UNSUPPORTED);
            bool png = !memcmp(goldens[i] + strlen(goldens[i]) - 3, "png", 3);
            EXPECT(!png || st != LATTN_OK);  // every byte is under a checksum
            lattn_image_free(&image);
            file.items[at] = was;
        }
        EXPECT_EQ(lat_alloc_live(), live);
        free(file.items);
    }
}

TEST(image, i1_bad_crc)
{
    struct lt_bytes file = lt_golden("rgb.png");
    file.items[50] ^= 1;
    refused(&file, NULL, LATTN_ERR_FORMAT, "wrong checksum at byte 33");
    free(file.items);
}

static const uint8_t zeros[70000];

TEST(image, i1_no_pixels_and_too_many)
{
    static const struct {
        uint32_t W, H;
        const char *part;
    } cases[] = { { 0, 0, "0 x 0 pixels" }, { 0, 5, "0 x 5 pixels" }, { 5, 0, "5 x 0 pixels" },
        { 100000, 100000, "100000 x 100000 pixels, at most 67108864" },
        { 0xFFFFFFFF, 1, "4294967295 x 1 pixels" }, { 1, 0x80000000, "1 x 2147483648 pixels" } };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        struct lt_bytes b = lt_make_png(&(struct lt_png){
            .W = cases[i].W, .H = cases[i].H, .depth = 8, .raw = zeros, .n_raw = 2 });
        refused(&b, NULL, LATTN_ERR_FORMAT, cases[i].part);
        free(b.items);
    }
    struct lt_bytes b = lt_golden("rgb.png");
    refused(&b, &(lattn_image_params){ .max_pixels = 220 }, LATTN_ERR_FORMAT,
        "17 x 13 pixels, at most 220");
    free(b.items);
    refused_bytes("P5 0 3 255\n", 11, LATTN_ERR_FORMAT, "0 x 3 pixels");
    refused_bytes("P5 100000 100000 255\n", 21, LATTN_ERR_FORMAT, "100000 x 100000 pixels");
    b = lt_golden("rgb.jpg");
    for (size_t at = 2; at + 9 < b.n; at++)
        if (b.items[at] == 0xFF && b.items[at + 1] == 0xC0) {
            memset(b.items + at + 5, 0, 2);
            refused(&b, NULL, LATTN_ERR_FORMAT, "17 x 0 pixels");
            memset(b.items + at + 5, 0xFF, 4);
            refused(&b, NULL, LATTN_ERR_FORMAT, "65535 x 65535 pixels");
            break;
        }
    free(b.items);
    b = lt_golden("rgb.bmp");
    memcpy(b.items + 22, "\0\0\0\x80", 4);  // -2^31 has no opposite
    refused(&b, NULL, LATTN_ERR_FORMAT, "17 x 2147483648 pixels");
    free(b.items);
}

TEST(image, i1_one_pixel_wide)
{
    uint8_t *raw = calloc(65535, 2);
    struct lt_bytes b = lt_make_png(
        &(struct lt_png){ .W = 1, .H = 65535, .depth = 8, .raw = raw, .n_raw = 2 * 65535 });
    lattn_image image;
    EXPECT_OK(lattn_image_decode(b.items, b.n, "x", NULL, &image));
    EXPECT(image.W == 1 && image.H == 65535);
    lattn_image_free(&image);
    free(b.items);
    free(raw);
}

TEST(image, i1_decompression_bomb)
{
    enum { BOMB = 100 << 20 };
    uint8_t *raw = calloc(BOMB, 1);
    struct lt_bytes b =
        lt_make_png(&(struct lt_png){ .W = 1, .H = 1, .depth = 8, .raw = raw, .n_raw = BOMB });
    free(raw);
    EXPECT(b.n < 200000);
    refused(&b, NULL, LATTN_ERR_FORMAT, "expands to far more than its 1 x 1 pixels");
    free(b.items);
}

TEST(image, i1_too_few_pixels_in_the_data)
{
    struct lt_bytes b = lt_make_png(
        &(struct lt_png){ .W = 100, .H = 100, .depth = 8, .raw = zeros, .n_raw = 101 * 99 });
    refused(&b, NULL, LATTN_ERR_FORMAT, "damaged picture");
    free(b.items);
}

TEST(image, i1_palette_with_bad_index)
{
    static const uint8_t raw[] = { 0, 0, 1, 2, 3 }, palette[9] = { 1, 2, 3 };
    struct lt_png png = { .W = 4,
        .H = 1,
        .depth = 8,
        .colour = 3,
        .raw = raw,
        .n_raw = 5,
        .palette = palette,
        .n_palette = 9 };
    struct lt_bytes b = lt_make_png(&png);
    refused(&b, NULL, LATTN_ERR_FORMAT, "colour 3 of a palette with 3 entries");
    free(b.items);
    png.palette = NULL;
    b = lt_make_png(&png);
    refused(&b, NULL, LATTN_ERR_FORMAT, "no palette");
    free(b.items);
    png.palette = palette;
    png.n_palette = 8;
    b = lt_make_png(&png);
    refused(&b, NULL, LATTN_ERR_FORMAT, "a palette of 8 bytes");
    free(b.items);

    b = lt_golden("palette.bmp");  // 256 entries of 4 bytes; 3 of them are left
    size_t pixels = 14 + 40 + 1024;
    memmove(b.items + 14 + 40 + 12, b.items + pixels, b.n - pixels);
    b.n -= 1024 - 12;
    b.items[10] = 14 + 40 + 12;
    b.items[11] = 0;
    refused(&b, NULL, LATTN_ERR_FORMAT, "of a palette with 3 entries");
    free(b.items);
}

TEST(image, i1_png_that_breaks_the_rules)
{
    static const struct {
        uint8_t depth, colour, interlace;
        const char *part;
    } cases[] = { { 3, 0, 0, "colour type 0 with 3 bits" },
        { 4, 2, 0, "colour type 2 with 4 bits" }, { 16, 3, 0, "colour type 3 with 16 bits" },
        { 8, 1, 0, "colour type 1 with 8 bits" }, { 8, 0, 2, "interlace 2" } };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        struct lt_bytes b = lt_make_png(&(struct lt_png){ .W = 1,
            .H = 1,
            .depth = cases[i].depth,
            .colour = cases[i].colour,
            .interlace = cases[i].interlace,
            .raw = zeros,
            .n_raw = 9 });
        refused(&b, NULL, LATTN_ERR_FORMAT, cases[i].part);
        free(b.items);
    }
    struct lt_bytes b = { 0 }, whole = lt_golden("rgb.png");
    lt_bytes_add(&b, whole.items, 33);
    lt_png_chunk(&b, "CgBI", "", 0);
    lt_bytes_add(&b, whole.items + 33, whole.n - 33);
    refused(&b, NULL, LATTN_ERR_UNSUPPORTED, "a chunk that is not part of the standard");
    b.n = 33;
    lt_bytes_add(&b, whole.items + 8, 25);
    refused(&b, NULL, LATTN_ERR_FORMAT, "two headers");
    b.n = 33;
    lt_png_chunk(&b, "IEND", "", 0);
    refused(&b, NULL, LATTN_ERR_FORMAT, "no pixels");
    b.n = 8;
    lt_png_chunk(&b, "IDAT", "", 0);
    refused(&b, NULL, LATTN_ERR_FORMAT, "it does not begin with a header");
    free(b.items);
    free(whole.items);
}

// The golden with the byte at offset from the start of its frame header changed.
static struct lt_bytes jpeg_with(size_t offset, uint8_t value)
{
    struct lt_bytes b = lt_golden("rgb.jpg");
    size_t at = 2;
    while (b.items[at + 1] != 0xC0)
        at += 2 + (size_t) (b.items[at + 2] * 256 + b.items[at + 3]);
    b.items[at + offset] = value;
    return b;
}

TEST(image, i1_jpeg_of_other_kinds)
{
    static const struct {
        size_t offset;
        uint8_t value;
        const char *part;
    } cases[] = { { 4, 12, "12 bits a sample" }, { 1, 0xC3, "lossless" },
        { 1, 0xC9, "arithmetic-coded" }, { 1, 0xC5, "differential" }, { 9, 2, "2 channels" } };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        struct lt_bytes b = jpeg_with(cases[i].offset, cases[i].value);
        refused(&b, NULL, LATTN_ERR_UNSUPPORTED, cases[i].part);
        free(b.items);
    }
    struct lt_bytes b = lt_golden("cmyk.jpg");
    refused(&b, NULL, LATTN_ERR_UNSUPPORTED, "CMYK");
    free(b.items);
}

// The body of the golden's first segment of this kind; the caller frees b->items.
static uint8_t *segment(struct lt_bytes *b, uint8_t marker)
{
    *b = lt_golden("rgb.jpg");
    size_t at = 2;
    while (b->items[at + 1] != marker)
        at += 2 + (size_t) (b->items[at + 2] * 256 + b->items[at + 3]);
    return b->items + at + 4;
}

TEST(image, i1_jpeg_with_tables_that_are_none)
{
    static const struct {
        uint8_t marker;
        size_t offset;
        uint8_t value;
        const char *part;
    } cases[] = {
        { 0xC4, 0, 0x04, "a Huffman table" },  // number 4
        { 0xC4, 0, 0x20, "a Huffman table" },  // neither DC nor AC
        { 0xC4, 1, 3, "a Huffman table" },     // three codes of one bit
        { 0xC4, 16, 255, "a Huffman table" },  // more values than there are
        { 0xDB, 0, 0x20, "a quantisation table" },
        { 0xDB, 0, 0x04, "a quantisation table" },
        { 0xDB, 0, 0x10, "a quantisation table" },  // 16 bits would be longer
        { 0xDA, 0, 0, "a scan whose" },
        { 0xDA, 0, 4, "a scan whose" },
        { 0xDA, 1, 99, "a scan whose" },    // no such channel
        { 0xDA, 2, 0x02, "a scan whose" },  // no such tables
        { 0xDA, 2, 0x20, "a scan whose" },
        { 0xC0, 8, 3, "a scan whose" },
        { 0xC0, 8, 9, "a scan whose" },
    };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        struct lt_bytes b;
        segment(&b, cases[i].marker)[cases[i].offset] = cases[i].value;
        refused(&b, NULL, LATTN_ERR_FORMAT, cases[i].part);
        free(b.items);
    }
}

static void refused_with_table(const uint8_t *table, size_t n)
{
    struct lt_bytes whole = lt_golden("rgb.jpg"), b = { 0 };
    lt_bytes_add(&b, whole.items, 2);
    lt_bytes_add(&b, table, n);
    lt_bytes_add(&b, whole.items + 2, whole.n - 2);
    refused(&b, NULL, LATTN_ERR_FORMAT, "a Huffman table that is not one");
    free(b.items);
    free(whole.items);
}

// The decoder's table has room for 256 codes, and takes the last of them for a mark.
TEST(image, i1_jpeg_with_a_huffman_table_beyond_its_end)
{
    uint8_t table[4 + 17 + 16 * 255] = { 0xFF, 0xC4 };
    table[2] = (sizeof table - 2) >> 8;
    table[3] = (uint8_t) (sizeof table - 2);
    memset(table + 5, 255, sizeof table - 5);
    refused_with_table(table, sizeof table);
    uint8_t full[4 + 17 + 256] = { 0xFF, 0xC4, 0x01, 0x13 };
    full[4 + 8] = 1;  // 1 code of 8 bits, 255 of 9
    full[4 + 9] = 255;
    refused_with_table(full, sizeof full);
}

TEST(image, i1_progressive_with_a_thousand_scans)
{
    struct lt_bytes whole = lt_golden("progressive.jpg"), b = { 0 };
    size_t last = 0, behind = whole.n - 2;  // the end-of-image marker
    for (size_t at = 0; at + 1 < whole.n; at++)
        if (whole.items[at] == 0xFF && whole.items[at + 1] == 0xDA)
            last = at;
    lt_bytes_add(&b, whole.items, behind);
    for (int i = 0; i < 1000; i++)
        lt_bytes_add(&b, whole.items + last, behind - last);
    lt_bytes_add(&b, whole.items + behind, 2);
    refused(&b, NULL, LATTN_ERR_FORMAT, "more than 200 scans");
    free(b.items);
    free(whole.items);
}

TEST(image, i1_bmp_of_other_kinds)
{
    struct lt_bytes b = lt_golden("rgb.bmp");
    b.items[30] = 1;
    refused(&b, NULL, LATTN_ERR_UNSUPPORTED, "run-length coded");
    b.items[30] = 4;
    refused(&b, NULL, LATTN_ERR_UNSUPPORTED, "compression 4");
    b.items[30] = 0;
    b.items[28] = 7;
    refused(&b, NULL, LATTN_ERR_FORMAT, "7 bits a pixel");
    b.items[28] = 24;
    b.items[14] = 12;
    refused(&b, NULL, LATTN_ERR_UNSUPPORTED, "a header of 12 bytes");
    free(b.items);
}

TEST(image, i1_the_content_tells_the_kind_not_the_ending)
{
    struct lt_bytes b = lt_golden("rgb.png");
    lattn_image image;
    EXPECT_OK(lattn_image_load(lt_put("really_png.jpg", b.items, b.n), NULL, &image));
    EXPECT_EQ(image.W, 17);
    lattn_image_free(&image);
    free(b.items);
    EXPECT_STATUS(lattn_image_load("/none/a.png", NULL, &image), LATTN_ERR_IO);
    EXPECT_CONTAINS(lattn_error(NULL), "/none/a.png");
}

TEST(image, i2_other_kinds_are_named)
{
    refused_bytes("GIF89a..........", 16, LATTN_ERR_UNSUPPORTED, "GIF is not supported");
    refused_bytes("8BPS............", 16, LATTN_ERR_UNSUPPORTED, "PSD is not supported");
    refused_bytes("#?RADIANCE......", 16, LATTN_ERR_UNSUPPORTED, "HDR is not supported");
    refused_bytes("RIFF....WEBPVP8 ", 16, LATTN_ERR_UNSUPPORTED, "WebP is not supported");
    refused_bytes("II*\0............", 16, LATTN_ERR_UNSUPPORTED, "TIFF is not supported");
    refused_bytes("....ftypavif....", 16, LATTN_ERR_UNSUPPORTED, "AVIF or HEIC");
    refused_bytes("P3 1 1 255 0 0 0", 16, LATTN_ERR_UNSUPPORTED, "kind P3");
    refused_bytes("\0\0\2\0\0\0\0\0\0\0\0\0\1\0\1\0", 16, LATTN_ERR_FORMAT, "not a picture");
    refused_bytes("", 0, LATTN_ERR_FORMAT, "is empty");
}

TEST(image, pnm_that_breaks_the_rules)
{
    static const struct {
        const char *text, *part;
    } cases[] = { { "P5", "not a picture" }, { "P5 ", "header" }, { "P5 1", "header" },
        { "P5 1 1 0\n.", "header" }, { "P5 1 1 65536\n..", "header" },
        { "P5 -1 1 255\n.", "header" }, { "P5 99999999999 1 255\n.", "header" },
        { "P5 1 1 255", "header" }, { "P5 2 1 255\n.", "1 bytes of pixels, expected 2" },
        { "P5 1 1 9\n~", "sample 126" } };
    for (size_t i = 0; i < LAT_COUNT(cases); i++)
        refused_bytes(cases[i].text, strlen(cases[i].text), LATTN_ERR_FORMAT, cases[i].part);
    refused_bytes("P5 1 1 255\0x", 12, LATTN_ERR_FORMAT, "header");
    refused_bytes("P5\0 1 1 255 x", 13, LATTN_ERR_FORMAT, "header");
}

TEST(image, a_failed_allocation_is_reported)
{
    static const char *const names[] = { "rgb.png", "palette_alpha.png", "progressive.jpg",
        "rgb.ppm", "rgb.bmp" };
    for (size_t i = 0; i < LAT_COUNT(names); i++) {
        struct lt_bytes file = lt_golden(names[i]);
        int64_t live = lat_alloc_live();
        int n_failed = 0;
        for (int64_t at = 0;; at++) {
            lattn_image image;
            lat_alloc_fail_at(at);
            lattn_status st = lattn_image_decode(file.items, file.n, "a", NULL, &image);
            lat_alloc_fail_at(-1);
            EXPECT(st == LATTN_OK || st == LATTN_ERR_HOST_MEMORY);
            lattn_image_free(&image);
            EXPECT_EQ(lat_alloc_live(), live);
            if (st == LATTN_OK || at > 1000)
                break;
            n_failed++;
        }
        EXPECT(n_failed >= 2);
        free(file.items);
    }
}

// ---- writing ----------------------------------------------------------------------------------

static void round_trip(int32_t C, int32_t H, int32_t W)
{
    size_t n = (size_t) C * (size_t) H * (size_t) W;
    lattn_image image = { .C = C, .H = H, .W = W, .data = malloc(n) }, back;
    for (size_t i = 0; i < n; i++)
        image.data[i] = (uint8_t) (i * 7 + i / 13 * (i % 3) + (i * i >> 5));
    const char *path = lt_put("x.png", "", 0);
    EXPECT_OK(lattn_image_save_png(path, &image));
    EXPECT_OK(lattn_image_load(path, NULL, &back));
    EXPECT(back.C == C && back.H == H && back.W == W && !memcmp(back.data, image.data, n));
    lattn_image_free(&back);
    free(image.data);
}

// Smooth with a little noise: all five filters are chosen somewhere.
static void round_trip_of_a_surface(void)
{
    enum { SIDE = 96 };
    static uint8_t pixels[3 * SIDE * SIDE];
    lattn_image image = { .C = 3, .H = SIDE, .W = SIDE, .data = pixels }, back;
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        int y = i % (SIDE * SIDE) / SIDE, x = i % SIDE;
        pixels[i] = (uint8_t) (128 + 60 * sin(0.11 * x + i / (SIDE * SIDE)) + 60 * sin(0.07 * y) +
                               (x * 7 + y * 13) % 3);
    }
    const char *path = lt_put("surface.png", "", 0);
    EXPECT_OK(lattn_image_save_png(path, &image));
    EXPECT_OK(lattn_image_load(path, NULL, &back));
    EXPECT(back.data && !memcmp(back.data, pixels, sizeof pixels));
    lattn_image_free(&back);
}

TEST(image, a_written_png_is_read_back)
{
    round_trip_of_a_surface();
    for (int32_t C = 1; C <= 4; C++) {
        round_trip(C, 1, 1);
        round_trip(C, 13, 17);
        round_trip(C, 1, 300);
        round_trip(C, 65, 2);
    }
}

TEST(image, png_is_not_written_without_pixels_or_place)
{
    uint8_t one = 7;
    const lattn_image bad[] = { { .C = 1, .H = 1, .W = 1 },
        { .C = 5, .H = 1, .W = 1, .data = &one }, { .C = 0, .H = 1, .W = 1, .data = &one },
        { .C = 1, .H = 0, .W = 1, .data = &one }, { .C = 1, .H = 1, .W = -1, .data = &one },
        { .C = 4, .H = INT32_MAX, .W = INT32_MAX, .data = &one } };
    for (size_t i = 0; i < LAT_COUNT(bad); i++)
        EXPECT_STATUS(lattn_image_save_png("/none/x.png", &bad[i]), LATTN_ERR_ARG);
    const lattn_image good = { .C = 1, .H = 1, .W = 1, .data = &one };
    EXPECT_STATUS(lattn_image_save_png("/none/x.png", &good), LATTN_ERR_IO);
}
