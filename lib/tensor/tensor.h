// SPDX-License-Identifier: MIT
//
// The tensor handle: a typed, strided view of a refcounted storage.
#ifndef LAT_TENSOR_H
#define LAT_TENSOR_H
#include "tensor/context.h"

// Memory that several views share. version counts in-place changes, for autograd.
struct lat_storage {
    int refs;
    struct lat_block *block;  // NULL when bytes is 0
    uint64_t offset;          // of this storage in block, in bytes: parameters live in arenas
    uint64_t bytes;
    uint64_t version;
    int grad_users;            // gradients on their way in backward that lie here (backward.c)
    bool kept;                 // KEPT memory, so it has an address and a place of its own
    bool guarded;              // LATTN_CHECK=guard: a band of LAT_GUARD_BYTES on each side
    struct lat_storage *next;  // among the free ones
};

struct lattn_tensor {
    lattn_ctx *ctx;
    struct lat_storage *storage;
    int64_t offset;     // elements from the storage's start
    lattn_dtype dtype;  // storage is NULL where only shape and dtype are known (lat_call, backward)
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    int64_t stride[LATTN_MAX_RANK];  // elements; 0 in expanded dimensions
    int refs;

    // autograd's members; the tensor layer only releases them
    bool requires_grad;    // a leaf that wants a gradient, or a result that leads to one
    lattn_tensor *grad;    // leaf: accumulated gradient memory (kept once made)
    bool grad_ready;       // leaf: grad holds a value; else the next backward writes it
    bool optimised;        // leaf: an optimiser's arenas hold it and its gradient
    lattn_tensor *master;  // leaf: f32 values of which this one's are the rounded copy; NULL = none
    struct lat_node *node;  // what made this tensor; NULL for leaves
    int node_output;

    lattn_tensor *next;  // among the free handles
};

// ---- creating (storage.c, tensor.c) -----------------------------------------------------------

// A result: contiguous, STEP memory, owned by the innermost step. NULL = error kept in ctx.
lattn_tensor *lat_tensor_new(lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims);
// A view of t's storage, owned by the step. Strides and offset in elements, offset from the start
// of the storage (a view that does not move it passes t->offset).
lattn_tensor *lat_tensor_view(
    lattn_tensor *t, int rank, const int64_t *dims, const int64_t *strides, int64_t offset);
// Points t at other memory of the same size (parameters moving into an arena): block is retained.
lattn_status lat_tensor_rebase(lattn_tensor *t, struct lat_block *block, uint64_t byte_offset);
// The values that count, where t is a rounded copy, and t itself else; and t brought up to date with them.
lattn_tensor *lat_tensor_master(lattn_tensor *t);
lattn_status lat_tensor_round(lattn_tensor *t);
lattn_tensor *lat_tensor_ref(lattn_tensor *t);  // one more reference; NULL stays NULL
void lat_tensor_unref(lattn_tensor *t);         // accepts NULL
// In place changes go through here: bumps the version.
void lat_tensor_touch(lattn_tensor *t);
// The same for a public function: ERR_ARG "what: ..." where one element of t stands at several places
// (lattn_expand), so that which value stays would be chance.
lattn_status lat_change(lattn_tensor *t, const char *what);
// A tensor with KEPT memory and one reference, owned by the caller.
lattn_status lat_tensor_kept(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, lattn_tensor **out);
// The same on a part of a block that is there already, for arenas. block is retained.
lattn_status lat_tensor_on_block(lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims,
    struct lat_block *block, uint64_t byte_offset, lattn_tensor **out);

lattn_status lat_storage_create(
    lattn_ctx *ctx, enum lat_block_kind kind, uint64_t bytes, struct lat_storage **out);
lattn_status lat_storage_on_block(lattn_ctx *ctx, struct lat_block *block, uint64_t offset,
    uint64_t bytes, struct lat_storage **out);
struct lat_storage *lat_storage_ref(struct lat_storage *s);
void lat_storage_unref(lattn_ctx *ctx, struct lat_storage *s);  // accepts NULL

// ERR_ARG "what: the tensor is NULL": what a program passes on when an earlier op failed.
lattn_status lat_check_tensor(const lattn_tensor *t, const char *what);
// ERR_ARG "what: name ..." when t, which may be NULL, is of another context than ctx.
lattn_status lat_check_ctx(
    const lattn_ctx *ctx, const lattn_tensor *t, const char *what, const char *name);

// The bytes of t, from its first to its last element (0 for an empty one), and where they start in
// the block.
uint64_t lat_tensor_span(const lattn_tensor *t);
uint64_t lat_tensor_start(const lattn_tensor *t);

// ---- guard.c --------------------------------------------------------------------------------------

