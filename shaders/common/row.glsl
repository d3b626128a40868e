// SPDX-License-Identifier: MIT
//
// Kernels that reduce along the rows of a contiguous matrix. A kernel is written once, as a body
// that defines row_main(row), and built per strategy by a .comp that includes row_base.glsl (a
// workgroup per row, tree in shared memory) or row_subgroup.glsl (a subgroup per row) before it and
// calls it from main. Both give the body
//
//     row_lane()   row_lanes()                  which share of the row is mine
//     row_sum(v)   row_sum2(v)   row_max(v)     over all lanes, the same result in each
//
// Lane l takes quads l, l + lanes, ... where quad q is columns 4q .. 4q + 3. What a lane reads of a
// row that is short enough it keeps in registers: KEEP quads, a constant of the pipeline, so that
// loops over them unroll. The push block of the kernel has n_rows and n_cols.
#ifndef LAT_ROW_GLSL
#define LAT_ROW_GLSL
#extension GL_EXT_control_flow_attributes : enable
#include "common/index.glsl"
#include "common/math.glsl"
#include "common/vec4.glsl"

layout(constant_id = 1) const uint ROWS = 1;      // rows per workgroup
layout(constant_id = 2) const uint KEEP = 0;      // quads per lane; 0 = long rows, read again
layout(constant_id = 3) const bool WHOLE = false; // n_cols is a multiple of 4

const uint KEPT = KEEP > 0u ? KEEP : 1u;          // length of arrays of kept quads

uint row_quads()
{
    return (p.n_cols + 3u) / 4u;
}

// Defines `vec4 name(uint row, uint q, float pad)`: quad q of a row of buffer buf, pad beyond it.
#define ROW_READER(name, buf, buf4)                          \
    vec4 name(uint row, uint q, float pad)                   \
    {                                                        \
        uint i = row * p.n_cols + 4u * q;                    \
        if (WHOLE)                                           \
            return q < row_quads() ? load4(buf4[i / 4u]) : vec4(pad); \
        uint left = p.n_cols - min(4u * q, p.n_cols);        \
        vec4 v = vec4(pad);                                  \
        if (left > 0u) v.x = load(buf[i]);                   \
        if (left > 1u) v.y = load(buf[i + 1u]);              \
        if (left > 2u) v.z = load(buf[i + 2u]);              \
        if (left > 3u) v.w = load(buf[i + 3u]);              \
        return v;                                            \
    }

// Defines `void name(uint row, uint q, vec4 v)`.
#define ROW_WRITER(name, buf, buf4)                          \
    void name(uint row, uint q, vec4 v)                      \
    {                                                        \
        uint i = row * p.n_cols + 4u * q;                    \
        if (WHOLE) {                                         \
            if (q < row_quads())                             \
                buf4[i / 4u] = store4(v);                    \
            return;                                          \
        }                                                    \
        uint left = p.n_cols - min(4u * q, p.n_cols);        \
        if (left > 0u) buf[i] = store(v.x);                  \
        if (left > 1u) buf[i + 1u] = store(v.y);             \
        if (left > 2u) buf[i + 2u] = store(v.z);             \
        if (left > 3u) buf[i + 3u] = store(v.w);             \
    }

// 1 for the columns of quad q that exist.
vec4 row_inside(uint q)
{
    if (WHOLE)
        return vec4(q < row_quads() ? 1.0 : 0.0);
    uint left = p.n_cols - min(4u * q, p.n_cols);
    return vec4(lessThan(uvec4(0u, 1u, 2u, 3u), uvec4(left)));
}

float sum4(vec4 v)
{
    return (v.x + v.y) + (v.z + v.w);
}

float max4(vec4 v)
{
    return max(max(v.x, v.y), max(v.z, v.w));
}

// Loop over this lane's quads: step k is quad q. A constant number of steps when they are kept.
#define ROW_STEPS (KEEP > 0u ? KEEP : (row_quads() + row_lanes() - 1u) / row_lanes())
#define ROW_QUAD(k) (row_lane() + (k) * row_lanes())
// Index of step k in an array of KEPT quads.
#define ROW_SLOT(k) (KEEP > 0u ? (k) : 0u)

#endif
