// SPDX-License-Identifier: MIT
//
// cross_entropy_fwd: the loss of each row of logits x with label t, class weights w, smoothing e:
//
//     lse  = log sum exp(x)
//     loss = (1 - e) w[t] (lse - x[t]) + e / V sum_c w[c] (lse - x[c])
//
// and the row's share of the divisor of the mean, w[t]; both 0 for ignored labels. A label that is
// no class gives NaN: a shader cannot report an error, and NaN stays visible where a clamped label
// would train on the wrong class. The logarithms of the probabilities are never stored, only
// max x and lse - max x of each row; kept apart, they do not round where logits are large.

#include "common/online_softmax.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) readonly buffer Labels { int labels[]; };
layout(binding = 2) readonly buffer Weights { float weights[]; };
layout(binding = 3) writeonly buffer Loss { float losses[]; };
layout(binding = 4) writeonly buffer Share { float shares[]; };
layout(binding = 5) writeonly buffer Lse { float lse[]; };  // max x, lse - max x

ROW_READER(read_x, x, x4)

float weight_of(uint c)
{
    return (p.flags & LAT_CE_WEIGHTS) != 0u ? weights[c] : 1.0;
}

// sum_c w[c] (lse - x[c]); a -inf logit counts as infinitely wrong.
float smooth_sum(uint row, float top, float log_sum)
{
    float acc = 0.0;
    for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 d = (top - read_x(row, q, 0.0)) + log_sum;
        for (uint j = 0u; j < 4u; j++)
            if (4u * q + j < p.n_cols)
                acc += weight_of(4u * q + j) * d[j];
    }
    return row_sum(acc);
}

void row_main(uint row)
{
    vec4 m = vec4(ONLINE_LEAST), s = vec4(0.0);
    for (uint k = 0u; k < ROW_STEPS; k++)
        online_add(m, s, read_x(row, ROW_QUAD(k), -LAT_INF));
    vec2 total = online_join(m, s);
    float top = total.x;
    // A row of -inf alone has no distribution: NaN.
    float log_sum = total.y == 0.0 ? LAT_NAN : lat_log(total.y);

    float loss = 0.0;
    if (p.smoothing != 0.0)
        loss = p.smoothing / float(p.n_cols) * smooth_sum(row, top, log_sum);
    if (row_lane() != 0u)
        return;

    int label = labels[row];
    float share = 1.0;
    if (label == p.ignore_index) {
        loss = 0.0;
        share = 0.0;
    } else if (label >= 0 && uint(label) < p.n_cols) {
        share = weight_of(uint(label));
        float wrong = (top - load(x[row * p.n_cols + uint(label)])) + log_sum;
        if (share != 0.0)
            loss += (1.0 - p.smoothing) * share * wrong;
    } else {
        loss = LAT_NAN;
    }
    losses[row] = loss;
    if ((p.flags & LAT_CE_MEAN) != 0u)
        shares[row] = share;
    if ((p.flags & LAT_CE_KEEP) != 0u) {
        lse[2u * row] = top;
        lse[2u * row + 1u] = log_sum;
    }
}

ROW_KERNEL_MAIN
