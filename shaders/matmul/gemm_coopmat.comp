#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// SPDX-License-Identifier: MIT
//
// gemm_coopmat: out = epilogue(scale * A B) with matrix units (VK_KHR_cooperative_matrix).
//
//     out[m, n] = sum_k A[m, k] B[k, n]     f16 times f16 or bf16 times bf16, summed in f32
//
// A workgroup makes one tile of BM x BN, each of its subgroups WM x WN of that, in fragments of FM x FN
// and steps of FK. Slabs of BK columns of A and rows of B go through shared memory; the next slab is on
// its way to registers while this one is multiplied. A slab lies as its operand does, along k or across,
// so that NN, NT, TN and TT are all copied eight elements at a time, and fragments are loaded in rows
// or in columns. Beyond the edges slabs hold zeros.
//
// The sums leave through shared memory, a fragment at a time, because only there does an invocation
// know which element it holds: the epilogue is that of every other matrix product.
//
// @variants  T = f16 f32 bf16
// @needs     coopmat
// @needs     bfloat16 for bf16
// @groups    (tiles, or shares of them, 1, 1)

layout(local_size_x = 128, local_size_x_id = 0) in;  // (BM / WM) * (BN / WN) subgroups
layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 2) const bool A_ALONG_K = true;
layout(constant_id = 3) const bool B_ALONG_K = false;
layout(constant_id = 4) const uint BM = 64;
layout(constant_id = 5) const uint BN = 64;
layout(constant_id = 6) const uint BK = 32;
layout(constant_id = 7) const uint WM = 32;
layout(constant_id = 8) const uint WN = 32;
layout(constant_id = 11) const uint FM = 16;
layout(constant_id = 12) const uint FN = 16;
layout(constant_id = 13) const uint FK = 16;
// Whether all of A's, and all of B's, eights start at a multiple of 16 bytes and end inside.
layout(constant_id = 14) const bool A_EIGHTS = true;
layout(constant_id = 15) const bool B_EIGHTS = true;

#include "gemm.glsl"
#include "coopmat.glsl"

layout(binding = 0) readonly buffer A { LatCell a[]; };
layout(binding = 0) readonly buffer ACells { LatCells a_cells[]; };
layout(binding = 1) readonly buffer B { LatCell b[]; };
layout(binding = 1) readonly buffer BCells { LatCells b_cells[]; };

const uint WG = gl_WorkGroupSize.x;
const uint A_ROW = (A_ALONG_K ? BK : BM) / 8;  // eights in a line of a slab
const uint B_ROW = (B_ALONG_K ? BK : BN) / 8;
const uint A_LINE = A_ROW + 1;  // with one of padding, against bank conflicts
const uint B_LINE = B_ROW + 1;
const uint A_SLAB = (A_ALONG_K ? BM : BK) * A_LINE;
const uint B_SLAB = (B_ALONG_K ? BN : BK) * B_LINE;
const uint A_COUNT = BM * BK / 8;  // eights to copy
const uint B_COUNT = BN * BK / 8;
const uint A_LOADS = (A_COUNT + WG - 1) / WG;
const uint B_LOADS = (B_COUNT + WG - 1) / WG;
const uint ROWS = WM / FM;  // fragments of a subgroup
const uint COLUMNS = WN / FN;
const uint SUBGROUPS = (BM / WM) * (BN / WN);
const uint FRAGMENT = FM * FN / 4;  // of a fragment of sums
const uint SLABS = A_SLAB + B_SLAB;
const uint SUMS = SUBGROUPS * FRAGMENT;
const uint ROW_SUMS = LAT_ROW_SUMS ? 2 * WG : 0;
const uint RESULTS = SUMS > ROW_SUMS ? SUMS : ROW_SUMS;
const uint SHARED = SLABS > RESULTS ? SLABS : RESULTS;

shared uvec4 slab[SHARED];  // A's, B's; at the end a fragment of sums per subgroup

uvec4 a_next[A_LOADS];
uvec4 b_next[B_LOADS];

// With LAT_GEMM_ROW_SUMS, where slabs lie along m: of the eight rows of A that this invocation copies, which are the
// same in every slab, over the steps that it copies.
vec4 row_sums[2];

void fetch_a(uint k0, uint lane)
{
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
        uint e = i * WG + lane;
        uint m = tile_m + (A_ALONG_K ? e / A_ROW : e % A_ROW * 8);
        uint k = k0 + (A_ALONG_K ? e % A_ROW * 8 : e / A_ROW);
        uint at = a_base + m * p.a_row + k * p.a_col;
        a_next[i] = uvec4(0);
        if (e < A_COUNT && m < p.m && k < k_end) {
            if (A_EIGHTS)
                a_next[i] = LAT_WHOLE_EIGHT(a_cells, at);
            else if (A_ALONG_K)
                a_next[i] = LAT_EIGHT(a, at, p.a_col, k_end - k);
            else
                a_next[i] = LAT_EIGHT(a, at, p.a_row, p.m - m);
        }
    }
}

