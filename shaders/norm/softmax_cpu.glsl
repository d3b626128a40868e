// SPDX-License-Identifier: MIT
//
// softmax and log_softmax on lavapipe 26 and newer (common/wide.glsl): a subgroup has one row of COLS columns,
// which it goes through without a loop and keeps, vector by vector. The last vector, where it would stick out,
// is moved back inside: its lanes that were counted before do not count again, and store the same once more.
//
// Sums and maxima of lanes are chains of broadcasts, which the driver makes of a few instructions; its own
// reductions are loops.

layout(local_size_x = 32, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint COLS = 8;  // at least SG
const bool PAIRS = COLS % 2 == 0;

#include "common/index.glsl"
#include "common/math.glsl"
#include "common/wide.glsl"

const uint VECTORS = (COLS + SG - 1) / SG;

// First column of vector k.
#define SOFTMAX_COLUMN(k) ((k) + 1 < VECTORS ? (k) * SG : COLS - SG)

uint softmax_row()
{
    uint row = lat_group() * (gl_WorkGroupSize.x / SG) + gl_SubgroupID;
    return min(row, p.n_rows - 1u);
}

// v in the lanes whose column no vector before k had, else 0.
float softmax_own(uint k, float v)
{
    return COLS % SG != 0 && k + 1 == VECTORS && gl_SubgroupInvocationID < VECTORS * SG - COLS ? 0.0 : v;
}

float softmax_sum(float v)
{
    float sum = subgroupBroadcast(v, 0);
    [[unroll]] for (uint i = 1; i < SG; i++)
        sum += subgroupBroadcast(v, i);
    return sum;
}

float softmax_max(float v)
{
    float most = subgroupBroadcast(v, 0);
    [[unroll]] for (uint i = 1; i < SG; i++)
        most = max(most, subgroupBroadcast(v, i));
    return most;
}

// exp of d <= 0; NaN for NaN, by its bits (common/online_softmax.glsl).
float softmax_exp(float d)
{
    return mix(mix(exp(d), d, lat_is_nan(d)), 0.0, d < -104.0);
}
