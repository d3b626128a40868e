#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
// SPDX-License-Identifier: MIT
//
// gemm_subgroup: out = epilogue(scale * A B) without shared memory and without barriers.
//
// A workgroup is one subgroup and makes a tile of TM rows and TN * SG columns. A lane owns TN
// columns, SG apart, so that B and out are read and written side by side. Of A, lane l loads the
// rows l, SG + l, ...: one load per SG rows, and every value is then broadcast from its lane. BK
// steps of k are loaded at once to have several loads on their way.
// Rows and columns past the edge load the last one instead and are not stored.
//
// @variants  T = f32 f16 bf16
// @groups    (tiles, or shares of them, 1, 1)

layout(local_size_x = 32, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 4) const uint TM = 16;  // BM: rows of the tile
layout(constant_id = 6) const uint BK = 4;
layout(constant_id = 8) const uint TN = 4;
layout(constant_id = 9) const uint SG = 32;  // exactly the subgroup size

#include "gemm.glsl"

const uint LOADS = (TM + SG - 1) / SG;  // of A per step of k

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer B { T b[]; };

float acc[TM * TN];
uint a_at[LOADS];  // first elements of this lane's rows of A
uint b_at[TN];     // and of its columns of B

// Adds steps k0 .. k0 + n - 1; n is BK or 1.
#define ADD_STEPS(n, k0)                                                                 \
    {                                                                                    \
        float rows[LOADS * n];                                                           \
        float columns[TN * n];                                                           \
        [[unroll]] for (uint i = 0; i < LOADS; i++)                                      \
            [[unroll]] for (uint q = 0; q < n; q++)                                      \
                rows[i * n + q] = load(a[a_at[i] + (k0 + q) * p.a_col]);                 \
        [[unroll]] for (uint q = 0; q < n; q++)                                          \
            [[unroll]] for (uint j = 0; j < TN; j++)                                     \
                columns[q * TN + j] = load(b[b_at[j] + (k0 + q) * p.b_row]);             \
        [[unroll]] for (uint i = 0; i < TM; i++)                                         \
            [[unroll]] for (uint q = 0; q < n; q++) {                                    \
                float v = subgroupBroadcast(rows[i / SG * n + q], i % SG);               \
                [[unroll]] for (uint j = 0; j < TN; j++)                                 \
                    acc[i * TN + j] = fma(v, columns[q * TN + j], acc[i * TN + j]);      \
            }                                                                            \
    }

void make_tile()
{
    uint lane = gl_SubgroupInvocationID;
    [[unroll]] for (uint i = 0; i < LOADS; i++)
        a_at[i] = a_base + min(tile_m + i * SG + lane, p.m - 1) * p.a_row;
    [[unroll]] for (uint j = 0; j < TN; j++)
        b_at[j] = b_base + min(tile_n + j * SG + lane, p.n - 1) * p.b_col;
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    uint k = k_begin;
    for (; k + BK <= k_end; k += BK)
        ADD_STEPS(BK, k)
    for (; k < k_end; k++)
        ADD_STEPS(1, k)

    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++) {
            uint m = tile_m + i;
            uint n = tile_n + j * SG + lane;
            if (m < p.m && n < p.n)
                lat_gemm_store(m, n, acc[i * TN + j]);
        }
}

void main()
{
    bool more = lat_gemm_first(TM, TN * SG, BK);
    for (; more; more = lat_gemm_next(TM, TN * SG, BK))  // uniform
        make_tile();
}
