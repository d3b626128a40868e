// SPDX-License-Identifier: MIT
//
// Matrices of attention that a subgroup holds, which is the workgroup: for devices without workgroup scope and
// tensor layouts. An element of an operand is looked up by its row and column.
#ifndef LAT_ATTENTION_MATRICES_SUBGROUP_GLSL
#define LAT_ATTENTION_MATRICES_SUBGROUP_GLSL

#define LAT_SCOPE gl_ScopeSubgroup
// A matrix of 8 x 8 multiplied with another is some thousand instructions of a CPU driver: parts are not unrolled.
#define EACH_PART(i) [[dont_unroll]] for (uint i = 0; i < PARTS; i++)
#include "attention_matrices.glsl"

// Of a tensor: left_, right_ and across_ load rows first .. below lines.n, part of the head size.
#define LAT_OPERAND(name)                                                                      \
    LatFactor name##_at(const in uint row, const in uint col, const in LatFactor none, const in uint base,     \
        const in uint stride, const in uint n, const in uint d0)                               \
    {                                                                                          \
        return row < n && d0 + col < D ? name[base + row * stride + d0 + col] : none;          \
    }                                                                                          \
    LatFactor name##_across(const in uint row, const in uint col, const in LatFactor none, const in uint base, \
        const in uint stride, const in uint n, const in uint d0)                               \
    {                                                                                          \
        return name##_at(col, row, none, base, stride, n, d0);                                 \
    }                                                                                          \
    LAT_LOOKED_UP(left_##name, LatLeft, name##_at)                                             \
    LAT_LOOKED_UP(right_##name, LatRight, name##_at)                                           \
    LAT_LOOKED_UP(across_##name, LatAcross, name##_across)

#define LAT_LOOKED_UP(load_it, Matrix, at)                                                   \
    void load_it(inout Matrix x, Lines o, uint first, uint part)                             \
    {                                                                                        \
        coopMatPerElementNV(x, Matrix(0.0), at, o.base + first * o.stride, o.stride,         \
            first < o.n ? o.n - first : 0, part * PART);                                     \
    }

#endif
