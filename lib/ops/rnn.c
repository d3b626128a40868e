// SPDX-License-Identifier: MIT
//
// Recurrent layers in one direction: rnn_layer, lstm_layer, gru_layer.
//
//   forward    the recurrence of shaders/rnn/rnn_fwd.glsl over the steps of x
//   backward   its gradient, step by step, gives that of x; the sum over steps that the weight needs is
//              one product, of those gradients with the states before each step
//
// The projection of the input is the caller's: one product over all steps, a linear layer. What is kept
// is the state before every step, which also makes the last one, and the gates.

#include "ops/rnn.h"
#include "lattn/ops.h"
#include "ops/layer_norm.h"
#include "ops/pointwise.h"

enum { X, WEIGHT, BIAS, H0, C0, PROJECTION, GAIN, CELL_GAIN, CELL_BIAS, LENGTHS, N_INPUTS };
enum { Y, H_N, C_N, STATES, CELLS, KEPT, INNER, PRODUCTS, STATS, CELL_STATS, N_OUTPUTS };

struct rnn_attr {
    uint32_t cell;
    bool reverse;
    float eps;
};

static bool is_lstm(const struct lat_call *c)
{
    return ((const struct rnn_attr *) c->attr)->cell == LAT_RNN_LSTM;
}

// ---- checks -----------------------------------------------------------------------------------------

static lattn_status check_dtypes(struct lat_call *c)
{
    static const char *const names[] = { "x", "weight_hh", "bias_hh", "h0", "c0", "weight_hr",
        "norm_hh", "norm_c", "norm_c_bias" };
    LAT_TRY(lat_check_float(c, c->in[X]));
    for (int i = WEIGHT; i < LENGTHS; i++)
        if (c->in[i] && c->in[i]->dtype != c->in[X]->dtype)
            return lat_err(LATTN_ERR_DTYPE, "%s: %s is %s, x is %s", c->op_name, names[i],
                lattn_dtype_name(c->in[i]->dtype), lattn_dtype_name(c->in[X]->dtype));
    if (c->in[LENGTHS] && c->in[LENGTHS]->dtype != LATTN_DTYPE_I32)
        return lat_err(LATTN_ERR_DTYPE, "%s: lengths are %s, they must be i32", c->op_name,
            lattn_dtype_name(c->in[LENGTHS]->dtype));
    return LATTN_OK;
}

static lattn_status check_shape(
    struct lat_call *c, const char *what, const lattn_tensor *t, int rank, const int64_t *dims)
{
    bool same = !t || t->rank == rank;
    for (int d = 0; t && same && d < rank; d++)
        same = t->dim[d] == dims[d];
    if (same)
        return LATTN_OK;
    return lat_err(LATTN_ERR_SHAPE, "%s: %s is %s; x %s and weight_hh %s need %s", c->op_name, what,
        LAT_SHAPE(t), LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]),
        lat_shape_text((char[LAT_SHAPE_TEXT]){ 0 }, rank, dims));
}

static lattn_status check_weights(struct lat_call *c, int64_t gates)
{
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *hr = c->in[PROJECTION];
    bool good = x->rank == 3 && w->rank == 2 && w->dim[1] >= 1;
    if (!good || (!hr && w->dim[0] != gates * w->dim[1]))
        return lat_err(LATTN_ERR_SHAPE,
            "%s: x %s must be [T, B, %lldH] and weight_hh %s [%lldH, H] with H of at least 1",
            c->op_name, LAT_SHAPE(x), (long long) gates, LAT_SHAPE(w), (long long) gates);
    if (hr && (hr->rank != 2 || hr->dim[1] < 1 || hr->dim[0] != w->dim[1] ||
                  w->dim[0] != gates * hr->dim[1]))
        return lat_err(LATTN_ERR_SHAPE,
            "%s: weight_hh %s must be [%lldH, P] and weight_hr %s [P, H] with H of at least 1",
            c->op_name, LAT_SHAPE(w), (long long) gates, LAT_SHAPE(hr));
    return LATTN_OK;
}