void fetch_b(uint k0, uint lane)
{
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) {
        uint e = i * WG + lane;
        uint n = tile_n + (B_ALONG_K ? e / B_ROW : e % B_ROW * 8);
        uint k = k0 + (B_ALONG_K ? e % B_ROW * 8 : e / B_ROW);
        uint at = b_base + k * p.b_row + n * p.b_col;
        b_next[i] = uvec4(0);
        if (e < B_COUNT && n < p.n && k < k_end) {
            if (B_EIGHTS)
                b_next[i] = LAT_WHOLE_EIGHT(b_cells, at);
            else if (B_ALONG_K)
                b_next[i] = LAT_EIGHT(b, at, p.b_row, k_end - k);
            else
                b_next[i] = LAT_EIGHT(b, at, p.b_col, p.n - n);
        }
    }
}

void put_slabs(uint lane)
{
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
        uint e = i * WG + lane;
        if (e < A_COUNT)
            slab[e / A_ROW * A_LINE + e % A_ROW] = a_next[i];
        if (LAT_ROW_SUMS) {  // zeros past A_COUNT
            row_sums[0] += vec4(lat_unpair(a_next[i].x), lat_unpair(a_next[i].y));
            row_sums[1] += vec4(lat_unpair(a_next[i].z), lat_unpair(a_next[i].w));
        }
    }
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) {
        uint e = i * WG + lane;
        if (e < B_COUNT)
            slab[A_SLAB + e / B_ROW * B_LINE + e % B_ROW] = b_next[i];
    }
}

LatSum acc[ROWS * COLUMNS];

// Of this subgroup's rows and columns, first_m and first_n in the tile.
void multiply(uint first_m, uint first_n)
{
    for (uint k = 0; k < BK; k += FK) {
        LatLeft x[ROWS];
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            uint m = first_m + i * FM;
            if (A_ALONG_K)
                coopMatLoad(x[i], slab, m * A_LINE + k / 8, A_LINE, LAT_BY_ROWS);
            else
                coopMatLoad(x[i], slab, k * A_LINE + m / 8, A_LINE, LAT_BY_COLUMNS);
        }
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            uint n = first_n + j * FN;
            LatRight y;
            if (B_ALONG_K)
                coopMatLoad(y, slab, A_SLAB + n * B_LINE + k / 8, B_LINE, LAT_BY_COLUMNS);
            else
                coopMatLoad(y, slab, A_SLAB + k * B_LINE + n / 8, B_LINE, LAT_BY_ROWS);
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                acc[i * COLUMNS + j] = coopMatMulAdd(x[i], y, acc[i * COLUMNS + j]);
        }
    }
}

void store_sums(uint first_m, uint first_n)
{
    uint own = gl_SubgroupID * FRAGMENT;
    [[unroll]] for (uint i = 0; i < ROWS; i++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            coopMatStore(acc[i * COLUMNS + j], slab, own, FN / 4, LAT_BY_ROWS);
            lat_subgroup_sync();
            for (uint e = gl_SubgroupInvocationID; e < FM * FN; e += gl_SubgroupSize) {
                uint m = tile_m + first_m + i * FM + e / FN;
                uint n = tile_n + first_n + j * FN + e % FN;
                if (m < p.m && n < p.n)
                    lat_gemm_store(m, n, uintBitsToFloat(slab[own + e / 4][e % 4]));
            }
            lat_subgroup_sync();
        }
}

// What invocations have of a row, in their order.
void store_row_sums(uint lane)
{
    slab[2 * lane] = floatBitsToUint(row_sums[0]);
    slab[2 * lane + 1] = floatBitsToUint(row_sums[1]);
    barrier();
    for (uint m = lane; m < BM && tile_m + m < p.m; m += WG) {
        float sum = 0.0;
        for (uint i = m / 8; i < WG; i += A_ROW)
            sum += uintBitsToFloat(slab[2 * i + m % 8 / 4][m % 4]);
        lat_gemm_store_row_sum(tile_m + m, sum, BM, BN);
    }
    barrier();
}

void make_tile()
{
    uint lane = gl_LocalInvocationID.x;
    row_sums[0] = row_sums[1] = vec4(0.0);
    uint first_m = gl_SubgroupID / (BN / WN) * WM;
    uint first_n = gl_SubgroupID % (BN / WN) * WN;
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS; i++)
        acc[i] = LatSum(0.0);

    fetch_a(k_begin, lane);
    fetch_b(k_begin, lane);
    for (uint k0 = k_begin; k0 < k_end; k0 += BK) {
        put_slabs(lane);
        barrier();
        if (k0 + BK < k_end) {
            fetch_a(k0 + BK, lane);
            fetch_b(k0 + BK, lane);
        }
        multiply(first_m, first_n);
        barrier();
    }
    if (LAT_ROW_SUMS && tile_n == 0)
        store_row_sums(lane);
    store_sums(first_m, first_n);
}

void main()
{
    for (bool more = lat_gemm_first(BM, BN, BK); more; more = lat_gemm_next(BM, BN, BK)) {  // uniform
        make_tile();
        if (LAT_SHARED)
            barrier();  // sums on their way out are where the next tile's slabs go
    }
}
