// SPDX-License-Identifier: MIT
//
// What all matrix-product kernels share: which tile a workgroup has, and what happens to a sum
// on its way out. A kernel includes it after it has declared EPILOGUE, and calls
//
//     lat_gemm_tile(BM, BN)           false when this workgroup has nothing to do
//     lat_gemm_store(m, n, acc)       for m < p.m and n < p.n
//
// Bindings 0 and 1 are A and B and belong to the kernel; 2 to 6 are here.
#ifndef LAT_GEMM_GLSL
#define LAT_GEMM_GLSL
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "gemm.abi.h"

layout(binding = 2) readonly buffer Bias { T bias[]; };
layout(binding = 3) readonly buffer Beside { T beside[]; };
layout(binding = 4) buffer Out { T out_[]; };
layout(binding = 5) writeonly buffer Pre { T pre[]; };
layout(binding = 6) buffer Partial { float partial[]; };

#include "gemm_finish.glsl"

uint tile_m, tile_n;        // first row and column of the tile
uint a_base, b_base;        // first elements of this batch's matrices
uint k_begin, k_end;        // this workgroup's part of k
uint out_base, beside_base, partial_base;

// Column tiles are the fastest, so that neighbours share rows of A in cache; then row tiles,
// batches, and parts of k. With LAT_GEMM_COLUMN_GROUP tiles are taken in groups of that many columns,
// so that those which run at once share rows of A and columns of B, both of which stay in cache. A
// workgroup past the last (the linear count is folded into x and y, and rounded up) gets the last tile's
// numbers, so that even loads which a driver makes with no lane active stay inside.
bool lat_gemm_tile(uint bm, uint bn)
{
    uint tiles = p.tiles_m * p.tiles_n;
    uint n_groups = tiles * p.n_batch * p.n_splits;
    uint group = min(lat_group(), n_groups - 1);
    uint z = group / tiles;
    uint tile = group - z * tiles;
    uint split = z / p.n_batch;
    uint batch = z - split * p.n_batch;
    uint outer = batch / p.n_inner;
    uint inner = batch - outer * p.n_inner;
#ifdef LAT_GEMM_COLUMN_GROUP
    uint first = tile / (LAT_GEMM_COLUMN_GROUP * p.tiles_m) * LAT_GEMM_COLUMN_GROUP;
    uint columns = min(p.tiles_n - first, LAT_GEMM_COLUMN_GROUP);
    uint rest = tile - first * p.tiles_m;
    tile_m = rest / columns * bm;
    tile_n = (first + rest % columns) * bn;
#else
    tile_m = tile / p.tiles_n * bm;
    tile_n = tile % p.tiles_n * bn;
#endif
    a_base = p.a_offset + outer * p.a_outer + inner * p.a_inner;
    b_base = p.b_offset + outer * p.b_outer + inner * p.b_inner;
    out_base = p.out_offset + batch * p.out_batch;
    beside_base = p.beside_offset + batch * p.out_batch;
    partial_base = z * p.m * p.n;
    k_begin = split * p.k_part;
    k_end = min(k_begin + p.k_part, p.k);
    return lat_group() < n_groups;
}

void lat_gemm_store(uint m, uint n, float acc)
{
    if ((EPILOGUE & LAT_GEMM_PARTIAL) == 0) {
        uint at = m * p.out_row + n;
        uint at_bias = (EPILOGUE & LAT_GEMM_BIAS_ROWS) != 0 ? m : n;
        lat_gemm_finish(out_base + at, beside_base + at, at_bias, acc * p.scale);
        return;
    }
    uint at = partial_base + m * p.n + n;
    if ((EPILOGUE & LAT_GEMM_ACCUMULATE) != 0)
        acc += partial[at];
    partial[at] = acc;
}

#endif
