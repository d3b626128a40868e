// SPDX-License-Identifier: MIT
//
// What all matrix-product kernels share: which tiles and which steps of k a workgroup
// has, and what happens to a sum on its way out. A kernel includes it after it has declared EPILOGUE, and calls
//
//     lat_gemm_first(BM, BN, BK)      false when this workgroup has nothing to do
//     lat_gemm_store(m, n, acc)       for m < p.m and n < p.n
//     lat_gemm_next(BM, BN, BK)       true when it has another tile
//     lat_gemm_store_row_sum(...)     with LAT_GEMM_ROW_SUMS, where LAT_ROW_SUMS and tile_n is 0
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
layout(binding = 5) buffer Pre { T pre[]; };
layout(binding = 6) buffer Partial { float partial[]; };

#include "gemm_finish.glsl"
#include "gemm_tiles.glsl"

const bool LAT_SHARED = (EPILOGUE & LAT_GEMM_SHARED) != 0;  // workgroups have shares (gemm_shares.h)

const bool LAT_ROW_SUMS = (EPILOGUE & LAT_GEMM_ROW_SUMS) != 0;

uint tile_m, tile_n;        // first row and column of the tile
uint a_base, b_base;        // first elements of this batch's matrices
uint k_begin, k_end;        // this workgroup's part of k
uint out_base, beside_base;
uint sums_base, sums_row;   // of partial: sums of row m from sums_base + m * sums_row on
uint share, share_end;      // this workgroup's share, and the step at which it ends
uint share_tile;            // which of the shared tiles

void lat_gemm_go_to(uint number, uint bm, uint bn)
{
    uvec3 place = lat_gemm_place(number);
    uint batch = place.x;
    uint outer = batch / p.n_inner;
    uint inner = batch - outer * p.n_inner;
    tile_m = place.y * bm;
    tile_n = place.z * bn;
    a_base = p.a_offset + outer * p.a_outer + inner * p.a_inner;
    b_base = p.b_offset + outer * p.b_outer + inner * p.b_inner;
    out_base = p.out_offset + batch * p.out_batch;
    beside_base = p.beside_offset + batch * p.out_batch;
    sums_base = batch * p.m * p.n;
    sums_row = p.n;
}

// From step `step` of the shared tiles on, in share_tile.
void lat_gemm_go_on(uint step, uint n_steps, uint bm, uint bn, uint bk)
{
    uint first = share_tile * n_steps;
    lat_gemm_go_to(p.first_tile + share_tile, bm, bn);
    k_begin = (step - first) * bk;
    k_end = min((min(share_end, first + n_steps) - first) * bk, p.k);
    sums_row = bn;
    uint slot = LAT_GEMM_SLOT(share, share_tile) * LAT_GEMM_SLOT_SIZE(bm, bn);
    sums_base = slot - tile_m * bn - tile_n;  // modulo 2^32
}

// A workgroup past the last (the linear count is folded into x and y, and rounded up) gets the last one's
// numbers, so that even loads which a driver makes with no lane active stay inside.
bool lat_gemm_first(uint bm, uint bn, uint bk)
{
    uint n_groups = LAT_SHARED ? p.n_shares : p.n_tiles;
    uint group = min(lat_group(), n_groups - 1);
    if (LAT_SHARED) {
        uint n_steps = (p.k + bk - 1) / bk;
        uint step = LAT_GEMM_SHARE(group, p.n_tiles * n_steps, p.n_shares);
        share = group;
        share_end = LAT_GEMM_SHARE(group + 1, p.n_tiles * n_steps, p.n_shares);
        share_tile = step / n_steps;
        lat_gemm_go_on(step, n_steps, bm, bn, bk);
    } else {
        lat_gemm_go_to(p.first_tile + group, bm, bn);
        k_begin = 0;
        k_end = p.k;
    }
    return lat_group() < n_groups;
}

bool lat_gemm_next(uint bm, uint bn, uint bk)
{
    if (!LAT_SHARED)
        return false;
    uint n_steps = (p.k + bk - 1) / bk;
    share_tile++;
    if (share_tile * n_steps >= share_end)
        return false;
    lat_gemm_go_on(share_tile * n_steps, n_steps, bm, bn, bk);
    return true;
}

void lat_gemm_store(uint m, uint n, float acc)
{
    if ((EPILOGUE & LAT_GEMM_PARTIAL) == 0) {
        uint at = m * p.out_row + n;
        uint at_bias = (EPILOGUE & LAT_GEMM_BIAS_ROWS) != 0 ? m : n;
        lat_gemm_finish(out_base + at, beside_base + at, at_bias, acc * p.scale);
        return;
    }
    uint at = sums_base + m * sums_row + n;
    if ((EPILOGUE & LAT_GEMM_ACCUMULATE) != 0)
        acc += partial[at];
    partial[at] = acc;
}

// Of row m of A in this workgroup's steps; by workgroups of the first column of tiles.
void lat_gemm_store_row_sum(uint m, float sum, uint bm, uint bn)
{
    uint slot = LAT_GEMM_SLOT(share, share_tile) * LAT_GEMM_SLOT_SIZE(bm, bn);
    if (LAT_SHARED)
        partial[slot + bm * bn + m - tile_m] = sum;
    else
        lat_gemm_finish_row_sum(p.beside_offset + m, sum);
}

#endif
