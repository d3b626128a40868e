// SPDX-License-Identifier: MIT
//
// Sine and cosine of multiples of pi, accurate to a few units of the last place for every float: GLSL
// promises 2^-11 within [-pi, pi] and nothing beyond.
#ifndef LAT_SINPI_GLSL
#define LAT_SINPI_GLSL
#include "common/math.glsl"

// 2^k, exact, k below 128.
float lat_power_of_two(uint k)
{
    return uintBitsToFloat((k + 127u) << 23);
}

// v modulo 2, in [-1, 1), exact: from 2^24 on every float is even.
float lat_turn(float v)
{
    return lat_magnitude_bits(v) >= 0x4b800000u ? 0.0 : v - 2.0 * floor(0.5 * v + 0.5);
}

// sin(2^k pi v), cos(2^k pi v). What is taken off v, 2^k v and the way to the nearest quarter of the
// circle is exact; what remains is at most an eighth of a turn, where Taylor's series to the ninth and
// tenth power are off by less than 1e-9.
vec2 lat_sincospi(float v, uint k)
{
    if (lat_magnitude_bits(v) >= 0x7f800000u)  // infinite or NaN
        return vec2(LAT_NAN);
    float turn = lat_turn(lat_turn(v) * lat_power_of_two(k));
    float quarter = floor(2.0 * turn + 0.5);
    float a = (turn - 0.5 * quarter) * 3.14159265358979;
    float s = a * a;
    float sine = a + a * s * (-1.6666666666666666e-1 + s * (8.333333333333333e-3
        + s * (-1.984126984126984e-4 + s * 2.755731922398589e-6)));
    float cosine = 1.0 + s * (-0.5 + s * (4.1666666666666664e-2 + s * (-1.388888888888889e-3
        + s * (2.48015873015873e-5 - s * 2.755731922398589e-7))));
    int q = int(quarter) & 3;
    vec2 turned = (q & 1) != 0 ? vec2(cosine, -sine) : vec2(sine, cosine);
    return q >= 2 ? -turned : turned;
}

#endif
