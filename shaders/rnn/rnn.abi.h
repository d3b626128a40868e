// SPDX-License-Identifier: MIT
#ifndef LAT_RNN_ABI_H
#define LAT_RNN_ABI_H
#include "common/abi.h"

// Cells.
#define LAT_RNN_TANH 0
#define LAT_RNN_RELU 1
#define LAT_RNN_LSTM 2
#define LAT_RNN_GRU 3

// Bits of the specialisation constant FLAGS.
#define LAT_RNN_REVERSE 1   // from the last step to the first
#define LAT_RNN_LENGTHS 2   // rows end before the last step
#define LAT_RNN_BIAS 4      // of the product with the state
#define LAT_RNN_KEEP 8      // somebody will want the gates
#define LAT_RNN_NORM 16     // of the LSTM's cell before its tanh: rnn_norm_fwd makes h, rnn_norm_bwd takes its
                            // gradient apart

// What backward needs of a cell besides its states, in units of hidden.
#define LAT_RNN_KEPT(cell) ((cell) >= LAT_RNN_LSTM ? 4 : 0)

// All tensors are views of the same steps.
LAT_PUSH_BEGIN(rnn_push)
    LAT_U32 n_steps;
    LAT_U32 n_batch;
    LAT_U32 hidden;
    LAT_U32 step0;              // number of the first of these steps
    LAT_U32 first;              // backward: no step came before
    LAT_U32 finish;             // backward: one more product, for the gradient of the initial state
    LAT_U32 lead;               // backward: steps in front of the first, in the gate gradients
    LAT_U32 weight_address[2];  // cpu strategy
    LAT_U32 operand_address[2];
LAT_PUSH_END

#endif
