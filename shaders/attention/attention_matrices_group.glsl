// SPDX-License-Identifier: MIT
//
// Matrices of attention that a workgroup holds, 128 or 256 invocations, as the driver lists for this. Operands come
// through tensor layouts: dimensions are in the order in which they lie, a view turns those that lie across. The
// driver moves them as it likes, through shared memory or not.
#ifndef LAT_ATTENTION_MATRICES_GROUP_GLSL
#define LAT_ATTENTION_MATRICES_GROUP_GLSL

#define LAT_SCOPE gl_ScopeWorkgroup
#define EACH_PART(i) for (uint i = 0; i < PARTS; i++)
#include "attention_matrices.glsl"

// Where eights start at a multiple of 16 bytes, strides and first elements do: said once more, so that the
// compiler sees it and may load vectors.
uint aligned(uint v)
{
    return EIGHTS ? v & ~7u : v;
}

#define LAT_TURNED createTensorViewNV(2, false, 1, 0)

tensorLayoutNV<2> inside(Lines o, uint first, uint count, uint part)
{
    tensorLayoutNV<2> t = createTensorLayoutNV(2);
    t = setTensorLayoutDimensionNV(t, o.n, D);
    t = setTensorLayoutStrideNV(t, aligned(o.stride), 1);
    return sliceTensorLayoutNV(t, first, count, part * PART, PART);
}

// Zeros beyond the edges.
tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> clamped(
    Lines o, uint first, uint count, uint part)
{
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> t =
        createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    t = setTensorLayoutDimensionNV(t, o.n, D);
    t = setTensorLayoutStrideNV(t, aligned(o.stride), 1);
    return sliceTensorLayoutNV(t, first, count, part * PART, PART);
}

bool is_inside(Lines o, uint first, uint count)
{
    return D % PART == 0 && first + count <= o.n;
}

// Of a tensor: left_, right_ and across_ load rows first .. below o.n, part of the head size.
#define LAT_OPERAND(name)                                                                             \
    void left_##name(inout LatLeft x, Lines o, uint first, uint part)                                 \
    {                                                                                                 \
        if (is_inside(o, first, ROWS))                                                                \
            coopMatLoadTensorNV(x, name, aligned(o.base), inside(o, first, ROWS, part));              \
        else                                                                                          \
            coopMatLoadTensorNV(x, name, aligned(o.base), clamped(o, first, ROWS, part));             \
    }                                                                                                 \
    void right_##name(inout LatRight x, Lines o, uint first, uint part)                               \
    {                                                                                                 \
        if (is_inside(o, first, COLS))                                                                \
            coopMatLoadTensorNV(x, name, aligned(o.base), inside(o, first, COLS, part));              \
        else                                                                                          \
            coopMatLoadTensorNV(x, name, aligned(o.base), clamped(o, first, COLS, part));             \
    }                                                                                                 \
    void across_##name(inout LatAcross x, Lines o, uint first, uint part)                             \
    {                                                                                                 \
        if (is_inside(o, first, COLS))                                                                \
            coopMatLoadTensorNV(x, name, aligned(o.base), inside(o, first, COLS, part), LAT_TURNED);  \
        else                                                                                          \
            coopMatLoadTensorNV(x, name, aligned(o.base), clamped(o, first, COLS, part), LAT_TURNED); \
    }

#endif
