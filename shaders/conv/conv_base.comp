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
// slabs of BK through shared memory, TM x TN sums per invocation.
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

const uint WG = gl_WorkGroupSize.x;
const uint COLUMNS = BN / TN;
const uint A_LINE = BM + 1;  // as in gemm_base
const uint B_LINE = BN + 1;

shared float a_slab[BK * A_LINE];  // [k][m]
shared float b_slab[BK * B_LINE];  // [k][n]

#define LAT_PUT_A(i, k, m, v) if (i + lane < BM * BK) a_slab[(k) * A_LINE + (m)] = v
#define LAT_PUT_B(i, k, n, v) if (i + lane < BN * BK) b_slab[(k) * B_LINE + (n)] = v
#include "conv_slabs.glsl"

void main()
{
    if (!find_tile())
        return;  // uniform

    uint lane = gl_LocalInvocationID.x;
    uint row = lane / COLUMNS * TM;
    uint column = lane % COLUMNS;
    if (!WEIGHT)
        find_column(lane);

    float acc[TM * TN];
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    for (uint k0 = WEIGHT ? split * p.k_part : 0; k0 < k_end; k0 += BK) {
        load_slabs(k0, lane);
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
