// SPDX-License-Identifier: MIT
//
// Where a tap of a channel lies in the padded source of the cpu strategy (conv_cpu.abi.h): elements
// from position 0 of tap 0 of the first channel. The kernel declares STEP and DIL and the push block.
#ifndef LAT_CONV_STEPS_GLSL
#define LAT_CONV_STEPS_GLSL

int lat_step_at(uint q, uint ty, uint tx)
{
    int y = int(ty) * DIL_Y, x = int(tx) * DIL_X;
    int line = STEP_Y == 1 ? y : y / STEP_Y, column = STEP_X == 1 ? x : x / STEP_X;
    int at = int(q * p.src_channel) + line * int(p.src_row) + column;
    if (STEP_Y > 1)
        at += (y - line * STEP_Y) * int(p.src_phase_y);
    if (STEP_X > 1)
        at += (x - column * STEP_X) * int(p.src_phase_x);
    return at;
}

#endif
