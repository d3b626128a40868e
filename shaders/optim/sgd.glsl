// SPDX-License-Identifier: MIT
//
// The rule of sgd, on four elements.

void rule(vec4 g, float lr, float decay, inout vec4 w, inout vec4 m, inout vec4 v)
{
    g += decay * w;
    if (!has(LAT_OPTIM_HAS_MOMENT1)) {
        w -= lr * g;
        return;
    }
    // The rate counts where the gradient enters the velocity, or where the velocity reaches the weight.
    bool inside = hyper[LAT_HYPER_RATE_INSIDE] != 0.0;
    g *= report[LAT_REPORT_SHARE1] * (inside ? lr : 1.0);
    m = hyper[LAT_HYPER_MOMENTUM] * m + g;
    g = hyper[LAT_HYPER_NESTEROV] != 0.0 ? g + hyper[LAT_HYPER_MOMENTUM] * m : m;
    w -= (inside ? 1.0 : lr) * g;
}
