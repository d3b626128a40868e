// SPDX-License-Identifier: MIT
//
// What the reductions have in common: the neutral element, how two partial results join, and where
// an element of the result lies. KIND, ROOT and ACCUMULATE are specialisation constants of the shader.
#ifndef LAT_REDUCE_GLSL
#define LAT_REDUCE_GLSL
#include "common/math.glsl"

float neutral()
{
    return KIND == LAT_REDUCE_MAX ? -LAT_INF : 0.0;
}

float term(float v)
{
    return KIND == LAT_REDUCE_SQUARES ? v * v : v;
}

float join(float a, float b)
{
    if (KIND == LAT_REDUCE_MAX)
        return lat_is_nan(a) || a > b ? a : b;
    return a + b;
}

float finish(float v)
{
    v *= p.scale;
    return ROOT ? sqrt(v) : v;
}

// Element out_ of y: where its elements of x start, and how many there are.
void piece_of(uint out_, out uint start, out uint count)
{
    uint i = out_ % p.inner;
    uint rest = out_ / p.inner;
    uint first = (rest % p.n_chunks + p.chunk0) * p.chunk;
    start = ((rest / p.n_chunks) * p.n + rest % p.n_chunks * p.chunk) * p.inner + i;
    count = min(p.chunk, p.n - first);
}

#endif
