// SPDX-License-Identifier: MIT
//
// The error function, GELU in its erf form, and its derivative.
//
//     gelu(x)  = x Phi(x),  Phi(x) = (1 + erf(x / sqrt 2)) / 2
//     gelu'(x) = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)
//
// erf is an odd rational function, x P(x^2) / Q(x^2) with both of degree 5, fitted to [0, 3.9]
// with the largest relative error made least (1.7e-8); evaluated in f32 its error is at most
// 3.9e-7 of the result. Beyond 3.9 erf is 1 in f32. No exp, so nothing can overflow.
#ifndef LAT_GELU_GLSL
#define LAT_GELU_GLSL

float lat_erf(float x)
{
    float t = x * x;
    float num = 2.0664958810812095e-06;
    num = fma(num, t, 0.00028505900991149247);
    num = fma(num, t, 0.003738212399184704);
    num = fma(num, t, 0.05266767367720604);
    num = fma(num, t, 0.18966373801231384);
    num = fma(num, t, 1.1283791065216064);
    float den = 3.827008549706079e-05;
    den = fma(den, t, 0.001157343271188438);
    den = fma(den, t, 0.0149140115827322);
    den = fma(den, t, 0.11381768435239792);
    den = fma(den, t, 0.501417875289917);
    den = fma(den, t, 1.0);
    float y = x * num / den;
    // Comparisons that are false for NaN, so that it passes through.
    return x > 3.9 ? 1.0 : x < -3.9 ? -1.0 : y;
}

float lat_gelu(float x)
{
    return 0.5 * x * (1.0 + lat_erf(x * 0.70710678118654752));
}

float lat_gelu_grad(float x)
{
    // The exponent stays finite: Vulkan does not promise exp(-inf) = 0.
    float density = 0.39894228040143268 * exp(-0.5 * min(x * x, 160.0));
    return 0.5 * (1.0 + lat_erf(x * 0.70710678118654752)) + x * density;
}

#endif
