// SPDX-License-Identifier: MIT
//
// RNN, LSTM and GRU: stacks of recurrent layers in one or both directions, and single cells, with the
// names, layouts and results of PyTorch's modules of these names.
//
// A layer is a product of its whole input with weight_ih, then the recurrence (lattn/ops_sequence.h), once
// per direction. The two biases of PyTorch are added up front, so that there is one sum over all steps in
// backward; the GRU's second one is part of its reset and stays apart. With layer_norm both products are
// normalised before the biases, which then are those of the norms, and so is the LSTM's c before its tanh.
// Everything is time first inside: with batch_first the input is read, and the output seen, with two
// dimensions swapped.

#include "nn/module.h"
#include "tensor/tensor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[] = { "rnn", "lstm", "gru" };
static const char *const cell_kinds[] = { "rnn_cell", "lstm_cell", "gru_cell" };
enum which { RNN, LSTM, GRU };

struct weights {
    // Lent by the tree; absent ones NULL.
    lattn_tensor *ih, *hh, *bias_ih, *bias_hh, *hr, *norm_ih, *norm_hh, *norm_c, *norm_c_bias;
};

struct rnn {
    enum which which;
    int n_layers, n_directions;
    int64_t input, hidden, width;  // width: of a state, what it is projected to or hidden
    bool batch_first, relu;
    float dropout, eps;
    struct weights of[];  // [layer][direction]
};

// ---- creating -----------------------------------------------------------------------------------------

static lattn_status add_weights(lattn_module *m, struct weights *w, const char *suffix,
    const lattn_rnn_params *p, int64_t input)
{
    const struct rnn *r = m->data;
    int64_t rows = (r->which == LSTM ? 4 : r->which == GRU ? 3 : 1) * p->hidden_size;
    const bool bias = !p->no_bias, norm_c = p->layer_norm && r->which == LSTM;
    const lattn_init usual = { LATTN_INIT_UNIFORM, (float) (1 / sqrt((double) p->hidden_size)) };
    const lattn_init zeros = { LATTN_INIT_ZEROS, 0 }, ones = { LATTN_INIT_ONES, 0 };
    const lattn_init of_bias = p->layer_norm ? zeros : usual;
    const struct {
        const char *name;
        bool wanted;
        int rank;
        int64_t rows, columns;
        lattn_init init;
        lattn_tensor **out;
    } all[] = {
        { "weight_ih", true, 2, rows, input, usual, &w->ih },
        { "weight_hh", true, 2, rows, r->width, usual, &w->hh },
        { "bias_ih", bias, 1, rows, 0, of_bias, &w->bias_ih },
        { "bias_hh", bias, 1, rows, 0, of_bias, &w->bias_hh },
        { "weight_hr", p->proj_size > 0, 2, p->proj_size, p->hidden_size, usual, &w->hr },
        { "norm_ih", p->layer_norm, 1, rows, 0, ones, &w->norm_ih },
        { "norm_hh", p->layer_norm, 1, rows, 0, ones, &w->norm_hh },
        { "norm_c", norm_c, 1, p->hidden_size, 0, ones, &w->norm_c },
        { "norm_c_bias", norm_c && bias, 1, p->hidden_size, 0, zeros, &w->norm_c_bias },
    };
    for (size_t i = 0; i < LAT_COUNT(all); i++) {
        char name[64];
        if (!all[i].wanted)
            continue;
        snprintf(name, sizeof name, "%s%s", all[i].name, suffix);
        lattn_parameter_params parameter = {
            .dtype = p->dtype,
            .rank = all[i].rank,
            .dims = (int64_t[]){ all[i].rows, all[i].columns },
            .init = all[i].init,
            .no_decay = all[i].rank == 1,
        };
        LAT_TRY(lattn_module_add_parameter(m, name, &parameter, all[i].out));
    }
    return LATTN_OK;
}

static lattn_status add_layers(lattn_module *m, const lattn_rnn_params *p)
{
    struct rnn *r = m->data;
    for (int i = 0; i < r->n_layers * r->n_directions; i++) {
        int layer = i / r->n_directions;
        char suffix[32];
        snprintf(suffix, sizeof suffix, "_l%d%s", layer, i % r->n_directions ? "_reverse" : "");
        int64_t input = layer ? r->n_directions * r->width : p->input_size;
        LAT_TRY(add_weights(m, &r->of[i], suffix, p, input));
    }
    return LATTN_OK;
}

