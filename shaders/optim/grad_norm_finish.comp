#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// grad_norm_finish: what every update kernel of a step needs to know, from the sums of squares, by one
// workgroup: the global norm without the loss scale, the clip factor min(1, max_norm / (norm + 1e-6)) as in
// PyTorch's clip_grad_norm_, AdamW's bias corrections. A norm that is NaN or infinite is reported as not
// finite: the update kernels then change nothing, the loss scale falls, and nothing else of carry moves.
//
// 1 - beta^t is the moving average of ones, with beta's weights: as exact as the moments themselves, and
// without a power. A host that reads nothing back could not say what t is after a skipped update.
//
// Source: Micikevicius et al. 2017, arXiv:1710.03740, section 3.2 (loss scaling); growth and backoff as
//         PyTorch's GradScaler
//
// @groups    (1, 1, 1)

#define T_F32
#include "grad_norm_finish.abi.h"
#include "optim/optim_layout.h"
#include "common/row_base.glsl"

layout(binding = 0) readonly buffer Partial { float partial[]; };
layout(binding = 1) readonly buffer Hyper { float hyper[]; };
layout(binding = 2) writeonly buffer Report { float report[]; };
layout(binding = 3) buffer Carry { float carry[]; };

bool is_finite(float v)
{
    return lat_magnitude_bits(v) < 0x7f800000u;
}

// A moving average of ones; beta 0 has no memory.
void count_update()
{
    carry[LAT_CARRY_BIAS1] =
        hyper[LAT_HYPER_BETA1] * carry[LAT_CARRY_BIAS1] + hyper[LAT_HYPER_SHARE1];
    carry[LAT_CARRY_BIAS2] =
        hyper[LAT_HYPER_BETA2] * carry[LAT_CARRY_BIAS2] + hyper[LAT_HYPER_SHARE2];
    carry[LAT_CARRY_DONE] += 1.0;
    carry[LAT_CARRY_ROW] = 0.0;
}

// A scale that would become infinite stays.
void grow()
{
    float good = carry[LAT_CARRY_GOOD] + 1.0;
    if (good >= hyper[LAT_HYPER_INTERVAL]) {
        float scale = carry[LAT_CARRY_SCALE] * hyper[LAT_HYPER_GROWTH];
        if (is_finite(scale))
            carry[LAT_CARRY_SCALE] = scale;
        good = 0.0;
    }
    carry[LAT_CARRY_GOOD] = good;
}

void skip()
{
    if (hyper[LAT_HYPER_INTERVAL] > 0.0)
        carry[LAT_CARRY_SCALE] *= hyper[LAT_HYPER_BACKOFF];
    carry[LAT_CARRY_GOOD] = 0.0;
    carry[LAT_CARRY_SKIPPED] += 1.0;
    carry[LAT_CARRY_ROW] += 1.0;
}

void main()
{
    float acc = 0.0;
    for (uint i = row_lane(); i < p.n_cols; i += row_lanes())
        acc += partial[i];
    float root = sqrt(row_sum(acc));
    if (row_lane() != 0u)
        return;
    float unscale = 1.0 / carry[LAT_CARRY_SCALE];
    float norm = root * unscale, max_norm = hyper[LAT_HYPER_MAX_NORM];
    bool finite = is_finite(norm);
    float clip = 1.0;
    if (finite && max_norm > 0.0)
        clip = min(1.0, max_norm / (norm + 1e-6));

    bool first = carry[LAT_CARRY_DONE] == 0.0;
    report[LAT_REPORT_SHARE1] = hyper[first ? LAT_HYPER_FIRST_SHARE : LAT_HYPER_SHARE1];
    if (finite)
        count_update();
    else
        skip();
    if (finite && hyper[LAT_HYPER_INTERVAL] > 0.0)
        grow();

    report[LAT_REPORT_NORM] = norm;
    report[LAT_REPORT_CLIP] = clip;
    report[LAT_REPORT_FINITE] = finite ? 1.0 : 0.0;
    report[LAT_REPORT_SCALE] = carry[LAT_CARRY_SCALE];
    report[LAT_REPORT_SKIPPED] = carry[LAT_CARRY_SKIPPED];
    report[LAT_REPORT_ROW] = carry[LAT_CARRY_ROW];
    report[LAT_REPORT_FACTOR] = clip * unscale;
    report[LAT_REPORT_BIAS1] = carry[LAT_CARRY_BIAS1];
    report[LAT_REPORT_SQRT_BIAS2] = sqrt(carry[LAT_CARRY_BIAS2]);
    report[LAT_REPORT_COUNT - 2] = 0.0;
    report[LAT_REPORT_COUNT - 1] = 0.0;
}