static lattn_status check(struct lat_call *c)
{
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT];
    int64_t gates = lat_rnn_gates(((const struct rnn_attr *) c->attr)->cell);
    LAT_TRY(check_dtypes(c));
    LAT_TRY(check_weights(c, gates));
    if (x->dim[2] != w->dim[0])
        return lat_err(LATTN_ERR_SHAPE, "%s: x %s has %lld columns, weight_hh %s needs %lld",
            c->op_name, LAT_SHAPE(x), (long long) x->dim[2], LAT_SHAPE(w), (long long) w->dim[0]);
    if (x->dim[0] < 1)
        return lat_err(LATTN_ERR_SHAPE, "%s: x %s has no steps", c->op_name, LAT_SHAPE(x));
    const int64_t state[] = { x->dim[1], w->dim[1] }, cells[] = { x->dim[1], w->dim[0] / gates };
    LAT_TRY(check_shape(c, "bias_hh", c->in[BIAS], 1, w->dim));
    LAT_TRY(check_shape(c, "h0", c->in[H0], 2, state));
    LAT_TRY(check_shape(c, "c0", c->in[C0], 2, cells));
    LAT_TRY(check_shape(c, "norm_hh", c->in[GAIN], 1, w->dim));
    LAT_TRY(check_shape(c, "norm_c", c->in[CELL_GAIN], 1, &cells[1]));
    LAT_TRY(check_shape(c, "norm_c_bias", c->in[CELL_BIAS], 1, &cells[1]));
    return check_shape(c, "lengths", c->in[LENGTHS], 1, state);
}

// What [T, B, ...] is given out and kept of one kind of number: one per step, and the last.
static lattn_status out_of_steps(
    struct lat_call *c, int64_t width, int each, lattn_dtype dtype, int slots, int last)
{
    const lattn_tensor *x = c->in[X];
    int64_t dims[] = { x->dim[0], x->dim[1], width };
    if (each >= 0)
        LAT_TRY(lat_out(c, each, x->dtype, 3, dims));
    dims[0]++;
    LAT_TRY(lat_out(c, slots, dtype, 3, dims));
    return lat_out(c, last, x->dtype, 2, &dims[1]);
}

static lattn_status out_for_backward(struct lat_call *c, int64_t hidden)
{
    const lattn_tensor *x = c->in[X];
    const int64_t inner[] = { x->dim[0], x->dim[1], hidden }, stats[] = { x->dim[0], x->dim[1], 2 };
    if (!c->grad_wanted)
        return LATTN_OK;
    if (c->in[PROJECTION])
        LAT_TRY(lat_out(c, INNER, x->dtype, 3, inner));
    if (c->in[GAIN]) {
        LAT_TRY(lat_out_like(c, PRODUCTS, x));
        LAT_TRY(lat_out(c, STATS, LATTN_DTYPE_F32, 3, stats));
    }
    return c->in[CELL_GAIN] ? lat_out(c, CELL_STATS, LATTN_DTYPE_F32, 3, stats) : LATTN_OK;
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(check(c));
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT];
    uint32_t cell = ((const struct rnn_attr *) c->attr)->cell;
    const int64_t hidden = w->dim[0] / lat_rnn_gates(cell);
    const int64_t kept[] = { x->dim[0], x->dim[1], LAT_RNN_KEPT(cell) * hidden };
    LAT_TRY(out_of_steps(c, w->dim[1], Y, x->dtype, STATES, H_N));
    if (cell == LAT_RNN_LSTM)
        LAT_TRY(out_of_steps(c, hidden, -1, LATTN_DTYPE_F32, CELLS, C_N));
    LAT_TRY(out_for_backward(c, hidden));
    // Where h comes after a norm of its own, forward looks for o there.
    if (LAT_RNN_KEPT(cell) && (c->grad_wanted || c->in[CELL_GAIN])) {
        LAT_TRY(lat_out(c, KEPT, x->dtype, 3, kept));
        LAT_TRY(lat_check_count(c->op_name, c->out[KEPT]));
    }
    LAT_TRY(lat_check_count(c->op_name, x));
    return lat_check_count(c->op_name, c->out[STATES]);
}

// ---- running ----------------------------------------------------------------------------------------

static struct lat_rnn rnn_of(struct lat_call *c)
{
    const struct rnn_attr *attr = c->attr;
    return (struct lat_rnn){
        .ctx = c->ctx,
        .cell = attr->cell,
        .reverse = attr->reverse,
        .weight = c->in[WEIGHT],
        .projection = c->in[PROJECTION],
        .lengths = c->in[LENGTHS],
        .states = c->out[STATES],
        .cells = c->out[CELLS],
        .gates = c->out[KEPT],
        .inner = c->out[INNER],
        .gain = c->in[GAIN],
        .cell_gain = c->in[CELL_GAIN],
        .cell_bias = c->in[CELL_BIAS],
        .eps = attr->eps,
        .products = c->out[PRODUCTS],
        .stats = c->out[STATS],
        .cell_stats = c->out[CELL_STATS],
    };
}