static lattn_status check(const char *kind, const lattn_rnn_params *p, enum which which)
{
    if (p->input_size < 1 || p->hidden_size < 1 || p->num_layers < 0)
        return lat_err(LATTN_ERR_ARG,
            "%s: input_size %lld and hidden_size %lld must be >= 1, num_layers %d not negative",
            kind, (long long) p->input_size, (long long) p->hidden_size, p->num_layers);
    if (!(p->dropout >= 0 && p->dropout < 1))
        return lat_err(
            LATTN_ERR_ARG, "%s: dropout %g is outside [0, 1)", kind, (double) p->dropout);
    if (p->relu && which != RNN)
        return lat_err(LATTN_ERR_ARG, "%s: relu is of the RNN alone", kind);
    if (p->proj_size != 0 && which != LSTM)
        return lat_err(LATTN_ERR_ARG, "%s: proj_size is of the LSTM alone", kind);
    if (p->proj_size < 0 || p->proj_size >= p->hidden_size)
        return lat_err(LATTN_ERR_ARG, "%s: proj_size %lld is not in [0, hidden_size = %lld)", kind,
            (long long) p->proj_size, (long long) p->hidden_size);
    if (!(p->layer_norm_eps >= 0 && isfinite(p->layer_norm_eps)))
        return lat_err(LATTN_ERR_ARG, "%s: layer_norm_eps %g must be finite and not negative", kind,
            (double) p->layer_norm_eps);
    return LATTN_OK;
}

static lattn_status new_module(lattn_ctx *ctx, const char *kind, enum which which, int n_layers,
    const lattn_rnn_params *p, lattn_module **out)
{
    *out = NULL;
    LAT_TRY(check(kind, p, which));
    int n_directions = p->bidirectional ? 2 : 1;
    size_t n = (size_t) n_layers * (size_t) n_directions;
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct rnn) + n * sizeof(struct weights), out));
    struct rnn *r = (*out)->data;
    r->which = which;
    r->n_layers = n_layers;
    r->n_directions = n_directions;
    r->input = p->input_size;
    r->hidden = p->hidden_size;
    r->width = p->proj_size ? p->proj_size : p->hidden_size;
    r->batch_first = p->batch_first;
    r->relu = p->relu;
    r->dropout = p->dropout;
    r->eps = p->layer_norm_eps != 0 ? p->layer_norm_eps : 1e-5f;
    return LATTN_OK;
}

static lattn_status create(lattn_ctx *ctx, const lattn_rnn_params *p, enum which which,
    lattn_tensor *(*forward)(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x), lattn_module **out)
{
    LAT_TRY(new_module(ctx, kinds[which], which, p->num_layers ? p->num_layers : 1, p, out));
    (*out)->forward = forward;
    lattn_status st = add_layers(*out, p);
    if (st)
        lattn_module_destroy(out);
    return st;
}

static lattn_status create_cell(
    lattn_ctx *ctx, const lattn_rnn_params *p, enum which which, lattn_module **out)
{
    if (p->num_layers > 1 || p->bidirectional || p->dropout != 0 || p->proj_size != 0)
        return lat_err(LATTN_ERR_ARG,
            "%s: a cell has one layer, one direction, no dropout and no projection",
            cell_kinds[which]);
    LAT_TRY(new_module(ctx, cell_kinds[which], which, 1, p, out));
    struct rnn *r = (*out)->data;
    lattn_status st = add_weights(*out, &r->of[0], "", p, p->input_size);
    if (st)
        lattn_module_destroy(out);
    return st;
}

// ---- forward ------------------------------------------------------------------------------------------

// One layer in one direction on x [T, B, in].
struct pass {
    const struct rnn *r;
    const struct weights *w;
    lattn_tensor *h0, *c0, *lengths;  // of this layer and direction, [B, P], [B, H], [B]; or NULL
    lattn_tensor *h_n, *c_n;
    bool reverse;
};

static lattn_tensor *run_pass(lattn_ctx *ctx, struct pass *p, lattn_tensor *x)
{
    const struct weights *w = p->w;
    bool apart = p->r->which == GRU;
    lattn_tensor *bias = w->bias_ih && !apart ? lattn_add(ctx, w->bias_ih, w->bias_hh) : w->bias_ih;
    lattn_tensor *gates =
        lattn_linear(ctx, x, w->ih, w->norm_ih ? NULL : bias, LATTN_EPILOGUE_NONE);
    if (w->norm_ih)
        gates = lattn_layer_norm(ctx, gates, w->norm_ih, bias, p->r->eps);
    lattn_recurrent_args args = {
        .weight_hh = w->hh,
        .bias_hh = apart ? w->bias_hh : NULL,
        .h0 = p->h0,
        .c0 = p->c0,
        .weight_hr = w->hr,
        .norm_hh = w->norm_hh,
        .norm_c = w->norm_c,
        .norm_c_bias = w->norm_c_bias,
        .norm_eps = p->r->eps,
        .lengths = p->lengths,
        .reverse = p->reverse,
        .relu = p->r->relu,
    };
    if (p->r->which == LSTM)
        return lattn_lstm_layer(ctx, gates, &args, &p->h_n, &p->c_n);
    if (p->r->which == GRU)
        return lattn_gru_layer(ctx, gates, &args, &p->h_n);
    return lattn_rnn_layer(ctx, gates, &args, &p->h_n);
}

