// SPDX-License-Identifier: MIT
//
// softmax_fwd.glsl for lavapipe 26 and newer; see softmax_cpu.glsl.

#include "softmax_cpu.glsl"

LAT_LANES_OUT(1, Y, y)

void main()
{
    uint row = softmax_row();
    LatFloats x = lat_floats(p.address[0], p.address[1], row * COLS);
    float kept[VECTORS];
    float top = -3.402823466e38;
    [[unroll]] for (uint k = 0; k < VECTORS; k++) {
        kept[k] = lat_load_lanes(x, SOFTMAX_COLUMN(k));
        top = max(top, kept[k]);
    }
    top = softmax_max(top);
    float sum = 0.0;
    [[unroll]] for (uint k = 0; k < VECTORS; k++) {
        float e = softmax_exp(kept[k] - top);
#ifdef LOG
        kept[k] -= top;
#else
        kept[k] = e;
#endif
        sum += softmax_own(k, e);
    }
    sum = softmax_sum(sum);
    if (lat_is_inf(top))
        sum = LAT_NAN;  // as inf - inf
#ifdef LOG
    float shift = sum == 0.0 ? 0.0 : lat_log(sum);
#else
    float scale = sum == 0.0 ? 0.0 : 1.0 / sum;
#endif
    [[unroll]] for (uint k = 0; k < VECTORS; k++)
#ifdef LOG
        LAT_STORE_LANES(y, row * COLS + SOFTMAX_COLUMN(k), kept[k] - shift)
#else
        LAT_STORE_LANES(y, row * COLS + SOFTMAX_COLUMN(k), kept[k] * scale)
#endif
}
