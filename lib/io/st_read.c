// SPDX-License-Identifier: MIT
//
// Reads the data of a safetensors entry, converting on the way.
//
// Data goes through a buffer of fixed size, also because it may lie at any byte of the
// file: it is copied, never cast. Floats are converted by way of f32, integers by way
// of i64. The host must be little-endian, as every host with Vulkan is.

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/log.h"
#include "io/safetensors.h"
#include "tensor/tensor.h"

enum { CHUNK = 16 * 1024 };  // elements; 128 KiB of 64-bit ones stay in the cache

#define QUOTED(name) lat_quoted(name, (char[100]){ 0 }, 100)

struct reader {
    const char *path, *name;
    lattn_dtype dtype;
    unsigned char *raw;  // CHUNK elements as in the file
    float *f32;          // CHUNK
    int64_t n_not_finite;
};

static bool is(const struct lat_st_dtype *d, const char *name)
{
    return !strcmp(d->name, name);
}

static void to_f32(const struct lat_st_dtype *from, const unsigned char *raw, float *to, int64_t n)
{
    if (is(from, "F64")) {
        for (int64_t i = 0; i < n; i++) {
            double v;
            memcpy(&v, raw + i * 8, 8);
            to[i] = (float) v;
        }
        return;
    }
    lattn_dtype dtype = is(from, "F32")   ? LATTN_DTYPE_F32
                        : is(from, "F16") ? LATTN_DTYPE_F16
                                          : LATTN_DTYPE_BF16;
    lat_convert_to_f32(dtype, to, raw, n);
}

// Beyond the largest f16 a finite value turns into infinity and counts as not finite.
static int64_t count_not_finite(const float *v, int64_t n, lattn_dtype dtype)
{
    const float limit = dtype == LATTN_DTYPE_F16 ? 65519.996f : INFINITY;
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad += !(fabsf(v[i]) < INFINITY && fabsf(v[i]) <= limit);
    return bad;
}

static void convert_floats(
    struct reader *r, const struct lat_st_dtype *from, unsigned char *to, int64_t n)
{
    to_f32(from, r->raw, r->f32, n);
    r->n_not_finite += count_not_finite(r->f32, n, r->dtype);
    lat_convert_from_f32(r->dtype, to, r->f32, n);
}

// Value i of an integer array; false when it is beyond i64.
static bool take_int(const struct lat_st_dtype *from, const unsigned char *raw, int64_t *v)
{
    size_t bytes = from->bits / 8;
    uint64_t u = 0;
    memcpy(&u, raw, bytes);
    bool is_signed = from->name[0] == 'I';
    if (is_signed && bytes < 8 && u >> (from->bits - 1))
        u |= UINT64_MAX << from->bits;
    memcpy(v, &u, sizeof *v);
    return is_signed || u <= INT64_MAX;
}

static lattn_status convert_ints(
    struct reader *r, const struct lat_st_dtype *from, unsigned char *to, int64_t n)
{
    bool u8 = r->dtype == LATTN_DTYPE_U8;
    int64_t lo = u8 ? 0 : INT32_MIN, hi = u8 ? UINT8_MAX : INT32_MAX;
    for (int64_t i = 0; i < n; i++) {
        int64_t v;
        if (!take_int(from, r->raw + (size_t) i * (from->bits / 8), &v) || v < lo || v > hi)
            return lat_err(LATTN_ERR_FORMAT,
                "%s: tensor \"%s\" has a value outside [%" PRId64 ", %" PRId64
                "], it cannot be read as %s",
                r->path, QUOTED(r->name), lo, hi, lattn_dtype_name(r->dtype));
        if (u8) {
            to[i] = (unsigned char) v;
        } else {
            int32_t v32 = (int32_t) v;
            memcpy(to + i * 4, &v32, 4);
        }
    }
    return LATTN_OK;
}

