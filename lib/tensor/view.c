// SPDX-License-Identifier: MIT
//
// Views: the same memory seen with other sizes and strides. Arguments are checked by the callers
// (ops/view.c).

#include "tensor/tensor.h"

// Finds strides for the new shape, if the old ones allow it. Both shapes are cut into the shortest
// groups of dimensions with equal products; within a group the old dimensions must be contiguous
// among themselves, and then the new ones take their strides from the last of them.
static bool reshape_strides(
    const lattn_tensor *t, int rank, const int64_t *dims, int64_t strides[LATTN_MAX_RANK])
{
    int64_t old_dim[LATTN_MAX_RANK], old_stride[LATTN_MAX_RANK];
    int n_old = 0;
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d] != 1) {
            old_dim[n_old] = t->dim[d];
            old_stride[n_old++] = t->stride[d];
        }

    int i = 0, k = 0;
    while (k < rank) {
        int first_new = k, first_old = i;
        int64_t n_new = dims[k++], n = i < n_old ? old_dim[i++] : 1;
        while (n != n_new) {
            if (n_new < n && k < rank)
                n_new *= dims[k++];
            else if (n < n_new && i < n_old)
                n *= old_dim[i++];
            else
                return false;
        }
        for (int d = first_old; d + 1 < i; d++)
            if (old_stride[d] != old_stride[d + 1] * old_dim[d + 1])
                return false;
        int64_t stride = i > first_old ? old_stride[i - 1] : 1;
        for (int d = k - 1; d >= first_new; d--) {
            strides[d] = stride;
            stride *= dims[d];
        }
    }
    return true;
}

lattn_tensor *lat_view_reshape(lattn_tensor *t, int rank, const int64_t *dims)
{
    int64_t strides[LATTN_MAX_RANK];
    if (lat_is_contiguous(t))
        lat_contiguous_strides(rank, dims, strides);
    else if (!reshape_strides(t, rank, dims, strides))
        return NULL;
    return lat_tensor_view(t, rank, dims, strides, t->offset);
}

lattn_tensor *lat_view_permute(lattn_tensor *t, const int *order)
{
    int64_t dims[LATTN_MAX_RANK], strides[LATTN_MAX_RANK];
    for (int d = 0; d < t->rank; d++) {
        dims[d] = t->dim[order[d]];
        strides[d] = t->stride[order[d]];
    }
    return lat_tensor_view(t, t->rank, dims, strides, t->offset);
}

lattn_tensor *lat_view_slice(lattn_tensor *t, int dim, int64_t start, int64_t count, int64_t step)
{
    int64_t dims[LATTN_MAX_RANK], strides[LATTN_MAX_RANK];
    for (int d = 0; d < t->rank; d++) {
        dims[d] = t->dim[d];
        strides[d] = t->stride[d];
    }
    int64_t offset = t->offset + (count > 0 ? start * t->stride[dim] : 0);
    dims[dim] = count;
    strides[dim] *= step;
    return lat_tensor_view(t, t->rank, dims, strides, offset);
}

lattn_tensor *lat_view_expand(lattn_tensor *t, int rank, const int64_t *dims)
{
    int64_t strides[LATTN_MAX_RANK];
    int added = rank - t->rank;
    for (int d = 0; d < rank; d++) {
        bool repeated = d < added || (t->dim[d - added] == 1 && dims[d] != 1);
        strides[d] = repeated ? 0 : t->stride[d - added];
    }
    return lat_tensor_view(t, rank, dims, strides, t->offset);
}
