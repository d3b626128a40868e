#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// grad_norm_finish: the global norm of all gradients from the sums of squares, by one workgroup, and
// from it the clip factor min(1, max_norm / (norm + 1e-6)), as in PyTorch's clip_grad_norm_. A norm
// that is NaN or infinite is reported as not finite; the update kernels then change nothing.
//
// @groups    (1, 1, 1)

#define T_F32
#include "grad_norm_finish.abi.h"
#include "optim/optim_layout.h"
#include "common/row_base.glsl"

layout(binding = 0) readonly buffer Partial { float partial[]; };
layout(binding = 1) readonly buffer Hyper { float hyper[]; };
layout(binding = 2) writeonly buffer Report { float report[]; };

void main()
{
    float acc = 0.0;
    for (uint i = row_lane(); i < p.n_cols; i += row_lanes())
        acc += partial[i];
    float norm = sqrt(row_sum(acc)) * abs(hyper[LAT_HYPER_GRAD_SCALE]);
    if (row_lane() != 0u)
        return;
    bool finite = lat_magnitude_bits(norm) < 0x7f800000u;
    float max_norm = hyper[LAT_HYPER_MAX_NORM];
    float clip = 1.0;
    if (finite && max_norm > 0.0)
        clip = min(1.0, max_norm / (norm + 1e-6));
    report[LAT_REPORT_NORM] = norm;
    report[LAT_REPORT_CLIP] = clip;
    report[LAT_REPORT_FINITE] = finite ? 1.0 : 0.0;
    report[LAT_REPORT_COUNT - 1] = 0.0;
}
