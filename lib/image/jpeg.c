// SPDX-License-Identifier: MIT
//
// The markers of a JPEG, before anything is decoded.
//
// The decoder fills what is missing with grey and says nothing, so the file must be whole:
// markers up to the end of the image. Scans are counted because each of a progressive
// file goes over all pixels: a small file with a thousand of them takes minutes. It also
// trusts the tables. Up to version 2.27 a Huffman table with more than 256 codes is written
// beyond its end, and of one with 256 the last leads in front of the begin; a table that
// was never defined is used all the same. The orientation that cameras write is taken
// from EXIF.
// Source: ITU-T T.81, annexes B and C; CIPA DC-008 (EXIF 2.32), section 4.6.

#include <string.h>
#include "image/image.h"

enum {
    SOF0 = 0xC0,
    SOF2 = 0xC2,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    APP1 = 0xE1,
    TEM = 0x01,
    MAX_SCANS = 200,  // encoders write 1 to 12
    MAX_CODES = 255,  // encoders write up to 176; the decoder mistakes the 256th for a mark
};

struct walk {
    const struct lat_image_file *f;
    struct lat_image_info *out;
    size_t at;
    int n_scans;
    bool has_frame, progressive;
    struct {
        uint8_t id, quantiser;
    } channels[3];
    unsigned quantisers, dc_tables, ac_tables;  // a bit for each that is defined
};

static lattn_status bad(const struct walk *w, const char *reason)
{
    return lat_err(LATTN_ERR_FORMAT, "%s: damaged JPEG: %s", w->f->name, reason);
}

static lattn_status unsupported(const struct walk *w, const char *kind)
{
    return lat_err(LATTN_ERR_UNSUPPORTED, "%s: %s JPEG is not supported", w->f->name, kind);
}

static const char *kind_of_frame(int marker)
{
    static const char *const kinds[16] = { [1] = "extended",
        [3] = "lossless",
        [5] = "differential",
        [6] = "differential",
        [7] = "differential",
        [9] = "arithmetic-coded",
        [10] = "arithmetic-coded",
        [11] = "arithmetic-coded",
        [13] = "arithmetic-coded",
        [14] = "arithmetic-coded",
        [15] = "arithmetic-coded" };
    return kinds[marker - SOF0];
}

static lattn_status take_frame(
    struct walk *w, int marker, const uint8_t *body, size_t bytes, int64_t max_pixels)
{
    if (w->has_frame)
        return bad(w, "two frames");
    if (bytes < 6)
        return bad(w, "the frame header is too short");
    int bits = body[0], channels = body[5];
    if (marker > SOF2)
        return unsupported(w, kind_of_frame(marker));
    if (bits != 8)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: JPEG with %d bits a sample is not supported, only 8", w->f->name, bits);
    LAT_TRY(lat_image_check_size(w->f, lat_be16(body + 3), lat_be16(body + 1), max_pixels));
    if (channels == 4)
        return unsupported(w, "CMYK");
    if (channels != 1 && channels != 3)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s: JPEG with %d channels is not supported",
            w->f->name, channels);
    if (bytes != 6 + 3 * (size_t) channels)
        return bad(w, "the frame header has the wrong length");
    for (int i = 0; i < channels; i++) {
        w->channels[i].id = body[6 + 3 * i];
        w->channels[i].quantiser = body[8 + 3 * i];
    }
    w->has_frame = true;
    w->progressive = marker == SOF2;
    w->out->C = channels;
    w->out->H = (int32_t) lat_be16(body + 1);
    w->out->W = (int32_t) lat_be16(body + 3);
    return LATTN_OK;
}

// ---- tables -----------------------------------------------------------------------------------

static lattn_status take_quantisers(struct walk *w, const uint8_t *body, size_t bytes)
{
    while (bytes > 0) {
        int wide = body[0] >> 4, number = body[0] & 15;
        size_t table = 1 + 64u * (size_t) (wide + 1);
        if (wide > 1 || number > 3 || table > bytes)
            return bad(w, "a quantisation table that is not one");
        w->quantisers |= 1u << number;
        body += table;
        bytes -= table;
    }
    return LATTN_OK;
}

// 16 counts, how many codes have 1, 2, ... bits, then the values. The codes of a length
// follow those of the shorter ones and must fit into its bits.
static lattn_status take_huffman(struct walk *w, const uint8_t *body, size_t bytes)
{
    while (bytes > 0) {
        int is_ac = body[0] >> 4, number = body[0] & 15;
        size_t n_codes = 0;
        uint32_t next = 0;
        bool fits = bytes >= 17;
        for (int i = 1; i <= 16 && fits; i++) {
            n_codes += body[i];
            next += body[i];
            fits = next <= 1u << i;
            next <<= 1;
        }
        if (!fits || is_ac > 1 || number > 3 || n_codes > MAX_CODES || 17 + n_codes > bytes)
            return bad(w, "a Huffman table that is not one");
        *(is_ac ? &w->ac_tables : &w->dc_tables) |= 1u << number;
        body += 17 + n_codes;
        bytes -= 17 + n_codes;
    }
    return LATTN_OK;
}