// Slot i of [n, B, H] as [B, H].
static lattn_tensor *slot(lattn_tensor *t, int64_t i)
{
    lattn_tensor *one = lat_view_slice(t, 0, i, 1, 1);
    return one ? lat_view_reshape(one, 2, &t->dim[1]) : NULL;
}

// dst = src, or 0 without one.
static lattn_status set(lattn_ctx *ctx, lattn_tensor *dst, lattn_tensor *src)
{
    if (!dst)
        return ctx->error;
    return src ? lat_prim_copy(dst, src) : lat_prim_fill(dst, 0);
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_rnn r = rnn_of(c);
    r.x = c->in[X];
    r.bias = c->in[BIAS];
    r.y = c->out[Y];
    int64_t steps = r.x->dim[0], first = r.reverse ? steps : 0, last = steps - first;
    LAT_TRY(set(c->ctx, slot(r.states, first), c->in[H0]));
    if (is_lstm(c))
        LAT_TRY(set(c->ctx, slot(r.cells, first), c->in[C0]));
    LAT_TRY(lat_rnn_forward(&r));
    LAT_TRY(set(c->ctx, c->out[H_N], slot(r.states, last)));
    return is_lstm(c) ? set(c->ctx, c->out[C_N], slot(r.cells, last)) : LATTN_OK;
}

// All steps of t [T, B, n] as rows of one matrix.
static lattn_tensor *rows_of(lattn_tensor *t)
{
    return t ? lat_view_reshape(t, 2, (int64_t[]){ t->dim[0] * t->dim[1], t->dim[2] }) : NULL;
}

// The sum over steps and rows of the batch of dy^T x, into the gradient of input i.
static lattn_status weight_gradient(struct lat_call *c, int i, lattn_tensor *dy, lattn_tensor *x)
{
    if (!c->grad_in[i])
        return LATTN_OK;
    dy = rows_of(dy);
    struct lat_gemm gemm = {
        .a = dy ? lat_view_permute(dy, (int[]){ 1, 0 }) : NULL,
        .b = rows_of(x),
        .out = c->grad_in[i],
        .accumulate = c->accumulate >> i & 1,
    };
    return gemm.a && gemm.b ? lat_gemm_run(c->ctx, &gemm) : c->ctx->error;
}

static lattn_status bias_gradient(struct lat_call *c, const struct lat_rnn *r)
{
    if (!c->grad_in[BIAS])
        return LATTN_OK;
    lattn_tensor *dz = rows_of(r->dz);
    return dz ? lat_sum_to(c->ctx, dz, c->grad_in[BIAS], c->accumulate >> BIAS & 1) : c->ctx->error;
}

static lattn_status gain_gradient(struct lat_call *c, const struct lat_rnn *r)
{
    const struct lat_norm_backward norm = {
        .op = "layer_norm",
        .v = r->products,
        .stats = r->stats,
        .dy = r->dz,
        .dweight = c->grad_in[GAIN],
        .add_weight = c->accumulate >> GAIN & 1,
    };
    return norm.dweight ? lat_norm_backward(c->ctx, &norm) : LATTN_OK;
}

// Cells and their gradients are f32 in every dtype, so the sums are too at first.
static lattn_status cell_norm_gradients(struct lat_call *c, const struct lat_rnn *r)
{
    lattn_tensor *sum[2] = { NULL, NULL };
    for (int i = 0; i < 2; i++) {
        const lattn_tensor *grad = c->grad_in[CELL_GAIN + i];
        sum[i] = grad ? lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 1, grad->dim) : NULL;
        if (grad && !sum[i])
            return c->ctx->error;
    }
    const struct lat_norm_backward norm = {
        .op = "layer_norm",
        .v = lat_view_slice(r->cells, 0, !r->reverse, r->dy->dim[0], 1),
        .stats = r->cell_stats,
        .dy = r->dn,
        .dweight = sum[0],
        .dbias = sum[1],
    };
    LAT_TRY(norm.v ? lat_norm_backward(c->ctx, &norm) : c->ctx->error);
    for (int i = 0; i < 2; i++)
        if (sum[i])
            LAT_TRY(lat_prim_copy(c->grad_in[CELL_GAIN + i], sum[i]));
    return LATTN_OK;
}

static lattn_status no_rows(struct lat_call *c)
{
    for (int i = WEIGHT; i < LENGTHS; i++)
        if (c->grad_in[i] && !(c->accumulate >> i & 1))
            LAT_TRY(lat_prim_fill(c->grad_in[i], 0));
    return LATTN_OK;
}