// LATTN_CHECK=guard puts a band of 0xff on both sides of every STEP tensor, and bindings that end
// with a storage reach into its band: a kernel that writes out of range is found, and one that reads
// there sees NaN. Captured steps have no bands. The outermost step's end checks all of them.
enum { LAT_GUARD_BYTES = 4096 };
struct lat_guards;
lattn_status lat_guards_create(lattn_ctx *ctx);
void lat_guards_destroy(lattn_ctx *ctx);
// A STEP block of bytes with its bands; *offset is where the data starts.
lattn_status lat_guard_block(
    lattn_ctx *ctx, uint64_t bytes, struct lat_block **block, uint64_t *offset);
// Waits, then looks at every band since the last call. ERR_INTERNAL says which tensor and where.
// LATTN_OK without guards.
lattn_status lat_guard_check(lattn_ctx *ctx);

// ---- shape.c ------------------------------------------------------------------------------------

static inline int lat_rank(const lattn_tensor *t)
{
    return t->rank;
}
int64_t lat_dim(const lattn_tensor *t, int d);  // negative counts from the last
int64_t lat_numel(const lattn_tensor *t);
bool lat_is_contiguous(const lattn_tensor *t);
bool lat_same_shape(const lattn_tensor *a, const lattn_tensor *b);
int64_t lat_numel_of(int rank, const int64_t *dims);  // -1 on overflow or a negative size
void lat_contiguous_strides(int rank, const int64_t *dims, int64_t *strides);
// NumPy's rule; false when they do not fit.
bool lat_broadcast(
    int rank_a, const int64_t *a, int rank_b, const int64_t *b, int *rank, int64_t *dims);
// "[32, 12, 128, 64]" into a static-size buffer that the caller gives; returns text.
enum { LAT_SHAPE_TEXT = 128 };
const char *lat_shape_text(char text[LAT_SHAPE_TEXT], int rank, const int64_t *dims);
#define LAT_SHAPE(t) lat_shape_text((char[LAT_SHAPE_TEXT]){ 0 }, (t)->rank, (t)->dim)
// Joins dimensions that are contiguous in all n operands (strides given per operand), and drops
// sizes of 1: fewer index divisions in strided kernels. Returns the new rank (0 for one element).
int lat_collapse(int rank, int64_t *dims, int n, int64_t (*strides)[LATTN_MAX_RANK]);

// ---- dtype.c --------------------------------------------------------------------------------------

bool lat_is_float(lattn_dtype dtype);
uint16_t lat_f16_from_f32(float v);  // to nearest even
float lat_f32_from_f16(uint16_t v);
uint16_t lat_bf16_from_f32(float v);  // to nearest even; NaN stays NaN
float lat_f32_from_bf16(uint16_t v);
void lat_convert_from_f32(lattn_dtype dtype, void *dst, const float *src, int64_t n);
void lat_convert_to_f32(lattn_dtype dtype, float *dst, const void *src, int64_t n);
// ERR_DTYPE with the feature's name when this device cannot store dtype.
lattn_status lat_dtype_check(const lattn_ctx *ctx, lattn_dtype dtype);

// ---- view.c: no copies, no tape -------------------------------------------------------------------

// NULL without an error kept when the strides do not allow the reshape as a view.
lattn_tensor *lat_view_reshape(lattn_tensor *t, int rank, const int64_t *dims);
lattn_tensor *lat_view_permute(lattn_tensor *t, const int *order);
lattn_tensor *lat_view_slice(lattn_tensor *t, int dim, int64_t start, int64_t count, int64_t step);
lattn_tensor *lat_view_expand(lattn_tensor *t, int rank, const int64_t *dims);

// ---- prim.c, copy.c: raw device work, no tape ---------------------------------------------------------------

lattn_status lat_prim_fill(lattn_tensor *t, double value);  // any strides
lattn_status lat_prim_copy(
    lattn_tensor *dst, lattn_tensor *src);  // any strides and dtypes, broadcast
lattn_status lat_prim_accumulate(lattn_tensor *dst, lattn_tensor *src);  // dst += src, contiguous
// dst = a + b, contiguous, one dtype; dst may be a or b.
lattn_status lat_prim_add(lattn_tensor *dst, lattn_tensor *a, lattn_tensor *b);
lattn_tensor *lat_prim_contiguous(lattn_tensor *t);  // t itself when it already is
// Contiguous, and made of whole words at word offsets: what transfer commands take.
bool lat_is_words(const lattn_tensor *t);
// ERR_UNSUPPORTED for more elements than kernels count.
lattn_status lat_check_32_bits(const lattn_tensor *t);

// The random state for kernels: bind the tensor, put op into the push block. Brings rng_state up to
// date first. NULL = error kept.
lattn_tensor *lat_rng_tensor(lattn_ctx *ctx, uint32_t *op);

#endif
