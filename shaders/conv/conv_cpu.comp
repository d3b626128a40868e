#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// conv_cpu: conv_base's forward on lavapipe 26 and newer: gemm_cpu with rows of B that are rows of the
// padded source, shifted (conv_cpu.abi.h). A step of k is a channel and a tap, the same in all lanes,
// so where its row starts is worked out once for a whole tile.
//
// Columns are positions with the row length of the source; those between the rows of the result are
// computed and not stored. Edges as in gemm_cpu: m >= TM, n >= TN * SG, k >= BK.
//
// @variants  T = f32
// @groups    (tiles_n * tiles_m * groups * images, 1, 1)

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 2) const uint TAPS = 9;
layout(constant_id = 3) const uint TAPS_X = 3;
layout(constant_id = 4) const int STEP_Y = 1;
layout(constant_id = 5) const int STEP_X = 1;
layout(constant_id = 6) const int DIL_Y = 1;
layout(constant_id = 7) const int DIL_X = 1;
layout(constant_id = 8) const uint TM = 32;
layout(constant_id = 9) const uint BK = 8;
layout(constant_id = 10) const uint TN = 2;
layout(constant_id = 11) const uint SG = 8;
layout(constant_id = 12) const bool RAGGED_K = false;  // k is no multiple of BK
layout(constant_id = 13) const bool PLAIN_A = false;   // the weight's steps of k lie side by side

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/wide.glsl"
#include "conv_cpu.abi.h"
#include "conv_steps.glsl"
#include "matmul/gemm_epilogue.h"

layout(binding = 2) readonly buffer Bias { T bias[]; };
layout(binding = 3) buffer Out { T out_[]; };

#define LAT_GEMM_NO_BESIDE
#include "matmul/gemm_finish.glsl"

const bool ACCUMULATE = (EPILOGUE & LAT_GEMM_ACCUMULATE) != 0;

float acc[TM * TN];

// Where step k starts in the source, and in a row of the weight.
void find_step(uint k, out int source, out uint weight)
{
    uint q = k / TAPS, r = k - q * TAPS, ty = r / TAPS_X, tx = r - ty * TAPS_X;
    source = lat_step_at(q, ty, tx);
    weight = PLAIN_A ? k : q * p.w_q + ty * p.w_ty + tx * p.w_tx;
}

void main()
{
    uint tiles_m = (p.m + TM - 1) / TM, tiles = tiles_m * p.tiles_n;
    uint n_groups = tiles * p.n_groups * p.n_images;
    bool live = lat_group() < n_groups;
    uint at = min(lat_group(), n_groups - 1);
    uint z = at / tiles, tile = at - z * tiles, image = z / p.n_groups, group = z - image * p.n_groups;
    uint tile_m = tile / p.tiles_n * TM, tile_n = tile % p.tiles_n * TN * SG;
    uint first_m = min(tile_m, p.m - TM), first_n = min(tile_n, p.n - TN * SG);
    uint64_t a = packUint2x32(uvec2(p.a_address0, p.a_address1))
        + 4ul * (p.a_offset + p.w_base + uint64_t(group) * p.w_group + uint64_t(first_m) * p.w_m);
    uint channels = p.k / TAPS;
    int64_t b = int64_t(packUint2x32(uvec2(p.src_address0, p.src_address1)))
        + 4l * (int64_t(p.src_offset) + int64_t(image) * p.src_image
                + int64_t(group * channels) * p.src_channel + int64_t(p.src_base) + int64_t(first_n));
    uint64_t a_line = 4ul * p.w_m;
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    uint k = 0;
    for (;;) {
        float columns[BK * TN];
        uint weight[BK];
        [[unroll]] for (uint q = 0; q < BK; q++) {
            int source;
            find_step(k + q, source, weight[q]);
            [[unroll]] for (uint j = 0; j < TN; j++)
                columns[q * TN + j] = lat_load_lanes(LatFloats(uint64_t(b + 4l * source)), j * SG);
        }
        [[unroll]] for (uint i = 0; i < TM; i++) {
            float row[BK];
            LatFloats r = LatFloats(a + i * a_line + 4ul * k);
            [[unroll]] for (uint q = 0; q < BK; q++)
                row[q] = PLAIN_A ? r.f[q] : LatFloats(a + i * a_line + 4ul * weight[q]).f[0];
            [[unroll]] for (uint q = 0; q < BK; q++)
                [[unroll]] for (uint j = 0; j < TN; j++)
                    acc[i * TN + j] = fma(row[q], columns[q * TN + j], acc[i * TN + j]);
        }
        k += BK;
        if (k + BK > p.k)
            break;
    }

    if (RAGGED_K) {
        for (;;) {
            int source;
            uint weight;
            find_step(min(k, p.k - 1), source, weight);
            float columns[TN];
            [[unroll]] for (uint j = 0; j < TN; j++) {
                int64_t lane = b + 4l * int64_t(source + int(j * SG + gl_SubgroupInvocationID));
                columns[j] = LatFloats(uint64_t(lane)).f[0];
            }
            bool inside = k < p.k;
            [[unroll]] for (uint i = 0; i < TM; i++) {
                float v = LatFloats(a + i * a_line + 4ul * weight).f[0];
                [[unroll]] for (uint j = 0; j < TN; j++)
                    acc[i * TN + j] = inside ? fma(v, columns[j], acc[i * TN + j]) : acc[i * TN + j];
            }
            k++;
            if (k >= p.k)
                break;
        }
    }

    if (!live)
        return;
    [[unroll]] for (uint j = 0; j < TN; j++) {
        uint n = first_n + j * SG + gl_SubgroupInvocationID;
        uint py = n / p.src_row, px = n - py * p.src_row;
        uint out_at = p.out_offset + image * p.dst_image + py * p.dst_y + px * p.dst_x + p.dst_base;
        if (px >= p.pw || (ACCUMULATE && n < tile_n))
            continue;
        [[unroll]] for (uint i = 0; i < TM; i++) {
            uint m = group * p.m + first_m + i;
            if (!ACCUMULATE || first_m + i >= tile_m)
                lat_gemm_finish(out_at + m * p.dst_plane, 0, m, acc[i * TN + j]);
        }
    }
}
