// SPDX-License-Identifier: MIT
//
// Between rnn.c (what a recurrent layer is) and rnn_run.c (how its steps are run).
#ifndef LAT_RNN_H
#define LAT_RNN_H
#include "ops/internal.h"
#include "rnn/rnn.abi.h"

// The recurrence of one layer in one direction: T steps, B rows, H units, G gates. Tensors that a cell
// has no use for are NULL.
struct lat_rnn {
    lattn_ctx *ctx;
    uint32_t cell;  // LAT_RNN_*
    bool reverse;
    lattn_tensor *weight;   // [G H, H]
    lattn_tensor *lengths;  // i32 [B]
    // Slot t is the state before step t, in reverse after it. Forward finds the initial state there.
    lattn_tensor *states;  // [T + 1, B, H]
    lattn_tensor *cells;   // f32, the same shape: of the LSTM
    lattn_tensor *gates;   // [T, B, 4 H] or NULL: what backward needs
    // forward
    lattn_tensor *x, *y;  // [T, B, G H], [T, B, H]
    lattn_tensor *bias;   // [G H], of the product
    // backward
    lattn_tensor *dy, *da;  // [T, B, H]; of the product, [T, B, G H]
    lattn_tensor *dx;       // where it is not da: of the GRU
    lattn_tensor *carry;    // f32 [2, B, H]: gradients of the last state and c, then of the first
    bool finish;            // whether that of the initial state is wanted
};

static inline uint32_t lat_rnn_gates(uint32_t cell)
{
    return cell == LAT_RNN_LSTM ? 4 : cell == LAT_RNN_GRU ? 3 : 1;
}

enum { LAT_RNN_STRATEGIES = 3 };
extern const struct lat_strategy lat_rnn_strategies[LAT_RNN_STRATEGIES];

// y, states, cells and gates from x.
lattn_status lat_rnn_forward(const struct lat_rnn *r);
// da, dx and carry from dy.
lattn_status lat_rnn_backward(const struct lat_rnn *r);

#endif
