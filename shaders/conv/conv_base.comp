#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// conv_base: convolution as a matrix product whose second operand is never stored, on any device.
//
//     forward, input gradient    out[m, n] = sum_k W[m, k] X[k, n]
//     weight gradient            dW[m, n] = sum_k dY[m, k] X[n, k]
//
// X[k, n] is what position n of the images sees through term k, a channel and a tap; it is read from
// the source when a slab is loaded. The product itself is gemm_base: a tile of BM x BN per workgroup,
// slabs of BK through shared memory, TM x TN sums per invocation. An invocation loads the same
// column of a slab each time, so what costs divisions is worked out once: a position before the
// loop (forward), or once per slab (weight gradient, whose slabs lie along positions).
// Groups are batches. Sums are f32 and in the order of k.
//
// @variants  T = f32 f16 bf16
// @groups    (tiles_n * tiles_m * n_groups * splits, 1, 1); WG a multiple of BN and of BK

layout(local_size_x = 256, local_size_x_id = 0) in;  // (BM / TM) * (BN / TN)
layout(constant_id = 8) const bool WEIGHT = false;  // the weight gradient
layout(constant_id = 9) const uint BM = 64;
layout(constant_id = 10) const uint BN = 64;
layout(constant_id = 11) const uint BK = 16;
layout(constant_id = 12) const uint TM = 4;
layout(constant_id = 13) const uint TN = 4;

#include "conv.glsl"
#include "matmul/gemm_epilogue.h"

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer Source { T source[]; };
layout(binding = 2) readonly buffer Bias { T bias[]; };
layout(binding = 3) buffer Out { T out_[]; };
layout(binding = 4) buffer Partial { float partial[]; };

#define LAT_GEMM_NO_PRE
#include "matmul/gemm_finish.glsl"

const uint WG = gl_WorkGroupSize.x;
const uint COLUMNS = BN / TN;
const uint A_LINE = BM + 1;  // as in gemm_base
const uint B_LINE = BN + 1;

shared float a_slab[BK * A_LINE];  // [k][m]
shared float b_slab[BK * B_LINE];  // [k][n]

uint tile_m, tile_n, group, split, k_end;

// ---- forward and input gradient -------------------------------------------------------------------

void load_weights(uint k0, uint lane)
{
    Term t = lat_term(k0 + lane % BK);
    [[unroll]] for (uint i = 0; i < BM * BK; i += WG) {
        uint m = (i + lane) / BK;
        float v = 0.0;
        if (tile_m + m < p.m && k0 + lane % BK < k_end)
            v = load(a[lat_weight_at(group, tile_m + m, t)]);
        if (i + lane < BM * BK)
            a_slab[lane % BK * A_LINE + m] = v;
    }
}

// corner and origin belong to this invocation's column.
void load_columns(uint k0, uint lane, ivec2 corner, uint origin)
{
    bool column = tile_n + lane % BN < p.n;
    [[unroll]] for (uint i = 0; i < BN * BK; i += WG) {
        uint k = (i + lane) / BN;
        Term t = lat_term(k0 + k);
        int at = lat_source_at(corner, t.ty, t.tx);
        float v = 0.0;
        if (column && k0 + k < k_end && at >= 0)
            v = load(source[origin + t.q * p.src_h * p.src_w + uint(at)]);
        if (i + lane < BN * BK)
            b_slab[k * B_LINE + lane % BN] = v;
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
        if (i + lane < BM * BK)
            a_slab[k * A_LINE + m] = v;
    }
    [[unroll]] for (uint i = 0; i < BN * BK; i += WG) {
        uint n = (i + lane) / BK;
        Term t = lat_term(tile_n + n);
        int seen = lat_source_at(corner, t.ty, t.tx);
        float v = 0.0;
        if (inside && tile_n + n < p.n && seen >= 0)
            v = load(source[origin + t.q * p.src_h * p.src_w + uint(seen)]);
        if (i + lane < BN * BK)
            b_slab[k * B_LINE + n] = v;
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

void main()
{
    if (!find_tile())
        return;  // uniform

    uint lane = gl_LocalInvocationID.x;
    uint row = lane / COLUMNS * TM;
    uint column = lane % COLUMNS;
    ivec2 corner = ivec2(0);
    uint origin = 0;
    if (!WEIGHT) {
        Position at = lat_position(min(tile_n + lane % BN, p.n - 1));
        corner = lat_corner(at);
        origin = p.src_offset + at.image * p.src_image + group * (p.k / TAPS) * p.src_h * p.src_w;
    }

    float acc[TM * TN];
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    for (uint k0 = WEIGHT ? split * p.k_part : 0; k0 < k_end; k0 += BK) {
        if (WEIGHT) {
            load_positions(k0, lane);
        } else {
            load_weights(k0, lane);
            load_columns(k0, lane, corner, origin);
        }
        barrier();
        [[unroll]] for (uint k = 0; k < BK; k++) {
            float row_of_b[TN];
            [[unroll]] for (uint j = 0; j < TN; j++)
                row_of_b[j] = b_slab[k * B_LINE + column + j * COLUMNS];
            [[unroll]] for (uint i = 0; i < TM; i++) {
                float v = a_slab[k * A_LINE + row + i];
                [[unroll]] for (uint j = 0; j < TN; j++)
                    acc[i * TN + j] = fma(v, row_of_b[j], acc[i * TN + j]);
            }
        }
        barrier();
    }

    [[unroll]] for (uint j = 0; j < TN; j++) {
        uint n = tile_n + column + j * COLUMNS;
        uint at = 0;
        if (!WEIGHT)
            at = p.out_offset + lat_destination_at(lat_position(min(n, p.n - 1)), group * p.m);
        [[unroll]] for (uint i = 0; i < TM; i++) {
            uint m = tile_m + row + i;
            if (m >= p.m || n >= p.n)
                continue;
            if (WEIGHT)
                store_weight(m, n, acc[i * TN + j]);
            else
                lat_gemm_finish(at + m * p.dst_plane, 0, group * p.m + m, acc[i * TN + j]);
        }
    }
}
