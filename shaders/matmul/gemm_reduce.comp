#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// gemm_reduce: second pass of a product whose k was split: adds the parts in the order of k, so
// that the result does not depend on when they were done, and applies the epilogue.
//
//     out[b, m, n] = epilogue(scale * sum_s partial[s, b, m, n])
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(batches * m * n / WG), 1, 1)

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint EPILOGUE = 0;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "gemm.abi.h"

layout(binding = 0) readonly buffer Partial { float partial[]; };
layout(binding = 1) readonly buffer Bias { T bias[]; };
layout(binding = 2) readonly buffer Beside { T beside[]; };
layout(binding = 3) buffer Out { T out_[]; };
layout(binding = 4) writeonly buffer Pre { T pre[]; };

#include "gemm_finish.glsl"

void main()
{
    uint matrix = p.m * p.n;
    uint total = matrix * p.n_batch;
    uint e = lat_thread();
    if (e >= total)
        return;

    float sum = partial[e];
    for (uint s = 1; s < p.n_splits; s++)
        sum += partial[s * total + e];

    uint batch = e / matrix;
    uint m = (e - batch * matrix) / p.n;
    uint n = e % p.n;
    uint at = batch * p.out_batch + m * p.out_row + n;
    uint at_bias = (EPILOGUE & LAT_GEMM_BIAS_ROWS) != 0 ? m : n;
    lat_gemm_finish(p.out_offset + at, p.beside_offset + at, at_bias, sum * p.scale);
}
