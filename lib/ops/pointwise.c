// SPDX-License-Identifier: MIT
//
// Broadcasting for the element-by-element ops. Every operand becomes a list of strides along the
// dimensions of the result, with 0 where it is broadcast; then dimensions that all operands walk
// through in one go are joined. Most calls end with rank 1 or 2 and take a kernel without index
// arithmetic.

#include "ops/pointwise.h"

void lat_broadcast_strides(
    const lattn_tensor *t, int rank, const int64_t *dims, int64_t strides[LATTN_MAX_RANK])
{
    int missing = rank - t->rank;
    for (int d = 0; d < rank; d++) {
        bool broadcast = d < missing || (t->dim[d - missing] == 1 && dims[d] != 1);
        strides[d] = broadcast ? 0 : t->stride[d - missing];
    }
}

void lat_operands(struct lat_operands *o, const lattn_tensor *out, lattn_tensor *const *in, int n)
{
    *o = (struct lat_operands){ .n = n };
    for (int d = 0; d < out->rank; d++)
        o->dim[d] = out->dim[d];
    for (int i = 0; i < n; i++)
        lat_broadcast_strides(in[i], out->rank, out->dim, o->stride[i]);
    o->rank = lat_collapse(out->rank, o->dim, n, o->stride);
}

lattn_status lat_check_count(const char *op, const lattn_tensor *t)
{
    int64_t n = lat_numel(t);
    if (n > UINT32_MAX)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s: %s has %lld elements, more than 2^32 - 1", op,
            LAT_SHAPE(t), (long long) n);
    return LATTN_OK;
}

lattn_status lat_check_pair(struct lat_call *c, const lattn_tensor *a, const lattn_tensor *b)
{
    LAT_TRY(lat_check_float(c, a));
    if (a->dtype != b->dtype)
        return lat_err(LATTN_ERR_DTYPE, "%s: dtypes %s and %s differ", c->op_name,
            lattn_dtype_name(a->dtype), lattn_dtype_name(b->dtype));
    return LATTN_OK;
}

lattn_status lat_out_broadcast(struct lat_call *c, int n, const lattn_tensor *like)
{
    int rank = c->in[0]->rank;
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < rank; d++)
        dims[d] = c->in[0]->dim[d];
    for (int i = 1; i < n; i++) {
        const lattn_tensor *t = c->in[i];
        int joined_rank;
        int64_t joined[LATTN_MAX_RANK];
        if (!lat_broadcast(rank, dims, t->rank, t->dim, &joined_rank, joined))
            return lat_err(LATTN_ERR_SHAPE, "%s: shapes %s and %s do not broadcast", c->op_name,
                lat_shape_text((char[LAT_SHAPE_TEXT]){ 0 }, rank, dims), LAT_SHAPE(t));
        rank = joined_rank;
        for (int d = 0; d < rank; d++)
            dims[d] = joined[d];
    }
    LAT_TRY(lat_out(c, 0, like->dtype, rank, dims));
    return lat_check_count(c->op_name, c->out[0]);
}

bool lat_is_flat(const lattn_tensor *t)
{
    return lat_is_contiguous(t) && lat_tensor_start(t) % lat_binding_alignment(t->ctx) == 0;
}
