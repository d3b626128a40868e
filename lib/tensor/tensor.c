// SPDX-License-Identifier: MIT
//
// The tensor handle: made, counted, freed; its public accessors.
//
// One counter per handle. A result starts with the reference that its step holds; a created tensor
// with the one of its owner. The history that autograd hangs on a handle is released through the
// context, so this layer does not know what a node is.

#include "tensor/tensor.h"

static lattn_tensor *take_handle(lattn_ctx *ctx)
{
    lattn_tensor *t = ctx->pool.free_tensors;
    if (t)
        ctx->pool.free_tensors = t->next;
    else
        t = lat_arena_alloc(&ctx->pool.memory, sizeof *t);
    if (t)
        *t = (lattn_tensor){ .ctx = ctx, .refs = 1 };
    return t;
}

lattn_tensor *lat_tensor_ref(lattn_tensor *t)
{
    if (t)
        t->refs++;
    return t;
}

void lat_tensor_unref(lattn_tensor *t)
{
    if (!t)
        return;
    LAT_ASSERT(t->refs > 0);
    if (--t->refs > 0)
        return;
    lattn_ctx *ctx = t->ctx;
    lat_storage_unref(ctx, t->storage);
    lat_tensor_unref(t->grad);
    lat_tensor_unref(t->master);
    if (t->node)
        ctx->ext[LAT_EXT_AUTOGRAD]->release_node(ctx, t->node);
    t->next = ctx->pool.free_tensors;
    ctx->pool.free_tensors = t;
}

void lat_tensor_touch(lattn_tensor *t)
{
    t->storage->version++;
}

lattn_status lat_change(lattn_tensor *t, const char *what)
{
    for (int d = 0; d < t->rank; d++)
        if (t->stride[d] == 0 && t->dim[d] > 1)
            return lat_err(LATTN_ERR_ARG,
                "%s: an expanded tensor of shape %s: one element in memory is several along "
                "dimension %d; lattn_contiguous gives each its own",
                what, LAT_SHAPE(t), d);
    lat_tensor_touch(t);
    return LATTN_OK;
}

// ---- making -----------------------------------------------------------------------------------

static lattn_status check_shape(lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims)
{
    if (rank < 0 || rank > LATTN_MAX_RANK)
        return lat_err(LATTN_ERR_ARG, "rank %d is outside [0, %d]", rank, LATTN_MAX_RANK);
    if (rank > 0 && !dims)
        return lat_err(LATTN_ERR_ARG, "dims is NULL for rank %d", rank);
    char text[LAT_SHAPE_TEXT];
    for (int d = 0; d < rank; d++)
        if (dims[d] < 0)
            return lat_err(
                LATTN_ERR_ARG, "shape %s has a negative size", lat_shape_text(text, rank, dims));
    LAT_TRY(lat_dtype_check(ctx, dtype));
    if (lat_numel_of(rank, dims) < 0)
        return lat_err(LATTN_ERR_SHAPE, "shape %s has more elements than 64 bits count",
            lat_shape_text(text, rank, dims));
    return LATTN_OK;
}

static void set_shape(lattn_tensor *t, lattn_dtype dtype, int rank, const int64_t *dims)
{
    t->dtype = dtype;
    t->rank = rank;
    for (int d = 0; d < rank; d++)
        t->dim[d] = dims[d];
    lat_contiguous_strides(rank, dims, t->stride);
}

static lattn_status make(lattn_ctx *ctx, enum lat_block_kind kind, lattn_dtype dtype, int rank,
    const int64_t *dims, lattn_tensor **out)
{
    *out = NULL;
    LAT_TRY(check_shape(ctx, dtype, rank, dims));
    lattn_tensor *t = take_handle(ctx);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    set_shape(t, dtype, rank, dims);
    uint64_t bytes = (uint64_t) lat_numel(t) * lattn_dtype_bytes(dtype);
    lattn_status st = lat_storage_create(ctx, kind, bytes, &t->storage);
    if (st) {
        lat_tensor_unref(t);
        return st;
    }
    *out = t;
    return LATTN_OK;
}

// Hands t's one reference to the innermost step.
static lattn_tensor *owned_by_step(lattn_ctx *ctx, lattn_tensor *t)
{
    if (LAT_PUSH(&ctx->step, t) == LATTN_OK)
        return t;
    lat_tensor_unref(t);
    return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);
}

lattn_tensor *lat_tensor_new(lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims)
{
    lattn_tensor *t;
    lattn_status st = make(ctx, LAT_BLOCK_STEP, dtype, rank, dims, &t);
    return st ? lat_fail_status(ctx, st) : owned_by_step(ctx, t);
}

