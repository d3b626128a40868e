#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// layer_norm_bwd_cpu: layer_norm_bwd.glsl and layer_norm_bwd_cols in one, on lavapipe 26 and newer; see
// layer_norm_cpu.glsl. A workgroup is one subgroup and goes down the rows of one block, so that the sums for
// weight and bias are made while a row is in the cache. Where rows themselves get no gradient a
// workgroup may have a strip of columns; one that would stick out is moved back inside and computes some
// columns a second time, with the same result.
//
// What is added to is loaded by address and stored, sum included, through the descriptor.
//
// @variants  T = f32
// @groups    (n_blocks * groups_per_block, 1, 1), folded into y past the device's limit

#include "layer_norm.abi.h"
#include "layer_norm_cpu.glsl"

layout(binding = 2) readonly buffer Stats { float stats[]; };
layout(binding = 4) readonly buffer Random { uint random_state[]; };
LAT_LANES_OUT(5, Dx, dx)
LAT_LANES_OUT(6, Dr, dr)
LAT_LANES_OUT(7, Dw, dw_partial)  // [n_blocks, n_cols]
LAT_LANES_OUT(8, Db, db_partial)

const bool ROWS = (FLAGS & (LAT_NORM_DX | LAT_NORM_DRES)) != 0u;

// A step of a row of the tensor at an address of the push block, from its column `first`.
vec4 piece(uint address, uint row, uint first, uint k)
{
    uint i = row * p.n_cols + first;
    return lat_load_lanes4(lat_floats(p.address[2 * address], p.address[2 * address + 1], i), k * (4 * SG));
}

vec4 weighted(vec4 g, uint k)
{
    return has(LAT_NORM_WEIGHT) ? g * piece(LAT_NORM_BWD_WEIGHT, 0u, 0u, k) : g;
}

// Stores are most of the code, several instructions for two floats, and so of the time to compile it. Many
// steps share those of a few in a loop whose length the compiler does not know: for rows where they are more
// than four, for sums, which are stored once, at all times.
const uint QUARTER = (STEPS + 3) / 4;
const uint EACH_ROW = STEPS < 4 ? STEPS : QUARTER < 4 ? 4 : QUARTER;

// The last pass may store a step again. The loop over t must be one that the driver can count: if not, it
// stays a loop, and the steps lie in memory.
#define STORE_STEPS(name, first, steps, each)                                                    \
    for (uint pass = 0; pass * (4 * SG * each) < (each < STEPS ? p.strip : 1u); pass++) {        \
        [[unroll]] for (uint i = 0; i < each; i++) {                                             \
            vec4 step_ = steps[i];                                                               \
            [[unroll]] for (uint t = 1; t < (STEPS + each - 1u) / each; t++)                     \
                step_ = pass == t ? steps[min(t * each + i, STEPS - 1u)] : step_;                \
            LAT_STORE_LANES4(name, first + min(pass * each + i, STEPS - 1u) * (4 * SG), step_)   \
        }                                                                                        \
    }

void main()
{
    uint n_groups = p.n_blocks * p.groups_per_block;
    if (has(LAT_NORM_ADD_DX | LAT_NORM_ADD_DRES) && lat_group() >= n_groups)
        return;  // would be added twice
    uint group = min(lat_group(), n_groups - 1u), block = group / p.groups_per_block;
    uint first = min(group % p.groups_per_block * COLS, p.n_cols - COLS);
    uint row = block * p.rows_per_block;
    uint row0 = p.block0 * p.rows_per_block;  // the first of this dispatch
    uint end = min(row + p.rows_per_block, p.n_rows - row0);

    uvec2 key = DROPOUT ? uvec2(random_state[0], random_state[1]) : uvec2(0u);
    vec4 dw[STEPS], db[STEPS];
    [[unroll]] for (uint k = 0; k < STEPS; k++)
        dw[k] = db[k] = vec4(0.0);
    for (;;) {
        float mean = stats[2u * row], rstd = stats[2u * row + 1u];
        vec4 g[STEPS], h[STEPS];
        vec4 acc_g = vec4(0.0), acc_gh = vec4(0.0);
        [[unroll]] for (uint k = 0; k < STEPS; k++) {
            g[k] = piece(LAT_NORM_BWD_DY, row, first, k);
            h[k] = piece(LAT_NORM_BWD_SAVED, row, first, k);
            if (!has(LAT_NORM_NORMALISED))
                h[k] = (h[k] - mean) * rstd;
            if (has(LAT_NORM_DWEIGHT))
                dw[k] += g[k] * h[k];
            if (has(LAT_NORM_DBIAS))
                db[k] += g[k];
            g[k] = weighted(g[k], k);
            acc_g += g[k];
            acc_gh += g[k] * h[k];
        }
        if (ROWS) {
            vec2 sums = vec2(norm_sum(acc_g), norm_sum(acc_gh)) / float(COLS);
            if (has(LAT_NORM_RMS))
                sums.x = 0.0;
            [[unroll]] for (uint k = 0; k < STEPS; k++)
                h[k] = rstd * (g[k] - sums.x - h[k] * sums.y);
            uint at = row * COLS;
            if (has(LAT_NORM_DRES)) {
                [[unroll]] for (uint k = 0; k < STEPS; k++)
                    g[k] = has(LAT_NORM_ADD_DRES) ? h[k] + piece(LAT_NORM_BWD_DRES, row, 0u, k) : h[k];
                STORE_STEPS(dr, at, g, EACH_ROW)
            }
            if (has(LAT_NORM_DX)) {
                [[unroll]] for (uint k = 0; k < STEPS; k++) {
                    if (DROPOUT)
                        h[k] = mix(vec4(0.0), h[k] * p.keep_scale, norm_kept(key, row0 + row, k));
                    if (has(LAT_NORM_ADD_DX))
                        h[k] += piece(LAT_NORM_BWD_DX, row, 0u, k);
                }
                STORE_STEPS(dx, at, h, EACH_ROW)
            }
        }
        if (++row >= end)
            break;
    }
    uint at = block * p.n_cols + first;
    if (has(LAT_NORM_DWEIGHT))
        STORE_STEPS(dw_partial, at, dw, QUARTER)
    if (has(LAT_NORM_DBIAS))
        STORE_STEPS(db_partial, at, db, QUARTER)
}
