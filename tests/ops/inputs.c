// SPDX-License-Identifier: MIT
//
// From a case to arrays on the host and tensors on the device, in every layout that a user can make.
// Memory between the elements of a strided layout holds NaN: a kernel that ignores strides is seen.

#include "ops/engine.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *ot_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p) {
        fprintf(stderr, "out of memory: %zu bytes for a reference\n", bytes);
        exit(6);  // the exit code of all commands for this
    }
    return p;
}

struct ot_array ot_array_like(const lattn_tensor *t)
{
    struct ot_array a = { .rank = lat_rank(t), .n = lat_numel(t) };
    memcpy(a.dim, t->dim, sizeof a.dim);
    a.v = ot_alloc((size_t) a.n * sizeof *a.v);
    return a;
}

struct ot_array ot_array_copy(const struct ot_array *a)
{
    struct ot_array copy = *a;
    if (!a->v)  // an input that is not there: references ask for that
        return copy;
    copy.v = ot_alloc((size_t) a->n * sizeof *a->v);
    if (a->n)
        memcpy(copy.v, a->v, (size_t) a->n * sizeof *a->v);
    return copy;
}

void ot_array_free(struct ot_array *a)
{
    free(a->v);
    *a = (struct ot_array){ 0 };
}

lattn_dtype ot_input_dtype(const struct ot_input *in, lattn_dtype dtype)
{
    if (in->fill == OT_INDEX || in->fill == OT_LENGTHS)
        return LATTN_DTYPE_I32;
    if (in->fill == OT_BOOL)
        return LATTN_DTYPE_U8;
    return in->f32 ? LATTN_DTYPE_F32 : dtype;
}

bool ot_wants_grad(const struct ot_session *s, int i)
{
    const struct ot_input *in = &s->c->in[i];
    return !in->absent && !in->no_grad && lat_is_float(ot_input_dtype(in, s->dtype));
}

// ---- arrays -------------------------------------------------------------------------------------

// Differs for every input of every case, the same in every run.
static uint64_t seed_of(const struct ot_session *s, int i)
{
    uint64_t h = 0xcbf29ce484222325u;
    const char *const texts[] = { s->op->name, s->c->name };
    for (size_t k = 0; k < LAT_COUNT(texts); k++)
        for (const char *p = texts[k]; *p; p++)
            h = (h ^ (unsigned char) *p) * 0x100000001b3u;
    return h + (uint64_t) i * 0x9e3779b97f4a7c15u;
}

// An expanded tensor has the values of its first slice everywhere.
static void repeat_first(struct ot_array *a)
{
    int64_t slice = a->rank > 0 && a->dim[0] > 0 ? a->n / a->dim[0] : a->n;
    for (int64_t i = slice; i < a->n; i++)
        a->v[i] = a->v[i - slice];
}

static struct ot_array make_array(const struct ot_session *s, int i)
{
    const struct ot_input *in = &s->c->in[i];
    struct ot_array a = { .rank = in->rank, .n = 1 };
    for (int d = 0; d < in->rank; d++) {
        a.dim[d] = in->dim[d];
        a.n *= in->dim[d];
    }
    a.v = ot_alloc((size_t) a.n * sizeof *a.v);
    int64_t limit = in->fill == OT_MASK && in->rank > 0 ? in->dim[in->rank - 1] : in->limit;
    ot_fill(in->fill, limit, ot_input_dtype(in, s->dtype), seed_of(s, i), a.v, a.n);
    if (in->fill == OT_LENGTHS && a.n > 0 && s->c->i[OT_MAX_PARAMS - 1])
        a.v[0] = 0;
    if (in->layout == OT_EXPANDED)
        repeat_first(&a);
    return a;
}

void ot_make_arrays(struct ot_session *s)
{
    for (int i = 0; i < s->op->n_inputs; i++)
        if (!s->c->in[i].absent)
            s->in[i] = make_array(s, i);
}

void ot_free_arrays(struct ot_session *s)
{
    for (int i = 0; i < OT_MAX_INPUTS; i++)
        ot_array_free(&s->in[i]);
}

// ---- tensors ------------------------------------------------------------------------------------