lattn_tensor *lat_tensor_view(
    lattn_tensor *t, int rank, const int64_t *dims, const int64_t *strides, int64_t offset)
{
    LAT_ASSERT(rank <= LATTN_MAX_RANK);
    lattn_tensor *v = take_handle(t->ctx);
    if (!v)
        return lat_fail_status(t->ctx, LATTN_ERR_HOST_MEMORY);
    set_shape(v, t->dtype, rank, dims);
    for (int d = 0; d < rank; d++)
        v->stride[d] = strides[d];
    v->offset = offset;
    v->storage = lat_storage_ref(t->storage);
    return owned_by_step(t->ctx, v);
}

lattn_status lat_tensor_kept(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, lattn_tensor **out)
{
    return make(ctx, LAT_BLOCK_KEPT, dtype, rank, dims, out);
}

lattn_status lat_tensor_on_block(lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims,
    struct lat_block *block, uint64_t byte_offset, lattn_tensor **out)
{
    *out = NULL;
    lattn_tensor *t = take_handle(ctx);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    set_shape(t, dtype, rank, dims);
    uint64_t bytes = (uint64_t) lat_numel(t) * lattn_dtype_bytes(dtype);
    lattn_status st = lat_storage_on_block(ctx, block, byte_offset, bytes, &t->storage);
    if (st) {
        lat_tensor_unref(t);
        return st;
    }
    *out = t;
    return LATTN_OK;
}

lattn_status lat_tensor_rebase(lattn_tensor *t, struct lat_block *block, uint64_t byte_offset)
{
    struct lat_storage *s = t->storage;
    if (byte_offset + s->bytes > lat_block_bytes(block))
        return lat_err(LATTN_ERR_INTERNAL, "rebase: %llu bytes at %llu do not fit into the block",
            (unsigned long long) s->bytes, (unsigned long long) byte_offset);
    lat_block_retain(block);
    lat_block_release(s->block);
    s->block = block;
    s->offset = byte_offset;
    return LATTN_OK;
}

lattn_tensor *lat_tensor_master(lattn_tensor *t)
{
    return t->master ? t->master : t;
}

lattn_status lat_tensor_round(lattn_tensor *t)
{
    if (!t->master)
        return LATTN_OK;
    lat_tensor_touch(t);
    return lat_prim_copy(t, t->master);
}

// ---- where it lies ----------------------------------------------------------------------------

uint64_t lat_tensor_start(const lattn_tensor *t)
{
    return t->storage->offset + (uint64_t) t->offset * lattn_dtype_bytes(t->dtype);
}

uint64_t lat_tensor_span(const lattn_tensor *t)
{
    int64_t last = 0;
    for (int d = 0; d < t->rank; d++) {
        if (t->dim[d] == 0)
            return 0;
        last += (t->dim[d] - 1) * t->stride[d];
    }
    return (uint64_t) (last + 1) * lattn_dtype_bytes(t->dtype);
}

// ---- public -----------------------------------------------------------------------------------

lattn_status lattn_tensor_create(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, lattn_tensor **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARRAY(dims, rank);
    return lat_done(ctx, lat_tensor_kept(ctx, dtype, rank, dims, out));
}

lattn_tensor *lattn_tensor_retain(lattn_tensor *t)
{
    return lat_tensor_ref(t);
}

void lattn_tensor_release(lattn_tensor **t)
{
    if (!t)
        return;
    lat_tensor_unref(*t);
    *t = NULL;
}

// Model code may ask a tensor for its sizes before it finds out that making it failed.

lattn_dtype lattn_tensor_dtype(const lattn_tensor *t)
{
    return t ? t->dtype : LATTN_DTYPE_F32;
}

int lattn_tensor_rank(const lattn_tensor *t)
{
    return t ? t->rank : 0;
}

int64_t lattn_tensor_dim(const lattn_tensor *t, int d)
{
    return t ? lat_dim(t, d) : 0;
}

int64_t lattn_tensor_numel(const lattn_tensor *t)
{
    return t ? lat_numel(t) : 0;
}

bool lattn_tensor_is_contiguous(const lattn_tensor *t)
{
    return t && lat_is_contiguous(t);
}

lattn_status lat_check_tensor(const lattn_tensor *t, const char *what)
{
    if (t)
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG,
        "%s: the tensor is NULL; if an op made it, lattn_ctx_status says why it failed", what);
}

lattn_status lat_check_ctx(
    const lattn_ctx *ctx, const lattn_tensor *t, const char *what, const char *name)
{
    if (!t || t->ctx == ctx)
        return LATTN_OK;
    return lat_err(
        LATTN_ERR_ARG, "%s: %s of shape %s belongs to another context", what, name, LAT_SHAPE(t));
}
