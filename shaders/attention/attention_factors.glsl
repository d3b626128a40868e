// SPDX-License-Identifier: MIT
//
// Factors of rows, for kernels that multiply weights and gradients of scores as f16 or bf16.
#ifndef LAT_ATTENTION_FACTORS_GLSL
#define LAT_ATTENTION_FACTORS_GLSL

const float WEIGHT_SCALE = 16384.0;  // of weights, of which the largest is 1: small ones stay normal numbers

// Gradients of scores have no largest value: each row has a factor, a power of two that brings its largest
// one so far to 2^13 .. 2^14; bf16, which has the range of f32, could do without. Known of it is the exponent, as
// a float has it; the bounds keep the factor and its reciprocal normal numbers, and infinity what it is.
const uint LEAST_EXPONENT = 30, MOST_EXPONENT = 230;

uint exponent_of(float x)
{
    return clamp(floatBitsToUint(x) >> 23 & 255u, LEAST_EXPONENT, MOST_EXPONENT);
}

float factor_of(uint exponent)
{
    return uintBitsToFloat((127 + 13 + 127 - exponent) << 23);
}

// What a sum with the factor of exponent from is multiplied with to have that of exponent to, a larger one.
float shrink_of(uint from, uint to)
{
    return uintBitsToFloat((127 - min(to - from, 127)) << 23);
}

#endif