static lattn_tensor *upload(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, const double *v, bool kept)
{
    int64_t n = lat_numel_of(rank, dims);
    float *f = ot_alloc((size_t) n * sizeof *f);
    for (int64_t i = 0; i < n; i++)
        f[i] = (float) v[i];
    lattn_tensor *t = NULL;
    if (!kept)
        t = lattn_from_f32(ctx, dtype, rank, dims, f);
    else if (lattn_tensor_create(ctx, dtype, rank, dims, &t) || lattn_tensor_write_f32(t, f, n))
        lattn_tensor_release(&t);
    free(f);
    return t;
}

lattn_tensor *ot_tensor(
    lattn_ctx *ctx, lattn_dtype dtype, int rank, const int64_t *dims, const double *v)
{
    return upload(ctx, dtype, rank, dims, v, false);
}

static lattn_tensor *transposed(lattn_ctx *ctx, lattn_dtype dtype, const struct ot_array *a)
{
    int64_t dims[LATTN_MAX_RANK], rows = a->dim[a->rank - 2], cols = a->dim[a->rank - 1];
    memcpy(dims, a->dim, sizeof dims);
    dims[a->rank - 2] = cols;
    dims[a->rank - 1] = rows;
    struct ot_array stored = ot_array_copy(a);
    for (int64_t m = 0; m < a->n / (rows * cols); m++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols; c++)
                stored.v[(m * cols + c) * rows + r] = a->v[(m * rows + r) * cols + c];
    lattn_tensor *t = upload(ctx, dtype, a->rank, dims, stored.v, false);
    ot_array_free(&stored);
    return lattn_transpose(ctx, t, -2, -1);
}

static lattn_tensor *sliced(lattn_ctx *ctx, lattn_dtype dtype, const struct ot_array *a)
{
    int64_t dims[LATTN_MAX_RANK], cols = a->dim[a->rank - 1], wide = 2 * cols + 1;
    memcpy(dims, a->dim, sizeof dims);
    dims[a->rank - 1] = wide;
    int64_t rows = cols ? a->n / cols : 0;
    struct ot_array stored = { .n = rows * wide };
    stored.v = ot_alloc((size_t) stored.n * sizeof *stored.v);
    for (int64_t i = 0; i < stored.n; i++)
        stored.v[i] = lat_is_float(dtype) ? NAN : 1;
    for (int64_t i = 0; i < a->n; i++)
        stored.v[i / cols * wide + i % cols * 2 + 1] = a->v[i];
    lattn_tensor *t = upload(ctx, dtype, a->rank, dims, stored.v, false);
    ot_array_free(&stored);
    return lattn_slice(ctx, t, -1, 1, wide, 2);
}

static lattn_tensor *expanded(lattn_ctx *ctx, lattn_dtype dtype, const struct ot_array *a)
{
    int64_t dims[LATTN_MAX_RANK];
    memcpy(dims, a->dim, sizeof dims);
    dims[0] = 1;
    lattn_tensor *t = upload(ctx, dtype, a->rank, dims, a->v, false);
    return lattn_expand(ctx, t, a->rank, a->dim);
}

static lattn_tensor *make_tensor(const struct ot_session *s, int i, bool kept)
{
    const struct ot_input *in = &s->c->in[i];
    const struct ot_array *a = &s->in[i];
    lattn_dtype dtype = ot_input_dtype(in, s->dtype);
    // Kept tensors are for timing, where strides would only time the copy that removes them.
    if (kept || in->layout == OT_CONTIGUOUS || a->n == 0)
        return upload(s->ctx, dtype, a->rank, a->dim, a->v, kept);
    lattn_tensor *t = in->layout == OT_TRANSPOSED ? transposed(s->ctx, dtype, a)
                      : in->layout == OT_SLICED   ? sliced(s->ctx, dtype, a)
                                                  : expanded(s->ctx, dtype, a);
    return t ? lattn_detach(s->ctx, t) : NULL;
}

bool ot_make_tensors(const struct ot_session *s, bool kept, lattn_tensor *in[OT_MAX_INPUTS])
{
    for (int i = 0; i < OT_MAX_INPUTS; i++)
        in[i] = NULL;
    for (int i = 0; i < s->op->n_inputs; i++) {
        if (s->c->in[i].absent)
            continue;
        in[i] = make_tensor(s, i, kept);
        if (!in[i])
            return false;
    }
    return true;
}