static bool scan_is_defined(const struct walk *w, const uint8_t *body, size_t bytes)
{
    size_t n = bytes > 0 ? body[0] : 0;
    if (n < 1 || n > (size_t) w->out->C || bytes != 4 + 2 * n)
        return false;
    bool with_dc = !w->progressive || body[1 + 2 * n] == 0;
    bool with_ac = !w->progressive || body[1 + 2 * n] != 0;
    for (size_t i = 0; i < n; i++) {
        int32_t c = 0;
        while (c < w->out->C && w->channels[c].id != body[1 + 2 * i])
            c++;
        int dc = body[2 + 2 * i] >> 4, ac = body[2 + 2 * i] & 15;
        if (c == w->out->C || dc > 3 || ac > 3 || w->channels[c].quantiser > 3)
            return false;
        if ((with_dc && !(w->dc_tables >> dc & 1)) || (with_ac && !(w->ac_tables >> ac & 1)) ||
            !(w->quantisers >> w->channels[c].quantiser & 1))
            return false;
    }
    return true;
}

// ---- orientation ------------------------------------------------------------------------------

// Entry 0x0112 of the first directory; anything odd counts as upright.
static int32_t orientation_of(const uint8_t *tiff, size_t n)
{
    if (n < 8 || (memcmp(tiff, "II*\0", 4) && memcmp(tiff, "MM\0*", 4)))
        return 1;
    bool little = tiff[0] == 'I';
    uint32_t (*const u16)(const uint8_t *) = little ? lat_le16 : lat_be16;
    size_t at = little ? lat_le32(tiff + 4) : lat_be32(tiff + 4);
    if (at > n - 2)
        return 1;
    size_t n_entries = u16(tiff + at);
    const uint8_t *entry = tiff + at + 2;
    if (n_entries > (n - at - 2) / 12)
        return 1;
    for (size_t i = 0; i < n_entries; i++, entry += 12) {
        uint32_t value = u16(entry + 8);
        if (u16(entry) == 0x0112 && u16(entry + 2) == 3)
            return value >= 1 && value <= 8 ? (int32_t) value : 1;
    }
    return 1;
}

// ---- segments ---------------------------------------------------------------------------------

// To the marker behind the coded data of a scan.
static void skip_scan(struct walk *w)
{
    const uint8_t *data = w->f->data;
    while (w->at < w->f->n) {
        const uint8_t *found = memchr(data + w->at, 0xFF, w->f->n - w->at);
        w->at = found ? (size_t) (found - data) : w->f->n;
        if (w->at + 1 >= w->f->n) {
            w->at = w->f->n;
        } else {
            int next = data[w->at + 1];
            if (next != 0 && next != 0xFF && (next < RST0 || next > RST7))
                return;
            w->at += next == 0xFF ? 1 : 2;
        }
    }
}

static lattn_status take_segment(
    struct walk *w, int marker, const uint8_t *body, size_t bytes, int64_t max_pixels)
{
    if (marker >= SOF0 && marker <= 0xCF && marker != DHT && marker != JPG && marker != DAC)
        return take_frame(w, marker, body, bytes, max_pixels);
    if (marker == DAC)
        return unsupported(w, "arithmetic-coded");
    if (marker == DQT)
        return take_quantisers(w, body, bytes);
    if (marker == DHT)
        return take_huffman(w, body, bytes);
    if (marker == APP1 && bytes > 6 && !memcmp(body, "Exif\0\0", 6))
        w->out->orientation = orientation_of(body + 6, bytes - 6);
    if (marker == SOS) {
        if (!w->has_frame)
            return bad(w, "a scan before the frame header");
        if (!scan_is_defined(w, body, bytes))
            return bad(w, "a scan whose channels or tables are not defined");
        if (++w->n_scans > MAX_SCANS)
            return lat_err(
                LATTN_ERR_FORMAT, "%s: JPEG with more than %d scans", w->f->name, MAX_SCANS);
        skip_scan(w);
    }
    return LATTN_OK;
}

lattn_status lat_jpeg_check(
    const struct lat_image_file *f, int64_t max_pixels, struct lat_image_info *out)
{
    struct walk w = { .f = f, .out = out, .at = 2 };
    for (;;) {
        if (f->n - w.at < 2)
            return bad(&w, "it ends before its end-of-image marker");
        if (f->data[w.at] != 0xFF)
            return bad(&w, "no marker where one belongs");
        int marker = f->data[w.at + 1];
        w.at += marker == 0xFF ? 1 : 2;  // fill bytes are allowed in front of a marker
        if (marker == EOI)
            break;
        if (marker == 0xFF || marker == TEM || (marker >= RST0 && marker <= RST7))
            continue;
        if (marker == 0 || marker == SOI)
            return bad(&w, "no marker where one belongs");
        if (f->n - w.at < 2)
            return bad(&w, "it ends before its end-of-image marker");
        size_t bytes = lat_be16(f->data + w.at);
        if (bytes < 2)
            return bad(&w, "a segment without its length");
        if (bytes > f->n - w.at)
            return bad(&w, "it ends before its end-of-image marker");
        const uint8_t *body = f->data + w.at + 2;
        w.at += bytes;
        LAT_TRY(take_segment(&w, marker, body, bytes - 2, max_pixels));
    }
    if (w.n_scans == 0)
        return bad(&w, "no scan");
    return LATTN_OK;
}
