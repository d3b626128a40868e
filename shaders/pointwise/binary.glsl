// SPDX-License-Identifier: MIT
//
// The arithmetic of add, sub, mul, div and pow and of their gradients. kind is a specialisation
// constant, so the driver keeps one branch.
#ifndef LAT_BINARY_GLSL
#define LAT_BINARY_GLSL
#include "common/math.glsl"

float binary(uint kind, float a, float b)
{
    if (kind == LAT_BINARY_ADD)
        return a + b;
    if (kind == LAT_BINARY_SUB)
        return a - b;
    if (kind == LAT_BINARY_MUL)
        return a * b;
    if (kind == LAT_BINARY_DIV)
        return a / b;
    return lat_pow(a, b);
}

vec4 binary4(uint kind, vec4 a, vec4 b)
{
    if (kind == LAT_BINARY_ADD)
        return a + b;
    if (kind == LAT_BINARY_SUB)
        return a - b;
    if (kind == LAT_BINARY_MUL)
        return a * b;
    if (kind == LAT_BINARY_DIV)
        return a / b;
    return vec4(lat_pow(a.x, b.x), lat_pow(a.y, b.y), lat_pow(a.z, b.z), lat_pow(a.w, b.w));
}

float binary_grad(uint kind, float g, float a, float b)
{
    if (kind == LAT_BINARY_DIV_B)
        return -g * (a / b) / b;
    if (kind == LAT_BINARY_POW_A)  // a constant 1 does not depend on a, not even at a = 0
        return b == 0.0 ? 0.0 : g * (b * lat_pow(a, b - 1.0));
    if (a == 0.0 && b >= 0.0)      // 0 ln 0 has the limit 0
        return 0.0;
    return g * (lat_pow(a, b) * lat_log(a));
}

#endif
