// SPDX-License-Identifier: MIT
#ifndef LAT_RNN_PROJECT_ABI_H
#define LAT_RNN_PROJECT_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(rnn_project_push)
    LAT_U32 n_batch;
    LAT_U32 width;        // numbers in a state
    LAT_U32 step;         // its number
    LAT_U32 has_lengths;
    LAT_U32 reverse;
    LAT_U32 first;        // backward: no step came before
    LAT_U32 finish;       // backward: past the last step, for the gradient of the initial state
LAT_PUSH_END

#endif
