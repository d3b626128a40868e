// SPDX-License-Identifier: MIT
//
// Between host and device: writes and reads of tensors with any strides, tensors made from host
// arrays, and the public in-place functions.
//
// Staging moves contiguous words. A tensor with strides, or one that starts or ends inside a word,
// goes through a contiguous step tensor, which is a storage of its own and so starts on a word.

#include "tensor/tensor.h"
#include <string.h>

// Whether staging may touch all words of t: it rounds the end up to a word, and behind a slice of
// something larger that would be a neighbour.
static bool direct(const lattn_tensor *t)
{
    uint64_t start = lat_tensor_start(t), bytes = lat_tensor_span(t);
    bool own_end = start + bytes == t->storage->offset + t->storage->bytes && !t->storage->guarded;
    return lat_is_contiguous(t) && start % 4 == 0 && (bytes % 4 == 0 || own_end);
}

static struct lat_range range_of(const lattn_tensor *t)
{
    return (struct lat_range){ t->storage->block, lat_tensor_start(t), lat_tensor_span(t) };
}

// In a guarded storage the bytes that round up to a word belong to the band and stay 0xff.
static lattn_status upload(lattn_tensor *t, const void *data)
{
    struct lat_range range = range_of(t);
    if (!t->storage->guarded || range.bytes % 4 == 0)
        return lat_sched_upload(t->ctx->sched, range, data);
    uint64_t rounded = (range.bytes + 3) / 4 * 4;
    uint8_t *padded = lat_alloc((size_t) rounded);
    if (!padded)
        return LATTN_ERR_HOST_MEMORY;
    memset(padded, 0xff, (size_t) rounded);
    memcpy(padded, data, (size_t) range.bytes);
    range.bytes = rounded;
    lattn_status st = lat_sched_upload(t->ctx->sched, range, padded);
    lat_free(padded);
    return st;
}

static lattn_status write_bytes(lattn_tensor *t, const void *data)
{
    LAT_TRY(lat_not_capturing(t->ctx, "writing a tensor"));
    if (lat_numel(t) == 0)
        return LATTN_OK;
    if (direct(t))
        return upload(t, data);
    lattn_tensor *staged = lat_tensor_new(t->ctx, t->dtype, t->rank, t->dim);
    if (!staged)
        return t->ctx->error;
    LAT_TRY(upload(staged, data));
    return lat_prim_copy(t, staged);
}

static lattn_status read_bytes(lattn_tensor *t, void *data)
{
    lattn_ctx *ctx = t->ctx;
    LAT_TRY(lat_not_capturing(ctx, "reading a tensor"));
    if (lat_numel(t) == 0)
        return LATTN_OK;
    if (!lat_is_contiguous(t) || lat_tensor_start(t) % 4) {
        lattn_tensor *staged = lat_tensor_new(ctx, t->dtype, t->rank, t->dim);
        if (!staged)
            return ctx->error;
        LAT_TRY(lat_prim_copy(staged, t));
        t = staged;
    }
    return lat_sched_download(ctx->sched, range_of(t), data);
}

// Conversion happens in pieces of this many elements.
static lattn_status write_floats(lattn_tensor *t, const float *data)
{
    if (t->dtype == LATTN_DTYPE_F32)
        return write_bytes(t, data);
    int64_t n = lat_numel(t);
    void *converted = lat_calloc((size_t) n, lattn_dtype_bytes(t->dtype));
    if (!converted)
        return LATTN_ERR_HOST_MEMORY;
    lat_convert_from_f32(t->dtype, converted, data, n);
    lattn_status st = write_bytes(t, converted);
    lat_free(converted);
    return st;
}

static lattn_status read_floats(lattn_tensor *t, float *data)
{
    if (t->dtype == LATTN_DTYPE_F32)
        return read_bytes(t, data);
    int64_t n = lat_numel(t);
    void *raw = lat_calloc((size_t) n, lattn_dtype_bytes(t->dtype));
    if (!raw)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = read_bytes(t, raw);
    if (!st)
        lat_convert_to_f32(t->dtype, data, raw, n);
    lat_free(raw);
    return st;
}