// Part i of a state [layers * directions, B, H].
static lattn_tensor *state_of(lattn_ctx *ctx, lattn_tensor *state, int i)
{
    if (!state)
        return NULL;
    lattn_tensor *one = lattn_slice(ctx, state, 0, i, i + 1, 1);
    return one ? lattn_reshape(ctx, one, 2, &state->dim[1]) : NULL;
}

// The states of all layers, one behind the other.
static lattn_tensor *stack(lattn_ctx *ctx, lattn_tensor *const *parts, int n)
{
    lattn_tensor **rows = lat_calloc((size_t) n, sizeof *rows), *all = NULL;
    if (!rows)
        return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);
    bool good = true;
    for (int i = 0; i < n && good; i++) {
        const int64_t dims[] = { 1, parts[i]->dim[0], parts[i]->dim[1] };
        rows[i] = lattn_reshape(ctx, parts[i], 3, dims);
        good = rows[i] != NULL;
    }
    if (good)
        all = n == 1 ? rows[0] : lattn_concat(ctx, rows, n, 0);
    lat_free(rows);
    return all;
}

// x [T, B, in] through a layer; its last states go to last[0], last[1], one per direction.
static lattn_tensor *run_layer(lattn_ctx *ctx, const struct rnn *r, int layer, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_tensor **last[2])
{
    lattn_tensor *y[2];
    for (int d = 0; d < r->n_directions; d++) {
        int i = layer * r->n_directions + d;
        struct pass p = {
            .r = r,
            .w = &r->of[i],
            .h0 = state_of(ctx, inputs->initial.h, i),
            .c0 = state_of(ctx, inputs->initial.c, i),
            .lengths = inputs->lengths,
            .reverse = d == 1,
        };
        y[d] = run_pass(ctx, &p, x);
        if (!y[d])
            return NULL;
        last[0][i] = p.h_n;
        last[1][i] = p.c_n;
    }
    return r->n_directions == 1 ? y[0] : lattn_concat(ctx, y, 2, -1);
}

static lattn_tensor *run_layers(lattn_ctx *ctx, const struct rnn *r, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last)
{
    int n = r->n_layers * r->n_directions;
    lattn_tensor **states = lat_calloc((size_t) n * 2, sizeof *states);
    if (!states)
        return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);
    lattn_tensor *y = x, **of[2] = { states, states + n };
    for (int layer = 0; layer < r->n_layers && y; layer++) {
        if (layer > 0 && r->dropout > 0)
            y = lattn_dropout(ctx, y, r->dropout);
        y = y ? run_layer(ctx, r, layer, y, inputs, of) : NULL;
    }
    if (y && last) {
        last->h = stack(ctx, of[0], n);
        last->c = r->which == LSTM ? stack(ctx, of[1], n) : NULL;
        if (!last->h || (r->which == LSTM && !last->c))
            y = NULL;
    }
    lat_free(states);
    return y;
}

static bool check_state(lattn_ctx *ctx, const char *kind, const char *name, const lattn_tensor *t,
    int rank, const int64_t *dims)
{
    bool same = !t || t->rank == rank;
    for (int d = 0; t && same && d < rank; d++)
        same = t->dim[d] == dims[d];
    if (!same)
        lat_fail(ctx, LATTN_ERR_SHAPE, "%s: %s is %s, this batch and module need %s", kind, name,
            LAT_SHAPE(t), lat_shape_text((char[LAT_SHAPE_TEXT]){ 0 }, rank, dims));
    return same;
}

static bool check_inputs(lattn_ctx *ctx, const char *kind, const struct rnn *r,
    const lattn_rnn_inputs *inputs, int rank, const int64_t *cells)
{
    int64_t state[3];
    memcpy(state, cells, (size_t) rank * sizeof *state);
    state[rank - 1] = r->width;
    if (inputs->initial.c && r->which != LSTM) {
        lat_fail(ctx, LATTN_ERR_ARG, "%s: it has no cell state, initial.c must be NULL", kind);
        return false;
    }
    return check_state(ctx, kind, "initial.h", inputs->initial.h, rank, state) &&
           check_state(ctx, kind, "initial.c", inputs->initial.c, rank, cells);
}

