// SPDX-License-Identifier: MIT
//
// softmax_bwd, from the output y alone:
//     softmax       dx = y (dy - sum(dy y))
//     LOG           dx = dy - exp(y) sum(dy)

#include "common/online_softmax.glsl"

layout(binding = 0) readonly buffer Y { T y[]; };
layout(binding = 0) readonly buffer Y4 { T4 y4[]; };
layout(binding = 1) readonly buffer Dy { T dy[]; };
layout(binding = 1) readonly buffer Dy4 { T4 dy4[]; };
layout(binding = 2) writeonly buffer Dx { T dx[]; };
layout(binding = 2) writeonly buffer Dx4 { T4 dx4[]; };

ROW_READER(read_y, y, y4)
ROW_READER(read_dy, dy, dy4)
ROW_WRITER(write_dx, dx, dx4)

void row_main(uint row)
{
    vec4 kept_y[KEPT], kept_dy[KEPT];
    vec4 acc = vec4(0.0);
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 g = read_dy(row, q, 0.0);
#ifdef LOG
        acc += g;
        if (KEEP > 0u)
            kept_y[ROW_SLOT(k)] = read_y(row, q, 0.0);
#else
        vec4 v = read_y(row, q, 0.0);
        kept_y[ROW_SLOT(k)] = v;
        acc += g * v;
#endif
        kept_dy[ROW_SLOT(k)] = g;
    }
    float total = row_sum(sum4(acc));
    [[unroll]] for (uint k = 0u; k < ROW_STEPS; k++) {
        uint q = ROW_QUAD(k);
        vec4 v = KEEP > 0u ? kept_y[ROW_SLOT(k)] : read_y(row, q, 0.0);
        vec4 g = KEEP > 0u ? kept_dy[ROW_SLOT(k)] : read_dy(row, q, 0.0);
#ifdef LOG
        write_dx(row, q, g - exp_below4(v) * total);
#else
        write_dx(row, q, v * (g - total));
#endif
    }
}

ROW_KERNEL_MAIN
