// SPDX-License-Identifier: MIT
//
// What the reductions have in common: the neutral element, how two partial results join, and where
// an element of the result lies. KIND, ROOT, ACCUMULATE and READ are specialisation constants of the
// shader; x, x4, y and y4 its buffers.
//
// A lane reads x in steps: a step is a quad, or a single element, which then is the x of a vector whose
// other three members mean nothing.
#ifndef LAT_REDUCE_GLSL
#define LAT_REDUCE_GLSL
#include "common/math.glsl"

// Sizes in steps: of a result's neighbours, and of a run.
const uint INNER_STEP = READ == LAT_REDUCE_INNER_QUADS ? 4u : 1u;
const uint RUN_STEP = READ == LAT_REDUCE_RUN_QUADS ? 4u : 1u;

vec4 neutral()
{
    return vec4(KIND == LAT_REDUCE_MAX ? -LAT_INF : 0.0);
}

vec4 term(uint at)
{
    vec4 v = READ == LAT_REDUCE_ELEMENTS ? vec4(load(x[at])) : load4(x4[at]);
    return KIND == LAT_REDUCE_SQUARES ? v * v : v;
}

float join1(float a, float b)
{
    if (KIND == LAT_REDUCE_MAX)
        return lat_is_nan(a) || a > b ? a : b;
    return a + b;
}

vec4 join(vec4 a, vec4 b)
{
    if (KIND == LAT_REDUCE_SUM || KIND == LAT_REDUCE_SQUARES)
        return a + b;
    return vec4(join1(a.x, b.x), join1(a.y, b.y), join1(a.z, b.z), join1(a.w, b.w));
}

// Where result out_ (a quad of results with INNER_QUADS) begins in x, how many steps there are and
// how far apart, all in steps.
void piece_of(uint out_, out uint start, out uint count, out uint stride)
{
    stride = p.inner / INNER_STEP;
    uint rest = out_ / stride;
    uint first = (rest % p.n_chunks + p.chunk0) * p.chunk;
    uint run = (rest / p.n_chunks) * p.n + rest % p.n_chunks * p.chunk;
    start = run / RUN_STEP * stride + out_ % stride;
    count = min(p.chunk, p.n - first) / RUN_STEP;
}

// The share of one lane.
vec4 lane_total(uint out_, uint lane, uint lanes)
{
    uint start, count, stride;
    piece_of(out_, start, count, stride);
    vec4 v = neutral(), w = neutral();
    uint k = lane;
    for (; k + 3u * lanes < count; k += 4u * lanes) {  // four loads in flight
        uint at = start + k * stride, step_ = lanes * stride;
        v = join(v, join(term(at), term(at + step_)));
        w = join(w, join(term(at + 2u * step_), term(at + 3u * step_)));
    }
    for (; k < count; k += lanes)
        v = join(v, term(start + k * stride));
    v = join(v, w);
    if (READ == LAT_REDUCE_RUN_QUADS)
        v.x = join1(join1(v.x, v.y), join1(v.z, v.w));
    return v;
}

vec4 finish(vec4 v)
{
    v *= p.scale;
    return ROOT ? sqrt(v) : v;
}

void write_result(uint out_, vec4 v)
{
    v = finish(v);
    uint at = INNER_STEP * out_ + p.chunk0 * p.inner;
    if (READ != LAT_REDUCE_INNER_QUADS) {
        y[at] = store_u(ACCUMULATE ? load_u(y[at]) + v.x : v.x);
        return;
    }
    for (uint i = 0; i < 4u; i++, at++) {
        y[at] = store_u(ACCUMULATE ? load_u(y[at]) + v[i] : v[i]);
    }
}

#endif
