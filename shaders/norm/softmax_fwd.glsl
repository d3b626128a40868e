// SPDX-License-Identifier: MIT
//
// softmax_fwd: y = exp(x - max x) / sum exp(x - max x) over each row; with LOG, its logarithm
// x - max x - log(sum). Rows that are nothing but -inf give 0, and -inf with LOG.

#include "common/online_softmax.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };
layout(binding = 1) writeonly buffer Y4 { T4 y4[]; };

ROW_READER(read_x, x, x4)
ROW_WRITER(write_y, y, y4)

void row_main(uint row)
{
    vec4 kept[KEPT];
    vec4 m = vec4(ONLINE_LEAST), s = vec4(0.0);
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        vec4 v = read_x(row, ROW_QUAD(k), -LAT_INF);
        kept[ROW_SLOT(k)] = v;
        online_add(m, s, v);
    }
    vec2 total = online_join(m, s);
#ifdef LOG
    float shift = total.y == 0.0 ? 0.0 : lat_log(total.y);
#else
    float scale = total.y == 0.0 ? 0.0 : 1.0 / total.y;
#endif
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 v = KEEP > 0u ? kept[ROW_SLOT(k)] : read_x(row, q, 0.0);
#ifdef LOG
        write_y(row, q, (v - total.x) - shift);
#else
        write_y(row, q, exp_below4(v - total.x) * scale);
#endif
    }
}

ROW_KERNEL_MAIN
