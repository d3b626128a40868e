// SPDX-License-Identifier: MIT
//
// What all recurrent kernels know. G gates of H units; the product of the state with the weight gives
// G H numbers per row of the batch, gate after gate. Slot t of `states` and `cells` is the state before
// step t, or in reverse after it: [steps + 1, B, H]. Kernels of the cpu strategy handle SG units at a
// time: then a unit in an argument is the first of them and LANE tells which one is this lane's.
#ifndef LAT_RNN_GLSL
#define LAT_RNN_GLSL
#extension GL_EXT_control_flow_attributes : enable
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "rnn.abi.h"

layout(constant_id = 1) const uint CELL = LAT_RNN_LSTM;
layout(constant_id = 2) const uint FLAGS = 0;

const uint GATES = CELL == LAT_RNN_LSTM ? 4u : CELL == LAT_RNN_GRU ? 3u : 1u;
const uint KEPT = LAT_RNN_KEPT(CELL);
// Not a constant of the pipeline: one pipeline serves layers of all sizes. A constant saves the cpu form 5 to 10%
// of the CPU time, forward and backward of hidden 256, 512 and 1024 on lavapipe 26.1.
#define HIDDEN p.hidden
const bool REVERSE = (FLAGS & LAT_RNN_REVERSE) != 0u;
const bool NORM = (FLAGS & LAT_RNN_NORM) != 0u;

uint slot_before(uint t)
{
    return REVERSE ? t + 1u : t;
}

uint slot_after(uint t)
{
    return REVERSE ? t : t + 1u;
}

#endif
