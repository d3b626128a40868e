#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// bias_bwd: first pass of the backward of what a linear layer does after its product.
//
//     g[m, n] = dy[m, n] gelu'(pre[m, n])              where the layer ends in GELU, else g = dy
//     partial[r, n] = sum of g[m, n] over run r of n_rows rows
//
// An invocation has one column of one run, so neighbours read and write neighbours, and a column is
// summed in the order of its rows. bias_bwd_sum adds the runs.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n / WG) * ceil(m / n_rows), 1, 1)

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 1) const uint PARTS = 3;

#include "common/dtype.glsl"
#include "common/gelu.glsl"
#include "common/index.glsl"
#include "bias_bwd.abi.h"

layout(binding = 0) readonly buffer Dy { T dy[]; };
layout(binding = 1) readonly buffer Pre { T pre[]; };
layout(binding = 2) writeonly buffer G { T g[]; };
layout(binding = 3) writeonly buffer Partial { float partial[]; };

void main()
{
    uint strips = (p.n + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
    uint group = lat_group();
    uint run = group / strips;
    uint n = group % strips * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uint first = run * p.n_rows;
    if (n >= p.n || first >= p.m)
        return;

    float sum = 0.0;
    uint end = min(first + p.n_rows, p.m);
    for (uint m = first; m < end; m++) {
        float v = load(dy[m * p.n + n]);
        if ((PARTS & LAT_BIAS_BWD_GELU) != 0) {
            v *= lat_gelu_grad(load(pre[m * p.n + n]));
            g[m * p.n + n] = store(v);
        }
        sum += v;
    }
    if ((PARTS & LAT_BIAS_BWD_SUM) != 0)
        partial[run * p.n + n] = sum;
}
