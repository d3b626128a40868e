// SPDX-License-Identifier: MIT
//
// Between rnn.c (what a recurrent layer is), rnn_run.c (how its steps are run) and rnn_steps.c (one by one).
#ifndef LAT_RNN_H
#define LAT_RNN_H
#include "ops/internal.h"
#include "tensor/tune.h"
#include "rnn/rnn.abi.h"

// The recurrence of one layer in one direction: T steps, B rows, H units, G gates, P numbers in a state: H
// where there is no projection. Tensors that a cell has no use for are NULL.
struct lat_rnn {
    lattn_ctx *ctx;
    uint32_t cell;  // LAT_RNN_*
    bool reverse;
    lattn_tensor *weight;      // [G H, P]
    lattn_tensor *projection;  // [P, H]
    lattn_tensor *lengths;     // i32 [B]
    // Where the product, or c before its tanh, is layer-normalised.
    lattn_tensor *gain;                   // [G H]
    lattn_tensor *cell_gain, *cell_bias;  // [H]; the bias may be NULL
    float eps;
    // Slot t is the state before step t, in reverse after it. Forward finds the initial state there.
    lattn_tensor *states;  // [T + 1, B, P]
    lattn_tensor *cells;   // f32 [T + 1, B, H]: of the LSTM
    lattn_tensor *gates;   // [T, B, 4 H] or NULL: what backward needs
    lattn_tensor *inner;   // [T, B, H]: what was projected; NULL: backward will not ask
    // For backward of what is normalised, NULL where nobody will ask: the product of each step, and f32
    // [T, B, 2] mean and rstd of each row.
    lattn_tensor *products;  // [T, B, G H]
    lattn_tensor *stats, *cell_stats;
    // forward
    lattn_tensor *x, *y;  // [T, B, G H], [T, B, P]
    lattn_tensor *bias;   // [G H], of the product
    // backward
    lattn_tensor *dy, *da;  // [T, B, P]; of the product, [T, B, G H]
    lattn_tensor *dz;       // where the product is normalised of what comes of it, else da
    lattn_tensor *dx;       // where it is not dz: of the GRU
    lattn_tensor *dn;       // f32 [T, B, H]: of normalised cells
    lattn_tensor *dh;       // [T, B, P]: of each state, where it is projected
    // f32: gradients of the last state and c, then of the first.
    lattn_tensor *carry;    // [2, B, H]
    lattn_tensor *carry_h;  // [B, P]: of the state where it is projected; there carry[0] stays 0
    bool finish;            // whether that of the initial state is wanted
};

static inline uint32_t lat_rnn_gates(uint32_t cell)
{
    return cell == LAT_RNN_LSTM ? 4 : cell == LAT_RNN_GRU ? 3 : 1;
}

static inline int64_t lat_rnn_n_steps(const struct lat_rnn *r)
{
    return r->states->dim[0] - 1;
}

enum { LAT_RNN_STRATEGIES = 3 };
extern const struct lat_strategy lat_rnn_strategies[LAT_RNN_STRATEGIES];

// y, states, cells, gates and inner from x.
lattn_status lat_rnn_forward(const struct lat_rnn *r);
// da, dx, dh and carry from dy.
lattn_status lat_rnn_backward(const struct lat_rnn *r);

// ---- between rnn_run.c and rnn_steps.c --------------------------------------------------------------

enum { LAT_RNN_GROUP = 256, LAT_RNN_SPEC = 7 };

// One dispatch: steps [start, start + n), as views.
struct lat_rnn_part {
    const struct lat_rnn *r;
    int64_t start, n;
    lattn_tensor *multiplied;  // the weight as the kernel wants it; for cell kernels the product
    struct rnn_push push;
    uint32_t spec[LAT_RNN_SPEC];
};

void lat_rnn_describe(struct lat_rnn_part *p, const struct lat_rnn *r);
// n slots of t from start on; NULL for NULL.
lattn_tensor *lat_rnn_slice(lattn_tensor *t, int64_t start, int64_t n);
struct lat_kernel lat_rnn_forward_kernel(struct lat_rnn_part *p, const struct lat_shader *shader);
// lines: gradients of the product beside the part's own steps, those of the step that comes before in
// this walk.
struct lat_kernel lat_rnn_backward_kernel(
    struct lat_rnn_part *p, const struct lat_shader *shader, int64_t lines);

lattn_status lat_rnn_forward_steps(const struct lat_rnn *r);
lattn_status lat_rnn_backward_steps(const struct lat_rnn *r);

#endif
