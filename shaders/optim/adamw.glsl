// SPDX-License-Identifier: MIT
//
// The rule of adamw, on four elements.

void rule(vec4 g, float lr, float decay, inout vec4 w, inout vec4 m, inout vec4 v)
{
    m = hyper[LAT_HYPER_BETA1] * m + hyper[LAT_HYPER_SHARE1] * g;
    v = hyper[LAT_HYPER_BETA2] * v + hyper[LAT_HYPER_SHARE2] * (g * g);
    vec4 root = sqrt(v) / report[LAT_REPORT_SQRT_BIAS2] + hyper[LAT_HYPER_EPS];
    w = w * (1.0 - lr * decay) - (lr / report[LAT_REPORT_BIAS1]) * (m / root);
}
