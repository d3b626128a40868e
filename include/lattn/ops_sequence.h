// SPDX-License-Identifier: MIT
//
// Recurrent layers: what a step hands to the next one is computed, kept and differentiated on the device, all
// steps in one call. A part of lattn/ops.h, which includes it, with the same rules. lattn/nn.h has layers
// with PyTorch's names around these (lattn_lstm_create).
//
// Letters: T steps, B rows of the batch, H hidden units.
#ifndef LATTN_OPS_SEQUENCE_H
#define LATTN_OPS_SEQUENCE_H
#include "lattn/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

// What the recurrent layers have in common; G is 1 for the RNN, 4 for the LSTM, 3 for the GRU.
typedef struct lattn_recurrent_args {
    lattn_tensor *weight_hh;  // [G H, H]
    lattn_tensor *bias_hh;    // [G H], added to the product with the state; NULL = none
    lattn_tensor *h0;         // [B, H]: the state before the first step; NULL = zeros
    lattn_tensor *c0;         // the same of the LSTM's cell
    lattn_tensor *weight_hr;  // [P, H]: the LSTM's state is projected; NULL = it is not
    lattn_tensor
        *norm_hh;  // [G H]: weight of a layer norm on the product with the state; NULL = none
    lattn_tensor *norm_c;  // [H]: of one on the LSTM's c before its tanh
    lattn_tensor *norm_c_bias;
    float norm_eps;         // of both; 0 = 1e-5
    lattn_tensor *lengths;  // i32 [B]: row b has steps 0 .. lengths[b] - 1; NULL = all T
    bool reverse;           // from the last step to the first
    bool relu;              // lattn_rnn_layer: ReLU instead of tanh
} lattn_recurrent_args;

/**
 * Elman's recurrent layer in one direction, its input already projected.
 *
 *     h[t] = tanh(x[t] + h[t-1] weight_hh^T + bias_hh)
 *
 * With norm_hh the product, all its G H columns as one row, is (a - mean) / sqrt(variance + eps) * norm_hh;
 * bias_hh comes after. Then a step is three dispatches and no longer a part of one.
 *
 * Shapes   x [T, B, H]: input weight_ih^T + bias_ih  ->  out [T, B, H], every state
 * Dtypes   f32, f16, bf16, the same for all but lengths; accumulates in f32
 * Args     args  weight_hh must be given. h_n  receives the state after the last step, [B, H]; may be NULL
 * Edge     past a row's length the state stays as it is and out is 0, as PyTorch's packed sequences have it;
 *          a length below 1 leaves the initial state, one past T counts as T
 * Grad     x, weight_hh, bias_hh, h0, norm_hh; both results may have one. Keeps weight_hh and every state, with
 *          norm_hh every product
 * Errors   ERR_SHAPE for T = 0, H = 0 and shapes that do not fit; ERR_DTYPE; ERR_ARG for c0,
 *          weight_hr, norm_c and a norm_eps that is negative or not finite
 * Source   Elman 1990, "Finding structure in time"; norm: Ba, Kiros & Hinton 2016, arXiv:1607.06450, appendix
 */
LATTN_API lattn_tensor *lattn_rnn_layer(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_recurrent_args *args, lattn_tensor **h_n);

/**
 * Long short-term memory in one direction, its input already projected.
 *
 *     i, f, g, o = the quarters of x[t] + h[t-1] weight_hh^T + bias_hh
 *     c[t] = sigmoid(f) c[t-1] + sigmoid(i) tanh(g)
 *     h[t] = sigmoid(o) tanh(c[t])
 *
 * With weight_hr [P, H] the state is h[t] = (sigmoid(o) tanh(c[t])) weight_hr^T: out, h0 and h_n have P
 * columns, weight_hh is [4 H, P], and c0 and c_n keep their H. Then a step is four dispatches. With norm_c
 * the last line's c[t] is layer-normalised, times norm_c plus norm_c_bias; what goes to the next step is not.
 *
 * Shapes   x [T, B, 4 H]: input weight_ih^T + bias_ih  ->  out [T, B, H], every h
 * Dtypes   as lattn_rnn_layer; c is kept in f32 between steps
 * Args     args  as lattn_rnn_layer. h_n, c_n  receive h and c after the last step, [B, H]; may be NULL
 * Edge     as lattn_rnn_layer
 * Grad     x, weight_hh, bias_hh, h0, c0, weight_hr and the norms'; all three results may have one. Keeps weight_hh, every h
 *          and c, the gates, and with weight_hr what is projected
 * Errors   as lattn_rnn_layer, but for c0, weight_hr and norm_c; ERR_ARG for relu and a norm_c_bias alone
 * Source   Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000; projection: Sak,
 *          Senior & Beaufays 2014, arXiv:1402.1128
 */
LATTN_API lattn_tensor *lattn_lstm_layer(lattn_ctx *ctx, lattn_tensor *x,
    const lattn_recurrent_args *args, lattn_tensor **h_n, lattn_tensor **c_n);

/**
 * Gated recurrent unit in one direction, its input already projected.
 *
 *     a = h[t-1] weight_hh^T + bias_hh, in thirds like x: r, z, n
 *     r = sigmoid(x_r + a_r), z = sigmoid(x_z + a_z), n = tanh(x_n + r a_n)
 *     h[t] = (1 - z) n + z h[t-1]
 *
 * Shapes   x [T, B, 3 H]: input weight_ih^T + bias_ih  ->  out [T, B, H], every h
 * Dtypes   as lattn_rnn_layer
 * Args     as lattn_rnn_layer
 * Edge     as lattn_rnn_layer
 * Grad     as lattn_rnn_layer. Keeps the gates too
 * Errors   as lattn_rnn_layer; ERR_ARG for relu
 * Source   Cho et al. 2014, arXiv:1406.1078, with the reset after the product, as cuDNN and PyTorch
 */
LATTN_API lattn_tensor *lattn_gru_layer(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_recurrent_args *args, lattn_tensor **h_n);

/**
 * Lengths of rows as the layers above take them, checked.
 *
 * Shapes   lengths [n_rows]  ->  out [n_rows]
 * Dtypes   i32
 * Args     n_steps  T, the most that a length may be
 * Errors   ERR_ARG for a length below 1 or above n_steps, with the row
 */
LATTN_API lattn_tensor *lattn_sequence_lengths(
    lattn_ctx *ctx, const int64_t *lengths, int64_t n_rows, int64_t n_steps);

#ifdef __cplusplus
}
#endif
#endif
