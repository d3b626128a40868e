// SPDX-License-Identifier: MIT
//
// What one step of distance between query and key costs in a head.
//
// With a number of heads that is no power of two the first n heads, n the next lower one, are as with
// n, the others every second of those with 2 n.
// Source: Press et al. 2021, "Train Short, Test Long", arXiv:2108.12409, section 3 and its code.
#ifndef LAT_ALIBI_GLSL
#define LAT_ALIBI_GLSL

float alibi_slope(uint head, uint heads)
{
    uint n = 1u << findMSB(heads);
    float exponent = head < n ? float(head + 1) : float(head - n) + 0.5;
    return exp2(-8.0 * exponent / float(n));
}

#endif