// Gradients of the last states go in; those of the first come out in the same place.
static lattn_status make_carry(struct lat_call *c, struct lat_rnn *r)
{
    int64_t batch = r->dy->dim[1], hidden = r->weight->dim[0] / lat_rnn_gates(r->cell);
    r->carry = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 2, batch, hidden });
    r->carry_h = r->carry ? slot(r->carry, 0) : NULL;
    if (r->carry_h && r->projection) {
        LAT_TRY(set(c->ctx, r->carry_h, NULL));
        r->carry_h = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 2, &r->dy->dim[1]);
        r->dh = lat_tensor_new(c->ctx, r->dy->dtype, 3, r->dy->dim);
    }
    if (!r->carry_h || (r->projection && !r->dh))
        return c->ctx->error;
    LAT_TRY(set(c->ctx, r->carry_h, c->grad_out[H_N]));
    return set(c->ctx, slot(r->carry, 1), is_lstm(c) ? c->grad_out[C_N] : NULL);
}

// Room for the gradients of every step.
static lattn_status make_gradients(struct lat_call *c, struct lat_rnn *r)
{
    bool apart = r->cell == LAT_RNN_GRU;
    const int64_t gates[] = { r->dy->dim[0], r->dy->dim[1], r->weight->dim[0] };
    lattn_tensor *dx = c->grad_in[X];
    if (!dx)
        dx = lat_tensor_new(c->ctx, r->dy->dtype, 3, gates);
    r->dx = apart ? dx : NULL;
    r->dz = apart ? lat_tensor_new(c->ctx, r->dy->dtype, 3, gates) : dx;
    r->da = r->gain ? lat_tensor_new(c->ctx, r->dy->dtype, 3, gates) : r->dz;
    if (r->cell_gain) {
        const int64_t cells[] = { gates[0], gates[1], gates[2] / 4 };
        r->dn = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 3, cells);
    }
    return dx && r->dz && r->da && (!r->cell_gain || r->dn) ? LATTN_OK : c->ctx->error;
}

static lattn_status backward(struct lat_call *c)
{
    struct lat_rnn r = rnn_of(c);
    r.dy = c->grad_out[Y];
    if (lat_numel(r.dy) == 0)
        return no_rows(c);
    r.finish = c->grad_in[H0] != NULL;
    LAT_TRY(make_gradients(c, &r));
    LAT_TRY(make_carry(c, &r));
    LAT_TRY(lat_rnn_backward(&r));
    if (c->grad_in[H0])
        LAT_TRY(set(c->ctx, c->grad_in[H0], r.carry_h));
    if (c->grad_in[C0])
        LAT_TRY(set(c->ctx, c->grad_in[C0], slot(r.carry, 1)));
    lattn_tensor *before = lat_view_slice(r.states, 0, r.reverse, r.dy->dim[0], 1);
    LAT_TRY(weight_gradient(c, WEIGHT, r.da, before));
    if (r.projection)
        LAT_TRY(weight_gradient(c, PROJECTION, r.dh, r.inner));
    if (r.gain)
        LAT_TRY(gain_gradient(c, &r));
    if (r.cell_gain)
        LAT_TRY(cell_norm_gradients(c, &r));
    return bias_gradient(c, &r);
}

enum {
    KEEP_IN =
        1 << WEIGHT | 1 << PROJECTION | 1 << GAIN | 1 << CELL_GAIN | 1 << CELL_BIAS | 1 << LENGTHS,
    KEEP_OUT = 1 << STATES | 1 << CELLS | 1 << KEPT | 1 << INNER | 1 << PRODUCTS | 1 << STATS |
               1 << CELL_STATS,
    CAN_ACCUMULATE = 1 << WEIGHT | 1 << BIAS | 1 << PROJECTION | 1 << GAIN,
};

// clang-format off
#define RNN_OP(name_)                                                  \
    const struct lat_op lat_op_##name_ = {                             \
        .name = #name_,                                                \
        .n_inputs = N_INPUTS,                                          \
        .n_outputs = N_OUTPUTS,                                        \
        .attr_bytes = sizeof(struct rnn_attr),                         \
        .keep_in = KEEP_IN,                                            \
        .keep_out = KEEP_OUT,                                          \
        .no_grad_in = 1u << LENGTHS,                                   \
        .can_accumulate = CAN_ACCUMULATE,                              \
        .infer = infer,                                                \
        .forward = forward,                                            \
        .backward = backward,                                          \
        .strategies = lat_rnn_strategies,                              \
        .n_strategies = LAT_RNN_STRATEGIES,                            \
    }
// clang-format on
RNN_OP(rnn_layer);
RNN_OP(lstm_layer);
RNN_OP(gru_layer);

