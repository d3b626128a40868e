// SPDX-License-Identifier: MIT
//
// f16 (IEEE 754 binary16: 5 exponent bits, 10 fraction bits) and bf16 (the upper half
// of an f32) to and from f32.
//
// Scaling by a power of two lets the f32 hardware do the work of subnormal numbers.
// Rounding is done on the bits, so it is the same in every rounding mode.

#include <string.h>
#include "base/half.h"

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

float lat_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t) (h & 0x8000) << 16;
    uint32_t rest = h & 0x7FFF;
    if (rest >= 0x7C00)  // infinity or NaN
        return float_of(sign | 0x7F800000u | (rest & 0x3FF) << 13);
    if (rest < 0x400) {  // subnormal: fraction times 2^-24, exact
        float v = (float) rest * 0x1p-24f;
        return float_of(sign | bits_of(v));
    }
    return float_of(sign | ((rest << 13) + (112u << 23)));  // exponent bias 15 -> 127
}

// v / 2^n_bits, to nearest even.
static uint32_t shift_round(uint32_t v, unsigned n_bits)
{
    uint32_t half = 1u << (n_bits - 1);
    uint32_t low = v & (2 * half - 1);
    uint32_t up = v >> n_bits;
    return up + (low > half || (low == half && (up & 1)));
}

uint16_t lat_f32_to_f16(float f)
{
    uint32_t u = bits_of(f);
    uint16_t sign = (uint16_t) (u >> 16 & 0x8000);
    u &= 0x7FFFFFFFu;
    if (u > 0x7F800000u)  // NaN: keep the upper payload, and stay quiet
        return (uint16_t) (sign | 0x7E00 | (u >> 13 & 0x1FF));
    if (u >= 0x47800000u)  // 2^16 and more
        return (uint16_t) (sign | 0x7C00);
    if (u >= 0x38800000u)  // 2^-14 and more: normal. Rounding up may carry into infinity
        return (uint16_t) (sign | shift_round(u - (112u << 23), 13));
    if (u < 0x33000000u)  // below 2^-25: nearer to zero than to the smallest subnormal
        return sign;
    // The fraction with its leading 1 stands for fraction * 2^(exponent - 150); a unit of the
    // result is 2^-24.
    uint32_t exponent = u >> 23;
    uint32_t fraction = (u & 0x7FFFFFu) | 0x800000u;
    return (uint16_t) (sign | shift_round(fraction, 126 - exponent));
}

float lat_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t) h << 16);
}

uint16_t lat_f32_to_bf16(float f)
{
    uint32_t u = bits_of(f);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t) (u >> 16 | 0x40);  // a quiet NaN; rounding could make it infinity
    return (uint16_t) shift_round(u, 16);
}
