// SPDX-License-Identifier: MIT
//
// A tile of a convolution as a matrix product: which one a workgroup has, and what its slabs hold.
//
// An invocation loads the same column of a slab each time, so what costs divisions is worked out once:
// a position before the loop (forward), or once per slab (weight gradient, whose slabs lie along
// positions). So WG is a multiple of BN and of BK.
//
// A kernel includes it after conv.glsl and the declaration of WEIGHT, BM, BN, BK and WG, and says what
// becomes of load i of an invocation, v for row m or column n and step k of the slab:
//
//     LAT_PUT_A(i, k, m, v)    LAT_PUT_B(i, k, n, v)
#ifndef LAT_CONV_SLABS_GLSL
#define LAT_CONV_SLABS_GLSL
#include "matmul/gemm_epilogue.h"

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer Source { T source[]; };
layout(binding = 2) readonly buffer Bias { T bias[]; };
layout(binding = 3) buffer Out { T out_[]; };
layout(binding = 4) buffer Partial { float partial[]; };

#define LAT_GEMM_NO_BESIDE
#include "matmul/gemm_finish.glsl"

uint tile_m, tile_n, group, split, k_end;

// ---- forward and input gradient -------------------------------------------------------------------

// What this invocation's column sees, once tile_n is known.
ivec2 own_corner;
uint own_origin;

void find_column(uint lane)
{
    Position at = lat_position(min(tile_n + lane % BN, p.n - 1));
    own_corner = lat_corner(at);
    own_origin = p.src_offset + at.image * p.src_image + group * (p.k / TAPS) * p.src_h * p.src_w;
}

void load_weights(uint k0, uint lane)
{
    Term t = lat_term(k0 + lane % BK);
    [[unroll]] for (uint i = 0; i < BM * BK; i += WG) {
        uint m = (i + lane) / BK;
        float v = 0.0;
        if (tile_m + m < p.m && k0 + lane % BK < k_end)
            v = load(a[lat_weight_at(group, tile_m + m, t)]);
        LAT_PUT_A(i, lane % BK, m, v);
    }
}

void load_columns(uint k0, uint lane)
{
    bool column = tile_n + lane % BN < p.n;
    [[unroll]] for (uint i = 0; i < BN * BK; i += WG) {
        uint k = (i + lane) / BN;
        Term t = lat_term(k0 + k);
        int at = lat_source_at(own_corner, t.ty, t.tx);
        float v = 0.0;
        if (column && k0 + k < k_end && at >= 0)
            v = load(source[own_origin + t.q * p.src_h * p.src_w + uint(at)]);
        LAT_PUT_B(i, k, lane % BN, v);
    }
}

// ---- weight gradient --------------------------------------------------------------------------------

// Both slabs lie along positions, so that neighbours read neighbours.
void load_positions(uint k0, uint lane)
{
    uint k = lane % BK;
    bool inside = k0 + k < k_end;
    Position at = lat_position(min(k0 + k, p.k - 1));
    ivec2 corner = lat_corner(at);
    uint dst = p.a_offset + lat_destination_at(at, group * p.m + tile_m);
    uint origin = p.src_offset + at.image * p.src_image + group * (p.n / TAPS) * p.src_h * p.src_w;
    [[unroll]] for (uint i = 0; i < BM * BK; i += WG) {
        uint m = (i + lane) / BK;
        float v = 0.0;
        if (inside && tile_m + m < p.m)
            v = load(a[dst + m * p.dst_plane]);
        LAT_PUT_A(i, k, m, v);
    }
    [[unroll]] for (uint i = 0; i < BN * BK; i += WG) {
        uint n = (i + lane) / BK;
        Term t = lat_term(tile_n + n);
        int seen = lat_source_at(corner, t.ty, t.tx);
        float v = 0.0;
        if (inside && tile_n + n < p.n && seen >= 0)
            v = load(source[origin + t.q * p.src_h * p.src_w + uint(seen)]);
        LAT_PUT_B(i, k, n, v);
    }
}

void load_slabs(uint k0, uint lane)
{
    if (WEIGHT) {
        load_positions(k0, lane);
    } else {
        load_weights(k0, lane);
        load_columns(k0, lane);
    }
}

void store_weight(uint m, uint n, float v)
{
    uint at = m * p.n + n;
    uint matrix = p.m * p.n;
    if ((EPILOGUE & LAT_GEMM_PARTIAL) != 0)
        partial[(split * p.n_groups + group) * matrix + at] = v;
    else
        lat_gemm_finish(p.out_offset + group * matrix + at, 0, 0, v);
}

// Column tiles are the fastest, then row tiles, groups and parts of k. False past the last.
bool find_tile()
{
    uint tiles = p.tiles_m * p.tiles_n;
    uint splits = WEIGHT ? (p.k + p.k_part - 1) / p.k_part : 1;
    if (lat_group() >= tiles * p.n_groups * splits)
        return false;
    uint z = lat_group() / tiles;
    uint tile = lat_group() - z * tiles;
    split = z / p.n_groups;
    group = z - split * p.n_groups;
    tile_m = tile / p.tiles_n * BM;
    tile_n = tile % p.tiles_n * BN;
    k_end = WEIGHT ? min((split + 1) * p.k_part, p.k) : p.k;
    return true;
}

#endif
