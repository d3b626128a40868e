// SPDX-License-Identifier: MIT
//
// softmax_bwd.glsl for lavapipe 26 and newer; see softmax_cpu.glsl.

#include "softmax_cpu.glsl"

LAT_LANES_OUT(2, Dx, dx)

void main()
{
    uint row = softmax_row();
    LatFloats y = lat_floats(p.address[0], p.address[1], row * COLS);
    LatFloats dy = lat_floats(p.address[2], p.address[3], row * COLS);
    float kept_y[VECTORS], kept_dy[VECTORS];
    float sum = 0.0;
    [[unroll]] for (uint k = 0; k < VECTORS; k++) {
        kept_y[k] = lat_load_lanes(y, SOFTMAX_COLUMN(k));
        kept_dy[k] = lat_load_lanes(dy, SOFTMAX_COLUMN(k));
#ifdef LOG
        sum += softmax_own(k, kept_dy[k]);
#else
        sum += softmax_own(k, kept_y[k] * kept_dy[k]);
#endif
    }
    sum = softmax_sum(sum);
    [[unroll]] for (uint k = 0; k < VECTORS; k++)
#ifdef LOG
        LAT_STORE_LANES(dx, row * COLS + SOFTMAX_COLUMN(k), kept_dy[k] - softmax_exp(kept_y[k]) * sum)
#else
        LAT_STORE_LANES(dx, row * COLS + SOFTMAX_COLUMN(k), kept_y[k] * (kept_dy[k] - sum))
#endif
}
