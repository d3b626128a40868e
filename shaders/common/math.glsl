// SPDX-License-Identifier: MIT
//
// Functions that give the same answers on every device. GLSL leaves NaN, infinities and large
// arguments of exp, tanh, pow and log to the driver: exp(-inf) is not promised to be 0 (llvmpipe gave
// NaN), tanh of a large number may be inf / inf, and a compiler may turn `x < 0 ? 0 : x` into a max
// that drops NaN. So special values are found by their bits, which no compiler reasons away, and the
// driver's functions see arguments in range only.
#ifndef LAT_MATH_GLSL
#define LAT_MATH_GLSL

#define LAT_INF uintBitsToFloat(0x7f800000u)
#define LAT_NAN uintBitsToFloat(0x7fc00000u)

uint lat_magnitude_bits(float v)
{
    return floatBitsToUint(v) & 0x7fffffffu;
}

bool lat_is_nan(float v)
{
    return lat_magnitude_bits(v) > 0x7f800000u;
}

bool lat_is_inf(float v)
{
    return lat_magnitude_bits(v) == 0x7f800000u;
}

// Negative zero counts as negative.
bool lat_sign_bit(float v)
{
    return (floatBitsToUint(v) >> 31) != 0u;
}

// exp, with exp(-inf) = 0, exp(inf) = inf and exp(NaN) = NaN.
float lat_exp(float v)
{
    float e = exp(clamp(v, -104.0, 88.75));  // exp(-104) is below the smallest denormal
    if (v > 88.7228317)                      // ln of the largest float
        e = LAT_INF;
    if (v < -104.0)
        e = 0.0;
    return lat_is_nan(v) ? v : e;
}

// log2 of a positive finite number. Denormals go in by their bits: a device may take them for 0, and
// llvmpipe is off by 2 there.
float lat_log2_positive(float v)
{
    uint bits = floatBitsToUint(v);
    return bits < 0x00800000u ? log2(float(bits)) - 149.0 : log2(v);
}

// ln, with ln(0) = -inf, ln(inf) = inf, and NaN below 0.
float lat_log(float v)
{
    uint bits = floatBitsToUint(v);
    if (bits - 1u < 0x007fffffu)  // denormal
        return log(float(bits)) - 103.278929903;
    if (bits - 1u < 0x7f7fffffu)  // positive and finite
        return log(v);
    if (lat_magnitude_bits(v) == 0u)
        return -LAT_INF;
    return bits == 0x7f800000u ? v : LAT_NAN;
}

// sqrt, with NaN below 0. Denormals go in by their bits, as in lat_log: a device may take them for 0.
float lat_sqrt(float v)
{
    uint bits = floatBitsToUint(v);
    if (bits - 1u < 0x007fffffu)
        return sqrt(2.0 * float(bits)) * 2.6469779601696886e-23;  // 2^-75
    if (bits - 1u < 0x7f7fffffu)  // positive and finite
        return sqrt(v);
    if (lat_magnitude_bits(v) == 0u || bits == 0x7f800000u)
        return v;
    return LAT_NAN;
}

// 1 / (1 + exp(-v)), accurate relative to its value in the negative tail too.
float lat_sigmoid(float v)
{
    float e = lat_exp(-abs(v));
    float tail = e / (1.0 + e);
    return lat_is_nan(v) ? v : v < 0.0 ? tail : 1.0 / (1.0 + e);
}

// Near 0 the formula with exp cancels; there an odd polynomial, least maximal relative error on
// [0, 0.55], 4e-8.
float lat_tanh(float v)
{
    float a = abs(v);
    float s = a * a;
    float near = a + a * s * (-0.3333294689655304
                    + s * (0.13320724666118622 + s * (-0.05267181247472763 + s * 0.016437580808997154)));
    float far = 1.0 - 2.0 / (exp(2.0 * min(a, 20.0)) + 1.0);
    float t = a < 0.55 ? near : far;
    return lat_is_nan(v) ? v : lat_sign_bit(v) ? -t : t;
}

// exp(v) - 1 of v <= 0, without the cancellation: 2 t / (1 - t) with t = tanh(v / 2).
float lat_expm1_below(float v)
{
    float t = lat_tanh(0.5 * v);
    return 2.0 * t / (1.0 - t);
}

// ln(1 + v) of v in [0, 1]: 2 artanh(s) = 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = v / (2 + v) <= 1/3.
float lat_log1p_unit(float v)
{
    float s = v / (2.0 + v), q = s * s;
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0
        + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0))))))));
}

// tanh(ln(1 + e^v)) = n / (n + 2) with n = e^v (e^v + 2); 1 in f32 past 20.
float lat_tanh_softplus(float v)
{
    float e = lat_exp(v > 20.0 ? 20.0 : v);
    float n = e * (e + 2.0);
    return lat_is_nan(v) ? v : n / (n + 2.0);
}

// IEEE 754's pow for every pair but signalling NaNs.
float lat_pow(float a, float b)
{
    if (b == 0.0 || a == 1.0)
        return 1.0;
    if (lat_is_nan(a) || lat_is_nan(b))
        return LAT_NAN;
    float m = abs(a);
    if (lat_is_inf(b))
        return m == 1.0 ? 1.0 : (m > 1.0) == (b > 0.0) ? LAT_INF : 0.0;

    bool whole = abs(b) >= 16777216.0 || floor(b) == b;
    bool odd = abs(b) < 16777216.0 && whole && (int(b) & 1) != 0;
    float r;
    if (m == 0.0 || lat_is_inf(m)) {
        r = (m == 0.0) == (b > 0.0) ? 0.0 : LAT_INF;
    } else {
        float e = b * lat_log2_positive(m);
        r = e >= 128.0 ? LAT_INF : e < -150.0 ? 0.0 : exp2(e);
        if (a < 0.0 && !whole)
            r = LAT_NAN;
    }
    return odd && lat_sign_bit(a) ? -r : r;
}

#endif
