#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// gemm_base: out = epilogue(scale * A B) on any device, for any strides.
//
//     out[m, n] = sum_k A[m, k] B[k, n]
//
// A workgroup makes one tile of BM x BN. Slabs of BK columns of A and rows of B go through shared
// memory; an invocation keeps TM x TN sums in registers, its rows together (it reads A's values
// as broadcasts) and its columns WG apart (it reads B and writes out side by side). Slabs are
// loaded along whichever dimension is contiguous in memory, so that neighbours read neighbours;
// all of NN, NT, TN and TT are the same kernel. Sums are kept in f32 and in the order of k.
//
// @variants  T = f32 f16 bf16
// @groups    (tiles, or shares of them, 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;  // (BM / TM) * (BN / TN)
layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 2) const bool A_ALONG_K = true;
layout(constant_id = 3) const bool B_ALONG_K = false;
layout(constant_id = 4) const uint BM = 64;
layout(constant_id = 5) const uint BN = 64;
layout(constant_id = 6) const uint BK = 16;
layout(constant_id = 7) const uint TM = 4;
layout(constant_id = 8) const uint TN = 4;

#include "gemm.glsl"

const uint WG = gl_WorkGroupSize.x;
const uint COLUMNS = BN / TN;  // invocations side by side
const uint A_LINE = BM + 1;    // one element of padding: the transposing store of a slab would
const uint B_LINE = BN + 1;    // otherwise hit one memory bank

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer B { T b[]; };

shared float a_slab[BK * A_LINE];  // [k][m]
shared float b_slab[BK * B_LINE];  // [k][n]

// With LAT_GEMM_ROW_SUMS, where slabs lie along m: of A's row lane % BM, over the steps that this invocation loads.
float row_sum;

// Beyond the edges both slabs hold zeros: what they add to sums that are stored is 0 * 0.
void load_a(uint k0, uint lane)
{
    [[unroll]] for (uint i = 0; i < BM * BK; i += WG) {
        uint e = i + lane;
        uint m = A_ALONG_K ? e / BK : e % BM;
        uint k = A_ALONG_K ? e % BK : e / BM;
        bool inside = tile_m + m < p.m && k0 + k < k_end;
        float v = 0.0;
        if (inside)
            v = load(a[a_base + (tile_m + m) * p.a_row + (k0 + k) * p.a_col]);
        if (LAT_ROW_SUMS)
            row_sum += v;
        if (e < BM * BK)
            a_slab[k * A_LINE + m] = v;
    }
}

void load_b(uint k0, uint lane)
{
    [[unroll]] for (uint i = 0; i < BN * BK; i += WG) {
        uint e = i + lane;
        uint n = B_ALONG_K ? e / BK : e % BN;
        uint k = B_ALONG_K ? e % BK : e / BN;
        bool inside = tile_n + n < p.n && k0 + k < k_end;
        float v = 0.0;
        if (inside)
            v = load(b[b_base + (k0 + k) * p.b_row + (tile_n + n) * p.b_col]);
        if (e < BN * BK)
            b_slab[k * B_LINE + n] = v;
    }
}

// What invocations have of a row, in their order.
void store_row_sums(uint lane)
{
    a_slab[lane] = row_sum;
    barrier();
    if (lane < BM && tile_m + lane < p.m) {
        float sum = a_slab[lane];
        for (uint i = lane + BM; i < WG; i += BM)
            sum += a_slab[i];
        lat_gemm_store_row_sum(tile_m + lane, sum, BM, BN);
    }
    barrier();
}

void make_tile()
{
    uint lane = gl_LocalInvocationID.x;
    row_sum = 0.0;
    uint row = lane / COLUMNS * TM;
    uint column = lane % COLUMNS;

    float acc[TM * TN];
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    for (uint k0 = k_begin; k0 < k_end; k0 += BK) {
        load_a(k0, lane);
        load_b(k0, lane);
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

    if (LAT_ROW_SUMS && tile_n == 0)
        store_row_sums(lane);
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++) {
            uint m = tile_m + row + i;
            uint n = tile_n + column + j * COLUMNS;
            if (m < p.m && n < p.n)
                lat_gemm_store(m, n, acc[i * TN + j]);
        }
}

void main()
{
    for (bool more = lat_gemm_first(BM, BN, BK); more; more = lat_gemm_next(BM, BN, BK))  // uniform
        make_tile();
}
