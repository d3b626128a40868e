// SPDX-License-Identifier: MIT
//
// Arithmetic on shapes and strides; no memory. Sizes are checked for overflow once, when a shape
// enters the library (lat_numel_of); everything after that may multiply freely.

#include "tensor/kernel.h"
#include <stdio.h>
#include <string.h>

int64_t lat_numel_of(int rank, const int64_t *dims)
{
    int64_t n = 1;
    bool empty = false;
    for (int d = 0; d < rank; d++) {
        if (dims[d] < 0)
            return -1;
        empty |= dims[d] == 0;
        // The product of the other sizes must fit too: views multiply them on the way.
        if (dims[d] > 0 && n > INT64_MAX / 16 / dims[d])
            return -1;
        n *= dims[d] > 0 ? dims[d] : 1;
    }
    return empty ? 0 : n;
}

int64_t lat_dim(const lattn_tensor *t, int d)
{
    if (d < 0)
        d += t->rank;
    return d >= 0 && d < t->rank ? t->dim[d] : 0;
}

int64_t lat_numel(const lattn_tensor *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->rank; d++)
        n *= t->dim[d];
    return n;
}

// Strides of dimensions of size 1 do not matter, and those of an empty tensor not at all.
bool lat_is_contiguous(const lattn_tensor *t)
{
    int64_t expected = 1;
    for (int d = t->rank - 1; d >= 0; d--) {
        if (t->dim[d] == 0)
            return true;
        if (t->dim[d] > 1 && t->stride[d] != expected)
            return false;
        expected *= t->dim[d];
    }
    return true;
}

bool lat_same_shape(const lattn_tensor *a, const lattn_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t) a->rank * sizeof a->dim[0]) == 0;
}

void lat_contiguous_strides(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= dims[d] > 0 ? dims[d] : 1;
    }
}

bool lat_broadcast(
    int rank_a, const int64_t *a, int rank_b, const int64_t *b, int *rank, int64_t *dims)
{
    int n = LAT_MAX(rank_a, rank_b);
    for (int d = 0; d < n; d++) {
        int64_t size_a = d < n - rank_a ? 1 : a[d - (n - rank_a)];
        int64_t size_b = d < n - rank_b ? 1 : b[d - (n - rank_b)];
        if (size_a != size_b && size_a != 1 && size_b != 1)
            return false;
        dims[d] = size_a == 1 ? size_b : size_a;
    }
    *rank = n;
    return true;
}

const char *lat_shape_text(char text[LAT_SHAPE_TEXT], int rank, const int64_t *dims)
{
    int used = snprintf(text, LAT_SHAPE_TEXT, "[");
    for (int d = 0; d < rank && used < LAT_SHAPE_TEXT; d++)
        used += snprintf(text + used, (size_t) (LAT_SHAPE_TEXT - used), "%s%lld", d ? ", " : "",
            (long long) dims[d]);
    if (used < LAT_SHAPE_TEXT)
        snprintf(text + used, (size_t) (LAT_SHAPE_TEXT - used), "]");
    return text;
}

// Whether dimension d can be counted together with the one behind it, in every operand.
static bool joins(int d, const int64_t *dims, int n, int64_t (*strides)[LATTN_MAX_RANK])
{
    for (int i = 0; i < n; i++)
        if (strides[i][d] != strides[i][d + 1] * dims[d + 1])
            return false;
    return true;
}

static void move_dim(int to, int from, int64_t *dims, int n, int64_t (*strides)[LATTN_MAX_RANK])
{
    dims[to] = dims[from];
    for (int i = 0; i < n; i++)
        strides[i][to] = strides[i][from];
}

int lat_collapse(int rank, int64_t *dims, int n, int64_t (*strides)[LATTN_MAX_RANK])
{
    int kept = 0;
    for (int d = 0; d < rank; d++)
        if (dims[d] != 1)
            move_dim(kept++, d, dims, n, strides);

    // From the back: to is the dimension that others are joined into.
    int to = kept - 1;
    for (int d = kept - 2; d >= 0; d--) {
        move_dim(to - 1, d, dims, n, strides);
        if (joins(to - 1, dims, n, strides))
            dims[to] *= dims[to - 1];
        else
            to--;
    }
    int first = to > 0 ? to : 0;
    for (int d = first; d < kept; d++)
        move_dim(d - first, d, dims, n, strides);
    return kept - first;
}

struct lat_divisor lat_divisor(uint32_t d)
{
    uint32_t shift = 0;
    while (shift < 32 && (UINT64_C(1) << shift) < d)
        shift++;
    uint64_t magic = (((UINT64_C(1) << shift) - d) << 32) / d + 1;
    return (struct lat_divisor){ (uint32_t) magic, shift };
}
