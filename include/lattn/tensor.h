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

/** Short name of a dtype, "bf16"; "unknown" for a value that is none. */
LATTN_API const char *lattn_dtype_name(lattn_dtype dtype);
/** Bytes of one element; 0 for a value that is no dtype. */
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

// NULL is accepted by these and gives f32, 0 and false, so that model code may ask for sizes before
// it finds out that an op failed.

/** Type of the elements. */
LATTN_API lattn_dtype lattn_tensor_dtype(const lattn_tensor *t);
/** Number of dimensions. */
LATTN_API int lattn_tensor_rank(const lattn_tensor *t);
/** Size along d; negative d counts from the last. 0 if d is out of range. */
LATTN_API int64_t lattn_tensor_dim(const lattn_tensor *t, int d);
/** Number of elements, 1 for rank 0. */
LATTN_API int64_t lattn_tensor_numel(const lattn_tensor *t);
/** Whether the elements lie in row-major order without gaps. */
LATTN_API bool lattn_tensor_is_contiguous(const lattn_tensor *t);

/**
 * Copies host memory into a tensor of any strides, in its own dtype.
 *
 * Args     bytes  must be numel * dtype size
 * Waits    only when the upload ring is full
 * Errors   the first error kept in the context; ERR_ARG on a wrong size, or for an expanded tensor;
 *          ERR_STATE while a graph is being captured
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_write(
    lattn_tensor *t, const void *data, size_t bytes);

/**
 * The same from floats, rounded to nearest even into the dtype of t (i32, u8: truncated).
 *
 * Args     n  must be numel
 * Errors   as lattn_tensor_write
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_write_f32(
    lattn_tensor *t, const float *data, int64_t n);

/**
 * Copies a tensor into host memory, row-major, in its own dtype.
 *
 * Waits    until everything recorded so far has run
 * Errors   the first error kept in the context; ERR_ARG on a wrong size; ERR_STATE during capture;
 *          ERR_DEVICE_LOST
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_read(
    lattn_tensor *t, void *data, size_t bytes);
/**
 * The same, converted to float.
 *
 * Args     n  must be numel
 * Errors   as lattn_tensor_read
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_read_f32(
    lattn_tensor *t, float *data, int64_t n);
/**
 * The value of a tensor of one element.
 *
 * Waits    until everything recorded so far has run
 * Errors   the first error kept in ctx, so t may be the NULL of a failed op; ERR_SHAPE if t has
 *          several elements
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_item(
    lattn_ctx *ctx, lattn_tensor *t, double *value);

/**
 * Prints name, dtype, shape and values; of dimensions longer than 6 the first and last three.
 *
 * Args     name  NULL = none
 * Waits    until everything recorded so far has run
 * Errors   as lattn_tensor_read; ERR_IO if the stream cannot be written
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_tensor_print(
    FILE *to, const char *name, lattn_tensor *t);

// ---- step-owned tensors -------------------------------------------------------------------

/**
 * A tensor with one value everywhere.
 *
 * Shapes   -> dims [rank]
 * Dtypes   any
 * Args     value  rounded into dtype
 * Owner    the step
 * Errors   ERR_ARG, ERR_SHAPE, ERR_DTYPE, ERR_GPU_MEMORY as for lattn_tensor_create
 */
LATTN_API lattn_tensor *lattn_full(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, double value);

/** lattn_full with value 0. */
LATTN_API lattn_tensor *lattn_zeros(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims);

/**
 * A tensor with values from the host, copied at once and rounded into dtype.
 *
 * Shapes   -> dims [rank]
 * Dtypes   any; f32 to 16-bit floats to nearest even, to integers truncated
 * Args     data  as many values as dims say, row-major
 * Owner    the step
 * Waits    only when the upload ring is full
 * Errors   as lattn_full; ERR_STATE while a graph is being captured
 */
LATTN_API lattn_tensor *lattn_from_f32(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, const float *data);

/** The same from whole numbers, dtype i32. */
LATTN_API lattn_tensor *lattn_from_i32(
    lattn_ctx *ctx, int rank, const int64_t *dims, const int32_t *data);

// ---- in place, no gradient ----------------------------------------------------------------

// Each of these changes t where it is and bumps the version that backward checks. A tensor that
// backward still needs may not be changed before it has run. Each gives the first error kept in the
// context, and ERR_ARG for a tensor in which one element of memory stands at several places
// (lattn_expand): the order of writes would decide.

/**
 * t = value, rounded into its dtype.
 *
 * Errors   those of all functions in place
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_fill_(lattn_tensor *t, double value);
/**
 * dst = src, converting the dtype as lattn_cast does.
 *
 * Shapes   src broadcastable to dst
 * Edge     the two may overlap: src is read as it was before
 * Errors   ERR_SHAPE if src does not broadcast to dst; ERR_ARG if they are of two contexts
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_copy_(lattn_tensor *dst, lattn_tensor *src);
/**
 * dst += src.
 *
 * Shapes   dst and src the same
 * Errors   ERR_SHAPE or ERR_DTYPE if they differ; ERR_ARG if they are of two contexts
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_add_(lattn_tensor *dst, lattn_tensor *src);

// Random numbers are a function of the context's seed, its step, how many random ops came before in
// the step, and the element's row-major position: the same on every device, whatever the strides.

/**
 * Uniform on [lo, hi), in steps of 2^-24 of the range.
 *
 * Edge     rounding into f16 or bf16 may reach hi
 * Errors   ERR_ARG if lo > hi or hi - lo is not finite
 * Source   Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox-4x32-10)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_uniform_(lattn_tensor *t, float lo, float hi);
/**
 * Normal with this mean and standard deviation.
 *
 * Errors   ERR_ARG if std < 0, or mean or std is not finite
 * Source   Box & Muller 1958
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_normal_(lattn_tensor *t, float mean, float std);
/**
 * Normal, only values in [lo, hi]: from the inverse of the distribution function between them.
 *
 * Errors   ERR_ARG if std <= 0, mean or std is not finite, or lo > hi
 * Source   Giles 2010, "Approximating the erfinv function"
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_trunc_normal_(
    lattn_tensor *t, float mean, float std, float lo, float hi);
/**
 * 1 with probability p, else 0.
 *
 * Errors   ERR_ARG if p is outside [0, 1]
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bernoulli_(lattn_tensor *t, float p);

#ifdef __cplusplus
}
#endif
#endif
