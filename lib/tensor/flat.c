// SPDX-License-Identifier: MIT
//
// Flat arenas. Layout is greedy in the order given: a buffer is closed when the next tensor
// would make it longer than one allocation may be.

#include "base/alloc.h"
#include "device/device.h"
#include "tensor/flat.h"

static int64_t round_up(int64_t n)
{
    return (n + LAT_FLAT_CHUNK - 1) / LAT_FLAT_CHUNK * LAT_FLAT_CHUNK;
}

// Longest buffer, in elements of the widest dtype that shares the layout.
static int64_t buffer_limit(const lattn_ctx *ctx)
{
    uint64_t bytes = LAT_MIN(lat_caps(ctx)->max_allocation_bytes, lat_caps(ctx)->max_buffer_bytes);
    return (int64_t) (bytes / sizeof(float)) / LAT_FLAT_CHUNK * LAT_FLAT_CHUNK;
}

static lattn_status lay_out(struct lat_flat *f, lattn_tensor *const *tensors, int64_t *length)
{
    int64_t limit = buffer_limit(f->ctx);
    int buffer = 0;
    length[0] = 0;
    for (int i = 0; i < f->n_tensors; i++) {
        int64_t n = lat_numel(tensors[i]);
        if (length[buffer] && length[buffer] + round_up(n) > limit) {
            if (++buffer == LAT_FLAT_MAX_BUFFERS)
                return lat_err(LATTN_ERR_GPU_MEMORY,
                    "the parameters need more than %d buffers of %lld elements",
                    LAT_FLAT_MAX_BUFFERS, (long long) limit);
            length[buffer] = 0;
        }
        f->place[i] = (struct lat_flat_place){ buffer, length[buffer], n };
        length[buffer] += round_up(n);
    }
    f->n_buffers = buffer + 1;
    return LATTN_OK;
}

static lattn_status make_buffers(struct lat_flat *f, lattn_dtype dtype, const int64_t *length)
{
    for (int b = 0; b < f->n_buffers; b++) {
        LAT_TRY(lattn_tensor_create(f->ctx, dtype, 1, &length[b], &f->buffer[b]));
        LAT_TRY(lat_prim_fill(f->buffer[b], 0));
    }
    return LATTN_OK;
}

static struct lat_flat *new_flat(lattn_ctx *ctx, int n_tensors)
{
    struct lat_flat *f = LAT_NEW(struct lat_flat);
    if (!f)
        return NULL;
    f->ctx = ctx;
    f->n_tensors = n_tensors;
    f->place = lat_calloc((size_t) n_tensors, sizeof *f->place);
    if (!f->place)
        lat_flat_destroy(&f);
    return f;
}

lattn_status lat_flat_create(
    lattn_ctx *ctx, lattn_tensor *const *tensors, int n, struct lat_flat **out)
{
    int64_t length[LAT_FLAT_MAX_BUFFERS];
    *out = NULL;
    if (n < 1)
        return lat_err(LATTN_ERR_ARG, "there are no tensors to lay out");
    struct lat_flat *f = new_flat(ctx, n);
    if (!f)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lay_out(f, tensors, length);
    if (!st)
        st = make_buffers(f, tensors[0]->dtype, length);
    if (st) {
        lat_flat_destroy(&f);
        return st;
    }
    *out = f;
    return LATTN_OK;
}

lattn_status lat_flat_like(const struct lat_flat *from, lattn_dtype dtype, struct lat_flat **out)
{
    int64_t length[LAT_FLAT_MAX_BUFFERS];
    *out = NULL;
    struct lat_flat *f = new_flat(from->ctx, from->n_tensors);
    if (!f)
        return LATTN_ERR_HOST_MEMORY;
    f->n_buffers = from->n_buffers;
    for (int i = 0; i < f->n_tensors; i++)
        f->place[i] = from->place[i];
    for (int b = 0; b < f->n_buffers; b++)
        length[b] = lat_numel(from->buffer[b]);
    lattn_status st = make_buffers(f, dtype, length);
    if (st) {
        lat_flat_destroy(&f);
        return st;
    }
    *out = f;
    return LATTN_OK;
}

void lat_flat_destroy(struct lat_flat **flat)
{
    struct lat_flat *f = flat ? *flat : NULL;
    if (!f)
        return;
    for (int b = 0; b < f->n_buffers; b++)
        lattn_tensor_release(&f->buffer[b]);
    lat_free(f->place);
    lat_free(f);
    *flat = NULL;
}

lattn_tensor *lat_flat_slice(struct lat_flat *f, int i)
{
    const struct lat_flat_place *p = &f->place[i];
    return lat_view_slice(f->buffer[p->buffer], 0, p->start, p->n, 1);
}

// Places i's address: block and byte offset.
static uint64_t byte_offset_of(const struct lat_flat *f, int i)
{
    const struct lat_flat_place *p = &f->place[i];
    const lattn_tensor *buffer = f->buffer[p->buffer];
    return buffer->storage->offset + (uint64_t) p->start * lattn_dtype_bytes(buffer->dtype);
}

static struct lat_block *block_of(const struct lat_flat *f, int i)
{
    return f->buffer[f->place[i].buffer]->storage->block;
}

lattn_status lat_flat_adopt(struct lat_flat *f, int i, lattn_tensor *t)
{
    LAT_ASSERT(lat_numel(t) == f->place[i].n && lat_is_contiguous(t));
    lattn_tensor *place = lat_flat_slice(f, i);
    lattn_tensor *values = lat_view_reshape(t, 1, &f->place[i].n);
    if (!place || !values)
        return lat_take_error(f->ctx);
    LAT_TRY(lat_prim_copy(place, values));
    return lat_tensor_rebase(t, block_of(f, i), byte_offset_of(f, i));
}

lattn_status lat_flat_tensor(
    struct lat_flat *f, int i, const lattn_tensor *like, lattn_tensor **out)
{
    lattn_dtype dtype = f->buffer[0]->dtype;
    return lat_tensor_on_block(
        f->ctx, dtype, like->rank, like->dim, block_of(f, i), byte_offset_of(f, i), out);
}
