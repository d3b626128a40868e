// SPDX-License-Identifier: MIT
//
// Lets one file describe a push-constant block to both C and GLSL, so the two sides cannot drift
// apart. Members are 4-byte scalars only (an address is two of them): for those, the C struct
// layout and GLSL std430 are the same by definition. Arrays of scalars are allowed too.
#ifndef LAT_ABI_H
#define LAT_ABI_H

#ifdef __STDC_VERSION__  // included from C
#include <stdint.h>
#define LAT_PUSH_BEGIN(name) struct name {
#define LAT_PUSH_END \
    }                \
    ;
#define LAT_U32 uint32_t
#define LAT_I32 int32_t
#define LAT_F32 float
#else  // included from GLSL
#define LAT_PUSH_BEGIN(name) layout(push_constant, std430) uniform name {
#define LAT_PUSH_END \
    }                \
    p;
#define LAT_U32 uint
#define LAT_I32 int
#define LAT_F32 float
#endif

#endif
