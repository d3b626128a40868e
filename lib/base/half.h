// SPDX-License-Identifier: MIT
//
// The 16-bit float types on the host. To 16 bits: round to nearest, ties to even.
#ifndef LAT_HALF_H
#define LAT_HALF_H
#include <stddef.h>
#include <stdint.h>

float lat_f16_to_f32(uint16_t h);
uint16_t lat_f32_to_f16(float f);  // overflow gives infinity, NaN stays NaN
float lat_bf16_to_f32(uint16_t h);
uint16_t lat_f32_to_bf16(float f);

#endif
