#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// conv_cpu_weight: the weight gradient on lavapipe 26 and newer for layers with few source channels,
// as first layers have: gemm_cpu with lanes along the destination's channels.
//
//     partial[split, group, m, n] = sum over positions k of source[k + step m] dy[k, n]
//
// A row of A is the padded source, shifted by a channel and a tap; dy has its channels last and zeros
// at positions that are none of the result's. Edges as in gemm_cpu: m >= TM, n >= TN * SG.
//
// @variants  T = f32
// @groups    (tiles_n * tiles_m * n_groups * splits, 1, 1)

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 2) const uint TAPS = 9;
layout(constant_id = 3) const uint TAPS_X = 3;
layout(constant_id = 4) const int STEP_Y = 1;
layout(constant_id = 5) const int STEP_X = 1;
layout(constant_id = 6) const int DIL_Y = 1;
layout(constant_id = 7) const int DIL_X = 1;
layout(constant_id = 8) const uint TM = 8;
layout(constant_id = 9) const uint BK = 8;
layout(constant_id = 10) const uint TN = 2;
layout(constant_id = 11) const uint SG = 8;

#include "common/index.glsl"
#include "common/wide.glsl"
#include "conv_cpu_weight.abi.h"
#include "conv_steps.glsl"

layout(binding = 2) writeonly buffer Partial { float partial[]; };

float acc[TM * TN];

void main()
{
    uint tiles_m = (p.m + TM - 1) / TM, tiles = tiles_m * p.tiles_n;
    uint splits = (p.k + p.k_part - 1) / p.k_part, n_groups = tiles * p.n_groups * splits;
    bool live = lat_group() < n_groups;
    uint at = min(lat_group(), n_groups - 1);
    uint z = at / tiles, tile = at - z * tiles, split = z / p.n_groups, group = z - split * p.n_groups;
    uint tile_m = tile / p.tiles_n * TM, tile_n = tile % p.tiles_n * TN * SG;
    uint first_m = min(tile_m, p.m - TM), first_n = min(tile_n, p.n - TN * SG);
    uint64_t a = packUint2x32(uvec2(p.src_address0, p.src_address1))
        + 4ul * (p.src_offset + uint64_t(group * (p.m / TAPS)) * p.src_channel);
    uint64_t b_line = 4ul * p.n * p.n_groups;
    uint64_t b = packUint2x32(uvec2(p.dy_address0, p.dy_address1))
        + 4ul * (p.dy_offset + group * p.n + first_n);
    uint64_t rows[TM];
    [[unroll]] for (uint i = 0; i < TM; i++) {
        uint q = (first_m + i) / TAPS, r = first_m + i - q * TAPS, ty = r / TAPS_X;
        rows[i] = a + 4ul * uint64_t(lat_step_at(q, ty, r - ty * TAPS_X));
    }
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    uint k = split * p.k_part, k_end = min(k + p.k_part, p.k);
    for (;;) {
        float columns[BK * TN];
        [[unroll]] for (uint q = 0; q < BK; q++)
            [[unroll]] for (uint j = 0; j < TN; j++)
                columns[q * TN + j] = lat_load_lanes(LatFloats(b + (k + q) * b_line), j * SG);
        [[unroll]] for (uint i = 0; i < TM; i++) {
            float row[BK];
            LatFloats r = LatFloats(rows[i] + 4ul * k);
            [[unroll]] for (uint q = 0; q < BK; q++)
                row[q] = r.f[q];
            [[unroll]] for (uint q = 0; q < BK; q++)
                [[unroll]] for (uint j = 0; j < TN; j++)
                    acc[i * TN + j] = fma(row[q], columns[q * TN + j], acc[i * TN + j]);
        }
        k += BK;
        if (k >= k_end)
            break;
    }

    if (!live)
        return;
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN; j++) {
            uint m = first_m + i, n = first_n + j * SG + gl_SubgroupInvocationID;
            partial[(z * p.m + m) * p.n + n] = acc[i * TN + j];
        }
}
