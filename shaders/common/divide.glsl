// SPDX-License-Identifier: MIT
//
// Division by a number that is known before the dispatch, as a multiplication: integer division takes
// tens of instructions on GPUs and is done lane by lane on CPUs. magic and shift come from
// lat_divisor() of lib/tensor/kernel.h; a shift of 0 stands for the divisor 1.
//
// Source: Granlund & Montgomery 1994, "Division by invariant integers using multiplication", fig. 4.1.
#ifndef LAT_DIVIDE_GLSL
#define LAT_DIVIDE_GLSL

uint lat_divide(uint n, uint magic, uint shift)
{
    uint high, low;
    umulExtended(n, magic, high, low);
    return shift == 0u ? n : (high + ((n - high) >> 1)) >> (shift - 1u);
}

#endif
