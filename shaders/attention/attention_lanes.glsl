// SPDX-License-Identifier: MIT
//
// The cpu and subgroup strategies: a workgroup is one subgroup, every lane has a query of its own
// (backward of keys and values: a key) with its row and sums in registers, and all lanes walk together
// over the rows of the other side, BLOCK at a time. No shared memory, no barrier, and a softmax that
// never looks across lanes.
//
// A row that all lanes need is opened and then read element by element:
//
//     OPEN_ROWS(X, n, first)   rows first .. first + n - 1 of tensor X (K, V, Q or G)
//     ROW(X, i, d)             element d of the i-th of them
//
// where the shader defines AT_X(row), the first element of a row in its binding, clamped to the
// tensor. With LAT_LANES_BY_ADDRESS a value is a load of one address, ADDRESS_X, in all lanes, which
// lavapipe 26 turns into a scalar load with a constant offset; otherwise FETCH_X(i) reads a row side
// by side and its values are broadcast from their lanes.
#ifndef LAT_ATTENTION_LANES_GLSL
#define LAT_ATTENTION_LANES_GLSL

layout(constant_id = 5) const uint SG = 32;    // exactly the subgroup size
layout(constant_id = 6) const uint BLOCK = 1;  // rows per iteration; 1 or a multiple of 4

#include "attention.glsl"

#ifdef LAT_LANES_BY_ADDRESS
#include "common/wide.glsl"
#define OPEN_ROWS(X, n, first)                                    \
    LatFloats rows_##X[n];                                        \
    [[unroll]] for (uint i = 0; i < n; i++)                       \
        rows_##X[i] = LatFloats(ADDRESS_##X + 4ul * AT_##X((first) + i));
#define ROW(X, i, d) rows_##X[i].f[d]
// Begins a block of code of its own, by a condition that is true always, which the compiler cannot know.
// The number tells the blocks of a loop apart: two with one condition would be joined. LLVM schedules
// within a block, and in one of thousands of instructions it makes all products first and parks them on the
// stack until they are added: apart the kernels of head size 64 run 1.37, 1.4 and 1.5 times as fast
// (CPU time, lavapipe 26.1, 128 tokens).
#define APART(number) if (p.t != ~uint(number))
#else
#define APART(number)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
const uint LOADS = (D + SG - 1) / SG;
#define OPEN_ROWS(X, n, first)                                    \
    float rows_##X[n * LOADS];                                    \
    [[unroll]] for (uint i = 0; i < n; i++)                       \
        [[unroll]] for (uint j = 0; j < LOADS; j++)               \
            rows_##X[i * LOADS + j] = FETCH_##X(                  \
                AT_##X((first) + i) + min(j * SG + gl_SubgroupInvocationID, D - 1));
#define ROW(X, i, d) subgroupBroadcast(rows_##X[(i) * LOADS + (d) / SG], (d) % SG)
#endif

const uint PART = 64;  // elements of a row in a block of code

#endif