static lattn_tensor *forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, enum which which,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last)
{
    static const lattn_rnn_inputs none = { 0 };
    const struct rnn *r = lat_module_data(ctx, m, kinds[which]);
    if (last)
        *last = (lattn_rnn_state){ 0 };
    if (!r || !x)
        return NULL;
    if (x->rank != 3 || x->dim[2] != r->input)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "%s: x %s must be [%s, input_size = %lld]",
            kinds[which], LAT_SHAPE(x), r->batch_first ? "B, T" : "T, B", (long long) r->input);
    inputs = inputs ? inputs : &none;
    const int64_t cells[] = { r->n_layers * r->n_directions, x->dim[r->batch_first ? 0 : 1],
        r->hidden };
    if (!check_inputs(ctx, kinds[which], r, inputs, 3, cells))
        return NULL;
    lattn_tensor *steps = r->batch_first ? lattn_transpose(ctx, x, 0, 1) : x;
    lattn_tensor *y = steps ? run_layers(ctx, r, steps, inputs, last) : NULL;
    return y && r->batch_first ? lattn_transpose(ctx, y, 0, 1) : y;
}

static lattn_tensor *forward_cell(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    enum which which, const lattn_rnn_state *initial, lattn_tensor **c)
{
    const struct rnn *r = lat_module_data(ctx, m, cell_kinds[which]);
    if (c)
        *c = NULL;
    if (!r || !x)
        return NULL;
    if (x->rank != 2 || x->dim[1] != r->input)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "%s: x %s must be [B, input_size = %lld]",
            cell_kinds[which], LAT_SHAPE(x), (long long) r->input);
    lattn_rnn_inputs inputs = { 0 };
    if (initial)
        inputs.initial = *initial;
    const int64_t cells[] = { x->dim[0], r->hidden }, one[] = { 1, x->dim[0], x->dim[1] };
    if (!check_inputs(ctx, cell_kinds[which], r, &inputs, 2, cells))
        return NULL;
    struct pass p = { .r = r, .w = &r->of[0], .h0 = inputs.initial.h, .c0 = inputs.initial.c };
    lattn_tensor *steps = lattn_reshape(ctx, x, 3, one);
    if (!steps || !run_pass(ctx, &p, steps))
        return NULL;
    if (c)
        *c = p.c_n;
    return p.h_n;
}

// ---- public -------------------------------------------------------------------------------------------

lattn_tensor *lattn_rnn_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last)
{
    LAT_NEED_ARG(ctx, m);
    return forward(ctx, m, x, RNN, inputs, last);
}

lattn_tensor *lattn_lstm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last)
{
    LAT_NEED_ARG(ctx, m);
    return forward(ctx, m, x, LSTM, inputs, last);
}

lattn_tensor *lattn_gru_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last)
{
    LAT_NEED_ARG(ctx, m);
    return forward(ctx, m, x, GRU, inputs, last);
}

static lattn_tensor *rnn_alone(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return forward(ctx, m, x, RNN, NULL, NULL);
}

static lattn_tensor *lstm_alone(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return forward(ctx, m, x, LSTM, NULL, NULL);
}

static lattn_tensor *gru_alone(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return forward(ctx, m, x, GRU, NULL, NULL);
}

lattn_status lattn_rnn_create(lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, params, RNN, rnn_alone, out);
}

lattn_status lattn_lstm_create(lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, params, LSTM, lstm_alone, out);
}

lattn_status lattn_gru_create(lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create(ctx, params, GRU, gru_alone, out);
}

lattn_status lattn_rnn_cell_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create_cell(ctx, params, RNN, out);
}

lattn_status lattn_lstm_cell_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create_cell(ctx, params, LSTM, out);
}

lattn_status lattn_gru_cell_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    return create_cell(ctx, params, GRU, out);
}

lattn_tensor *lattn_rnn_cell_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *h)
{
    LAT_NEED_ARG(ctx, m);
    return forward_cell(ctx, m, x, RNN, &(lattn_rnn_state){ .h = h }, NULL);
}

lattn_tensor *lattn_lstm_cell_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_state *initial, lattn_tensor **c)
{
    LAT_NEED_ARG(ctx, m);
    return forward_cell(ctx, m, x, LSTM, initial, c);
}

lattn_tensor *lattn_gru_cell_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *h)
{
    LAT_NEED_ARG(ctx, m);
    return forward_cell(ctx, m, x, GRU, &(lattn_rnn_state){ .h = h }, NULL);
}