static lattn_status check_bytes(const lattn_tensor *t, const char *what, size_t bytes)
{
    size_t expected = (size_t) lat_numel(t) * lattn_dtype_bytes(t->dtype);
    if (bytes == expected)
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG, "%s: %zu bytes given, a %s tensor of shape %s has %zu", what,
        bytes, lattn_dtype_name(t->dtype), LAT_SHAPE(t), expected);
}

static lattn_status check_count(const lattn_tensor *t, const char *what, int64_t n)
{
    if (n == lat_numel(t))
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG, "%s: %lld values given, shape %s has %lld", what, (long long) n,
        LAT_SHAPE(t), (long long) lat_numel(t));
}

lattn_status lattn_tensor_write(lattn_tensor *t, const void *data, size_t bytes)
{
    LAT_TRY(lat_check_tensor(t, "lattn_tensor_write"));
    LAT_CHECK_ARRAY(data, bytes);
    lattn_status st = check_bytes(t, "lattn_tensor_write", bytes);
    if (!st)
        st = lat_change(t, "lattn_tensor_write");
    return lat_done(t->ctx, st ? st : write_bytes(t, data));
}

lattn_status lattn_tensor_write_f32(lattn_tensor *t, const float *data, int64_t n)
{
    LAT_TRY(lat_check_tensor(t, "lattn_tensor_write_f32"));
    LAT_CHECK_ARRAY(data, n);
    lattn_status st = check_count(t, "lattn_tensor_write_f32", n);
    if (!st)
        st = lat_change(t, "lattn_tensor_write_f32");
    return lat_done(t->ctx, st ? st : write_floats(t, data));
}

lattn_status lattn_tensor_read(lattn_tensor *t, void *data, size_t bytes)
{
    LAT_TRY(lat_check_tensor(t, "lattn_tensor_read"));
    LAT_CHECK_ARRAY(data, bytes);
    lattn_status st = t->ctx->error;
    if (!st)
        st = check_bytes(t, "lattn_tensor_read", bytes);
    return lat_done(t->ctx, st ? st : read_bytes(t, data));
}

lattn_status lattn_tensor_read_f32(lattn_tensor *t, float *data, int64_t n)
{
    LAT_TRY(lat_check_tensor(t, "lattn_tensor_read_f32"));
    LAT_CHECK_ARRAY(data, n);
    lattn_status st = t->ctx->error;
    if (!st)
        st = check_count(t, "lattn_tensor_read_f32", n);
    return lat_done(t->ctx, st ? st : read_floats(t, data));
}

static double value_of(lattn_dtype dtype, const void *raw)
{
    int32_t whole;
    float v;
    if (dtype == LATTN_DTYPE_I32) {
        memcpy(&whole, raw, sizeof whole);
        return whole;
    }
    lat_convert_to_f32(dtype, &v, raw, 1);
    return v;
}

lattn_status lattn_tensor_item(lattn_ctx *ctx, lattn_tensor *t, double *value)
{
    LAT_CHECK_ARG(value);
    if (ctx->error)
        return lat_take_error(ctx);
    if (!t)
        return lat_done(ctx, lat_err(LATTN_ERR_ARG, "lattn_tensor_item: t is NULL"));
    lattn_status st = lat_check_ctx(ctx, t, "lattn_tensor_item", "t");
    if (st)
        return lat_done(ctx, st);
    if (lat_numel(t) != 1)
        return lat_done(
            ctx, lat_err(LATTN_ERR_SHAPE, "lattn_tensor_item: shape %s has %lld elements, not 1",
                     LAT_SHAPE(t), (long long) lat_numel(t)));
    uint32_t raw = 0;
    st = read_bytes(t, &raw);
    if (!st)
        *value = value_of(t->dtype, &raw);
    return lat_done(ctx, st);
}

