#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// gemm_cpu: out = epilogue(scale * A B) on lavapipe 26 and newer, where a workgroup is one vector of
// a CPU core.
//
// A workgroup makes a tile of TM rows and TN vectors of columns. Per step of k it loads TN vectors of
// B and one value of A per row, which is the same in all lanes; BK steps make one iteration, because
// loop control costs as much as thirty vector operations. The sums stay on the core's stack.
// Edges: a tile that would stick out is moved back inside, so m >= TM and n >= TN * SG. What then belongs to
// another tile as well is stored twice, to the bit the same, since it is the same sums in the same order; where
// elements are added to or have a place per tile (OWN_ONLY), a tile stores only what is its own. Steps of k that
// do not fill an iteration go through a loop of their own, which loads B by gather (see common/wide.glsl for
// why). k >= BK.
// B's rows must be contiguous; A may be contiguous along k or along m. PACKED: both are panels as
// gemm_pack_cpu writes them, read from one end to the other at offsets that are constants; then neither
// long rows nor strides of a power of two cost anything, and any layout of A and B is as fast as any other.
//
// @variants  T = f32
// @groups    (tiles, or shares of them, 1, 1)

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 2) const bool A_ALONG_K = true;
layout(constant_id = 4) const uint TM = 32;  // BM: rows of the tile
layout(constant_id = 6) const uint BK = 8;
layout(constant_id = 8) const uint TN = 2;
layout(constant_id = 9) const uint SG = 8;
layout(constant_id = 10) const bool RAGGED_K = false;  // k, or a part of it, is no multiple of BK
layout(constant_id = 11) const bool PACKED = false;    // a_row and b_col are k, A_ALONG_K is false
layout(constant_id = 12) const bool PAIRS = false;     // store two floats at once; not PARTIAL, ACCUMULATE or PRE

// A bias is read once for a column or a row: for each element it would be a gather, to run and to compile.
float bias_at_hand;
#define LAT_GEMM_BIAS_AT(at) bias_at_hand

#include "common/wide.glsl"
#include "gemm.glsl"

LAT_PAIRS_OUT(4, Out, out_)

const bool OWN_ONLY = (EPILOGUE & (LAT_GEMM_ACCUMULATE | LAT_GEMM_SHARED)) != 0;

float acc[TM * TN];

void main()
{
    bool live = lat_gemm_first(TM, TN * SG, BK);
    uint first_m = min(tile_m, p.m - TM);
    uint first_n = min(tile_n, p.n - TN * SG);
    uint64_t a = packUint2x32(uvec2(p.a_address0, p.a_address1))
        + 4ul * (uint64_t(a_base) + uint64_t(PACKED ? tile_m : first_m) * p.a_row);
    uint64_t b = packUint2x32(uvec2(p.b_address0, p.b_address1))
        + 4ul * (uint64_t(b_base) + (PACKED ? uint64_t(tile_n) * p.b_col : uint64_t(first_n)));
    uint64_t a_line = 4ul * (PACKED ? TM : A_ALONG_K ? p.a_row : p.a_col);
    uint64_t b_line = 4ul * (PACKED ? TN * SG : p.b_row);
    [[unroll]] for (uint i = 0; i < TM * TN; i++)
        acc[i] = 0.0;

    uint k = k_begin;
    for (;;) {
        float columns[BK * TN];
        uint64_t a_k = a + uint64_t(k) * (A_ALONG_K ? 4ul : a_line);
        uint64_t b_k = b + uint64_t(k) * b_line;
        [[unroll]] for (uint q = 0; q < BK; q++)
            [[unroll]] for (uint j = 0; j < TN; j++)
                columns[q * TN + j] = lat_load_lanes(LatFloats(b_k + q * b_line), j * SG);
        [[unroll]] for (uint i = 0; i < TM; i++) {
            float row[BK];
            if (A_ALONG_K) {
                LatFloats r = LatFloats(a_k + i * a_line);
                [[unroll]] for (uint q = 0; q < BK; q++)
                    row[q] = r.f[q];
            } else {
                [[unroll]] for (uint q = 0; q < BK; q++)
                    row[q] = LatFloats(a_k + q * a_line).f[i];
            }
            [[unroll]] for (uint q = 0; q < BK; q++)
                [[unroll]] for (uint j = 0; j < TN; j++)
                    acc[i * TN + j] = fma(row[q], columns[q * TN + j], acc[i * TN + j]);
        }
        k += BK;
        if (k + BK > k_end)
            break;
    }

    if (RAGGED_K) {
        for (;;) {
            uint at = min(k, k_end - 1);
            float columns[TN];
            [[unroll]] for (uint j = 0; j < TN; j++)
                columns[j] = LatFloats(b + at * b_line + 4ul * (j * SG + gl_SubgroupInvocationID)).f[0];
            bool inside = k < k_end;
            [[unroll]] for (uint i = 0; i < TM; i++) {
                uint64_t step = A_ALONG_K ? i * a_line + 4ul * at : at * a_line + 4ul * i;
                float v = LatFloats(a + step).f[0];
                [[unroll]] for (uint j = 0; j < TN; j++)
                    acc[i * TN + j] = inside ? fma(v, columns[j], acc[i * TN + j]) : acc[i * TN + j];
            }
            k++;
            if (k >= k_end)
                break;
        }
    }

    if (!live)
        return;
    const bool by_column = (EPILOGUE & (LAT_GEMM_BIAS | LAT_GEMM_BIAS_ROWS)) == LAT_GEMM_BIAS;
    const bool by_row = (EPILOGUE & LAT_GEMM_BIAS) != 0 && !by_column;
    float column_bias[TN];
    [[unroll]] for (uint j = 0; j < TN; j++)
        column_bias[j] = by_column ? load(bias[first_n + j * SG + gl_SubgroupInvocationID]) : 0.0;
    // What is the same for all elements is read before the branches, too: compiling takes a quarter less.
    uint out_row = p.out_row;
    float scale = p.scale;
    [[unroll]] for (uint i = 0; i < TM; i++) {
        uint m = first_m + i;
        float row_bias = by_row ? load(bias[m]) : 0.0;
        [[unroll]] for (uint j = 0; j < TN; j++) {
            uint n = first_n + j * SG + gl_SubgroupInvocationID;
            uint at = m * out_row + n;
            bias_at_hand = by_column ? column_bias[j] : row_bias;
            if (PAIRS) {
                float v = lat_gemm_combine(out_base + at, beside_base + at, 0, acc[i * TN + j] * scale);
                LAT_STORE_LANES(
                    out_, out_base + m * out_row + first_n + j * SG, lat_gemm_activate(v))
            } else if (!OWN_ONLY || (m >= tile_m && n >= tile_n)) {
                if ((EPILOGUE & LAT_GEMM_PARTIAL) != 0)
                    lat_gemm_store(m, n, acc[i * TN + j]);
                else
                    lat_gemm_finish(out_base + at, beside_base + at, 0, acc[i * TN + j] * scale);
            }
        }
    }
}
