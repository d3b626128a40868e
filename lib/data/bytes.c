// SPDX-License-Identifier: MIT
//
// A data file as bytes in memory, and making bytes valid UTF-8.
//
// A .gz file is expanded while a limit is watched: deflate reaches 1000:1, so a small file
// can be made to fill any memory. Text and pictures are rarely packed better than 20:1.

#include <limits.h>
#include <string.h>
#include <zlib.h>
#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/text_rows.h"

static const uint64_t max_file_bytes = (uint64_t) 16 << 30;
static const uint64_t free_expansion = (uint64_t) 64 << 20;
enum { MAX_RATIO = 100, CHUNK = 1 << 20 };

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

struct expander {
    const char *path;
    const struct lat_bytes *packed;
    size_t used;  // bytes of packed that were given to z
    z_stream z;
    struct {
        char *items;
        size_t n, capacity;
    } out;
};

// zlib counts in unsigned int: input and output are handed over in parts.
static void offer_input(struct expander *x)
{
    if (x->z.avail_in > 0)
        return;
    size_t n = LAT_MIN(x->packed->n - x->used, (size_t) INT_MAX);
    x->z.next_in = (Bytef *) x->packed->items + x->used;
    x->z.avail_in = (uInt) n;
    x->used += n;
}

static lattn_status offer_output(struct expander *x)
{
    uint64_t limit = free_expansion + (uint64_t) x->packed->n * MAX_RATIO;
    if (x->out.n > limit)
        return lat_err(LATTN_ERR_FORMAT,
            "%s expands to more than %llu bytes, %d times its size; no plausible data do", x->path,
            (unsigned long long) limit, MAX_RATIO);
    LAT_TRY(LAT_RESERVE(&x->out, x->out.n + CHUNK));
    x->z.next_out = (Bytef *) x->out.items + x->out.n;
    x->z.avail_out = CHUNK;
    return LATTN_OK;
}

// One member; *more tells whether another one follows.
static lattn_status expand_member(struct expander *x, bool *more)
{
    int rc = Z_OK;
    while (rc != Z_STREAM_END) {
        offer_input(x);
        LAT_TRY(offer_output(x));
        rc = inflate(&x->z, Z_NO_FLUSH);
        x->out.n += CHUNK - x->z.avail_out;
        if (rc == Z_MEM_ERROR)
            return lat_err(
                LATTN_ERR_HOST_MEMORY, "%s: out of host memory while expanding", x->path);
        if (rc == Z_BUF_ERROR && x->used == x->packed->n)
            return lat_err(LATTN_ERR_FORMAT, "%s: the gzip data ends too early", x->path);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return lat_err(LATTN_ERR_FORMAT, "%s: damaged gzip data: %s", x->path,
                x->z.msg ? x->z.msg : "no gzip file");
    }
    // Zeros behind the end are padding of tapes and disks, anything else is a member.
    size_t at = x->used - x->z.avail_in;
    while (at < x->packed->n && x->packed->items[at] == 0)
        at++;
    *more = at < x->packed->n;
    return LATTN_OK;
}

static lattn_status expand(const char *path, struct lat_bytes *b)
{
    enum { GZIP_ONLY = 16 + MAX_WBITS };
    struct expander x = { .path = path, .packed = b };
    if (inflateInit2(&x.z, GZIP_ONLY) != Z_OK)
        return lat_err(LATTN_ERR_HOST_MEMORY, "%s: out of host memory while expanding", path);
    lattn_status st = LATTN_OK;
    for (bool more = true; more && !st;) {
        st = expand_member(&x, &more);
        if (more && !st)
            inflateReset(&x.z);
    }
    inflateEnd(&x.z);
    if (st) {
        lat_free(x.out.items);
        return st;
    }
    lat_free(b->items);
    b->items = x.out.items;
    b->n = x.out.n;
    return LATTN_OK;
}

static lattn_status check_encoding(const char *path, struct lat_bytes *b)
{
    if (b->n >= 2 && (!memcmp(b->items, "\xFF\xFE", 2) || !memcmp(b->items, "\xFE\xFF", 2)))
        return lat_err(LATTN_ERR_FORMAT, "%s is UTF-16; save it as UTF-8", path);
    if (b->n >= 3 && !memcmp(b->items, "\xEF\xBB\xBF", 3)) {
        b->n -= 3;
        memmove(b->items, b->items + 3, b->n);
    }
    return LATTN_OK;
}

lattn_status lat_bytes_read_any(const char *path, struct lat_bytes *out)
{
    *out = (struct lat_bytes){ 0 };
    struct lat_bytes b = { 0 };
    size_t limit = (size_t) LAT_MIN(max_file_bytes, (uint64_t) SIZE_MAX);
    LAT_TRY(lat_file_read_all(path, limit, &b.items, &b.n));
    b.file_bytes = b.n;
    b.hash = lat_hash(b.items, b.n);
    lattn_status st = ends_with(path, ".gz") ? expand(path, &b) : LATTN_OK;
    if (st)
        lat_free(b.items);
    else
        *out = b;
    return st;
}

lattn_status lat_bytes_read(const char *path, struct lat_bytes *out)
{
    LAT_TRY(lat_bytes_read_any(path, out));
    lattn_status st = check_encoding(path, out);
    if (st) {
        lat_free(out->items);
        *out = (struct lat_bytes){ 0 };
    }
    return st;
}

int64_t lat_utf8_clean(struct lat_str *out, const char *text, size_t n)
{
    int64_t n_replaced = 0;
    size_t start = 0;  // of the valid run that is not copied yet
    for (size_t i = 0; i < n;) {
        size_t len = text[i] ? lat_utf8_length(text + i, n - i) : 0;
        if (len) {
            i += len;
            continue;
        }
        lat_str_addn(out, text + start, i - start);
        lat_str_add(out, "\xEF\xBF\xBD");
        n_replaced++;
        start = ++i;
    }
    lat_str_addn(out, text + start, n - start);
    return n_replaced;
}
