// SPDX-License-Identifier: MIT
//
// Flat arenas: many tensors as slices of a few large buffers, so that clearing, norm, update and
// saving are a handful of dispatches however many tensors there are.
//
// Each slice starts on a chunk of LAT_FLAT_CHUNK elements, and the gap behind it is zero and stays
// zero under every update rule, so kernels may treat a buffer as one long vector. A buffer stays
// within one allocation, and no tensor lies across two.
#ifndef LAT_FLAT_H
#define LAT_FLAT_H
#include "tensor/tensor.h"

enum { LAT_FLAT_CHUNK = 1024, LAT_FLAT_MAX_BUFFERS = 64 };

// Where tensor i lies.
struct lat_flat_place {
    int buffer;
    int64_t start, n;  // elements
};

struct lat_flat {
    lattn_ctx *ctx;
    int n_tensors, n_buffers;
    struct lat_flat_place *place;                // [n_tensors]
    lattn_tensor *buffer[LAT_FLAT_MAX_BUFFERS];  // [numel], KEPT
};

// Lays out n tensors (all of one dtype) and makes the buffers, filled with zeros.
lattn_status lat_flat_create(
    lattn_ctx *ctx, lattn_tensor *const *tensors, int n, struct lat_flat **out);
// Buffers of the same layout in another dtype, filled with zeros.
lattn_status lat_flat_like(const struct lat_flat *f, lattn_dtype dtype, struct lat_flat **out);
void lat_flat_destroy(struct lat_flat **f);

// Moves tensor i, which must have the layout's size and dtype, into its place, with its values.
lattn_status lat_flat_adopt(struct lat_flat *f, int i, lattn_tensor *t);
// A tensor with like's shape on slice i, with one reference, owned by the caller.
lattn_status lat_flat_tensor(
    struct lat_flat *f, int i, const lattn_tensor *like, lattn_tensor **out);
// Slice i as a vector of the current step.
lattn_tensor *lat_flat_slice(struct lat_flat *f, int i);

#endif
