#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// SPDX-License-Identifier: MIT
//
// conv_coopmat: convolution as a matrix product whose second operand is never stored (conv_base says
// which), with matrix units: f16 or bf16, summed in f32.
//
// Tiles, fragments and the way of the sums are those of gemm_coopmat. Slabs are copied an element at a
// time, because neighbouring positions do not lie at multiples of 16 bytes; the next slab is on its way
// to registers while this one is multiplied. Lines of slabs lie along what neighbours load: k, or of
// B in forward n. f32 is rounded to f16 on the way, as in gemm_coopmat.
//
// @variants  T = f16 f32 bf16
// @needs     coopmat
// @needs     bfloat16 for bf16
// @groups    (tiles_n * tiles_m * n_groups * splits, 1, 1); WG a multiple of BN and of BK

layout(local_size_x = 128, local_size_x_id = 0) in;  // (BM / WM) * (BN / WN) subgroups
layout(constant_id = 8) const bool WEIGHT = false;  // the weight gradient
layout(constant_id = 9) const uint BM = 64;
layout(constant_id = 10) const uint BN = 64;
layout(constant_id = 11) const uint BK = 32;
layout(constant_id = 12) const uint WM = 32;
layout(constant_id = 13) const uint WN = 32;
layout(constant_id = 14) const uint FM = 16;
layout(constant_id = 15) const uint FN = 16;  // divides the subgroup size
layout(constant_id = 16) const uint FK = 16;

#include "conv.glsl"
#include "matmul/coopmat.glsl"

const uint WG = gl_WorkGroupSize.x;
const uint PADDING = 8;  // against bank conflicts
const uint A_LINE = BK + PADDING;
const uint B_LINE = (WEIGHT ? BK : BN) + PADDING;
const uint A_LOADS = (BM * BK + WG - 1) / WG;
const uint B_LOADS = (BN * BK + WG - 1) / WG;
const uint ROWS = WM / FM;  // fragments of a subgroup
const uint COLUMNS = WN / FN;
const uint SUBGROUPS = (BM / WM) * (BN / WN);

shared LatFactor a_slab[BM * A_LINE];                  // [m][k]
shared LatFactor b_slab[(WEIGHT ? BN : BK) * B_LINE];  // [k][n]; weight gradient: [n][k]
shared float sums[SUBGROUPS * FM * FN];                // a fragment per subgroup

LatFactor a_next[A_LOADS];
LatFactor b_next[B_LOADS];

#define LAT_PUT_A(i, k, m, v) a_next[(i) / WG] = lat_factor(v)
#define LAT_PUT_B(i, k, n, v) b_next[(i) / WG] = lat_factor(v)
#include "conv_slabs.glsl"

void put_slabs(uint lane)
{
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
        uint e = i * WG + lane;
        if (e < BM * BK)
            a_slab[e / BK * A_LINE + e % BK] = a_next[i];
    }
    const uint row = WEIGHT ? BK : BN;
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) {
        uint e = i * WG + lane;
        if (e < BN * BK)
            b_slab[e / row * B_LINE + e % row] = b_next[i];
    }
}

LatSum acc[ROWS * COLUMNS];

void multiply(uint first_m, uint first_n)
{
    for (uint k = 0; k < BK; k += FK) {
        LatLeft x[ROWS];
        [[unroll]] for (uint i = 0; i < ROWS; i++)
            coopMatLoad(x[i], a_slab, (first_m + i * FM) * A_LINE + k, A_LINE, LAT_BY_ROWS);
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            uint n = first_n + j * FN;
            LatRight y;
            if (WEIGHT)
                coopMatLoad(y, b_slab, n * B_LINE + k, B_LINE, LAT_BY_COLUMNS);
            else
                coopMatLoad(y, b_slab, k * B_LINE + n, B_LINE, LAT_BY_ROWS);
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                acc[i * COLUMNS + j] = coopMatMulAdd(x[i], y, acc[i * COLUMNS + j]);
        }
    }
}

// A lane has one column of a fragment and every gl_SubgroupSize / FN-th row.
void store_sums(uint first_m, uint first_n)
{
    uint own = gl_SubgroupID * FM * FN;
    uint lane = gl_SubgroupInvocationID;
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        uint n = tile_n + first_n + j * FN + lane % FN;
        uint at = 0;
        if (!WEIGHT)
            at = p.out_offset + lat_destination_at(lat_position(min(n, p.n - 1)), group * p.m);
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            coopMatStore(acc[i * COLUMNS + j], sums, own, FN, LAT_BY_ROWS);
            lat_subgroup_sync();
            for (uint e = lane; e < FM * FN; e += gl_SubgroupSize) {
                uint m = tile_m + first_m + i * FM + e / FN;
                if (m >= p.m || n >= p.n)
                    continue;
                if (WEIGHT)
                    store_weight(m, n, sums[own + e]);
                else
                    lat_gemm_finish(at + m * p.dst_plane, 0, group * p.m + m, sums[own + e]);
            }
            lat_subgroup_sync();
        }
    }
}

void main()
{
    if (!find_tile())
        return;  // uniform

    uint lane = gl_LocalInvocationID.x;
    uint first_m = gl_SubgroupID / (BN / WN) * WM;
    uint first_n = gl_SubgroupID % (BN / WN) * WN;
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS; i++)
        acc[i] = LatSum(0.0);
    if (!WEIGHT)
        find_column(lane);

    uint k0 = WEIGHT ? split * p.k_part : 0;
    load_slabs(k0, lane);
    for (; k0 < k_end; k0 += BK) {
        put_slabs(lane);
        barrier();
        if (k0 + BK < k_end)
            load_slabs(k0 + BK, lane);
        multiply(first_m, first_n);
        barrier();
    }
    store_sums(first_m, first_n);
}