// ---- public -----------------------------------------------------------------------------------------

static lattn_tensor *apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x,
    const lattn_recurrent_args *args, uint32_t cell, lattn_tensor *last[2])
{
    last[0] = last[1] = NULL;
    if (!x || !args->weight_hh)
        return NULL;  // an earlier error; ctx has it
    if (args->c0 && cell != LAT_RNN_LSTM)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: c0 is of the LSTM alone", op->name);
    if ((args->norm_c || args->norm_c_bias) && cell != LAT_RNN_LSTM)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: norm_c is of the LSTM alone", op->name);
    if (args->norm_c_bias && !args->norm_c)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: norm_c_bias without norm_c", op->name);
    if (!lat_norm_eps_ok(args->norm_eps))
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: norm_eps = %g must be finite and not negative",
            op->name, (double) args->norm_eps);
    if (args->weight_hr && cell != LAT_RNN_LSTM)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: weight_hr is of the LSTM alone", op->name);
    if (args->relu && cell > LAT_RNN_RELU)
        return lat_fail(ctx, LATTN_ERR_ARG, "%s: relu is of rnn_layer alone", op->name);
    struct rnn_attr attr = {
        .cell = cell,
        .reverse = args->reverse,
        .eps = args->norm_eps != 0 ? args->norm_eps : 1e-5f,
    };
    lattn_tensor *in[N_INPUTS] = { x, args->weight_hh, args->bias_hh, args->h0, args->c0,
        args->weight_hr, args->norm_hh, args->norm_c, args->norm_c_bias, args->lengths };
    lattn_tensor *out[LAT_MAX_OUTPUTS];
    if (!lat_apply_all(ctx, op, in, N_INPUTS, &attr, out))
        return NULL;
    last[0] = out[H_N];
    last[1] = out[C_N];
    return out[Y];
}

lattn_tensor *lattn_rnn_layer(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_recurrent_args *args, lattn_tensor **h_n)
{
    LAT_NEED_ARG(ctx, args);
    lattn_tensor *last[2];
    uint32_t cell = args->relu ? LAT_RNN_RELU : LAT_RNN_TANH;
    lattn_tensor *y = apply(ctx, &lat_op_rnn_layer, x, args, cell, last);
    if (h_n)
        *h_n = last[0];
    return y;
}

lattn_tensor *lattn_lstm_layer(lattn_ctx *ctx, lattn_tensor *x, const lattn_recurrent_args *args,
    lattn_tensor **h_n, lattn_tensor **c_n)
{
    LAT_NEED_ARG(ctx, args);
    lattn_tensor *last[2];
    lattn_tensor *y = apply(ctx, &lat_op_lstm_layer, x, args, LAT_RNN_LSTM, last);
    if (h_n)
        *h_n = last[0];
    if (c_n)
        *c_n = last[1];
    return y;
}

lattn_tensor *lattn_gru_layer(
    lattn_ctx *ctx, lattn_tensor *x, const lattn_recurrent_args *args, lattn_tensor **h_n)
{
    LAT_NEED_ARG(ctx, args);
    lattn_tensor *last[2];
    lattn_tensor *y = apply(ctx, &lat_op_gru_layer, x, args, LAT_RNN_GRU, last);
    if (h_n)
        *h_n = last[0];
    return y;
}

lattn_tensor *lattn_sequence_lengths(
    lattn_ctx *ctx, const int64_t *lengths, int64_t n_rows, int64_t n_steps)
{
    LAT_NEED_ARRAY(ctx, lengths, n_rows);
    if (n_rows < 0 || n_steps < 0 || n_steps > INT32_MAX)
        return lat_fail(ctx, LATTN_ERR_ARG, "sequence_lengths: %lld rows of %lld steps",
            (long long) n_rows, (long long) n_steps);
    for (int64_t i = 0; i < n_rows; i++)
        if (lengths[i] < 1 || lengths[i] > n_steps)
            return lat_fail(ctx, LATTN_ERR_ARG,
                "sequence_lengths: row %lld has length %lld, it must be 1 to %lld", (long long) i,
                (long long) lengths[i], (long long) n_steps);
    int32_t *narrow = lat_calloc((size_t) LAT_MAX(n_rows, 1), sizeof *narrow);
    if (!narrow)
        return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);
    for (int64_t i = 0; i < n_rows; i++)
        narrow[i] = (int32_t) lengths[i];
    lattn_tensor *t = lattn_from_i32(ctx, 1, &n_rows, narrow);
    lat_free(narrow);
    return t;
}
