// SPDX-License-Identifier: MIT
#ifndef LAT_UNARY_ABI_H
#define LAT_UNARY_ABI_H
#include "common/abi.h"

// What to compute, a specialisation constant. Backward reads one saved tensor s, which is x or y.
#define LAT_UNARY_SCALE 0       // c x + d            dx = c g
#define LAT_UNARY_POW 1         // x ^ c              dx = g c x ^ (c - 1), s = x
#define LAT_UNARY_EXP 2         // exp x              dx = g y, s = y
#define LAT_UNARY_LOG 3         // ln x               dx = g / x, s = x
#define LAT_UNARY_SQRT 4        // sqrt x             dx = g / (2 y), s = y
#define LAT_UNARY_ABS 5         // |x|                dx = g sign x, s = x
#define LAT_UNARY_SIGN 6        // -1, 0 or 1         dx = 0
#define LAT_UNARY_CLAMP 7       // x held to [c, d]   dx = g inside, s = x
#define LAT_UNARY_TANH 8        // tanh x             dx = g (1 - y y), s = y
#define LAT_UNARY_SIGMOID 9     // 1 / (1 + exp -x)   dx = g y (1 - y), s = y
#define LAT_UNARY_RELU 10       // max(x, 0)          dx = g where y > 0, s = y
#define LAT_UNARY_GELU 11       // x Phi(x)           s = x
#define LAT_UNARY_GELU_TANH 12  // its form with tanh s = x
#define LAT_UNARY_SILU 13       // x sigmoid(x)       s = x
#define LAT_UNARY_LEAKY_RELU 14   // x or c x           dx = g or c g, s = x
#define LAT_UNARY_ELU 15          // d x or d c (e^x - 1) dx = d g or d c e^x g, s = x
#define LAT_UNARY_SOFTPLUS 16     // ln(1 + e^cx) / c   dx = g sigmoid(cx), s = x; both linear where cx > d
#define LAT_UNARY_HARDSIGMOID 17  // (x + 3) / 6 in [0, 1]  s = x
#define LAT_UNARY_HARDSWISH 18    // x hardsigmoid(x)   s = x
#define LAT_UNARY_MISH 19         // x tanh(softplus x) s = x
#define LAT_UNARY_THRESHOLD 20    // x > c ? x : d      dx = g where x > c, s = x

#define LAT_UNARY_QUADS_PER_THREAD 2
#define LAT_UNARY_CPU_RUN 8  // vectors of a subgroup, in the cpu form

LAT_PUSH_BEGIN(unary_push)
    LAT_U32 n;
    LAT_F32 c;
    LAT_F32 d;
    LAT_U32 address[6];  // cpu strategy: two words each; x, or s, g and dx
LAT_PUSH_END

#endif
