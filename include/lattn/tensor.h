// SPDX-License-Identifier: MIT
//
// Tensors: dtype, shape, create, view, read, write, retain.
#ifndef LATTN_TENSOR_H
#define LATTN_TENSOR_H
#include <stdio.h>
#include "lattn/device.h"

#ifdef __cplusplus
extern "C" {
#endif

// One row per dtype: code, bytes, name in safetensors, short name.
// clang-format off
#define LATTN_DTYPE_MAP(XX)       \
    XX(F32,  4, "F32",  "f32")    \
    XX(F16,  2, "F16",  "f16")    \
    XX(BF16, 2, "BF16", "bf16")   \
    XX(I32,  4, "I32",  "i32")    \
    XX(U8,   1, "U8",   "u8")
// clang-format on

typedef enum lattn_dtype {
#define XX(code, bytes, st, name) LATTN_DTYPE_##code,
    LATTN_DTYPE_MAP(XX)
#undef XX
    LATTN_DTYPE_COUNT
} lattn_dtype;

enum { LATTN_MAX_RANK = 8 };

LATTN_API const char *lattn_dtype_name(lattn_dtype dtype);
LATTN_API size_t lattn_dtype_bytes(lattn_dtype dtype);

/**
 * Makes a tensor that lives until released: parameters, inputs of graphs, data.
 * Its content is undefined until written or filled.
 *
 * Args     dims  rank sizes, slowest first, each >= 0; may be NULL for rank 0
 * Owner    the caller; lattn_tensor_release
 * Errors   ERR_ARG, ERR_SHAPE (overflow), ERR_DTYPE if the device lacks storage
 *          of that width, ERR_GPU_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_create(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, lattn_tensor **out);

/** Keeps a result of an op beyond its step: one more reference. Returns t. */
LATTN_API lattn_tensor *lattn_tensor_retain(lattn_tensor *t);

/** Gives up one reference taken by create or retain; sets *t to NULL. */
LATTN_API void lattn_tensor_release(lattn_tensor **t);

LATTN_API lattn_dtype lattn_tensor_dtype(const lattn_tensor *t);
LATTN_API int lattn_tensor_rank(const lattn_tensor *t);
/** Size along d; negative d counts from the last. 0 if d is out of range. */
LATTN_API int64_t lattn_tensor_dim(const lattn_tensor *t, int d);
LATTN_API int64_t lattn_tensor_numel(const lattn_tensor *t);
LATTN_API bool lattn_tensor_is_contiguous(const lattn_tensor *t);

/**
 * Copies host memory into a tensor of any strides, in its own dtype.
 *
 * Args     bytes  must be numel * dtype size
 * Waits    only when the upload ring is full
 * Errors   ERR_ARG on a wrong size; ERR_STATE while a graph is being captured
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_write(
    lattn_tensor *t, const void *data, size_t bytes);

/** The same from floats, rounded to nearest even into the dtype of t (i32, u8: truncated). */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_write_f32(
    lattn_tensor *t, const float *data, int64_t n);

/**
 * Copies a tensor into host memory, row-major, in its own dtype.
 *
 * Waits    until everything recorded so far has run
 * Errors   the first error kept in the context; ERR_STATE during capture
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_read(
    lattn_tensor *t, void *data, size_t bytes);
/** The same, converted to float. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_read_f32(
    lattn_tensor *t, float *data, int64_t n);
/** The value of a tensor of one element. NULL t returns the error kept in ctx. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_item(
    lattn_ctx *ctx, lattn_tensor *t, double *value);

/** Prints shape, dtype and values (long dimensions shortened) to a stream. Waits. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_print(FILE *to, const char *name, lattn_tensor *t);

// ---- step-owned tensors -------------------------------------------------------------------

LATTN_API lattn_tensor *lattn_full(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, double value);
LATTN_API lattn_tensor *lattn_zeros(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims);
LATTN_API lattn_tensor *lattn_from_f32(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, const float *data);
LATTN_API lattn_tensor *lattn_from_i32(
    lattn_ctx *ctx, int rank, const int64_t *dims, const int32_t *data);

// ---- in place, no gradient ----------------------------------------------------------------

/** t = value. In place: bumps the version that backward checks. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_fill_(lattn_tensor *t, double value);
/** dst = src, converting the dtype; shapes equal or src broadcast to dst. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_copy_(lattn_tensor *dst, lattn_tensor *src);
/** dst += src; same shape and dtype. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_add_(lattn_tensor *dst, lattn_tensor *src);
/** Uniform on [lo, hi). Philox, keyed by the context's seed, step and op. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_uniform_(lattn_tensor *t, float lo, float hi);
/** Normal, by Box-Muller. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_normal_(lattn_tensor *t, float mean, float std);
/** Normal cut to [lo, hi] by the inverse distribution function. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_trunc_normal_(
    lattn_tensor *t, float mean, float std, float lo, float hi);
/** 1 with probability p, else 0. */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bernoulli_(lattn_tensor *t, float p);

#ifdef __cplusplus
}
#endif
#endif
