// SPDX-License-Identifier: MIT
//
// cross_entropy_bwd: with probabilities q = exp(x - lse), made again from the logits,
//
//     dx[j] = scale ((1 - e) w[t] (q[j] - [j = t]) + e / V (q[j] sum w - w[j]))
//
// scale is the gradient of the loss, divided by the sum of the labels' weights for the mean. Rows
// with an ignored label get 0, rows with a label that is no class NaN.

#include "common/online_softmax.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer Labels { int labels[]; };
layout(binding = 2) readonly buffer Weights { float weights[]; };
layout(binding = 3) readonly buffer Lse { float lse[]; };
layout(binding = 4) readonly buffer Divisor { float divisor[]; };        // one, for the mean
layout(binding = 5) readonly buffer WeightSum { float weight_sum[]; };   // one, with weights and e
layout(binding = 6) readonly buffer Dy { float dy[]; };                  // one, or one per row
layout(binding = 7) writeonly buffer Dx { T dx[]; };
layout(binding = 7) writeonly buffer Dx4 { T4 dx4[]; };

ROW_READER(read_x, x, x4)
ROW_WRITER(write_dx, dx, dx4)

float weight_of(uint c)
{
    return (p.flags & LAT_CE_WEIGHTS) != 0u ? weights[c] : 1.0;
}

float scale_of(uint row)
{
    float g = dy[(p.flags & LAT_CE_PER_ROW) != 0u ? row : 0u];
    if ((p.flags & LAT_CE_MEAN) == 0u)
        return g;
    return divisor[0] == 0.0 ? 0.0 : g / divisor[0];
}

void row_main(uint row)
{
    int label = labels[row];
    bool ignored = label == p.ignore_index;
    bool known = label >= 0 && uint(label) < p.n_cols;
    float scale = known ? scale_of(row) : LAT_NAN;
    float top = lse[2u * row], log_sum = lse[2u * row + 1u];
    float hard = known ? (1.0 - p.smoothing) * weight_of(uint(label)) : 0.0;
    float soft = p.smoothing / float(p.n_cols);
    bool weighted = (p.flags & LAT_CE_WEIGHTS) != 0u && p.smoothing != 0.0;
    float spread = soft * (weighted ? weight_sum[0] : float(p.n_cols));

    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 prob = exp_below4((read_x(row, q, 0.0) - top) - log_sum);
        vec4 d = prob * (hard + spread);
        for (uint j = 0u; j < 4u; j++) {
            uint c = 4u * q + j;
            if (c == uint(label))
                d[j] -= hard;
            if (p.smoothing != 0.0 && c < p.n_cols)
                d[j] -= soft * weight_of(c);
        }
        write_dx(row, q, ignored ? vec4(0.0) : d * scale);
    }
}

ROW_KERNEL_MAIN
