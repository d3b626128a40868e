// SPDX-License-Identifier: MIT
//
// The rule of sgd, on four elements.

void rule(vec4 g, float lr, float decay, inout vec4 w, inout vec4 m, inout vec4 v)
{
    g += decay * w;
    if (has(LAT_OPTIM_HAS_MOMENT1)) {
        m = hyper[LAT_HYPER_MOMENTUM] * m + hyper[LAT_HYPER_SHARE1] * g;
        g = hyper[LAT_HYPER_NESTEROV] != 0.0 ? g + hyper[LAT_HYPER_MOMENTUM] * m : m;
    }
    w -= lr * g;
}