// ---- step-owned tensors -----------------------------------------------------------------------

lattn_tensor *lattn_full(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, double value)
{
    LAT_NEED_ARRAY(ctx, dims, rank);
    if (ctx->error)
        return NULL;
    lattn_tensor *t = lat_tensor_new(ctx, dtype, rank, dims);
    lattn_status st = t ? lat_prim_fill(t, value) : LATTN_OK;
    return st ? lat_fail_status(ctx, st) : t;
}

lattn_tensor *lattn_zeros(lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims)
{
    LAT_NEED_ARRAY(ctx, dims, rank);
    return lattn_full(ctx, dtype, rank, dims, 0);
}

lattn_tensor *lattn_from_f32(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, const float *data)
{
    LAT_NEED_ARRAY(ctx, dims, rank);
    if (ctx->error)
        return NULL;
    lattn_tensor *t = lat_tensor_new(ctx, dtype, rank, dims);
    LAT_NEED_ARRAY(ctx, data, lattn_tensor_numel(t));
    lattn_status st = t ? write_floats(t, data) : LATTN_OK;
    return st ? lat_fail_status(ctx, st) : t;
}

lattn_tensor *lattn_from_i32(lattn_ctx *ctx, int rank, const int64_t *dims, const int32_t *data)
{
    LAT_NEED_ARRAY(ctx, dims, rank);
    if (ctx->error)
        return NULL;
    lattn_tensor *t = lat_tensor_new(ctx, LATTN_DTYPE_I32, rank, dims);
    LAT_NEED_ARRAY(ctx, data, lattn_tensor_numel(t));
    lattn_status st = t ? write_bytes(t, data) : LATTN_OK;
    return st ? lat_fail_status(ctx, st) : t;
}

// ---- in place ---------------------------------------------------------------------------------

// What may be changed is marked as changed.
static lattn_status check_in_place(lattn_tensor *dst, const lattn_tensor *src, const char *what)
{
    LAT_TRY(lat_check_ctx(dst->ctx, src, what, "src"));
    return lat_change(dst, what);
}

lattn_status lattn_fill_(lattn_tensor *t, double value)
{
    LAT_TRY(lat_check_tensor(t, "lattn_fill_"));
    lattn_status st = lat_change(t, "lattn_fill_");
    return lat_done(t->ctx, st ? st : lat_prim_fill(t, value));
}

lattn_status lattn_copy_(lattn_tensor *dst, lattn_tensor *src)
{
    LAT_TRY(lat_check_tensor(dst, "lattn_copy_"));
    LAT_TRY(lat_check_tensor(src, "lattn_copy_"));
    lattn_status st = check_in_place(dst, src, "lattn_copy_");
    return lat_done(dst->ctx, st ? st : lat_prim_copy(dst, src));
}

static lattn_status add_in_place(lattn_tensor *dst, lattn_tensor *src)
{
    if (dst->dtype != src->dtype)
        return lat_err(LATTN_ERR_DTYPE, "lattn_add_: dtypes %s and %s differ",
            lattn_dtype_name(dst->dtype), lattn_dtype_name(src->dtype));
    if (!lat_same_shape(dst, src))
        return lat_err(
            LATTN_ERR_SHAPE, "lattn_add_: shapes %s and %s differ", LAT_SHAPE(dst), LAT_SHAPE(src));
    return lat_numel(dst) ? lat_prim_accumulate(dst, src) : LATTN_OK;
}

lattn_status lattn_add_(lattn_tensor *dst, lattn_tensor *src)
{
    LAT_TRY(lat_check_tensor(dst, "lattn_add_"));
    LAT_TRY(lat_check_tensor(src, "lattn_add_"));
    lattn_status st = check_in_place(dst, src, "lattn_add_");
    return lat_done(dst->ctx, st ? st : add_in_place(dst, src));
}