static lattn_status read_chunks(
    struct reader *r, struct lat_st_file *file, const struct lat_st_entry *e, unsigned char *to)
{
    size_t from_bytes = e->dtype->bits / 8, to_bytes = lattn_dtype_bytes(r->dtype);
    for (int64_t at = 0; at < e->numel; at += CHUNK) {
        int64_t n = LAT_MIN(e->numel - at, (int64_t) CHUNK);
        uint64_t offset = file->data_start + e->begin + (uint64_t) at * from_bytes;
        LAT_TRY(lat_file_pread(file->file, offset, r->raw, (size_t) n * from_bytes));
        if (e->dtype->kind == LAT_ST_FLOAT)
            convert_floats(r, e->dtype, to, n);
        else
            LAT_TRY(convert_ints(r, e->dtype, to, n));
        to += (size_t) n * to_bytes;
    }
    return LATTN_OK;
}

static lattn_status report_not_finite(const lattn_safetensors *s, const struct reader *r)
{
    if (r->n_not_finite == 0)
        return LATTN_OK;
    if (s->params.refuse_not_finite)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: tensor \"%s\" has %lld values that are not finite as %s", r->path, QUOTED(r->name),
            (long long) r->n_not_finite, lattn_dtype_name(r->dtype));
    lat_log(LATTN_LOG_WARN, "%s: tensor \"%s\" has %lld values that are not finite as %s", r->path,
        QUOTED(r->name), (long long) r->n_not_finite, lattn_dtype_name(r->dtype));
    return LATTN_OK;
}

static lattn_status check_dtypes(const char *path, const struct lat_st_entry *e, lattn_dtype dtype)
{
    bool wants_float =
        dtype == LATTN_DTYPE_F32 || dtype == LATTN_DTYPE_F16 || dtype == LATTN_DTYPE_BF16;
    bool wants_int = dtype == LATTN_DTYPE_I32 || dtype == LATTN_DTYPE_U8;
    if ((e->dtype->kind == LAT_ST_FLOAT && wants_float) ||
        (e->dtype->kind == LAT_ST_INT && wants_int))
        return LATTN_OK;
    return lat_err(LATTN_ERR_DTYPE, "%s: tensor \"%s\" is %s and cannot be read as %s", path,
        QUOTED(e->name), e->dtype->name,
        wants_float || wants_int ? lattn_dtype_name(dtype) : "that dtype");
}

lattn_status lattn_safetensors_read(
    lattn_safetensors *file, size_t i, lattn_dtype dtype, void *data, size_t bytes)
{
    LAT_CHECK_ARG(file);
    LAT_CHECK_ARRAY(data, bytes);
    if (i >= file->entries.n)
        return lat_err(LATTN_ERR_ARG, "tensor %zu of %zu", i, file->entries.n);
    const struct lat_st_entry *e = &file->entries.items[i];
    struct lat_st_file *f = &file->files.items[e->file];
    struct reader r = { .path = lat_file_path(f->file), .name = e->name, .dtype = dtype };
    LAT_TRY(check_dtypes(r.path, e, dtype));
    // numel * 8 bits fits (the parser has checked it), but not always numel * 4 bytes.
    size_t size = lattn_dtype_bytes(dtype);
    if ((uint64_t) e->numel > SIZE_MAX / size || bytes != (size_t) e->numel * size)
        return lat_err(LATTN_ERR_ARG,
            "%s: tensor \"%s\" has %lld elements; %zu bytes do not fit it", r.path, QUOTED(e->name),
            (long long) e->numel, bytes);

    r.raw = lat_alloc((size_t) CHUNK * 8);
    r.f32 = lat_alloc(CHUNK * sizeof *r.f32);
    lattn_status st = r.raw && r.f32 ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = read_chunks(&r, f, e, data);
    if (!st)
        st = report_not_finite(file, &r);
    lat_free(r.f32);
    lat_free(r.raw);
    return st;
}
