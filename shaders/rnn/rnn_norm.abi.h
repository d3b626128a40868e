// SPDX-License-Identifier: MIT
#ifndef LAT_RNN_NORM_ABI_H
#define LAT_RNN_NORM_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(rnn_norm_push)
    LAT_U32 n_rows;       // of the batch
    LAT_U32 n_cols;       // hidden units
    LAT_U32 step;         // its number
    LAT_U32 has_lengths;
    LAT_U32 reverse;
    LAT_U32 has_bias;
    LAT_U32 keep;         // forward: the statistics
    LAT_U32 first;        // backward: no step came before
    LAT_F32 eps;
LAT_PUSH_END

#endif
